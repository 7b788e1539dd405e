//! Who it is: what an answer must and must not hold, for each kind of key.
//!
//! An answer is unsigned and its sender speaks of many things: of devices, of users, of profiles of
//! a browser on somebody's own machine. Each shape is named here, so that none is certified by
//! falling through.

use crate::attestation::verdict::VerifiedDevice;
use crate::model::facts::{Check, KeyTrustLevel};
use crate::model::identity::{
    CustomerId, DeviceId, Domain, ExpectedIdentity, InvalidIdentity, KeyScope, VerifiedIdentity,
};
use crate::model::problem_code::ProblemCode;
use crate::model::profile::CertificateProfile;

/// Longest text of an answer that a check quotes, in characters.
const QUOTE_MAX: usize = 80;

/// The fields of an answer that are looked at; an empty text is an absent field. Signals about the
/// device are left behind by the transport: nothing depends on them, so nothing keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnverifiedAnswer {
    /// Directory API device id; a machine answer to a caller with full access only.
    pub device_permanent_id: String,
    /// Platform-specific virtual device id.
    pub virtual_device_id: String,
    /// The managing customer.
    pub customer_id: String,
    /// The certificate request: base64 text of an SPKAC.
    pub signed_public_key_and_challenge: String,
    /// Protection of the device's key; `None` where absent or unspecified.
    pub key_trust_level: Option<KeyTrustLevel>,
    /// Attested device id.
    pub attested_device_id: String,
    /// `ChromeOS` enrollment id.
    pub device_enrollment_id: String,
    /// Customer of a managed browser profile: not a Chromebook.
    pub profile_customer_id: String,
    /// Virtual id of a managed browser profile: not a Chromebook.
    pub virtual_profile_id: String,
    /// Permanent id of a managed browser profile: not a Chromebook.
    pub profile_permanent_id: String,
    /// Protection of a browser profile's key, a value unknown to us included: not a Chromebook.
    pub profile_key_trust_level: Option<KeyTrustLevel>,
}

/// Verified Access accepted the response, and yet this is not who a certificate may be about.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the answer is not the expected one: {}", code.as_str())]
pub struct VerdictRefusal {
    /// What the requester is told: that of the first failed check.
    pub code: ProblemCode,
    /// Every check in order, the passed ones too.
    pub checks: Vec<Check>,
}

/// Holds an answer that Verified Access gave for `expected` against what `profile` wants. Every
/// check runs, so that a refusal lists all that failed. The trust level is policy's to judge, an
/// absent certificate request `csr`'s.
///
/// # Errors
/// [`VerdictRefusal`].
pub fn judge(
    answer: UnverifiedAnswer,
    expected: &ExpectedIdentity,
    profile: &CertificateProfile,
) -> Result<VerifiedDevice, VerdictRefusal> {
    let mut bench = Bench::default();
    bench.expectation(expected, profile);
    bench.chromebook(&answer);
    bench.key_scope(&answer, expected.scope());
    bench.customer(&answer.customer_id, profile);
    let parsed = bench.identifiers(&answer);
    let identity = match expected {
        ExpectedIdentity::Email(email) => Some(VerifiedIdentity::User {
            email: email.clone(),
        }),
        ExpectedIdentity::Domain(domain) => {
            parsed
                .device_permanent_id
                .map(|device_permanent_id| VerifiedIdentity::Device {
                    device_permanent_id,
                    domain: domain.clone(),
                })
        }
    };
    match (bench.refusal, identity) {
        (None, Some(identity)) => Ok(VerifiedDevice {
            identity,
            customer_id: parsed.customer_id,
            virtual_device_id: parsed.virtual_device_id,
            device_enrollment_id: parsed.device_enrollment_id,
            attested_device_id: parsed.attested_device_id,
            key_trust_level: answer.key_trust_level.unwrap_or(KeyTrustLevel::Unspecified),
            unverified_spkac: answer.signed_public_key_and_challenge,
            checks: bench.checks,
        }),
        (refusal, _) => Err(VerdictRefusal {
            code: refusal.unwrap_or(ProblemCode::DeviceIdMissing),
            checks: bench.checks,
        }),
    }
}

#[derive(Default)]
struct Identifiers {
    customer_id: Option<CustomerId>,
    device_permanent_id: Option<DeviceId>,
    virtual_device_id: Option<DeviceId>,
    device_enrollment_id: Option<DeviceId>,
    attested_device_id: Option<DeviceId>,
}

/// The checks so far, and the code of the first that failed.
#[derive(Default)]
struct Bench {
    checks: Vec<Check>,
    refusal: Option<ProblemCode>,
}

impl Bench {
    fn record(&mut self, check: Check, code: ProblemCode) {
        if !check.passed {
            self.refusal.get_or_insert(code);
        }
        self.checks.push(check);
    }

