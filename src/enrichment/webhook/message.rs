//! What is asked and what is answered, each under a tag of the shared secret.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::attestation::VerifiedDevice;
use crate::clock::Timestamp;
use crate::csr::ProvenKey;
use crate::enrichment::webhook::line::{SCHEME, sign};
use crate::enrichment::{Supplied, is_value};
use crate::model::facts::{Check, Facts};
use crate::model::rule::is_text;
use crate::model::serial::{hex, octets_of};
use crate::model::sid::Sid;
use crate::random::{Random, RandomUnavailable};

/// What stands before a question when it is tagged: no tag of one kind serves as another's.
pub(super) const QUESTION: &[u8] = b"vaca-webhook-question-v1\n";
/// What stands before an answer.
const ANSWER: &[u8] = b"vaca-webhook-answer-v1\n";

/// `POST` body: what Verified Access confirmed, and what is asked for.
#[derive(Debug, Serialize)]
pub struct Question<'a> {
    /// The shape of this object: 1.
    pub version: u32,
    /// Random; the answer repeats it.
    pub request_id: String,
    /// When it was asked, in seconds since the epoch.
    pub timestamp: Timestamp,
    /// Whether it is a trial: nothing depends on the answer, and nothing should come of it.
    pub dry_run: bool,
    /// The attempt's short id, which stands on the Chromebook too.
    pub attempt: &'a str,
    /// Everything that policy knows so far: verified values, and what lists say.
    pub facts: &'a Facts,
    /// What Verified Access's answer was held against, and what was seen.
    pub attestation_checks: &'a [Check],
    /// The attested key: SubjectPublicKeyInfo, DER, base64.
    pub public_key: String,
    /// The attested certificate request: SignedPublicKeyAndChallenge, DER, base64.
    pub signed_public_key_and_challenge: &'a str,
}

impl<'a> Question<'a> {
    /// About a device or user whom Verified Access confirmed.
    ///
    /// # Errors
    /// [`RandomUnavailable`], for the id.
    pub fn about(
        subject: &Subject<'a>,
        timestamp: Timestamp,
        random: &dyn Random,
    ) -> Result<Self, RandomUnavailable> {
        Ok(Self {
            version: 1,
            request_id: hex(&random.array::<16>()?),
            timestamp,
            dry_run: false,
            attempt: subject.attempt,
            facts: subject.facts,
            attestation_checks: subject.device.checks(),
            public_key: STANDARD.encode(subject.key.spki_der()),
            signed_public_key_and_challenge: subject.device.unverified_spkac(),
        })
    }

    /// The same as a trial, on whose answer nothing depends.
    #[must_use]
    pub fn as_trial(self) -> Self {
        Self {
            dry_run: true,
            ..self
        }
    }
}

/// Whom a question is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The attempt's short id.
    pub attempt: &'a str,
    /// Who was confirmed.
    pub device: &'a VerifiedDevice,
    /// Which key was proven.
    pub key: &'a ProvenKey,
    /// What is known so far.
    pub facts: &'a Facts,
}

/// An answer as it came, its tag already checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnverifiedAnswer {
    request_id: String,
    allow: bool,
    message: Option<String>,
    #[serde(default)]
    facts: UnverifiedFacts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UnverifiedFacts {
    device_serial_number: Option<String>,
    asset_id: Option<String>,
    organizational_unit: Option<String>,
    sid: Option<String>,
}

/// What a webhook says of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it has no objection.
    pub allow: bool,
    /// What the person at the Chromebook is told where it has one.
    pub message: Option<String>,
    /// What it knows of the holder; what it leaves out, lists may say.
    pub supplied: Supplied,
}

/// Why an answer counts for nothing; without what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// No tag, or another secret's.
    #[error("its Vaca-Signature is not the answer's")]
    Signature,
    /// Not JSON of the form that docs/enrichment.md tells.
    #[error("it is not the JSON object that is wanted")]
    Form,
    /// To another question: replayed, or mixed up.
    #[error("it answers another request")]
    OtherRequest,
    /// A message that no screen should show.
    #[error("its message is not one line of 1 to 300 characters")]
    Message,
    /// A fact that a list could not hold either.
    #[error("its {0} is not one")]
    Fact(&'static str),
}

/// The header's value for an answer: what a receiver sends.
#[must_use]
pub fn sign_answer(secret: &[u8; 32], body: &[u8]) -> String {
    sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), ANSWER, body)
}

