//! Serial numbers (RFC 5280, section 4.1.2.2).

use std::fmt;

use crate::clock::Timestamp;
use crate::random::{Random, RandomUnavailable};

/// 16 octets: 0x01, three of the minute in which it was drawn, then 96 random bits. The fixed first
/// octet keeps the number positive and of one length, so that no bit of randomness is lost to DER's
/// rules for integers. The minute keeps what is issued together together in an index (ADR 0018).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SerialNumber([u8; 16]);

impl SerialNumber {
    /// A number that nobody can guess, drawn at `at`.
    ///
    /// # Errors
    /// [`RandomUnavailable`].
    pub fn draw(at: Timestamp, random: &dyn Random) -> Result<Self, RandomUnavailable> {
        const MINUTES: u64 = 1 << 24;
        let minute = at.minute(MINUTES).to_be_bytes();
        let mut octets: [u8; 16] = random.array()?;
        octets[0] = 0x01;
        octets[1..4].copy_from_slice(&minute[5..]);
        Ok(Self(octets))
    }

    /// Reads 32 hexadecimal digits that begin with `01`; `None` for anything else.
    #[must_use]
    pub fn parse(unverified: &str) -> Option<Self> {
        octets_of(unverified)
            .filter(|octets: &[u8; 16]| octets[0] == 0x01)
            .map(Self)
    }

    /// 32 of its random bits: nobody chooses them, and they are the same wherever one looks.
    #[must_use]
    pub(crate) fn spread(&self) -> u32 {
        let [.., a, b, c, d] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The octets, big-endian, as they stand in the DER integer.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Lower-case hexadecimal without separators: the one form in which serials are shown.
impl fmt::Display for SerialNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(formatter, &self.0)
    }
}

/// Writes `bytes` as lower-case hexadecimal without separators.
pub(crate) fn write_hex(formatter: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes
        .iter()
        .try_for_each(|byte| write!(formatter, "{byte:02x}"))
}

/// `bytes` as lower-case hexadecimal without separators.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    struct Hex<'a>(&'a [u8]);
    impl fmt::Display for Hex<'_> {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_hex(formatter, self.0)
        }
    }
    Hex(bytes).to_string()
}

/// What [`hex`] wrote, in digits of either case; `None` for anything but two digits for each octet.
#[must_use]
pub fn octets_of<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut octets = [0; N];
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != N {
        return None;
    }
    let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16)?).ok();
    for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
        *octet = digit(*high)? << 4 | digit(*low)?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn a_serial_is_sixteen_octets_that_begin_with_one_and_the_minute() {
        let random = SeededRandom::new(7);
        let first = SerialNumber::draw(Timestamp(60 * 0x12_3456), &random).unwrap();
        let second = SerialNumber::draw(Timestamp(60 * 0x9912_3456 + 59), &random).unwrap();
        assert_eq!(first.as_bytes()[..4], [1, 0x12, 0x34, 0x56]);
        assert_eq!(first.as_bytes()[..4], second.as_bytes()[..4]);
        assert!(first.as_bytes().iter().skip(4).all(|octet| *octet != 0));
        assert_ne!(first, second);
        assert_eq!(SerialNumber::parse(&first.to_string()), Some(first));
        assert_eq!(SerialNumber::parse(&format!("02{}", "0".repeat(30))), None);
        assert_eq!(SerialNumber::parse(&format!("+1{}", "0".repeat(30))), None);
        assert_eq!(SerialNumber::parse("01"), None);
    }
}
