//! The last look before a signature: the exact octets are read again and held against what was
//! approved, by rules that do not ask the template.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::OU;
use const_oid::db::rfc5280::{
    ID_AD_CA_ISSUERS, ID_AD_OCSP, ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS,
    ID_CE_CERTIFICATE_POLICIES, ID_CE_CRL_DISTRIBUTION_POINTS, ID_CE_EXT_KEY_USAGE,
    ID_CE_KEY_USAGE, ID_CE_SUBJECT_ALT_NAME, ID_CE_SUBJECT_KEY_IDENTIFIER, ID_KP_CLIENT_AUTH,
    ID_KP_SERVER_AUTH, ID_PE_AUTHORITY_INFO_ACCESS,
};
use der::asn1::BmpString;
use der::{Decode as _, Tag, Tagged as _};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, CertificatePolicies, CrlDistributionPoints, ExtendedKeyUsage,
    KeyUsage, KeyUsages, SubjectAltName,
};

use crate::ca::alternative;
use crate::ca::authority::Authority;
use crate::ca::extension::{MS_SECURITY, MS_TEMPLATE_NAME};
use crate::ca::signer::SignatureAlgorithm;
use crate::ca::template::{BACKDATED, ClientContents};
use crate::clock::Timestamp;
use crate::model::certificate::Validity;
use crate::model::certificate_names::{AlternativeNameKind, Attribute, DEVICE_UNIT, USER_UNIT};
use crate::model::identity::{VerifiedIdentity, local_part};
use crate::model::pki_base::PkiBase;
use crate::model::serial::SerialNumber;
use crate::model::sid::Sid;
use crate::model::usages;

pub(in crate::ca) mod leaf;

use leaf::Leaf;

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
    pub(super) pki_base: Option<&'a PkiBase>,
    pub(super) validity: Validity,
    pub(super) now: Timestamp,
}

impl Expected<'_> {
    fn leaf(&self) -> Leaf<'_> {
        Leaf {
            issuing: self.issuing,
            algorithm: self.algorithm,
            serial: self.serial,
            spki_der: &self.contents.spki_der,
            validity: self.validity,
            now: self.now,
        }
    }
}

/// The extensions of this client certificate, and whether each is critical.
fn expected_extensions(
    contents: &ClientContents,
    pki_base: Option<&PkiBase>,
) -> Vec<(ObjectIdentifier, bool)> {
    let optional = [
        (pki_base.is_some(), ID_CE_CRL_DISTRIBUTION_POINTS),
        (pki_base.is_some(), ID_PE_AUTHORITY_INFO_ACCESS),
        (
            !contents.template.policies.is_empty(),
            ID_CE_CERTIFICATE_POLICIES,
        ),
        (
            !contents.names.alternative.is_empty(),
            ID_CE_SUBJECT_ALT_NAME,
        ),
        (contents.names.sid.is_some(), MS_SECURITY),
        (contents.template.template_name.is_some(), MS_TEMPLATE_NAME),
    ];
    let mut extensions = vec![
        (ID_CE_BASIC_CONSTRAINTS, true),
        (ID_CE_KEY_USAGE, true),
        (ID_CE_EXT_KEY_USAGE, false),
        (ID_CE_SUBJECT_KEY_IDENTIFIER, false),
        (ID_CE_AUTHORITY_KEY_IDENTIFIER, false),
    ];
    let present = optional.into_iter().filter(|(present, _)| *present);
    extensions.extend(present.map(|(_, oid)| (oid, false)));
    extensions
}

/// Reads `tbs_der` and holds it against `expected`.
///
/// # Errors
/// [`LintFailure`] with every broken rule.
pub(super) fn lint(tbs_der: &[u8], expected: &Expected<'_>) -> Result<(), LintFailure> {
    let mut findings = Findings::default();
    match TbsCertificate::from_der(tbs_der) {
        Err(_) => findings.check(false, "it is not strict DER"),
        Ok(tbs) => {
            findings.check(encodes_to(&tbs, tbs_der), "it is not its own encoding");
            let (leaf, contents) = (expected.leaf(), expected.contents);
            envelope(&tbs, &leaf, &mut findings);
            lifetime(&tbs, &leaf, contents.lifetime, &mut findings);
            let wanted = expected_extensions(contents, expected.pki_base);
            leaf::extensions_are(&tbs, &wanted, &mut findings);
            leaf.key_identifiers(&tbs, &mut findings);
            links(&tbs, expected, &mut findings);
            usages(&tbs, contents, &mut findings);
            names(&tbs, contents, &mut findings);
            microsoft(&tbs, contents, &mut findings);
        }
    }
    findings.into_result()
}

