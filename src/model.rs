//! The words of this house (`docs/architecture.md`, "Words"). Values only: no I/O, no SQL, no HTTP.

pub mod actor;
pub mod attempt;
pub mod certificate;
pub mod certificate_names;
pub mod certificate_template;
pub mod challenge;
pub mod digest;
pub mod endpoint;
pub mod event;
pub mod facts;
pub mod fingerprint;
pub mod identity;
pub mod listing;
pub mod name_template;
pub mod pause;
pub mod problem_code;
pub mod profile;
pub mod refusal;
pub mod revocation;
pub mod role;
pub mod rule;
pub mod serial;
pub mod sid;
pub mod span;
pub mod token;
pub mod usages;
