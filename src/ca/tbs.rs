//! The exact octets to be signed, from the certificate builder.

use der::Decode as _;
use signature::Keypair;
use spki::{
    AlgorithmIdentifierOwned, Document, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef,
};
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{self, Builder as _, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::time::{Time, Validity};

use crate::ca::signer::Signer;
use crate::clock::Timestamp;
use crate::model::serial::SerialNumber;

/// What a certificate says, apart from its number, its issuer's algorithm and its version.
pub(super) struct Contents {
    pub(super) issuer: Name,
    pub(super) subject: Name,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) spki_der: Vec<u8>,
    pub(super) extensions: Vec<Extension>,
}

/// The TBSCertificate of `contents`, DER, to be signed by `signer` and nobody else.
pub(super) fn encode(
    contents: Contents,
    serial: SerialNumber,
    signer: &dyn Signer,
) -> builder::Result<Vec<u8>> {
    let serial = x509_cert::serial_number::SerialNumber::new(serial.as_bytes())?;
    let validity = Validity::new(time(contents.not_before)?, time(contents.not_after)?);
    let spki = SubjectPublicKeyInfoOwned::from_der(&contents.spki_der)?;
    let mut builder = CertificateBuilder::new(Fixed(contents), serial, validity, spki)?;
    builder.finalize(&Described(signer))
}

/// UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280, section 4.1.2.5).
pub(super) fn time(timestamp: Timestamp) -> der::Result<Time> {
    Ok(Time::from(der::DateTime::from_unix_duration(
        timestamp.since_epoch(),
    )?))
}

/// Tells the builder what was decided beforehand; it adds nothing of its own.
struct Fixed(Contents);

impl BuilderProfile for Fixed {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.0.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.0.subject.clone()
    }

    fn build_extensions(
        &self,
        _spki: SubjectPublicKeyInfoRef<'_>,
        _issuer_spki: SubjectPublicKeyInfoRef<'_>,
        _tbs: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        Ok(self.0.extensions.clone())
    }
}

/// A signer as the builder wants to see it: what it would sign with, not the means to sign.
struct Described<'a>(&'a dyn Signer);

#[derive(Clone)]
struct PublicKey(Vec<u8>);

impl EncodePublicKey for PublicKey {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

impl Keypair for Described<'_> {
    type VerifyingKey = PublicKey;

    fn verifying_key(&self) -> PublicKey {
        PublicKey(self.0.spki_der().to_vec())
    }
}

impl DynSignatureAlgorithmIdentifier for Described<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(self.0.algorithm().identifier())
    }
}
