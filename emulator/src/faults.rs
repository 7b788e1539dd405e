//! Misbehaviour on command: what Verified Access could do to its callers, scripted per call.

mod fields;
mod text;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tonic::Code;

use crate::encoding::base64_bytes;
use crate::protocol::{GENERATE_PATH, GENERATE_REST_PATH, VERIFY_PATH, VERIFY_REST_PATH};

pub use fields::Field;
pub use text::code_from_name;
pub(crate) use text::code_name;

/// The two methods of Verified Access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Call {
    /// `GenerateChallenge`.
    Generate,
    /// `VerifyChallengeResponse`.
    Verify,
}

impl Call {
    /// The method behind a path, and how it was called.
    pub(crate) fn from_path(path: &str) -> Option<(Self, Transport)> {
        match path {
            GENERATE_PATH => Some((Self::Generate, Transport::Grpc)),
            VERIFY_PATH => Some((Self::Verify, Transport::Grpc)),
            GENERATE_REST_PATH => Some((Self::Generate, Transport::Rest)),
            VERIFY_REST_PATH => Some((Self::Verify, Transport::Rest)),
            _ => None,
        }
    }
}

/// The two ways to call a method; both are served on one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Protobuf, by field number.
    Grpc,
    /// JSON, by field name.
    Rest,
}

/// One way to misbehave. In JSON: `"down"`, `{"slow": {"milliseconds": 500}}`, and so on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Waits before anything else happens.
    Slow {
        /// Real milliseconds, whatever the shared clock says.
        milliseconds: u64,
    },
    /// UNAVAILABLE.
    Down,
    /// Any status, by its gRPC name or as the HTTP status 400, 401, 403, 404, 429, 500, 503 or 504.
    Status {
        /// For instance `RESOURCE_EXHAUSTED` or `429`.
        code: String,
        /// The message; may be empty.
        #[serde(default)]
        message: String,
    },
    /// Reads requests by other field numbers: assumed number to the number really spoken. REST has
    /// no numbers and is not concerned.
    RequestNumbers(BTreeMap<u32, u32>),
    /// Writes results with other field numbers: assumed number to the number really spoken. REST
    /// is not concerned.
    ResultNumbers(BTreeMap<u32, u32>),
    /// The message in the answer is not protobuf, or not JSON.
    Malformed,
    /// Generate: a challenge more than a minute old. Verify: refused as if the minute had passed.
    Stale,
    /// Generate: the challenge's signature fails. Verify: the signature of the SPKAC in the answer fails.
    Tampered,
    /// Generate: the challenge is stamped this far from the clock.
    ClockSkew {
        /// Positive is the future.
        milliseconds: i64,
    },
    /// Lying: whatever identity was expected, the answer confirms it.
    IdentityUnchecked,
    /// Answers as for a service account with limited access: no certificate request, no ids.
    LimitedAccess,
    /// The key trust level is that of developer mode.
    DeveloperMode,
    /// Any key trust level by name, or by number as a level not known yet.
    KeyTrustLevel(String),
    /// The answer names an organisation that is not ours.
    OtherCustomer,
    /// The answer names no organisation.
    AbsentCustomer,
    /// Lying: a machine answer without `device_permanent_id`.
    AbsentDeviceId,
    /// Lying: a user answer that carries `device_permanent_id`.
    UserWithDeviceId,
    /// Lying: a user answer that carries `device_enrollment_id`.
    UserWithEnrollmentId,
    /// Lying: an answer that carries the `profile_*` fields beside the others.
    WithProfile,
    /// The answer for a managed profile on an unmanaged browser: `profile_*` fields alone.
    ProfileAnswer,
    /// Replaces the certificate request in the answer: DER, base64 in JSON.
    Spkac(#[serde(with = "base64_bytes")] Vec<u8>),
    /// Sets one field of the answer; an empty value removes it.
    Set {
        /// Which field.
        field: Field,
        /// The value: text, or the name or number of a key trust level.
        value: String,
    },
}

impl Fault {
    /// A status without a message, by name or number as in [`Fault::Status`].
    #[must_use]
    pub fn status(code: &str) -> Self {
        Self::Status {
            code: code.to_owned(),
            message: String::new(),
        }
    }
}

impl From<Fault> for Vec<Fault> {
    fn from(fault: Fault) -> Self {
        vec![fault]
    }
}

