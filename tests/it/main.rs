//! One binary, one file per story. Every test of the service ends in `TestCa::check()`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    unreachable_pub,
    reason = "a test may fail, and says where"
)]

mod architecture;
mod enrollment;
mod quickstart;
mod refusals;
mod replay;
mod support;
