//! The one source of random bytes; private keys draw their own inside aws-lc-rs.

use aws_lc_rs::rand;

use crate::keys::CryptoError;

/// `N` random bytes; fails only where the operating system has none to give.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut drawn = [0_u8; N];
    #[allow(
        clippy::disallowed_methods,
        reason = "an emulator needs no reproducible nonces; this is the one caller"
    )]
    rand::fill(&mut drawn)?;
    Ok(drawn)
}

/// `N` random bytes in lower-case hexadecimal.
pub(crate) fn hex<const N: usize>() -> Result<String, CryptoError> {
    Ok(bytes::<N>()?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// A random identifier in the shape of a UUID of version 4 (RFC 9562).
pub(crate) fn uuid() -> Result<String, CryptoError> {
    let digits = hex::<16>()?;
    let part = |from, to| digits.get(from..to).unwrap_or_default();
    Ok(format!(
        "{}-{}-4{}-a{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    ))
}
