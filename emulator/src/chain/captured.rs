//! Reads a genuine leaf of Google's Privacy CA, whose serial numbers are longer than the 20 octets of
//! RFC 5280 section 4.1.2.2, so that strict readers refuse it.

use der::asn1::AnyRef;
use der::{Decode as _, Encode as _, SliceReader, Tag, Tagged as _};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use spki::SubjectPublicKeyInfoRef;
use x509_cert::name::Name;

use super::{ChainError, Leaf, boot_mode};

/// The leaf of a PEM chain, without believing it.
pub(crate) fn unchecked_leaf(unverified_pem: &[u8]) -> Result<Leaf, ChainError> {
    let leaf = CertificateDer::pem_slice_iter(unverified_pem)
        .next()
        .and_then(Result::ok)
        .ok_or(ChainError::Malformed)?;
    let certificate = AnyRef::from_der(&leaf)?;
    let mut fields = sequence(&certificate)?;
    let to_be_signed = AnyRef::decode(&mut fields)?;
    let mut fields = sequence(&to_be_signed)?;
    // RFC 5280 section 4.1: version, serialNumber, signature, issuer, validity, then the subject.
    for _ in 0..5 {
        AnyRef::decode(&mut fields)?;
    }
    let subject = Name::decode(&mut fields)?;
    let spki = SubjectPublicKeyInfoRef::decode(&mut fields)?;
    Ok(Leaf {
        spki: spki.to_der()?,
        boot_mode: boot_mode(&subject),
    })
}

fn sequence<'a>(value: &AnyRef<'a>) -> Result<SliceReader<'a>, ChainError> {
    value.tag().assert_eq(Tag::Sequence)?;
    Ok(SliceReader::new(value.value())?)
}
