//! The negative half of the proof: is a wrong identity refused over gRPC?

use crate::attestation::agreement::Probed;
use crate::attestation::failure::{Meaning, RemoteError};
use crate::attestation::transport::{CALL_TIMEOUT, CallError, Question, Transports};
use crate::model::identity::{Domain, Email, ExpectedIdentity};
use crate::random::Random;

impl Transports {
    /// Asks about bytes that are genuine, for an identity that nobody has. A refusal counts only
    /// where the same bytes are accepted for the right identity *after* it: they might have grown
    /// too old meanwhile.
    pub(super) async fn probe(&self, question: &Question) -> Probed {
        let Ok(wrong) = impossible(&question.expected, self.random.as_ref()) else {
            return Probed::Inconclusive("no randomness");
        };
        match self.ask_grpc_once(question, &wrong, CALL_TIMEOUT).await {
            Ok(raw) => Probed::Accepted(raw.dump()),
            Err(error) if error.meaning() == Some(Meaning::Refused) => {
                let right = &question.expected;
                match self.ask_grpc_once(question, right, CALL_TIMEOUT).await {
                    Ok(_) => Probed::Refused,
                    Err(error) => Probed::Inconclusive(error.status()),
                }
            }
            // PERMISSION_DENIED too: it may be about us, and not about the identity.
            Err(error) => Probed::Inconclusive(error.status()),
        }
    }
}

/// An identity of the same kind that nobody has: the top-level domain is reserved (RFC 6761,
/// section 6.4), the local part has 80 random bits.
pub(super) fn impossible(
    expected: &ExpectedIdentity,
    random: &dyn Random,
) -> Result<ExpectedIdentity, CallError> {
    let octets = random.array::<10>().map_err(|error| nothing(&error))?;
    let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    match expected {
        ExpectedIdentity::Domain(_) => Domain::parse(&format!("x{digits}.invalid"))
            .map(ExpectedIdentity::Domain)
            .map_err(|error| nothing(&error)),
        ExpectedIdentity::Email(email) => Email::parse(&format!("x{digits}@{}", email.domain()))
            .map(ExpectedIdentity::Email)
            .map_err(|error| nothing(&error)),
    }
}

fn nothing(error: &dyn std::error::Error) -> CallError {
    CallError::Remote(RemoteError {
        code: tonic::Code::Unavailable,
        unverified_message: error.to_string(),
        retry_after: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn an_impossible_identity_is_well_formed_and_new_each_time() {
        let random = SeededRandom::new(4);
        let domain = ExpectedIdentity::Domain(Domain::parse("example.com").unwrap());
        let email = ExpectedIdentity::Email(Email::parse("alice@example.com").unwrap());
        for expected in [domain, email] {
            let wrong = impossible(&expected, &random).unwrap();
            assert_eq!(wrong.scope(), expected.scope());
            assert_ne!(wrong, impossible(&expected, &random).unwrap());
            let text = wrong.as_str();
            assert!(text.ends_with("@example.com") || text.ends_with(".invalid"));
            assert!(text.len() > 20);
        }
    }
}
