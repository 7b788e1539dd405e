//! A revocation list, held against the CA before it is believed.

use std::path::Path;

use anyhow::{Context as _, bail};
use der::asn1::{Any, BitString};
use der::{Decode as _, Encode as _, Sequence};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateRevocationListDer, UnixTime};
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::TbsCertList;
use x509_cert::ext::pkix::CrlNumber;
use x509_cert::time::Time;

use crate::authority::Authority;
use crate::quote::quoted;

/// The outer shape (RFC 5280, section 5.1.1), with what was signed as it was signed.
#[derive(Sequence)]
struct Signed {
    tbs: Any,
    algorithm: Any,
    signature: BitString,
}

/// A list of a CA of ours.
#[derive(Debug)]
pub(crate) struct List {
    /// The place of its CA among ours.
    pub(crate) authority: usize,
    /// Without zeros before it: the longer one is the higher one.
    number: Vec<u8>,
    /// Its end, in seconds since 1970.
    ends: u64,
    pub(crate) der: CertificateRevocationListDer<'static>,
}

/// All lists of a file, PEM or DER.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<CertificateRevocationListDer<'static>>> {
    let shown = path.display();
    let octets = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    // A SEQUENCE, which no PEM begins with.
    if octets.first() == Some(&0x30) {
        return Ok(vec![octets.into()]);
    }
    let lists = CertificateRevocationListDer::pem_slice_iter(&octets);
    let lists: Vec<_> = lists
        .collect::<Result<_, _>>()
        .with_context(|| format!("{shown} is no PEM"))?;
    if lists.is_empty() {
        bail!("{shown} holds no revocation list");
    }
    Ok(lists)
}

impl List {
    /// Finds out whose it is: by name and by signature, because another CA may have the same name.
    pub(crate) fn of(
        der: CertificateRevocationListDer<'static>,
        authorities: &[Authority],
    ) -> anyhow::Result<Self> {
        let signed = Signed::from_der(&der).context("a revocation list is malformed")?;
        let tbs = signed.tbs.to_der()?;
        let parsed = TbsCertList::<Rfc5280>::from_der(&tbs);
        let parsed = parsed.context("a revocation list is malformed")?;
        let issuer = quoted(&parsed.issuer.to_string());
        let subject = parsed.issuer.to_der()?;
        let signature = signed.signature.raw_bytes();
        let is_by = |one: &Authority| {
            one.subject == subject && one.signed(&tbs, signature).unwrap_or(false)
        };
        let authority = authorities.iter().position(is_by).with_context(|| {
            format!("a list in the name of {issuer} is not signed by a CA of --roots or --issuing")
        })?;
        let number = number(&parsed).with_context(|| format!("the list of {issuer}"))?;
        let ends = parsed.next_update;
        let ends = ends.with_context(|| format!("the list of {issuer} has no end"))?;
        Ok(Self {
            authority,
            number,
            ends: ends.to_unix_duration().as_secs(),
            der,
        })
    }

    /// Whether its CA has said something newer in the other one.
    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        (self.number.len(), &self.number) < (other.number.len(), &other.number)
    }

    pub(crate) fn has_ended(&self, now: UnixTime) -> bool {
        self.ends <= now.as_secs()
    }

    /// Its end, as people write it.
    pub(crate) fn end(&self) -> String {
        moment(self.ends)
    }
}

fn number(list: &TbsCertList<Rfc5280>) -> anyhow::Result<Vec<u8>> {
    use const_oid::AssociatedOid as _;
    let extensions = list.crl_extensions.iter().flatten();
    let mut extensions = extensions.filter(|one| one.extn_id == CrlNumber::OID);
    let number = extensions.next().context("it has no number")?;
    let number = CrlNumber::from_der(number.extn_value.as_bytes())?;
    let octets = number.0.as_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    Ok(octets.get(zeros..).unwrap_or_default().to_vec())
}

/// A moment, as people write it.
pub(crate) fn moment(seconds: u64) -> String {
    let since = std::time::Duration::from_secs(seconds);
    let time = der::DateTime::from_unix_duration(since).map(Time::try_from);
    match time {
        Ok(Ok(time)) => time.to_string(),
        _ => format!("{seconds} s after 1970"),
    }
}
