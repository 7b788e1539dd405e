//! The last look before a signer's certificate is signed: the exact octets are read again, by rules that do
//! not ask who wrote them.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE,
    ID_CE_SUBJECT_KEY_IDENTIFIER, ID_KP_OCSP_SIGNING,
};
use const_oid::db::rfc6960::ID_PKIX_OCSP_NOCHECK;
use der::{Decode as _, Encode as _};
use x509_cert::certificate::{TbsCertificate, Version};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectKeyIdentifier,
};

use crate::ca::authority::{Authority, timestamp};
use crate::ca::extension::key_identifier;
use crate::ca::lint::{Findings, LintFailure, encodes_to, value};
use crate::ca::ocsp::signer::{BACKDATED, LIFETIME, subject};
use crate::ca::signer::SignatureAlgorithm;
use crate::clock::Timestamp;
use crate::model::certificate::Validity;
use crate::model::serial::SerialNumber;

/// What a signer's certificate is held against.
pub(super) struct Expected<'a> {
    pub(super) issuing: &'a Authority,
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) serial: SerialNumber,
    pub(super) spki_der: &'a [u8],
    pub(super) validity: Validity,
    pub(super) now: Timestamp,
}

/// Its extensions, and whether each is critical. Without `ocsp-nocheck` a client would ask us whether the
/// signer of the answer is revoked (RFC 6960, section 4.2.2.2.1).
const EXTENSIONS: [(ObjectIdentifier, bool); 6] = [
    (ID_CE_BASIC_CONSTRAINTS, true),
    (ID_CE_KEY_USAGE, true),
    (ID_CE_EXT_KEY_USAGE, false),
    (ID_CE_SUBJECT_KEY_IDENTIFIER, false),
    (ID_CE_AUTHORITY_KEY_IDENTIFIER, false),
    (ID_PKIX_OCSP_NOCHECK, false),
];
/// NULL in DER, all that `ocsp-nocheck` says.
const NULL: [u8; 2] = [0x05, 0x00];

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
            envelope(&tbs, expected, &mut findings);
            lifetime(&tbs, expected, &mut findings);
            extensions(&tbs, expected, &mut findings);
            purpose(&tbs, &mut findings);
        }
    }
    findings.into_result()
}

fn envelope(tbs: &TbsCertificate, expected: &Expected<'_>, findings: &mut Findings) {
    let issuer = expected.issuing.subject().to_der();
    let own = subject(expected.issuing).and_then(|subject| subject.to_der());
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
        issuer.is_ok_and(|issuer| encodes_to(tbs.issuer(), &issuer)),
        "the issuer is not the issuing certificate's subject",
    );
    findings.check(
        own.is_ok_and(|own| encodes_to(tbs.subject(), &own)) && tbs.subject() != tbs.issuer(),
        "the subject is not a signer's of this issuer",
    );
    findings.check(
        encodes_to(tbs.subject_public_key_info(), expected.spki_der)
            && expected.spki_der != expected.issuing.spki_der(),
        "the public key is not the signer's",
    );
    findings.check(
        tbs.issuer_unique_id().is_none() && tbs.subject_unique_id().is_none(),
        "it has unique identifiers",
    );
}

fn lifetime(tbs: &TbsCertificate, expected: &Expected<'_>, findings: &mut Findings) {
    let not_before = timestamp(tbs.validity().not_before);
    let not_after = timestamp(tbs.validity().not_after);
    let Expected { issuing, now, .. } = expected;
    findings.check(
        not_before == expected.validity.not_before && not_after == expected.validity.not_after,
        "its validity is not the one that is recorded",
    );
    findings.check(
        not_before >= now.minus(BACKDATED) && not_before <= *now,
        "it does not begin within the last five minutes",
    );
    findings.check(
        not_before >= issuing.not_before() && not_after <= issuing.not_after(),
        "it is valid outside the issuer's validity",
    );
    findings.check(
        not_after > *now && not_after.since(*now) <= LIFETIME,
        "it lives longer than a signer may, or not at all",
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
    let no_check = present
        .iter()
        .find(|extension| extension.extn_id == ID_PKIX_OCSP_NOCHECK);
    findings.check(
        no_check.is_some_and(|extension| extension.extn_value.as_bytes() == NULL),
        "ocsp-nocheck is not NULL",
    );
    findings.check(
        value::<SubjectKeyIdentifier>(tbs).is_some_and(|SubjectKeyIdentifier(identifier)| {
            key_identifier(expected.spki_der).is_ok_and(|right| right == identifier.as_bytes())
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

fn purpose(tbs: &TbsCertificate, findings: &mut Findings) {
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
        value::<ExtendedKeyUsage>(tbs).is_some_and(|usage| usage.0 == [ID_KP_OCSP_SIGNING]),
        "extended key usage is not OCSP signing alone",
    );
}
