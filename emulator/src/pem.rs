//! PEM (RFC 7468) of DER bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The text, lines of 64 characters, with a final line break.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = vec![format!("-----BEGIN {label}-----")];
    let mut rest = text.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII: every index is a character's border.
        let (line, tail) = rest.split_at(rest.len().min(64));
        lines.push(line.to_owned());
        rest = tail;
    }
    lines.push(format!("-----END {label}-----\n"));
    lines.join("\n")
}
