//! vaca, the Verified Access CA.
//!
//! The modules below stand in the order in which a certificate is born. A module may use what
//! stands above it, never what stands below; `tests/it/architecture.rs` reads this list and holds
//! every `crate::x` against it.

/// Wall time and monotonic time, as arguments: the one caller of the system's clock.
pub mod clock;

/// Randomness, as an argument: the one caller of the system's random source.
pub mod random;

/// What was found a moment ago, for the next who asks the same.
pub mod memory;

/// Values only: what the other modules speak about. No I/O.
pub mod model;

/// What is measured: typed handles, under names and labels that no request chooses.
pub mod telemetry;

/// The deployment key: tags that the database cannot forge.
pub mod secrets;

/// Who is asking? Verified Access and what it says, down to a [`attestation::VerifiedDevice`].
pub mod attestation;

/// Which key? The attested certificate request, down to a [`csr::ProvenKey`].
pub mod csr;

/// What else is known? Facts for policy.
pub mod enrichment;

/// May they have it? A decision, and the approval that only a decision can make.
pub mod policy;

/// What do we sign? Prepare, lint, sign and re-read; all that reaches a private key.
pub mod ca;

/// What do we remember? Challenges, attempts, certificates, CRLs, blocks, events.
pub mod store;

/// Is the record whole?
pub mod audit;

/// Every door starts here: challenge, bind, verify, keep the attempt.
pub mod admission;

/// From an admitted request to a certificate.
pub mod enrollment;

/// From "this Chromebook is lost" to certificates that open nothing any more.
pub mod revocation;

/// Lists of what is revoked: made in time, compared with the last one, published.
pub mod publication;

/// When is the next certificate due?
pub mod renewal;

/// What may the holder of this certificate do?
pub mod authorization;

/// Who is told of it? Signed events to services of the organisation's own.
pub mod delivery;

/// What do we say of one certificate? OCSP.
pub mod responder;

/// What does whoever trusts the certificates write down? Configurations that work as they are.
pub mod relying_party;

/// What must happen when.
pub mod schedule;

/// Who may look and act besides devices? Operators, by tokens and certificates.
pub mod access;

/// Every route on one screen, and the one error map.
pub mod http;

/// The configuration file.
pub mod config;

/// The seam that `main` and the tests share: build the service, run it.
pub mod server;

/// One file per command.
pub mod cli;
