//! Reads and checks the certificate chain inside key info.

mod captured;

use const_oid::db::rfc4519::ORGANIZATIONAL_UNIT_NAME;
use der::{Decode as _, Encode as _};
use x509_cert::Certificate;
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::name::Name;

use crate::directory::BootMode;
use crate::keys::{CryptoError, verify_signature};

pub(crate) use captured::unchecked_leaf;

/// Longest chain accepted, in certificates; genuine ones have two.
const MAX_CHAIN: usize = 4;

/// Why a chain is not the Privacy CA's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChainError {
    /// Not PEM certificates, or none, or too many.
    #[error("the certificate chain cannot be read")]
    Malformed,
    /// A certificate is not valid at this time.
    #[error("a certificate of the chain is not valid now")]
    Expired,
    /// A signature, a name or the right to issue is wrong.
    #[error("the certificate chain does not lead to the Privacy CA")]
    Untrusted,
}

impl From<der::Error> for ChainError {
    fn from(_: der::Error) -> Self {
        Self::Malformed
    }
}

impl From<CryptoError> for ChainError {
    fn from(_: CryptoError) -> Self {
        Self::Untrusted
    }
}

/// What a leaf certificate of the Privacy CA says.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    /// `SubjectPublicKeyInfo` DER of the attested key.
    pub(crate) spki: Vec<u8>,
    /// From `OU=state:...`; absent where the subject names none.
    pub(crate) boot_mode: Option<BootMode>,
}

/// Reads the leaf of a PEM chain and checks that it leads to `root` (DER) at `now_ms`.
pub(crate) fn verify(unverified_pem: &[u8], root: &[u8], now_ms: i64) -> Result<Leaf, ChainError> {
    let mut chain = read(unverified_pem)?;
    chain.push(Certificate::from_der(root)?);
    for certificate in &chain {
        check_validity(certificate, now_ms)?;
    }
    for pair in chain.windows(2) {
        if let [child, parent] = pair {
            check_issued(child, parent)?;
        }
    }
    leaf(&chain)
}

fn read(unverified_pem: &[u8]) -> Result<Vec<Certificate>, ChainError> {
    let chain = Certificate::load_pem_chain(unverified_pem)?;
    if chain.is_empty() || chain.len() > MAX_CHAIN {
        return Err(ChainError::Malformed);
    }
    Ok(chain)
}

fn check_validity(certificate: &Certificate, now_ms: i64) -> Result<(), ChainError> {
    let validity = certificate.tbs_certificate().validity();
    let now = u128::try_from(now_ms).map_err(|_| ChainError::Expired)?;
    let from = validity.not_before.to_unix_duration().as_millis();
    let until = validity.not_after.to_unix_duration().as_millis();
    if (from..=until).contains(&now) {
        Ok(())
    } else {
        Err(ChainError::Expired)
    }
}

fn check_issued(child: &Certificate, parent: &Certificate) -> Result<(), ChainError> {
    let issuer = parent.tbs_certificate();
    // Without this, any attested key could issue certificates for others (RFC 5280 section 6.1.4 (k)).
    let may_issue = issuer
        .get_extension::<BasicConstraints>()?
        .is_some_and(|(_, constraints)| constraints.ca);
    if !may_issue || child.tbs_certificate().issuer() != issuer.subject() {
        return Err(ChainError::Untrusted);
    }
    let signature = child.signature().as_bytes().ok_or(ChainError::Malformed)?;
    Ok(verify_signature(
        &issuer.subject_public_key_info().to_der()?,
        &child.tbs_certificate().to_der()?,
        signature,
    )?)
}

fn leaf(chain: &[Certificate]) -> Result<Leaf, ChainError> {
    let certificate = chain
        .first()
        .ok_or(ChainError::Malformed)?
        .tbs_certificate();
    Ok(Leaf {
        spki: certificate.subject_public_key_info().to_der()?,
        boot_mode: boot_mode(certificate.subject()),
    })
}

fn boot_mode(subject: &Name) -> Option<BootMode> {
    subject
        .iter()
        .filter(|attribute| attribute.oid == ORGANIZATIONAL_UNIT_NAME)
        .filter_map(|attribute| std::str::from_utf8(attribute.value.value()).ok())
        .find_map(|unit| BootMode::from_text(unit.strip_prefix("state:")?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use rcgen::{CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};

    use super::*;
    use crate::privacy_ca::{LeafSubject, PrivacyCa};

    const NOW_MS: i64 = 1_780_000_000_000;
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;

    fn certified(ca: &PrivacyCa, key: &KeyPair) -> String {
        let subject = LeafSubject {
            boot_mode: BootMode::Developer,
            common_name: None,
        };
        let spki = rcgen::PublicKeyData::subject_public_key_info(key);
        ca.certify(&spki, &subject, NOW_MS).unwrap()
    }

    #[test]
    fn a_leaf_of_the_privacy_ca_and_no_other() {
        let (ours, other) = (PrivacyCa::new().unwrap(), PrivacyCa::new().unwrap());
        let key = KeyPair::generate().unwrap();
        let chain = certified(&ours, &key);
        let leaf = verify(chain.as_bytes(), ours.root(), NOW_MS).unwrap();
        assert_eq!(leaf.boot_mode, Some(BootMode::Developer));
        assert_eq!(
            leaf.spki,
            rcgen::PublicKeyData::subject_public_key_info(&key)
        );
        assert_eq!(unchecked_leaf(chain.as_bytes()).unwrap().spki, leaf.spki);

        // The other authority bears the same names.
        let refused = verify(chain.as_bytes(), other.root(), NOW_MS).unwrap_err();
        assert_eq!(refused, ChainError::Untrusted);
        let alone = chain
            .split_inclusive("-----END CERTIFICATE-----")
            .next()
            .unwrap();
        let refused = verify(alone.as_bytes(), ours.root(), NOW_MS).unwrap_err();
        assert_eq!(refused, ChainError::Untrusted);
        for now_ms in [NOW_MS - 2 * DAY_MS, NOW_MS + 731 * DAY_MS, -1] {
            let refused = verify(chain.as_bytes(), ours.root(), now_ms).unwrap_err();
            assert_eq!(refused, ChainError::Expired);
        }
        let refused = verify(b"", ours.root(), NOW_MS).unwrap_err();
        assert_eq!(refused, ChainError::Malformed);
    }

    #[test]
    fn an_attested_key_issues_nothing() {
        let ca = PrivacyCa::new().unwrap();
        let attested = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let chain = certified(&ca, &attested);
        let mut issuer = CertificateParams::default();
        issuer.distinguished_name = crate::privacy_ca::leaf_name(&LeafSubject {
            boot_mode: BootMode::Developer,
            common_name: None,
        });
        let issuer = Issuer::new(issuer, attested);
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::ExplicitNoCa;
        let forged = params
            .signed_by(&KeyPair::generate().unwrap(), &issuer)
            .unwrap();
        let chain = format!("{}{chain}", forged.pem());
        let refused = verify(chain.as_bytes(), ca.root(), NOW_MS).unwrap_err();
        assert_eq!(refused, ChainError::Untrusted);
    }
}