/// Faults that apply together, to one call after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which method.
    pub call: Call,
    /// Over which transport; absent: over both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// What happens to it.
    pub faults: Vec<Fault>,
    /// For how many calls; absent: every call until cleared.
    #[serde(default)]
    pub times: Option<u32>,
}

/// The script of one emulator; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Rule>>>,
}

impl Faults {
    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Scripts one call. Repeat it to script the calls after that one.
    pub fn next(&self, call: Call, faults: impl Into<Vec<Fault>>) {
        self.next_calls(call, 1, faults);
    }

    /// Scripts the next `times` calls alike, after those that are scripted already.
    pub fn next_calls(&self, call: Call, times: u32, faults: impl Into<Vec<Fault>>) {
        let faults = faults.into();
        self.add(Rule {
            call,
            transport: None,
            faults,
            times: Some(times),
        });
    }

    /// Applies to every call until cleared, together with what is scripted for the single call.
    pub fn every(&self, call: Call, faults: impl Into<Vec<Fault>>) {
        let faults = faults.into();
        self.add(Rule {
            call,
            transport: None,
            faults,
            times: None,
        });
    }

    /// As [`Self::every`], for the calls over one transport alone.
    pub fn every_over(&self, transport: Transport, call: Call, faults: impl Into<Vec<Fault>>) {
        let faults = faults.into();
        self.add(Rule {
            call,
            transport: Some(transport),
            faults,
            times: None,
        });
    }

    /// Adds a rule as it is.
    pub fn add(&self, rule: Rule) {
        if rule.times != Some(0) {
            self.rules().push(rule);
        }
    }

    /// Behaves well again.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// What is still to come.
    #[must_use]
    pub fn pending(&self) -> Vec<Rule> {
        self.rules().clone()
    }

    /// The faults of this call: all standing rules, and the first of those that are counted.
    pub(crate) fn take(&self, call: Call, transport: Transport) -> Script {
        let mut rules = self.rules();
        let mut script = Vec::new();
        let mut counted = false;
        let concerned = |rule: &&mut Rule| {
            rule.call == call && rule.transport.is_none_or(|only| only == transport)
        };
        for rule in rules.iter_mut().filter(concerned) {
            if let Some(times) = &mut rule.times {
                if counted {
                    continue;
                }
                counted = true;
                *times -= 1;
            }
            script.extend(rule.faults.iter().cloned());
        }
        rules.retain(|rule| rule.times != Some(0));
        Script(script.into())
    }
}

/// The faults of one call.
#[derive(Clone, Debug)]
pub struct Script(Arc<[Fault]>);

impl Default for Script {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl Script {
    /// A script outside any queue.
    #[must_use]
    pub fn new(faults: impl Into<Vec<Fault>>) -> Self {
        Self(faults.into().into())
    }

    pub(crate) fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    pub(crate) fn has(&self, fault: &Fault) -> bool {
        self.0.contains(fault)
    }

    pub(crate) fn delay(&self) -> Option<Duration> {
        self.faults().find_map(|fault| match fault {
            Fault::Slow { milliseconds } => Some(Duration::from_millis(*milliseconds)),
            _ => None,
        })
    }

    pub(crate) fn status(&self) -> Option<tonic::Status> {
        self.faults().find_map(|fault| match fault {
            Fault::Down => Some(tonic::Status::unavailable("scripted: down")),
            Fault::Status { code, message } => {
                let code = code_from_name(code).unwrap_or(Code::Unknown);
                Some(tonic::Status::new(code, message))
            }
            _ => None,
        })
    }

    pub(crate) fn request_numbers(&self) -> Option<&BTreeMap<u32, u32>> {
        self.faults().find_map(|fault| match fault {
            Fault::RequestNumbers(numbers) => Some(numbers),
            _ => None,
        })
    }

    pub(crate) fn result_numbers(&self) -> Option<&BTreeMap<u32, u32>> {
        self.faults().find_map(|fault| match fault {
            Fault::ResultNumbers(numbers) => Some(numbers),
            _ => None,
        })
    }

    /// How far from the clock a challenge is stamped, in milliseconds.
    pub(crate) fn skew_ms(&self) -> i64 {
        self.faults().fold(0, |skew, fault| match fault {
            Fault::ClockSkew { milliseconds } => skew + milliseconds,
            Fault::Stale => skew - crate::attestation::CHALLENGE_LIFETIME_MS - 1_000,
            _ => skew,
        })
    }
}
