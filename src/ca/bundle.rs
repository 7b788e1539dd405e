//! What a relying party installs as trust anchors, and the PEM form of a certificate.
//!
//! Root certificates only. Clients send the issuing certificate with their own, so nobody needs it
//! as an anchor; with it among the anchors, verifiers that stop at the first one they meet (OpenSSL's
//! partial chains, which FreeRADIUS switches on) demand a CRL that no one can give them, and refuse
//! every client.

use der::pem::{LineEnding, encode_string};

use crate::ca::authority::Authority;

/// The trust bundle: one PEM block per distinct root, in this order.
#[must_use]
pub fn bundle<'a>(roots: impl IntoIterator<Item = &'a Authority>) -> String {
    let mut blocks: Vec<String> = Vec::new();
    for root in roots {
        let block = root.pem();
        if !blocks.contains(&block) {
            blocks.push(block);
        }
    }
    blocks.concat()
}

/// A certificate in PEM (RFC 7468, section 5), with a line ending behind it.
#[must_use]
pub fn pem(certificate_der: &[u8]) -> String {
    // The label is valid and the output is allocated to fit: there is nothing left to fail.
    encode_string("CERTIFICATE", LineEnding::LF, certificate_der).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;
    use crate::ca::fixtures::authorities;
    use crate::ca::signer::SignatureAlgorithm;

    #[tokio::test]
    async fn the_bundle_is_each_root_once_and_nothing_else() {
        let one = authorities(SignatureAlgorithm::default()).await;
        let other = authorities(SignatureAlgorithm::default()).await;
        let text = bundle([&one.root, &other.root, &one.root]);
        assert_eq!(text, format!("{}{}", one.root.pem(), other.root.pem()));
        assert_eq!(text.matches("-----BEGIN CERTIFICATE-----").count(), 2);
        assert!(text.ends_with("-----END CERTIFICATE-----\n"));
    }
}
