//! Who is asking?
//!
//! A [`Verifier`](crate::attestation::Verifier) hands out challenges that Verified Access made and
//! asks it about the responses; [`judge`](crate::attestation::judge) holds its answer against what
//! was expected and makes the one thing that the later steps take, a
//! [`VerifiedDevice`](crate::attestation::VerifiedDevice).
//!
//! Verified Access is asked over gRPC, whose field numbers are assumed, and over REST, which speaks
//! by name; which of them is believed is shown by `agreement.rs`.
//!
//! Refused is not unavailable: a [`Failure`](crate::attestation::Failure) tells a denial, which is
//! final, from an outage or a mistake of ours, after which the same bytes may be tried again.

mod agreement;
mod challenge;
mod clock_guard;
mod credentials;
mod failure;
#[cfg(test)]
mod fixtures;
mod grpc;
pub(crate) mod https;
mod protocol;
mod raw;
mod response;
mod rest;
mod retry;
mod settings;
mod standing;
mod transport;
mod trust;
mod verifier;
mod wire;

pub mod verdict;

pub use agreement::Belief;
pub use challenge::{MalformedChallenge, challenge_digest};
pub use credentials::CredentialsError;
pub use failure::Failure;
pub use response::{MalformedResponse, RESPONSE_MAX, UnverifiedResponse};
pub use settings::{SettingsError, TokenMethod, Transport, Trust, VerifiedAccessSettings};
pub use trust::TrustError;
pub use verdict::{
    ForgedVerdict, SealedVerdict, UnverifiedAnswer, VerdictRefusal, VerifiedDevice, judge,
};
pub use verifier::{ConnectError, Verifier, VerifierStatus};
