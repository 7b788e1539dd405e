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

mod admin;
mod architecture;
mod audit;
mod bad_requests;
mod batches;
mod chain;
mod cli;
mod compose;
mod config;
mod crash;
mod crl;
mod enrollment;
mod events;
mod gates;
mod genuine;
mod links;
mod listeners;
mod lists;
mod logs;
mod metrics;
mod ocsp;
mod openapi;
mod outages;
mod pauses;
mod plans;
mod policy;
mod postgres;
mod profiles;
mod quickstart;
mod receiver;
mod refusals;
mod relying;
mod renewal;
mod replay;
mod retention;
mod revocation;
mod status;
mod storage;
mod support;
mod transports;
mod two_nodes;
mod webhook;
