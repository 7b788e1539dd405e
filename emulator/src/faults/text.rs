//! Faults as words on a command line: `down`, `slow=500`, `spkac=FILE`.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use tonic::Code;

use super::{Fault, Field};
use crate::protocol::KeyTrustLevel;

/// A gRPC status code by its name, or by the HTTP status that Google's REST API maps it to.
#[must_use]
pub fn code_from_name(name: &str) -> Option<Code> {
    Some(match name {
        "CANCELLED" => Code::Cancelled,
        "UNKNOWN" => Code::Unknown,
        "INVALID_ARGUMENT" | "400" => Code::InvalidArgument,
        "DEADLINE_EXCEEDED" | "504" => Code::DeadlineExceeded,
        "NOT_FOUND" | "404" => Code::NotFound,
        "ALREADY_EXISTS" => Code::AlreadyExists,
        "PERMISSION_DENIED" | "403" => Code::PermissionDenied,
        "RESOURCE_EXHAUSTED" | "429" => Code::ResourceExhausted,
        "FAILED_PRECONDITION" => Code::FailedPrecondition,
        "ABORTED" => Code::Aborted,
        "OUT_OF_RANGE" => Code::OutOfRange,
        "UNIMPLEMENTED" => Code::Unimplemented,
        "INTERNAL" | "500" => Code::Internal,
        "UNAVAILABLE" | "503" => Code::Unavailable,
        "DATA_LOSS" => Code::DataLoss,
        "UNAUTHENTICATED" | "401" => Code::Unauthenticated,
        _ => return None,
    })
}

/// The name of a gRPC status code.
pub(crate) fn code_name(code: Code) -> &'static str {
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

impl Fault {
    /// Reads `NAME`, `NAME=VALUE` (`spkac=FILE` reads the file) or the JSON form.
    pub fn from_words(text: &str) -> anyhow::Result<Self> {
        let fault = match text.split_once('=') {
            _ if text.starts_with('{') => serde_json::from_str(text)?,
            None => serde_json::from_value(text.into())
                .with_context(|| format!("no fault is called {text}, or it needs a value"))?,
            Some((name, value)) => Self::from_name_and_value(name, value)?,
        };
        fault.check()?;
        Ok(fault)
    }

    fn from_name_and_value(name: &str, value: &str) -> anyhow::Result<Self> {
        Ok(match name {
            "slow" => Self::Slow {
                milliseconds: value.parse()?,
            },
            "clock_skew" => Self::ClockSkew {
                milliseconds: value.parse()?,
            },
            "status" => Self::Status {
                code: value.to_owned(),
                message: String::new(),
            },
            "key_trust_level" => Self::KeyTrustLevel(value.to_owned()),
            "spkac" => {
                Self::Spkac(std::fs::read(value).with_context(|| format!("cannot read {value}"))?)
            }
            "request_numbers" => Self::RequestNumbers(numbers(value)?),
            "result_numbers" => Self::ResultNumbers(numbers(value)?),
            "set" => {
                let (field, value) = value.split_once(':').context("set=FIELD:VALUE")?;
                let field: Field = serde_json::from_value(field.into())?;
                Self::Set {
                    field,
                    value: value.to_owned(),
                }
            }
            _ => bail!("no fault called {name} takes a value"),
        })
    }

    /// Refuses names that Verified Access does not have, which would otherwise do nothing, silently.
    pub fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::Status { code, .. } if code_from_name(code).is_none() => {
                bail!("no status is called {code}")
            }
            Self::KeyTrustLevel(level)
                if KeyTrustLevel::from_str_name(level).is_none()
                    && level.parse::<i32>().is_err() =>
            {
                bail!("no key trust level is called {level}")
            }
            _ => Ok(()),
        }
    }
}

/// `1:11,2:12`.
fn numbers(text: &str) -> anyhow::Result<BTreeMap<u32, u32>> {
    text.split(',')
        .map(|pair| {
            let (assumed, spoken) = pair.split_once(':').context("FROM:TO[,FROM:TO...]")?;
            Ok((assumed.parse()?, spoken.parse()?))
        })
        .collect()
}
