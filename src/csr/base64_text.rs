//! Base64 as Verified Access relays it: standard alphabet, padded, one line or several.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::csr::KeyRefusal;

/// The most octets of text that are read. A ChromeOS request has under 900; an 8192-bit RSA key still
/// fits, so that it is refused by its name.
const MAX_TEXT: usize = 4096;

/// Decodes `unverified_text`. Only blanks between characters are forgiven (RFC 4648, section 3.3:
/// some encoders wrap lines); padding and the unused bits of the last character are checked, so
/// that one request has one text.
///
/// # Errors
/// `certificate_request_missing` where there is nothing but blanks; `certificate_request_invalid`.
pub(super) fn decode(unverified_text: &str) -> Result<Vec<u8>, KeyRefusal> {
    if unverified_text.len() > MAX_TEXT {
        return Err(KeyRefusal::malformed(
            "at most 4096 octets of text",
            format!("{} octets", unverified_text.len()),
        ));
    }
    let unwrapped: String = unverified_text
        .chars()
        .filter(|character| !matches!(character, ' ' | '\t' | '\r' | '\n'))
        .collect();
    if unwrapped.is_empty() {
        return Err(KeyRefusal::missing());
    }
    STANDARD
        .decode(unwrapped)
        .map_err(|_| KeyRefusal::malformed("base64", "other characters or padding"))
}
