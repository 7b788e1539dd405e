//! A local Chrome Verified Access and virtual Chromebooks: for tests, for the quickstart, for the curious.
//!
//! It is a real peer: challenges are signed, key info is encrypted to the server's key, keys are
//! certified by a (fake) Privacy CA, responses and certificate requests are signed by those keys, and
//! every one of these is checked. All keys are made at start, so nothing it confirms is worth anything
//! elsewhere. It shares with the service only the `.proto` of the public API.
//!
//! ```no_run
//! use vaca_emulator::{Call, Emulator, Fault, KeyAlgorithm, Options, Scope, VirtualChromebook};
//!
//! # async fn tour(challenge: Vec<u8>) -> anyhow::Result<()> {
//! let emulator = Emulator::start(Options::default()).await?;
//! let mut chromebook =
//!     VirtualChromebook::enrolled(&emulator.control_url(), "alice@example.com").await?;
//! // `challenge` comes from Verified Access, through whoever wants to know the Chromebook.
//! let response = chromebook
//!     .challenge_key(&challenge, Scope::User, Some(KeyAlgorithm::Ecdsa))
//!     .await?;
//! emulator.faults().next(Call::Verify, Fault::Down);
//! emulator.shutdown().await;
//! # drop(response);
//! # Ok(())
//! # }
//! ```
//!
//! # The map
//!
//! | room | holds |
//! |---|---|
//! | [`attestation`], [`protocol`] | the messages: inside challenge and response; of the public API |
//! | [`keys`], [`sealing`], [`spkac`] | the cryptography of ChromeOS |
//! | [`directory`], [`service_accounts`] | whom Google knows |
//! | [`verified_access`] | makes challenges and judges answers, without transport (gRPC and REST serve it on one port) |
//! | [`faults`] | misbehaviour, scripted per call |
//! | [`control`] | the control plane: `/emulator/v1`, loopback only |
//! | [`chromebook`] | the virtual Chromebook |
//! | [`platform_keys`] | what an extension calls on it, over loopback HTTP |
//! | [`enroll`] | gets it a certificate through an authority's HTTP API |
//! | [`forge`] | deliberately wrong challenges and responses |

pub mod attestation;
pub mod chromebook;
pub mod cli;
pub mod clock;
pub mod control;
pub mod directory;
pub mod enroll;
pub mod faults;
pub mod forge;
pub mod keys;
pub mod platform_keys;
pub mod protocol;
pub mod sealing;
pub mod service_accounts;
pub mod spkac;
pub mod verified_access;

mod chain;
mod door;
mod encoding;
mod entropy;
mod files;
mod grpc;
mod http_client;
mod pem;
mod privacy_ca;
mod renumber;
mod rest;
mod server;
mod server_keys;
mod tls;
mod world;

pub use chromebook::{ChallengeKeyError, Enrollment, ImportError, Scope, Token, VirtualChromebook};
pub use clock::{Clock, system_clock};
pub use directory::{BootMode, Device, Directory, User};
pub use door::Calls;
pub use enroll::{EnrollRequest, Enrolled};
pub use faults::{Call, Fault, Faults, Transport};
pub use keys::KeyAlgorithm;
pub use server::{Emulator, Options};
pub use server_keys::PublicKeys;
