//! The last look before a signature: the exact octets are read again and held against what was
//! approved, by rules that do not ask the template.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::{CN, OU};
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE,
    ID_CE_SUBJECT_ALT_NAME, ID_CE_SUBJECT_KEY_IDENTIFIER, ID_KP_CLIENT_AUTH,
};
use der::{Decode as _, Encode as _};
use x509_cert::certificate::{TbsCertificate, Version};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;

use crate::ca::authority::{Authority, timestamp};
use crate::ca::extension::key_identifier;
use crate::ca::signer::SignatureAlgorithm;
use crate::ca::template::{BACKDATED, ClientContents, DEVICE_UNIT, USER_UNIT};
use crate::clock::Timestamp;
use crate::model::certificate::Validity;
use crate::model::identity::VerifiedIdentity;
use crate::model::serial::SerialNumber;

/// What would have been signed is not what was approved: a fault of ours, with every broken rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate breaks our rules: {}", findings.join("; "))]
pub struct LintFailure {
    /// The broken rules, in order.
    pub findings: Vec<&'static str>,
}

/// What a certificate is held against.
pub(super) struct Expected<'a> {
    pub(super) issuing: &'a Authority,
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) serial: SerialNumber,
    pub(super) contents: &'a ClientContents,
    pub(super) validity: Validity,
    pub(super) now: Timestamp,
}

/// The extensions of a client certificate, and whether each is critical.
const EXTENSIONS: [(ObjectIdentifier, bool); 6] = [
    (ID_CE_BASIC_CONSTRAINTS, true),
    (ID_CE_KEY_USAGE, true),
    (ID_CE_EXT_KEY_USAGE, false),
    (ID_CE_SUBJECT_KEY_IDENTIFIER, false),
    (ID_CE_AUTHORITY_KEY_IDENTIFIER, false),
    (ID_CE_SUBJECT_ALT_NAME, false),
];

/// Reads `tbs_der` and holds it against `expected`.
///
/// # Errors
/// [`LintFailure`] with every broken rule.
pub(super) fn lint(tbs_der: &[u8], expected: &Expected<'_>) -> Result<(), LintFailure> {
    let findings = match TbsCertificate::from_der(tbs_der) {
        Err(_) => vec!["it is not strict DER"],
        Ok(tbs) => {
            let mut findings = Findings::default();
            findings.check(encodes_to(&tbs, tbs_der), "it is not its own encoding");
            envelope(&tbs, expected, &mut findings);
            lifetime(&tbs, expected, &mut findings);
            extensions(&tbs, expected, &mut findings);
            usages(&tbs, &mut findings);
            names(&tbs, &expected.contents.identity, &mut findings);
            findings.0
        }
    };
    if findings.is_empty() {
        Ok(())
    } else {
        Err(LintFailure { findings })
    }
}