    /// What Google was asked belongs to the profile: a mistake of ours must not become a name.
    fn expectation(&mut self, expected: &ExpectedIdentity, profile: &CertificateProfile) {
        let (domain, known) = match expected {
            ExpectedIdentity::Domain(domain) => {
                (domain.as_str(), profile.first_domain() == Some(domain))
            }
            ExpectedIdentity::Email(email) => {
                let domain = email.domain();
                let mut served = profile.domains.iter();
                (domain, served.any(|served| served.as_str() == domain))
            }
        };
        let domains: Vec<_> = profile.domains.iter().map(Domain::as_str).collect();
        let check = Check::new(
            "expected_identity",
            format!("{} of {}", profile.scope, domains.join(" or ")),
            format!("{} of {domain}", expected.scope()),
            known && expected.scope() == profile.scope,
            "ask for a challenge with a profile that serves this identity",
        );
        self.record(check, ProblemCode::WrongKeyScope);
    }

    /// A managed profile of a browser on an unmanaged machine is answered for too.
    fn chromebook(&mut self, answer: &UnverifiedAnswer) {
        let level = answer.profile_key_trust_level.map_or("", |l| l.as_str());
        let present = present(&[
            ("profile_customer_id", &answer.profile_customer_id),
            ("virtual_profile_id", &answer.virtual_profile_id),
            ("profile_permanent_id", &answer.profile_permanent_id),
            ("profile_key_trust_level", level),
        ]);
        let check = Check::new(
            "chromeos_device",
            "no field of a browser profile",
            quote(&present),
            present.is_empty(),
            "enrol from a managed ChromeOS device, not from a browser on another system",
        );
        self.record(check, ProblemCode::NotAChromeosDevice);
    }

    /// A client's word for its own scope is worth nothing; only a machine answer names a device.
    fn key_scope(&mut self, answer: &UnverifiedAnswer, scope: KeyScope) {
        let (check, code) = match scope {
            KeyScope::Machine => (
                Check::new(
                    "device_permanent_id",
                    "present",
                    quote(&answer.device_permanent_id),
                    !answer.device_permanent_id.is_empty(),
                    "give the service account full access to Verified Access in the Admin console",
                ),
                ProblemCode::DeviceIdMissing,
            ),
            KeyScope::User => {
                let present = present(&[
                    ("device_permanent_id", &answer.device_permanent_id),
                    ("device_enrollment_id", &answer.device_enrollment_id),
                ]);
                (
                    Check::new(
                        "user_answer",
                        "a user's answer, without the device's ids",
                        quote(&present),
                        present.is_empty(),
                        "call challengeKey with scope USER for this profile",
                    ),
                    ProblemCode::WrongKeyScope,
                )
            }
        };
        self.record(check, code);
    }

    /// "Managed" by anybody means nothing.
    fn customer(&mut self, seen: &str, profile: &CertificateProfile) {
        let may_lack = profile.scope == KeyScope::User && !profile.require_customer_id;
        let ours = profile.customer_id.as_str();
        let check = Check::new(
            "customer_id",
            if may_lack {
                format!("{ours} or absent")
            } else {
                ours.to_owned()
            },
            quote(seen),
            seen == ours || (may_lack && seen.is_empty()),
            "enrol the device or user with the organisation that the profile's customer_id names",
        );
        self.record(check, ProblemCode::WrongCustomer);
    }

    /// Ids are recorded, blocked by, and one of them certified: what cannot be any of that refuses.
    fn identifiers(&mut self, answer: &UnverifiedAnswer) -> Identifiers {
        let mut parsed = Identifiers::default();
        let mut unfit = Vec::new();
        let mut read = |name, text: &str, target: &mut Option<DeviceId>| {
            if !text.is_empty() {
                match DeviceId::parse(text) {
                    Ok(id) => *target = Some(id),
                    Err(_) => unfit.push(name),
                }
            }
        };
        read(
            "device_permanent_id",
            &answer.device_permanent_id,
            &mut parsed.device_permanent_id,
        );
        read(
            "virtual_device_id",
            &answer.virtual_device_id,
            &mut parsed.virtual_device_id,
        );
        read(
            "device_enrollment_id",
            &answer.device_enrollment_id,
            &mut parsed.device_enrollment_id,
        );
        read(
            "attested_device_id",
            &answer.attested_device_id,
            &mut parsed.attested_device_id,
        );
        if !answer.customer_id.is_empty() {
            match CustomerId::parse(&answer.customer_id) {
                Ok(id) => parsed.customer_id = Some(id),
                Err(_) => unfit.push("customer_id"),
            }
        }
        let check = Check::new(
            "identifiers",
            "each 1 to 64 letters, digits, dots, dashes and underscores",
            if unfit.is_empty() {
                "all fit".to_owned()
            } else {
                format!("{}: {}", unfit.join(", "), InvalidIdentity::Identifier)
            },
            unfit.is_empty(),
            "report this attempt to the administrator of vaca: Google's identifier has a new form",
        );
        self.record(check, ProblemCode::IdentityNotCertifiable);
        parsed
    }
}

/// The names of those fields that are there.
fn present(fields: &[(&str, &str)]) -> String {
    let names: Vec<_> = fields
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, _)| *name)
        .collect();
    names.join(", ")
}

/// Google's text as a check shows it: capped, and `absent` where there is none.
fn quote(text: &str) -> String {
    if text.is_empty() {
        "absent".to_owned()
    } else {
        text.chars().take(QUOTE_MAX).collect()
    }
}

#[cfg(test)]
mod tests;
