//! The extensions that our certificates share. Criticality is always said, never left to a default.

use aws_lc_rs::digest::{SHA256, digest};
use const_oid::AssociatedOid;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_AD_CA_ISSUERS, ID_AD_OCSP};
use der::asn1::{Ia5String, OctetString};
use der::flagset::FlagSet;
use der::{Decode as _, Encode};
use spki::SubjectPublicKeyInfoRef;
use x509_cert::ext::Extension;
use x509_cert::ext::ToExtension as _;
use x509_cert::ext::pkix::certpolicy::PolicyInformation;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName, GeneralNames};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints,
    CertificatePolicies, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectKeyIdentifier,
};
use x509_cert::name::Name;

/// Octets of a key identifier.
const KEY_IDENTIFIER_LEN: usize = 20;

/// `value` as an extension.
pub(super) fn extension<T: AssociatedOid + Encode>(
    critical: bool,
    value: &T,
) -> der::Result<Extension> {
    (critical, value).to_extension(&Name::default(), &[])
}

/// Microsoft's security extension, with the account that a certificate is taken for (KB5014754).
pub(super) const MS_SECURITY: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.25.2");
/// Microsoft's certificate template name ([MS-WCCE], section 2.2.2.7.7.1).
pub(super) const MS_TEMPLATE_NAME: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2");

/// An extension that is no type of the encoder's, from its content; not critical.
pub(super) fn of_content(oid: ObjectIdentifier, content: Vec<u8>) -> der::Result<Extension> {
    Ok(Extension {
        extn_id: oid,
        critical: false,
        extn_value: OctetString::new(content)?,
    })
}

/// Where the list of the issuer's revoked certificates is (RFC 5280, section 4.2.1.13): one address, whose
/// list the issuer itself signs, for every reason.
pub(super) fn crl_distribution_points(url: &str) -> der::Result<Extension> {
    let names = GeneralNames::from(vec![uri(url)?]);
    let point = DistributionPoint {
        distribution_point: Some(DistributionPointName::FullName(names)),
        reasons: None,
        crl_issuer: None,
    };
    extension(false, &CrlDistributionPoints(vec![point]))
}

/// Where the issuer's certificate is, and who answers for one certificate at a time (RFC 5280, section
/// 4.2.2.1).
pub(super) fn authority_information_access(
    certificate: &str,
    ocsp: Option<&str>,
) -> der::Result<Extension> {
    let description = |access_method, url| {
        Ok(AccessDescription {
            access_method,
            access_location: uri(url)?,
        })
    };
    let ocsp = ocsp.map(|url| description(ID_AD_OCSP, url));
    let certificate = description(ID_AD_CA_ISSUERS, certificate);
    let descriptions = ocsp.into_iter().chain([certificate]);
    let access = AuthorityInfoAccessSyntax(descriptions.collect::<der::Result<_>>()?);
    extension(false, &access)
}

fn uri(url: &str) -> der::Result<GeneralName> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(url)?))
}

/// Certificate policies (RFC 5280, section 4.2.1.4) without qualifiers, not critical.
pub(super) fn certificate_policies(policies: &[ObjectIdentifier]) -> der::Result<Extension> {
    let policies = policies.iter().map(|policy| PolicyInformation {
        policy_identifier: *policy,
        policy_qualifiers: None,
    });
    extension(false, &CertificatePolicies(policies.collect()))
}

/// Basic constraints (RFC 5280, section 4.2.1.9): critical, in client certificates too, so that no
/// relying party overlooks that they are not a CA's.
pub(super) fn basic_constraints(ca: bool, path_len: Option<u8>) -> der::Result<Extension> {
    let value = BasicConstraints {
        ca,
        path_len_constraint: path_len,
    };
    extension(true, &value)
}

/// Key usage (RFC 5280, section 4.2.1.3), critical.
pub(super) fn key_usage(usages: impl Into<FlagSet<KeyUsages>>) -> der::Result<Extension> {
    extension(true, &KeyUsage(usages.into()))
}

/// Extended key usage (RFC 5280, section 4.2.1.12), not critical.
pub(super) fn extended_key_usage(purposes: &[ObjectIdentifier]) -> der::Result<Extension> {
    extension(false, &ExtendedKeyUsage(purposes.to_vec()))
}

/// Subject key identifier (RFC 5280, section 4.2.1.2) of the key in `spki_der`.
pub(super) fn subject_key_identifier(spki_der: &[u8]) -> der::Result<Extension> {
    let identifier = OctetString::new(key_identifier(spki_der)?)?;
    extension(false, &SubjectKeyIdentifier(identifier))
}

/// Authority key identifier (RFC 5280, section 4.2.1.1): the issuer's own subject key identifier
/// and nothing else, so that a renewed issuing certificate for the same key still fits.
pub(super) fn authority_key_identifier(identifier: &[u8]) -> der::Result<Extension> {
    let value = AuthorityKeyIdentifier {
        key_identifier: Some(OctetString::new(identifier)?),
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    extension(false, &value)
}

/// A key's identifier by RFC 7093, section 2, method 1: the leftmost 160 bits of SHA-256 over the
/// BIT STRING's octets. RFC 5280's own method wants SHA-1, which this house does not use.
pub(super) fn key_identifier(spki_der: &[u8]) -> der::Result<Vec<u8>> {
    let spki = SubjectPublicKeyInfoRef::from_der(spki_der)?;
    let digest = digest(&SHA256, spki.subject_public_key.raw_bytes());
    Ok(digest
        .as_ref()
        .iter()
        .copied()
        .take(KEY_IDENTIFIER_LEN)
        .collect())
}
