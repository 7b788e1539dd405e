//! The emulator from outside: gRPC and REST as the service speaks them, virtual Chromebooks, the control plane.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::disallowed_methods,
    reason = "tests: a failed expectation is the message"
)]

mod support;

mod capture;
mod chromebook;
mod control;
mod credentials;
mod enroll;
mod faults;
mod happy;
mod platform_keys;
mod refusals;
mod rest;
