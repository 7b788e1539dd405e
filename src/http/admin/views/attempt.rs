//! Attempts.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::http::problem::table::row;
use crate::model::attempt::AttemptState;
use crate::model::facts::Check;
use crate::model::identity::{Email, KeyScope};
use crate::model::problem_code::ProblemCode;
use crate::store::attempts::Attempt;
use crate::store::certificates::CertificateRow;

/// A line of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttemptSummary {
    /// The short id.
    pub attempt: String,
    /// When it was bound.
    #[schema(format = DateTime)]
    pub bound_at: String,
    /// How far it has come.
    #[schema(value_type = AttemptState)]
    pub state: &'static str,
    /// Why it was denied.
    #[schema(required)]
    pub code: Option<ProblemCode>,
    /// What it was for.
    pub profile: String,
    /// The e-mail that was claimed.
    #[schema(required)]
    pub unverified_email: Option<String>,
    /// The network address that it came from.
    pub peer: String,
    /// Since when keyed digests stand for e-mails, device ids and addresses.
    #[schema(format = DateTime, required)]
    pub personal_data_shortened_at: Option<String>,
}

impl AttemptSummary {
    /// Of this attempt.
    #[must_use]
    pub fn of(attempt: &Attempt) -> Self {
        Self {
            attempt: attempt.id.to_string(),
            bound_at: attempt.binding.at.rfc3339(),
            state: attempt.state.as_str(),
            code: attempt.code,
            profile: attempt.binding.profile.clone(),
            unverified_email: claimed(attempt).map(str::to_owned),
            peer: attempt.peer.clone(),
            personal_data_shortened_at: shortened_at(attempt).map(Timestamp::rfc3339),
        }
    }
}

/// The claimed e-mail, or the digest that stands for it.
#[must_use]
pub fn claimed(attempt: &Attempt) -> Option<&str> {
    match &attempt.shortened {
        Some(shortened) => shortened.unverified_email.as_deref(),
        None => attempt.binding.unverified_email.as_ref().map(Email::as_str),
    }
}

/// As a list shows it: of a digest the beginning, which tells one from another.
#[must_use]
pub fn brief(attempt: &Attempt, value: &str) -> String {
    match &attempt.shortened {
        Some(_) => format!("#{}", value.get(..12).unwrap_or(value)),
        None => value.to_owned(),
    }
}

/// Since when digests stand for e-mails, ids and addresses.
#[must_use]
pub fn shortened_at(attempt: &Attempt) -> Option<Timestamp> {
    attempt.shortened.as_ref().map(|shortened| shortened.at)
}

/// All that is known of one attempt.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttemptRecord {
    /// The short id.
    pub attempt: String,
    /// How far it has come.
    #[schema(value_type = AttemptState)]
    pub state: &'static str,
    /// Why it was denied.
    #[schema(required)]
    pub code: Option<ProblemCode>,
    /// What it was for.
    pub profile: String,
    /// Which version of that profile.
    pub profile_hash: String,
    /// Whose key.
    pub scope: KeyScope,
    /// The e-mail that was claimed.
    #[schema(required)]
    pub unverified_email: Option<String>,
    /// The network address that it came from.
    pub peer: String,
    /// Since when keyed digests stand for e-mails, device ids and addresses.
    #[schema(format = DateTime, required)]
    pub personal_data_shortened_at: Option<String>,
    /// When it was bound.
    #[schema(format = DateTime)]
    pub bound_at: String,
    /// When it had its outcome.
    #[schema(format = DateTime, required)]
    pub finished_at: Option<String>,
    /// Before when the denied identity gets nothing more.
    #[schema(format = DateTime, required)]
    pub retry_at: Option<String>,
    /// What Verified Access answered, and how fast.
    #[schema(required)]
    pub verified_access: Option<String>,
    /// What policy decided on.
    #[schema(value_type = Option<Object>, required)]
    pub facts: Option<Value>,
    /// Every check.
    pub checks: Vec<Check>,
    /// The certificate's number.
    #[schema(required)]
    pub serial_number: Option<String>,
}

