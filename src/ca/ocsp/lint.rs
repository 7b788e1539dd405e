//! The last look before a signer's certificate is signed: the exact octets are read again, by rules that do
//! not ask who wrote them.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE,
    ID_CE_SUBJECT_KEY_IDENTIFIER, ID_KP_OCSP_SIGNING,
};
use const_oid::db::rfc6960::ID_PKIX_OCSP_NOCHECK;
use der::{Decode as _, Encode as _};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages};

use crate::ca::lint::leaf::{self, Leaf};
use crate::ca::lint::{Findings, LintFailure, encodes_to, value};
use crate::ca::ocsp::signer::{BACKDATED, LIFETIME, subject};

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
pub(super) fn lint(tbs_der: &[u8], expected: &Leaf<'_>) -> Result<(), LintFailure> {
    let mut findings = Findings::default();
    match TbsCertificate::from_der(tbs_der) {
        Err(_) => findings.check(false, "it is not strict DER"),
        Ok(tbs) => {
            findings.check(encodes_to(&tbs, tbs_der), "it is not its own encoding");
            envelope(&tbs, expected, &mut findings);
            expected.lifetime(&tbs, BACKDATED, &mut findings);
            findings.check(
                expected.ends_within(&tbs, LIFETIME),
                "it lives longer than a signer may, or not at all",
            );
            leaf::extensions_are(&tbs, &EXTENSIONS, &mut findings);
            no_check(&tbs, &mut findings);
            expected.key_identifiers(&tbs, &mut findings);
            purpose(&tbs, &mut findings);
        }
    }
    findings.into_result()
}

fn envelope(tbs: &TbsCertificate, expected: &Leaf<'_>, findings: &mut Findings) {
    expected.envelope(tbs, findings);
    let own = subject(expected.issuing).and_then(|subject| subject.to_der());
    findings.check(
        own.is_ok_and(|own| encodes_to(tbs.subject(), &own)) && tbs.subject() != tbs.issuer(),
        "the subject is not a signer's of this issuer",
    );
    findings.check(
        encodes_to(tbs.subject_public_key_info(), expected.spki_der)
            && expected.spki_der != expected.issuing.spki_der(),
        "the public key is not the signer's",
    );
    leaf::no_unique_identifiers(tbs, findings);
}

fn no_check(tbs: &TbsCertificate, findings: &mut Findings) {
    let no_check = tbs
        .extensions()
        .into_iter()
        .flatten()
        .find(|extension| extension.extn_id == ID_PKIX_OCSP_NOCHECK);
    findings.check(
        no_check.is_some_and(|extension| extension.extn_value.as_bytes() == NULL),
        "ocsp-nocheck is not NULL",
    );
}

fn purpose(tbs: &TbsCertificate, findings: &mut Findings) {
    leaf::no_ca(tbs, findings);
    findings.check(
        value::<KeyUsage>(tbs).is_some_and(|usage| usage.0 == KeyUsages::DigitalSignature),
        "key usage is not digital signature alone",
    );
    findings.check(
        value::<ExtendedKeyUsage>(tbs).is_some_and(|usage| usage.0 == [ID_KP_OCSP_SIGNING]),
        "extended key usage is not OCSP signing alone",
    );
}
