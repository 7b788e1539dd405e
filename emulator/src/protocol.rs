//! The public service of Verified Access v2, compiled from the description that the service uses too.

#[allow(
    missing_docs,
    unreachable_pub,
    rust_2018_idioms,
    clippy::all,
    clippy::too_many_lines,
    reason = "generated from ../proto"
)]
mod generated {
    tonic::include_proto!("google.chrome.verifiedaccess.v2");
}

pub use generated::*;

/// Path of `GenerateChallenge` on REST.
pub const GENERATE_REST_PATH: &str = "/v2/challenge:generate";

/// Path of `VerifyChallengeResponse` on REST.
pub const VERIFY_REST_PATH: &str = "/v2/challenge:verify";

/// Path of `GenerateChallenge` on gRPC.
pub const GENERATE_PATH: &str = "/google.chrome.verifiedaccess.v2.VerifiedAccess/GenerateChallenge";

/// Path of `VerifyChallengeResponse` on gRPC.
pub const VERIFY_PATH: &str =
    "/google.chrome.verifiedaccess.v2.VerifiedAccess/VerifyChallengeResponse";