impl AttemptRecord {
    /// Of this attempt, and its certificate.
    #[must_use]
    pub fn of(attempt: &Attempt, certificate: Option<&CertificateRow>) -> Self {
        let facts = attempt.facts.as_deref();
        Self {
            attempt: attempt.id.to_string(),
            state: attempt.state.as_str(),
            code: attempt.code,
            profile: attempt.binding.profile.clone(),
            profile_hash: attempt.binding.profile_hash.to_string(),
            scope: attempt.binding.scope,
            unverified_email: claimed(attempt).map(str::to_owned),
            peer: attempt.peer.clone(),
            personal_data_shortened_at: shortened_at(attempt).map(Timestamp::rfc3339),
            bound_at: attempt.binding.at.rfc3339(),
            finished_at: attempt.finished_at.map(Timestamp::rfc3339),
            retry_at: attempt.retry_at.map(Timestamp::rfc3339),
            verified_access: attempt.verified_access.clone(),
            facts: facts.and_then(|facts| serde_json::from_str(facts).ok()),
            checks: attempt.checks.clone(),
            serial_number: certificate.map(|row| row.serial.to_string()),
        }
    }
}

/// What happened, for whoever is asked "why was I denied".
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// The short id.
    pub attempt: String,
    /// Who asked for what, what became of it, why, what to do.
    pub text: String,
    /// Every check.
    pub checks: Vec<Check>,
}

impl Explanation {
    /// Of this attempt, and its certificate.
    #[must_use]
    pub fn of(attempt: &Attempt, certificate: Option<&CertificateRow>) -> Self {
        Self {
            attempt: attempt.id.to_string(),
            text: explain(attempt, certificate),
            checks: attempt.checks.clone(),
        }
    }
}

/// One paragraph: who asked for what, what became of it, why, what to do.
fn explain(attempt: &Attempt, certificate: Option<&CertificateRow>) -> String {
    let binding = &attempt.binding;
    let whom = claimed(attempt).map_or("a device".to_owned(), |email| {
        format!("the user who says to be {}", brief(attempt, email))
    });
    let mut text = format!(
        "On {} {whom} asked from {} for a certificate of the profile {}.",
        binding.at,
        brief(attempt, &attempt.peer),
        binding.profile
    );
    if let Some(at) = shortened_at(attempt) {
        text.push_str(&format!(
            " Personal data was shortened on {at}: digests stand for e-mails, device ids and addresses, \
             the same digest for the same value."
        ));
    }
    match &attempt.verified_access {
        Some(answer) => text.push_str(&format!(" Verified Access answered: {answer}.")),
        None => text.push_str(" Verified Access has given no answer."),
    }
    match (attempt.code, certificate) {
        (Some(code), _) => text.push_str(&denied(attempt, code)),
        (None, Some(row)) => {
            let (serial, until) = (row.serial, row.validity.not_after);
            text.push_str(&format!(" The certificate {serial} was issued"));
            // Whoever may know looks at the certificate, which goes on to name its holder.
            if attempt.shortened.is_none() {
                text.push_str(&format!("; it names {}", row.identity));
            }
            text.push_str(&format!(" and is good until {until}."));
        }
        (None, None) => text.push_str(
            " It has no outcome yet: the Chromebook asks again, and the service goes on where it stopped. \
             After 24 hours it ends by itself.",
        ),
    }
    text
}

fn denied(attempt: &Attempt, code: ProblemCode) -> String {
    let row = row(code);
    let mut text = format!(" It was denied ({}): {}", code.as_str(), row.meaning);
    let failed: Vec<_> = attempt
        .checks
        .iter()
        .filter(|check| !check.passed)
        .collect();
    for check in &failed {
        text.push_str(&format!(
            " The check {} wanted {:?} and saw {:?}. What to do: {}.",
            check.name,
            check.expected,
            check.seen,
            check.remedy.trim_end_matches('.')
        ));
        if let Some(message) = &check.message {
            text.push_str(&format!(" The rule tells the person: {message:?}."));
        }
    }
    if failed.is_empty() {
        text.push_str(&format!(" What to do: {}.", row.remedy));
    }
    text
}
