//! What is looked at in every certificate that an issuing CA signs, whatever it is for.

use const_oid::ObjectIdentifier;
use der::Encode as _;
use x509_cert::certificate::{TbsCertificate, Version};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, SubjectKeyIdentifier};

use crate::ca::authority::{Authority, timestamp};
use crate::ca::extension::key_identifier;
use crate::ca::lint::{Findings, encodes_to, value};
use crate::ca::signer::SignatureAlgorithm;
use crate::clock::Timestamp;
use crate::model::certificate::Validity;
use crate::model::serial::SerialNumber;

/// What any such certificate is held against.
#[derive(Clone, Copy)]
pub(in crate::ca) struct Leaf<'a> {
    pub(in crate::ca) issuing: &'a Authority,
    pub(in crate::ca) algorithm: SignatureAlgorithm,
    pub(in crate::ca) serial: SerialNumber,
    pub(in crate::ca) spki_der: &'a [u8],
    pub(in crate::ca) validity: Validity,
    pub(in crate::ca) now: Timestamp,
}

impl Leaf<'_> {
    /// Version, number, algorithm and issuer.
    pub(in crate::ca) fn envelope(&self, tbs: &TbsCertificate, findings: &mut Findings) {
        findings.check(tbs.version() == Version::V3, "it is not version 3");
        findings.check(
            tbs.serial_number().as_bytes() == self.serial.as_bytes(),
            "the serial number is not the one that was drawn",
        );
        findings.check(
            *tbs.signature() == self.algorithm.identifier(),
            "the signature algorithm is not the signer's",
        );
        let issuer = self.issuing.subject().to_der();
        findings.check(
            issuer.is_ok_and(|issuer| encodes_to(tbs.issuer(), &issuer)),
            "the issuer is not the issuing certificate's subject",
        );
    }

    /// From when to when; `backdated` is by how much it may begin before now.
    pub(in crate::ca) fn lifetime(
        &self,
        tbs: &TbsCertificate,
        backdated: i64,
        findings: &mut Findings,
    ) {
        let not_before = timestamp(tbs.validity().not_before);
        let not_after = timestamp(tbs.validity().not_after);
        findings.check(
            not_before == self.validity.not_before && not_after == self.validity.not_after,
            "its validity is not the one that is recorded",
        );
        findings.check(
            not_before >= self.now.minus(backdated) && not_before <= self.now,
            "it does not begin within the last five minutes",
        );
        findings.check(
            not_before >= self.issuing.not_before() && not_after <= self.issuing.not_after(),
            "it is valid outside the issuer's validity",
        );
    }

    /// Whether it is still good now, and for so many seconds at the most.
    pub(in crate::ca) fn ends_within(&self, tbs: &TbsCertificate, most: i64) -> bool {
        let not_after = timestamp(tbs.validity().not_after);
        not_after > self.now && not_after.since(self.now) <= most
    }

    /// The identifiers of its key and of the issuer's.
    pub(in crate::ca) fn key_identifiers(&self, tbs: &TbsCertificate, findings: &mut Findings) {
        findings.check(
            value::<SubjectKeyIdentifier>(tbs).is_some_and(|SubjectKeyIdentifier(identifier)| {
                key_identifier(self.spki_der).is_ok_and(|right| right == identifier.as_bytes())
            }),
            "the subject key identifier is not the key's",
        );
        findings.check(
            value::<AuthorityKeyIdentifier>(tbs).is_some_and(|authority| {
                authority.authority_cert_issuer.is_none()
                    && authority.authority_cert_serial_number.is_none()
                    && authority.key_identifier.is_some_and(|identifier| {
                        identifier.as_bytes() == self.issuing.key_identifier()
                    })
            }),
            "the authority key identifier is not the issuer's",
        );
    }
}

pub(in crate::ca) fn no_unique_identifiers(tbs: &TbsCertificate, findings: &mut Findings) {
    findings.check(
        tbs.issuer_unique_id().is_none() && tbs.subject_unique_id().is_none(),
        "it has unique identifiers",
    );
}

/// Exactly these extensions, each as critical as is said of it.
pub(in crate::ca) fn extensions_are(
    tbs: &TbsCertificate,
    wanted: &[(ObjectIdentifier, bool)],
    findings: &mut Findings,
) {
    let present = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    let exact = present.len() == wanted.len()
        && wanted.iter().all(|(oid, critical)| {
            let same = |extension: &&Extension| {
                extension.extn_id == *oid && extension.critical == *critical
            };
            present.iter().filter(same).count() == 1
        });
    findings.check(
        exact,
        "the extensions are not the expected ones, once each, rightly critical",
    );
}

pub(in crate::ca) fn no_ca(tbs: &TbsCertificate, findings: &mut Findings) {
    findings.check(
        value::<BasicConstraints>(tbs).is_some_and(|constraints| {
            !constraints.ca && constraints.path_len_constraint.is_none()
        }),
        "it is a CA's",
    );
}
