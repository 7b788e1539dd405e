//! What `load` is made of: a supply of certificate requests, a Verified Access that trusts them, the
//! service as a process of its own, connections that ask it, and what is measured of all that.
//!
//! Everything that costs the clients time is done before the clock runs, and nothing here makes the
//! service's own work cheaper: it runs its release build with its default settings, but for the
//! bounds on admission, which are opened.

pub mod connection;
pub mod disk;
pub mod drive;
pub mod figures;
pub mod floor;
pub mod preload;
pub mod primes;
pub mod processes;
pub mod requests;
pub mod response;
pub mod service;
pub mod state;
pub mod tokens;
pub mod verified_access;
