//! Who is asking?

pub mod verdict;

pub use verdict::VerifiedDevice;
