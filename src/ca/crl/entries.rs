//! The lines of a list, encoded as they come: a list of a million takes the room of its octets and no
//! more. What was listed is remembered as a digest, to be held against what another parser reads.

use aws_lc_rs::digest::{Context, SHA256};
use der::Encode as _;

use crate::ca::tbs;
use crate::clock::Timestamp;
use crate::model::revocation::Revocation;
use crate::model::serial::SerialNumber;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// `Extension { id-ce-cRLReasons, OCTET STRING { ENUMERATED } }`, not critical (RFC 5280, section 5.3.1),
/// within its `SEQUENCE OF`; the code follows.
const REASON: [u8; 13] = [
    SEQUENCE, 0x0c, SEQUENCE, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01,
];

/// Lines of a list, in the order in which they were added.
pub(super) struct Entries {
    der: Vec<u8>,
    count: u64,
    listing: Listing,
    /// The last time with its encoding: what is revoked together has one.
    time: (Timestamp, Vec<u8>),
}

impl Entries {
    pub(super) fn new() -> Self {
        Self {
            der: Vec::new(),
            count: 0,
            listing: Listing::new(),
            time: (Timestamp(i64::MIN), Vec::new()),
        }
    }

    /// Adds a line. A reason of "unspecified" is left out, as RFC 5280, section 5.3.1, wants.
    pub(super) fn add(&mut self, serial: SerialNumber, revocation: Revocation) -> der::Result<()> {
        if self.time.0 != revocation.at {
            self.time = (revocation.at, tbs::time(revocation.at)?.to_der()?);
        }
        let (number, (_, time)) = (serial.as_bytes(), &self.time);
        let code = revocation.reason.code();
        let reason = if code == 0 { 0 } else { REASON.len() + 1 };
        // All of them are short: a number has 20 octets at the most, a time 17.
        let short = |length: usize| u8::try_from(length).map_err(|_| der::ErrorKind::Overlength);
        let content = 2 + number.len() + time.len() + reason;
        self.der.extend([SEQUENCE, short(content)?]);
        self.der.extend([INTEGER, short(number.len())?]);
        self.der.extend(number);
        self.der.extend(time);
        if code != 0 {
            self.der.extend(REASON);
            self.der.push(code);
        }
        self.count += 1;
        self.listing.add(number, revocation.at, code);
        Ok(())
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The lines one behind the other, and the digest of what they say.
    pub(super) fn finish(self) -> (Vec<u8>, [u8; 32]) {
        (self.der, self.listing.finish())
    }
}

/// A digest of numbers, times and reasons in their order.
pub(super) struct Listing(Context);

impl Listing {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(super) fn add(&mut self, serial: &[u8], at: Timestamp, code: u8) {
        let length = u8::try_from(serial.len()).unwrap_or(u8::MAX);
        self.0.update(&[length, code]);
        self.0.update(serial);
        self.0.update(&at.0.to_be_bytes());
    }

    pub(super) fn finish(self) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.0.finish().as_ref());
        digest
    }
}