/// Reads an answer to the question of this id.
pub(super) fn read_answer(
    key: &hmac::Key,
    request_id: &str,
    unverified_signature: Option<&str>,
    unverified_body: &[u8],
) -> Result<Answer, BadAnswer> {
    let digits = unverified_signature.and_then(|value| value.strip_prefix(SCHEME));
    let tag: [u8; 32] = digits.and_then(octets_of).ok_or(BadAnswer::Signature)?;
    hmac::verify(key, &[ANSWER, unverified_body].concat(), &tag)
        .map_err(|_| BadAnswer::Signature)?;
    let answer: UnverifiedAnswer =
        serde_json::from_slice(unverified_body).map_err(|_| BadAnswer::Form)?;
    if answer.request_id != request_id {
        return Err(BadAnswer::OtherRequest);
    }
    if answer
        .message
        .as_deref()
        .is_some_and(|message| !is_text(message))
    {
        return Err(BadAnswer::Message);
    }
    let facts = answer.facts;
    if facts
        .sid
        .as_deref()
        .is_some_and(|sid| Sid::parse(sid).is_err())
    {
        return Err(BadAnswer::Fact("sid"));
    }
    let value = |name, value: Option<String>| match value {
        Some(value) if !is_value(&value) => Err(BadAnswer::Fact(name)),
        value => Ok(value),
    };
    Ok(Answer {
        allow: answer.allow,
        message: answer.message,
        supplied: Supplied {
            device_serial_number: value("device_serial_number", facts.device_serial_number)?,
            asset_id: value("asset_id", facts.asset_id)?,
            organizational_unit: value("organizational_unit", facts.organizational_unit)?,
            sid: facts.sid,
        },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    const SECRET: [u8; 32] = [7; 32];

    fn read(body: &str) -> Result<Answer, BadAnswer> {
        let signature = sign_answer(&SECRET, body.as_bytes());
        read_signed(Some(&signature), body)
    }

    fn read_signed(signature: Option<&str>, body: &str) -> Result<Answer, BadAnswer> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
        read_answer(&key, "r1", signature, body.as_bytes())
    }

    #[test]
    fn an_answer_says_whether_and_what_else() {
        let answer = read(
            r#"{"request_id":"r1","allow":true,"facts":{"asset_id":"A-1","sid":"S-1-5-21-1-2-3-1001"}}"#,
        )
        .unwrap();
        assert!(answer.allow);
        assert_eq!(answer.supplied.asset_id.as_deref(), Some("A-1"));
        assert_eq!(answer.supplied.organizational_unit, None);
        let answer =
            read(r#"{"request_id":"r1","allow":false,"message":"Returned to the store."}"#);
        assert_eq!(
            answer.unwrap().message.as_deref(),
            Some("Returned to the store.")
        );
    }

    #[test]
    fn an_answer_that_is_not_ours_counts_for_nothing() {
        let body = r#"{"request_id":"r1","allow":true}"#;
        let good = sign_answer(&SECRET, body.as_bytes());
        assert!(read_signed(Some(&good), body).is_ok());
        let other_secret = sign_answer(&[8; 32], body.as_bytes());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
        let as_question = sign(&key, QUESTION, body.as_bytes());
        for wrong in [
            "",
            "v1=",
            "v2=00",
            &good[..66],
            &good[3..],
            &other_secret,
            &as_question,
        ] {
            assert_eq!(
                read_signed(Some(wrong), body),
                Err(BadAnswer::Signature),
                "{wrong}"
            );
        }
        assert_eq!(read_signed(None, body), Err(BadAnswer::Signature));
        let changed = r#"{"request_id":"r1","allow": true}"#;
        assert_eq!(read_signed(Some(&good), changed), Err(BadAnswer::Signature));
    }

    #[test]
    fn an_answer_that_does_not_fit_counts_for_nothing() {
        let long = format!(
            r#"{{"request_id":"r1","allow":true,"facts":{{"asset_id":"{}"}}}}"#,
            "a".repeat(129)
        );
        for (body, why) in [
            ("", BadAnswer::Form),
            ("[]", BadAnswer::Form),
            (r#"{"request_id":"r1"}"#, BadAnswer::Form),
            (r#"{"request_id":"r1","allow":"true"}"#, BadAnswer::Form),
            (
                r#"{"request_id":"r1","allow":true,"email":"b@example.com"}"#,
                BadAnswer::Form,
            ),
            (
                r#"{"request_id":"r1","allow":true,"facts":{"email":"b@example.com"}}"#,
                BadAnswer::Form,
            ),
            (
                r#"{"request_id":"r1","allow":true,"allow":false}"#,
                BadAnswer::Form,
            ),
            (
                r#"{"request_id":"r2","allow":true}"#,
                BadAnswer::OtherRequest,
            ),
            (
                r#"{"request_id":"r1","allow":false,"message":""}"#,
                BadAnswer::Message,
            ),
            (
                r#"{"request_id":"r1","allow":false,"message":"a\u001b[2J"}"#,
                BadAnswer::Message,
            ),
            (
                r#"{"request_id":"r1","allow":false,"message":"a\u202eb"}"#,
                BadAnswer::Message,
            ),
            (
                r#"{"request_id":"r1","allow":true,"facts":{"sid":"S-1-5-21-1-2-3-500"}}"#,
                BadAnswer::Fact("sid"),
            ),
            (
                r#"{"request_id":"r1","allow":true,"facts":{"asset_id":"a\u0000"}}"#,
                BadAnswer::Fact("asset_id"),
            ),
            (&long, BadAnswer::Fact("asset_id")),
        ] {
            assert_eq!(read(body), Err(why), "{body}");
        }
    }
}
