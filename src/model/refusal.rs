//! Why a story ended without what was asked for, as far as the requester may know.

use crate::model::attempt::AttemptId;
use crate::model::problem_code::ProblemCode;
use crate::model::serial::SerialNumber;

/// A story's one error: what the requester is told. The operator's half, the cause, was logged
/// where it was known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", code.as_str())]
pub struct Refusal {
    /// The stable code.
    pub code: ProblemCode,
    /// One more sentence for this case, in our words; `None` where the code says all.
    pub detail: Option<String>,
    /// The attempt, once a challenge is bound.
    pub attempt: Option<AttemptId>,
    /// After how many seconds another try makes sense, where waiting helps.
    pub retry_after: Option<u64>,
    /// Whatever else is said of the wait, it is at least so many seconds: the verified identity was
    /// denied too often in a row.
    pub at_least: Option<u64>,
    /// The certificate that these bytes once gave, where it is no longer given.
    pub serial_number: Option<SerialNumber>,
}

impl Refusal {
    /// A refusal that the code explains in full.
    #[must_use]
    pub fn new(code: ProblemCode) -> Self {
        Self {
            code,
            detail: None,
            attempt: None,
            retry_after: None,
            at_least: None,
            serial_number: None,
        }
    }

    /// With one more sentence, never a stranger's text.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Worth another try after `seconds`.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Of this attempt.
    #[must_use]
    pub fn of(mut self, attempt: &AttemptId) -> Self {
        self.attempt = Some(attempt.clone());
        self
    }
}

impl From<ProblemCode> for Refusal {
    fn from(code: ProblemCode) -> Self {
        Self::new(code)
    }
}
