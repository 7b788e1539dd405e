//! The fake Privacy CA: it certifies that a key lives in a TPM, as Google's does for Chromebooks.

use std::time::Duration;

use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION};
use der::Decode as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName,
    DnType, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData,
    SignatureAlgorithm, date_time_ymd,
};
use spki::SubjectPublicKeyInfoRef;

use crate::directory::BootMode;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a leaf says about its device.
#[derive(Clone, Debug)]
pub(crate) struct LeafSubject {
    /// Becomes `OU=state:verified` or `OU=state:developer`.
    pub(crate) boot_mode: BootMode,
    /// The stable device identifier, in machine certificates only.
    pub(crate) common_name: Option<String>,
}

/// Root and intermediate, with the names that the genuine ones bear.
pub(crate) struct PrivacyCa {
    root_der: Vec<u8>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
}

impl PrivacyCa {
    /// A new hierarchy on P-256. It is valid for ever: tests move the clock by years.
    pub(crate) fn new() -> Result<Self, rcgen::Error> {
        let root = CertifiedIssuer::self_signed(
            authority("Privacy CA Root", BasicConstraints::Unconstrained),
            KeyPair::generate()?,
        )?;
        let intermediate = CertifiedIssuer::signed_by(
            authority("Privacy CA Intermediate", BasicConstraints::Constrained(0)),
            KeyPair::generate()?,
            &root,
        )?;
        Ok(Self {
            root_der: root.der().to_vec(),
            intermediate,
        })
    }

    /// DER of the trust anchor.
    pub(crate) fn root(&self) -> &[u8] {
        &self.root_der
    }

    /// Certifies a public key (`SubjectPublicKeyInfo` DER) for two years: PEM of leaf and intermediate.
    pub(crate) fn certify(
        &self,
        spki: &[u8],
        subject: &LeafSubject,
        now_ms: i64,
    ) -> anyhow::Result<String> {
        let key = AttestedKey::from_spki(spki)?;
        let now = date_time_ymd(1970, 1, 1) + Duration::from_millis(u64::try_from(now_ms)?);
        let mut params = CertificateParams::default();
        params.not_before = now - DAY;
        params.not_after = now + 730 * DAY;
        params.distinguished_name = leaf_name(subject);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.custom_extensions = vec![
            // certificatePolicies (RFC 5280 section 4.2.1.4) with anyPolicy.
            CustomExtension::from_oid_content(
                &[2, 5, 29, 32],
                vec![0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, 0],
            ),
            // A private extension of Google's Privacy CA, its value as observed.
            CustomExtension::from_oid_content(
                &[1, 3, 6, 1, 4, 1, 11129, 2, 1, 19],
                vec![4, 2, 8, 1],
            ),
        ];
        let leaf = params.signed_by(&key, &self.intermediate)?;
        Ok(format!(
            "{}\n{}",
            leaf.pem().trim_end(),
            self.intermediate.pem()
        ))
    }
}

fn authority(common_name: &str, constraints: BasicConstraints) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (attribute, value) in [
        (DnType::CountryName, "US"),
        (DnType::StateOrProvinceName, "California"),
        (DnType::LocalityName, "Mountain View"),
        (DnType::OrganizationName, "vaca emulator, not Google"),
        (DnType::OrganizationalUnitName, "Chrome OS"),
        (DnType::CommonName, common_name),
    ] {
        params.distinguished_name.push(attribute, value);
    }
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The subject of a leaf.
pub(crate) fn leaf_name(subject: &LeafSubject) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    let state = format!("state:{}", subject.boot_mode.as_str());
    name.push(DnType::OrganizationalUnitName, state);
    name.push(DnType::OrganizationName, "Chrome Device Enterprise");
    if let Some(common_name) = &subject.common_name {
        name.push(DnType::CommonName, common_name.as_str());
    }
    name
}

/// A public key whose private half is on a device.
struct AttestedKey {
    subject_public_key: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl AttestedKey {
    fn from_spki(spki: &[u8]) -> anyhow::Result<Self> {
        let parsed = SubjectPublicKeyInfoRef::from_der(spki)?;
        let algorithm = match parsed.algorithm.oid {
            RSA_ENCRYPTION => &PKCS_RSA_SHA256,
            ID_EC_PUBLIC_KEY => &PKCS_ECDSA_P256_SHA256,
            other => anyhow::bail!("the Privacy CA certifies no key of type {other}"),
        };
        Ok(Self {
            subject_public_key: parsed.subject_public_key.raw_bytes().to_vec(),
            algorithm,
        })
    }
}

impl PublicKeyData for AttestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.subject_public_key
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}
