//! Problem documents (RFC 9457) of the authority.

use std::fmt;

use serde::Deserialize;

/// Why the authority gave no certificate, and what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// Stable, snake_case; empty where the answer was no problem document.
    pub code: String,
    /// One line.
    pub title: String,
    /// The particulars.
    pub detail: String,
    /// `retry_same`, `restart`, `ask_admin` or `stop`.
    pub action: String,
    /// Seconds to wait.
    pub retry_after: Option<u64>,
    /// The attempt's id, once a challenge is bound.
    pub attempt: Option<String>,
    /// The request's id otherwise.
    pub request_id: Option<String>,
}

impl Problem {
    /// Whether the same bytes may be sent again.
    #[must_use]
    pub fn may_retry_same(&self) -> bool {
        self.action == "retry_same"
    }

    fn advice(&self) -> &'static str {
        match self.action.as_str() {
            "retry_same" => "the same request may succeed later",
            "restart" => "start again with a fresh challenge",
            "ask_admin" => "an administrator has to act",
            "stop" => "trying again will not help",
            _ => "the authority says nothing about what to do",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code.is_empty() {
            return write!(
                formatter,
                "HTTP status {} without a problem document",
                self.status
            );
        }
        write!(
            formatter,
            "{} ({}, HTTP status {})",
            self.title, self.code, self.status
        )?;
        if !self.detail.is_empty() {
            write!(formatter, "\n  {}", self.detail)?;
        }
        write!(formatter, "\n  what to do: {}", self.advice())?;
        if let Some(seconds) = self.retry_after {
            write!(formatter, ", after {seconds} s")?;
        }
        if let Some(attempt) = &self.attempt {
            write!(formatter, "\n  attempt: {attempt}")?;
        }
        if let Some(request_id) = &self.request_id {
            write!(formatter, "\n  request: {request_id}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
