//! Certificates as text (RFC 7468), lines ended by LF.

use der::pem::{LineEnding, encode_string};

use crate::model::problem_code::ProblemCode;

/// One certificate (RFC 7468, section 5).
///
/// # Errors
/// [`ProblemCode::InternalError`] where it is too large to encode.
pub(super) fn certificate(der: &[u8]) -> Result<String, ProblemCode> {
    encode_string("CERTIFICATE", LineEnding::LF, der).map_err(|_| ProblemCode::InternalError)
}