#[derive(Default)]
struct Findings(Vec<&'static str>);

impl Findings {
    fn check(&mut self, holds: bool, broken: &'static str) {
        if !holds {
            self.0.push(broken);
        }
    }
}

fn encodes_to(value: &impl der::Encode, octets: &[u8]) -> bool {
    value.to_der().is_ok_and(|encoded| encoded == octets)
}

fn envelope(tbs: &TbsCertificate, expected: &Expected<'_>, findings: &mut Findings) {
    findings.check(tbs.version() == Version::V3, "it is not version 3");
    findings.check(
        tbs.serial_number().as_bytes() == expected.serial.as_bytes(),
        "the serial number is not the one that was drawn",
    );
    findings.check(
        *tbs.signature() == expected.algorithm.identifier(),
        "the signature algorithm is not the signer's",
    );
    findings.check(
        expected
            .issuing
            .subject()
            .to_der()
            .is_ok_and(|subject| encodes_to(tbs.issuer(), &subject)),
        "the issuer is not the issuing certificate's subject",
    );
    findings.check(
        encodes_to(tbs.subject_public_key_info(), &expected.contents.spki_der),
        "the public key is not the proven one",
    );
    findings.check(
        tbs.issuer_unique_id().is_none() && tbs.subject_unique_id().is_none(),
        "it has unique identifiers",
    );
}

fn lifetime(tbs: &TbsCertificate, expected: &Expected<'_>, findings: &mut Findings) {
    let not_before = timestamp(tbs.validity().not_before);
    let not_after = timestamp(tbs.validity().not_after);
    findings.check(
        not_before == expected.validity.not_before && not_after == expected.validity.not_after,
        "its validity is not the one that is recorded",
    );
    findings.check(
        not_before >= expected.now.minus(BACKDATED) && not_before <= expected.now,
        "it does not begin within the last five minutes",
    );
    findings.check(
        not_before >= expected.issuing.not_before() && not_after <= expected.issuing.not_after(),
        "it is valid outside the issuer's validity",
    );
    findings.check(
        not_after > expected.now && not_after.since(expected.now) <= expected.contents.lifetime,
        "it lives longer than its profile allows, or not at all",
    );
}

fn extensions(tbs: &TbsCertificate, expected: &Expected<'_>, findings: &mut Findings) {
    let present = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    let exact = present.len() == EXTENSIONS.len()
        && EXTENSIONS.iter().all(|(oid, critical)| {
            let same = |extension: &&x509_cert::ext::Extension| {
                extension.extn_id == *oid && extension.critical == *critical
            };
            present.iter().filter(same).count() == 1
        });
    findings.check(
        exact,
        "the extensions are not the expected ones, once each, rightly critical",
    );
    let subject = value::<SubjectKeyIdentifier>(tbs);
    findings.check(
        subject.is_some_and(|SubjectKeyIdentifier(identifier)| {
            key_identifier(&expected.contents.spki_der)
                .is_ok_and(|right| right == identifier.as_bytes())
        }),
        "the subject key identifier is not the key's",
    );
    findings.check(
        value::<AuthorityKeyIdentifier>(tbs).is_some_and(|authority| {
            authority.authority_cert_issuer.is_none()
                && authority.authority_cert_serial_number.is_none()
                && authority.key_identifier.is_some_and(|identifier| {
                    identifier.as_bytes() == expected.issuing.key_identifier()
                })
        }),
        "the authority key identifier is not the issuer's",
    );
}

fn usages(tbs: &TbsCertificate, findings: &mut Findings) {
    findings.check(
        value::<BasicConstraints>(tbs).is_some_and(|constraints| {
            !constraints.ca && constraints.path_len_constraint.is_none()
        }),
        "it is a CA's",
    );
    findings.check(
        value::<KeyUsage>(tbs).is_some_and(|usage| usage.0 == KeyUsages::DigitalSignature),
        "key usage is not digital signature alone",
    );
    findings.check(
        value::<ExtendedKeyUsage>(tbs).is_some_and(|usage| usage.0 == [ID_KP_CLIENT_AUTH]),
        "extended key usage is not client authentication alone",
    );
}

fn names(tbs: &TbsCertificate, identity: &VerifiedIdentity, findings: &mut Findings) {
    let (unit, common_name, alternative) = match identity {
        VerifiedIdentity::User { email } => (USER_UNIT, email.as_str(), email.as_str().to_owned()),
        VerifiedIdentity::Device {
            device_permanent_id,
            domain,
        } => (
            DEVICE_UNIT,
            device_permanent_id.as_str(),
            format!(
                "https://{}/device/{}",
                domain.as_str(),
                device_permanent_id.as_str()
            ),
        ),
    };
    findings.check(
        is_unit_and_common_name(tbs.subject(), unit, common_name),
        "the subject is not the verified identity",
    );
    let user = matches!(identity, VerifiedIdentity::User { .. });
    findings.check(
        value::<SubjectAltName>(tbs).is_some_and(|SubjectAltName(names)| match names.as_slice() {
            [GeneralName::Rfc822Name(seen)] => user && seen.as_str() == alternative,
            [GeneralName::UniformResourceIdentifier(seen)] => !user && seen.as_str() == alternative,
            _ => false,
        }),
        "the subject alternative name is not the verified identity",
    );
    let printable = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'*')
    };
    findings.check(
        (1..=64).contains(&common_name.len()) && printable(common_name) && printable(&alternative),
        "a name is too long, or holds a wildcard, a blank or a control character",
    );
}

/// Exactly `OU=unit, CN=common_name`, one attribute to each RDN, as UTF8String.
fn is_unit_and_common_name(subject: &Name, unit: &str, common_name: &str) -> bool {
    let expected = [(OU, unit), (CN, common_name)];
    subject.iter_rdn().count() == expected.len()
        && subject.iter_rdn().zip(expected).all(|(rdn, (oid, value))| {
            rdn.len() == 1
                && rdn.iter().all(|attribute| {
                    attribute.oid == oid
                        && der::Tagged::tag(&attribute.value) == der::Tag::Utf8String
                        && attribute.value.value() == value.as_bytes()
                })
        })
}

/// The extension's value, if it stands there once and in its own encoding: decoders pass over the
/// unused bits of a BIT STRING, and over more than one would think.
fn value<'a, T>(tbs: &'a TbsCertificate) -> Option<T>
where
    T: der::Decode<'a, Error = der::Error> + der::Encode + const_oid::AssociatedOid,
{
    let mut of_kind = tbs
        .extensions()
        .into_iter()
        .flatten()
        .filter(|extension| extension.extn_id == T::OID);
    let (Some(only), None) = (of_kind.next(), of_kind.next()) else {
        return None;
    };
    let octets = only.extn_value.as_bytes();
    T::from_der(octets)
        .ok()
        .filter(|value| encodes_to(value, octets))
}

#[cfg(test)]
mod tests;
