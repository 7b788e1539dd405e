//! Reading a list: with the second parser (rustls-webpki), line by line.

use std::collections::{HashMap, HashSet};

use const_oid::AssociatedOid as _;
use der::Decode as _;
use webpki::BorrowedCertRevocationList;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::CrlNumber as NumberExtension;

use crate::ca::authority::{Authority, timestamp};
use crate::ca::crl::entries::Listing;
use crate::ca::crl::{CrlNumber, CrlUpdate, TbsCertList};
use crate::ca::reread::{self, RereadError};
use crate::ca::signed;
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::serial::SerialNumber;

/// A list whose signature was verified with its issuer's key.
#[derive(Clone, Debug)]
pub struct ReadCrl {
    issuer_id: IssuerId,
    update: CrlUpdate,
    count: u64,
    tbs: Vec<u8>,
}

impl ReadCrl {
    /// Reads a list that this CA must have signed.
    ///
    /// # Errors
    /// [`RereadError`] where it did not, or where the list lacks what ours have: a number and the time of
    /// the next one.
    pub fn verify(unverified_der: &[u8], authority: &Authority) -> Result<Self, RereadError> {
        let tbs = signed::split(unverified_der)?.tbs;
        reread::signature(unverified_der, &tbs, &authority.der())?;
        let mut count = 0;
        each(unverified_der, |_, _, _| count += 1)?;
        let head = TbsCertList::from_der(&tbs)?;
        if head.issuer != *authority.subject() {
            return Err(RereadError::Differs("the issuer's name"));
        }
        let next_update = head
            .next_update
            .ok_or(RereadError::Differs("the time of the next list"))?;
        let extensions = head.crl_extensions.unwrap_or_default();
        Ok(Self {
            issuer_id: authority.issuer_id(),
            update: CrlUpdate {
                number: number(&extensions)?.ok_or(RereadError::Differs("the number"))?,
                this_update: timestamp(head.this_update),
                next_update: timestamp(next_update),
            },
            count,
            tbs,
        })
    }

    /// Who signed.
    #[must_use]
    pub fn issuer_id(&self) -> &IssuerId {
        &self.issuer_id
    }

    /// Number and times.
    #[must_use]
    pub fn update(&self) -> CrlUpdate {
        self.update
    }

    /// How many certificates it lists.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The exact octets that were signed.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }
}

fn number(extensions: &[Extension]) -> der::Result<Option<CrlNumber>> {
    let mut extensions = extensions.iter();
    let Some(extension) = extensions.find(|extension| extension.extn_id == NumberExtension::OID)
    else {
        return Ok(None);
    };
    let NumberExtension(number) = NumberExtension::from_der(extension.extn_value.as_bytes())?;
    let octets = number.as_bytes();
    let number = octets.iter().try_fold(0_u64, |number, octet| {
        Some(number.checked_mul(256)? + u64::from(*octet))
    });
    Ok(number.map(CrlNumber))
}

/// Which certificates of one list do not stand in a later one, or stand there with another reason or time.
///
/// # Errors
/// [`RereadError::Refused`] where one of them does not parse.
pub fn vanished(earlier: &[u8], later: &[u8]) -> Result<Vec<SerialNumber>, RereadError> {
    let mut listed = HashMap::new();
    each(later, |serial, at, code| {
        listed.insert(SerialNumber::of_der(serial), (at, code));
    })?;
    let mut vanished = Vec::new();
    each(earlier, |serial, at, code| {
        let serial = SerialNumber::of_der(serial);
        if listed.get(&serial) != Some(&(at, code)) {
            vanished.extend(serial);
        }
    })?;
    Ok(vanished)
}

/// Which of these are not in a list.
///
/// # Errors
/// [`RereadError::Refused`] where it does not parse.
pub fn unlisted(
    der: &[u8],
    serials: impl Iterator<Item = SerialNumber>,
) -> Result<Vec<SerialNumber>, RereadError> {
    let mut listed = HashSet::new();
    each(der, |serial, _, _| {
        listed.extend(SerialNumber::of_der(serial));
    })?;
    Ok(serials.filter(|serial| !listed.contains(serial)).collect())
}

/// The digest of what a list says, to be held against that of what was added.
pub(super) fn listing(der: &[u8]) -> Result<[u8; 32], RereadError> {
    let mut listing = Listing::new();
    each(der, |serial, at, code| listing.add(serial, at, code))?;
    Ok(listing.finish())
}

fn each(der: &[u8], mut line: impl FnMut(&[u8], Timestamp, u8)) -> Result<(), RereadError> {
    let list = BorrowedCertRevocationList::from_der(der)?;
    for entry in &list {
        let entry = entry?;
        let at = i64::try_from(entry.revocation_date.as_secs()).unwrap_or(i64::MAX);
        let code = entry.reason_code.map_or(0, |reason| reason as u8);
        line(entry.serial_number, Timestamp(at), code);
    }
    Ok(())
}