/// Broken rules, in order.
#[derive(Default)]
pub(super) struct Findings(Vec<&'static str>);

impl Findings {
    pub(super) fn check(&mut self, holds: bool, broken: &'static str) {
        if !holds {
            self.0.push(broken);
        }
    }

    pub(super) fn into_result(self) -> Result<(), LintFailure> {
        match self.0 {
            findings if findings.is_empty() => Ok(()),
            findings => Err(LintFailure { findings }),
        }
    }
}

pub(super) fn encodes_to(value: &impl der::Encode, octets: &[u8]) -> bool {
    value.to_der().is_ok_and(|encoded| encoded == octets)
}

fn envelope(tbs: &TbsCertificate, leaf: &Leaf<'_>, findings: &mut Findings) {
    leaf.envelope(tbs, findings);
    findings.check(
        encodes_to(tbs.subject_public_key_info(), leaf.spki_der),
        "the public key is not the proven one",
    );
    leaf::no_unique_identifiers(tbs, findings);
}

fn lifetime(tbs: &TbsCertificate, leaf: &Leaf<'_>, most: i64, findings: &mut Findings) {
    leaf.lifetime(tbs, BACKDATED, findings);
    findings.check(
        leaf.ends_within(tbs, most),
        "it lives longer than its profile allows, or not at all",
    );
}

/// Where relying parties look whether it is still good: the addresses of this issuer and no others.
fn links(tbs: &TbsCertificate, expected: &Expected<'_>, findings: &mut Findings) {
    let address = |name: &GeneralName| match name {
        GeneralName::UniformResourceIdentifier(url) => url.to_string(),
        _ => String::new(),
    };
    let points = value::<CrlDistributionPoints>(tbs).map(|CrlDistributionPoints(points)| points);
    let points: Vec<_> = points
        .unwrap_or_default()
        .into_iter()
        .flat_map(|point| match point.distribution_point {
            Some(DistributionPointName::FullName(names))
                if point.reasons.is_none() && point.crl_issuer.is_none() =>
            {
                names.iter().map(address).collect()
            }
            _ => vec![String::new()],
        })
        .collect();
    let access = value::<AuthorityInfoAccessSyntax>(tbs).map(|access| access.0);
    let access: Vec<_> = access
        .unwrap_or_default()
        .iter()
        .map(|entry| (entry.access_method, address(&entry.access_location)))
        .collect();
    let issuer = expected.issuing.issuer_id();
    let (list, sources) = match expected.pki_base {
        None => (vec![], vec![]),
        Some(base) => (
            vec![format!("{base}/crl/{issuer}.crl")],
            vec![
                (ID_AD_OCSP, format!("{base}/ocsp")),
                (ID_AD_CA_ISSUERS, format!("{base}/ca/{issuer}.crt")),
            ],
        ),
    };
    findings.check(points == list, "the CRL's address is not the issuer's");
    findings.check(
        access == sources,
        "the addresses of OCSP and of the issuer's certificate are not the issuer's",
    );
}

fn usages(tbs: &TbsCertificate, contents: &ClientContents, findings: &mut Findings) {
    leaf::no_ca(tbs, findings);
    findings.check(
        value::<KeyUsage>(tbs).is_some_and(|usage| is_usage(&usage, contents)),
        "key usage is not the profile's",
    );
    let purposes = value::<ExtendedKeyUsage>(tbs).map(|usage| usage.0);
    let purposes = purposes.unwrap_or_default();
    let approved = contents.template.extended_key_usages.iter();
    findings.check(
        purposes
            .iter()
            .copied()
            .eq(approved.map(|usage| usage.oid())),
        "extended key usage is not the profile's",
    );
    findings.check(
        purposes.contains(&ID_KP_CLIENT_AUTH) && !purposes.contains(&ID_KP_SERVER_AUTH),
        "extended key usage is not a client's",
    );
    let policies = value::<CertificatePolicies>(tbs).map(|policies| policies.0);
    let policies = policies.unwrap_or_default();
    findings.check(
        policies
            .iter()
            .all(|policy| policy.policy_qualifiers.is_none())
            && policies
                .iter()
                .map(|policy| policy.policy_identifier)
                .eq(contents.template.policies.iter().copied()),
        "the certificate policies are not the profile's",
    );
}

fn is_usage(seen: &KeyUsage, contents: &ClientContents) -> bool {
    let flags = [
        (
            KeyUsages::DigitalSignature,
            usages::KeyUsage::DigitalSignature,
        ),
        (
            KeyUsages::KeyEncipherment,
            usages::KeyUsage::KeyEncipherment,
        ),
        (KeyUsages::KeyAgreement, usages::KeyUsage::KeyAgreement),
    ];
    let approved = &contents.template.key_usages;
    let known = flags
        .iter()
        .all(|(flag, usage)| seen.0.contains(*flag) == approved.contains(usage));
    known && seen.0.into_iter().count() == approved.len()
}

fn names(tbs: &TbsCertificate, contents: &ClientContents, findings: &mut Findings) {
    let subject = attributes(tbs);
    let alternative = value::<SubjectAltName>(tbs).map(|SubjectAltName(names)| names);
    let alternative: Vec<_> = alternative
        .iter()
        .flatten()
        .map(alternative::decode)
        .collect();
    let approved = contents.names.subject.iter().map(expected_attribute);
    findings.check(
        subject.iter().cloned().eq(approved),
        "the subject is not the approved one",
    );
    let approved = contents.names.alternative.iter().cloned().map(Some);
    findings.check(
        alternative.iter().cloned().eq(approved),
        "the subject alternative names are not the approved ones",
    );
    let unit = match contents.identity {
        VerifiedIdentity::User { .. } => USER_UNIT,
        VerifiedIdentity::Device { .. } => DEVICE_UNIT,
    };
    let units = [USER_UNIT, DEVICE_UNIT].map(str::as_bytes);
    let is_unit = |read: &&ReadAttribute| read.0 == OU && units.contains(&read.2.as_slice());
    findings.check(
        subject
            .first()
            .is_some_and(|read| read.2 == unit.as_bytes())
            && subject.iter().filter(is_unit).count() == 1,
        "the subject does not begin with the unit of a user's or a device's, as it is one",
    );
    let own =
        |(kind, value): &(AlternativeNameKind, String)| is_own(*kind, value, &contents.identity);
    findings.check(
        alternative.iter().flatten().all(own),
        "an alternative name is not of the verified identity, or not of its kind",
    );
    // The fixed unit names nobody.
    let values = subject
        .iter()
        .skip(1)
        .map(|read| String::from_utf8_lossy(&read.2).into_owned());
    let values: Vec<_> = values
        .chain(alternative.into_iter().flatten().map(|(_, value)| value))
        .collect();
    findings.check(
        values
            .iter()
            .any(|value| names_holder(value, &contents.identity)),
        "nothing in it names the verified identity",
    );
    findings.check(
        !values.iter().any(|value| {
            value
                .chars()
                .any(|letter| letter.is_control() || letter == '*')
        }),
        "a name holds a control character or *",
    );
}

/// Type, tag and value of an attribute that has its RDN for itself.
type ReadAttribute = (ObjectIdentifier, Tag, Vec<u8>);

fn attributes(tbs: &TbsCertificate) -> Vec<ReadAttribute> {
    let rdns = tbs.subject().iter_rdn();
    rdns.map(|rdn| match (rdn.len(), rdn.iter().next()) {
        (1, Some(only)) => (only.oid, only.value.tag(), only.value.value().to_vec()),
        _ => (OU, Tag::Null, Vec::new()),
    })
    .collect()
}

fn expected_attribute((attribute, value): &(Attribute, String)) -> ReadAttribute {
    let tag = match attribute {
        Attribute::Country | Attribute::SerialNumber => Tag::PrintableString,
        _ => Tag::Utf8String,
    };
    (attribute.oid(), tag, value.as_bytes().to_vec())
}

/// Whether `value` has the user's local part in it, or the device's id.
fn names_holder(value: &str, identity: &VerifiedIdentity) -> bool {
    match identity {
        VerifiedIdentity::User { email } => value.contains(email.local_part()),
        VerifiedIdentity::Device {
            device_permanent_id,
            ..
        } => value.contains(device_permanent_id.as_str()),
    }
}

/// Whether this identity may have such a name: servers take an address for a person, and a DNS name
/// for a machine.
fn is_own(kind: AlternativeNameKind, value: &str, identity: &VerifiedIdentity) -> bool {
    match (kind, identity) {
        (AlternativeNameKind::Uri, _) => true,
        (AlternativeNameKind::Email, VerifiedIdentity::User { email }) => value == email.as_str(),
        (AlternativeNameKind::Upn, VerifiedIdentity::User { email }) => {
            local_part(value) == email.local_part()
        }
        (AlternativeNameKind::Dns, VerifiedIdentity::Device { .. }) => {
            value.matches('.').count() >= 2 && !value.bytes().any(|byte| byte.is_ascii_uppercase())
        }
        (AlternativeNameKind::PermanentIdentifier, VerifiedIdentity::Device { .. }) => {
            !value.contains('@')
        }
        _ => false,
    }
}

fn microsoft(tbs: &TbsCertificate, contents: &ClientContents, findings: &mut Findings) {
    let content = |oid| {
        let mut extensions = tbs.extensions().into_iter().flatten();
        let found = extensions.find(|extension| extension.extn_id == oid);
        found.map(|extension| extension.extn_value.as_bytes())
    };
    let sid = content(MS_SECURITY).and_then(alternative::decode_sid);
    findings.check(
        sid.as_deref() == contents.names.sid.as_ref().map(Sid::as_str),
        "the SID is not the approved one",
    );
    let name = content(MS_TEMPLATE_NAME).and_then(|content| BmpString::from_der(content).ok());
    findings.check(
        name.map(|name| name.to_string()) == contents.template.template_name,
        "the template name is not the profile's",
    );
}

/// The extension's value, if it stands there once and in its own encoding: decoders pass over the
/// unused bits of a BIT STRING, and over more than one would think.
pub(super) fn value<'a, T>(tbs: &'a TbsCertificate) -> Option<T>
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
