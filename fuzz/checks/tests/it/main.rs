//! The checks of the fuzz targets, as every change runs them: on the inputs that are kept, on changes
//! of these, and on any octets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail, and says where"
)]

mod changed;
mod edit;
mod kept;
