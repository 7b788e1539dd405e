//! Refused is not unavailable: what an error of Verified Access means for the one who asks.

use std::error::Error;
use std::fmt;

use tonic::Code;

use crate::model::problem_code::ProblemCode;

/// Longest text of a peer that is logged, in characters.
const TEXT_MAX: usize = 300;

/// Longest word of it, in characters: a link to Google's console fits, a token does not.
const WORD_MAX: usize = 128;

/// Longest wait that a peer can ask for, in seconds.
const RETRY_AFTER_MAX: u64 = 300;

/// Why Verified Access gave no answer. Causes are for the operator; the requester gets
/// [`Failure::code`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Verified Access looked at the response and said no: final for these bytes.
    #[error("Verified Access refused the response: {status}")]
    Refused {
        /// The canonical code's name, such as `INVALID_ARGUMENT`.
        status: String,
    },
    /// Verified Access does not permit it, most likely by this device's policy.
    #[error("Verified Access does not permit it for this device or user")]
    NotPermitted,
    /// Our credential, allow-listing or address is wrong: nobody can enrol.
    #[error("Verified Access is misconfigured: {cause}")]
    Misconfigured {
        /// What the operator should look at.
        cause: String,
    },
    /// No answer in time; the same bytes may be tried again.
    #[error("Verified Access does not answer: {cause}")]
    Unavailable {
        /// What was seen last.
        cause: String,
        /// Seconds that the peer asked to wait, where it did.
        retry_after: Option<u64>,
    },
    /// Our clock and Google's disagree; nothing is asked until an operator has looked.
    #[error("the clock of this machine differs from Google's by {skew_seconds} seconds")]
    ClockUntrusted {
        /// Ours less Google's.
        skew_seconds: i64,
    },
}

impl Failure {
    /// What the requester is told.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        match self {
            Self::Refused { .. } => ProblemCode::ChallengeResponseRefused,
            Self::NotPermitted => ProblemCode::DeviceNotPermitted,
            Self::Misconfigured { .. } => ProblemCode::VerifiedAccessMisconfigured,
            Self::Unavailable { .. } => ProblemCode::VerifiedAccessUnavailable,
            Self::ClockUntrusted { .. } => ProblemCode::ClockUntrusted,
        }
    }
}

/// An error as a transport gives it, by the codes that gRPC and Google's REST share
/// (google.rpc.Code).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteError {
    pub(super) code: Code,
    /// The peer's text; [`redacted`] before anyone reads it.
    pub(super) unverified_message: String,
    /// Seconds that the peer asked to wait.
    pub(super) retry_after: Option<u64>,
}

impl fmt::Display for RemoteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = redacted(&self.unverified_message);
        write!(formatter, "{}: {text}", code_name(self.code))
    }
}

/// What a code means, before it is known who else got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A denial.
    Refused,
    /// Our allow-listing, or this device's policy: [`super::standing::Standing`] tells.
    Ambiguous,
    /// Our credential.
    Unauthenticated,
    /// Anything else: not the device's fault.
    Unavailable,
}

/// What `code` means where a response was asked about.
pub(super) fn meaning(code: Code) -> Meaning {
    match code {
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange | Code::NotFound => {
            Meaning::Refused
        }
        Code::PermissionDenied => Meaning::Ambiguous,
        Code::Unauthenticated => Meaning::Unauthenticated,
        _ => Meaning::Unavailable,
    }
}

/// The name of `code` in google.rpc.Code.
pub(super) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// A peer's text as a log may hold it: capped, on one line, without e-mail addresses, tokens or
/// other long words (a message may quote what was sent).
pub(super) fn redacted(unverified: &str) -> String {
    let words = unverified
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .map(|word| match word {
            word if word.contains('@') => "[address]".to_owned(),
            word if word.chars().count() > WORD_MAX => "[long]".to_owned(),
            word => word.escape_debug().to_string(),
        });
    let text = words.collect::<Vec<_>>().join(" ");
    text.chars().take(TEXT_MAX).collect()
}

/// An error and its causes as a log may hold them.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    redacted(&texts.join(": "))
}

/// Seconds that a peer asks to wait (`Retry-After`, RFC 9110, section 10.2.3, as a number), capped;
/// `None` for anything else.
pub(super) fn wait(unverified: &str) -> Option<u64> {
    let seconds: u64 = unverified.parse().ok()?;
    Some(seconds.min(RETRY_AFTER_MAX))
}

/// Nobody answered in time.
pub(super) fn out_of_time() -> RemoteError {
    RemoteError {
        code: Code::DeadlineExceeded,
        unverified_message: "no answer in time".to_owned(),
        retry_after: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_meaning() {
        for number in 0..17 {
            let code = Code::from_i32(number);
            let expected = match code_name(code) {
                "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" | "NOT_FOUND" => {
                    Meaning::Refused
                }
                "PERMISSION_DENIED" => Meaning::Ambiguous,
                "UNAUTHENTICATED" => Meaning::Unauthenticated,
                _ => Meaning::Unavailable,
            };
            assert_eq!(meaning(code), expected, "{code:?}");
        }
        assert_eq!(meaning(Code::from_i32(99)), Meaning::Unavailable);
    }

    #[test]
    fn a_refusal_is_told_from_an_outage() {
        let cause = String::new();
        let table = [
            (
                Failure::Refused {
                    status: cause.clone(),
                },
                "challenge_response_refused",
            ),
            (Failure::NotPermitted, "device_not_permitted"),
            (
                Failure::Misconfigured {
                    cause: cause.clone(),
                },
                "verified_access_misconfigured",
            ),
            (
                Failure::Unavailable {
                    cause,
                    retry_after: None,
                },
                "verified_access_unavailable",
            ),
            (
                Failure::ClockUntrusted { skew_seconds: 121 },
                "clock_untrusted",
            ),
        ];
        for (failure, code) in table {
            assert_eq!(failure.code().as_str(), code);
        }
    }

    #[test]
    fn a_wait_is_read_and_capped() {
        for (asked, read) in [("7", Some(7)), ("9999", Some(300)), ("soon", None)] {
            assert_eq!(wait(asked), read);
        }
    }

    #[test]
    fn a_peers_text_is_made_fit_for_a_log() {
        let token = "x".repeat(WORD_MAX + 1);
        let text = format!("expected alice@example.com\n<b>\u{202e} {token} \u{1b}[31mred");
        assert_eq!(
            redacted(&text),
            "expected [address] <b>\\u{202e} [long] [31mred"
        );
        assert_eq!(redacted(&"a ".repeat(1000)).chars().count(), TEXT_MAX);
    }
}
