//! Serial numbers (RFC 5280, section 4.1.2.2).

use std::fmt;

use crate::clock::Timestamp;
use crate::random::{Random, RandomUnavailable};

/// Longest number of a certificate, in octets (RFC 5280, section 4.1.2.2).
const LONGEST: usize = 20;

/// Ours have 16 octets: 0x01, three of the minute in which it was drawn, then 96 random bits. The fixed
/// first octet keeps the number positive and of one length, so that no bit of randomness is lost to DER's
/// rules for integers. The minute keeps what is issued together together in an index (ADR 0018).
/// Somebody who has our key may sign with any other number; that one can be revoked too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SerialNumber {
    /// Right behind each other; the rest is zero.
    octets: [u8; LONGEST],
    length: u8,
}

impl SerialNumber {
    /// A number that nobody can guess, drawn at `at`.
    ///
    /// # Errors
    /// [`RandomUnavailable`].
    pub fn draw(at: Timestamp, random: &dyn Random) -> Result<Self, RandomUnavailable> {
        const MINUTES: u64 = 1 << 24;
        const LENGTH: u8 = 16;
        let minute = at.minute(MINUTES).to_be_bytes();
        let drawn: [u8; LENGTH as usize] = random.array()?;
        let mut octets = [0; LONGEST];
        for (octet, drawn) in octets.iter_mut().zip(drawn) {
            *octet = drawn;
        }
        octets[0] = 0x01;
        octets[1..4].copy_from_slice(&minute[5..]);
        Ok(Self {
            octets,
            length: LENGTH,
        })
    }

    /// Reads hexadecimal digits of either case, two for each octet; `None` for anything but the one form
    /// of a positive number of 1 to 20 octets.
    #[must_use]
    pub fn parse(unverified: &str) -> Option<Self> {
        let mut octets = [0; LONGEST];
        let length = read_hex(unverified, &mut octets)?;
        Self::of_der(octets.get(..length)?)
    }

    /// The content of a DER integer, as short as it can be (X.690, section 8.3).
    #[must_use]
    pub fn of_der(unverified_content: &[u8]) -> Option<Self> {
        let positive = match unverified_content {
            [] | [0] => false,
            [0, next, ..] => *next >= 0x80,
            [first, ..] => *first < 0x80,
        };
        let mut octets = [0; LONGEST];
        let place = octets.get_mut(..unverified_content.len())?;
        place.copy_from_slice(unverified_content);
        let length = u8::try_from(unverified_content.len()).ok()?;
        positive.then_some(Self { octets, length })
    }

    /// 32 of its random bits: nobody chooses them, and they are the same wherever one looks.
    #[must_use]
    pub(crate) fn spread(&self) -> u32 {
        let [.., a, b, c, d] = *self.as_bytes() else {
            return 0;
        };
        u32::from_be_bytes([a, b, c, d])
    }

    /// The octets, big-endian, as they stand in the DER integer.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

/// Lower-case hexadecimal without separators: the one form in which serials are shown.
impl fmt::Display for SerialNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(formatter, self.as_bytes())
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
    (read_hex(digits, &mut octets)? == N).then_some(octets)
}

/// Reads digits into the first of these octets; answers how many, `None` where they do not fit.
fn read_hex(digits: &str, octets: &mut [u8]) -> Option<usize> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16)?).ok();
    for (octet, [high, low]) in octets.get_mut(..pairs.len())?.iter_mut().zip(pairs) {
        *octet = digit(*high)? << 4 | digit(*low)?;
    }
    Some(pairs.len())
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
        assert!(first.as_bytes().starts_with(&[1, 0x12, 0x34, 0x56]));
        assert!(second.as_bytes().starts_with(&[1, 0x12, 0x34, 0x56]));
        assert!(first.as_bytes().iter().skip(4).all(|octet| *octet != 0));
        assert_ne!(first, second);
        assert_eq!(SerialNumber::parse(&first.to_string()), Some(first));
        assert_eq!(first.as_bytes().len(), 16);
    }

    #[test]
    fn a_number_has_one_form() {
        let shortest = "01";
        let longest = "7f".repeat(20);
        for number in [shortest, "00ff", "7f", &longest, "0a0b"] {
            let read = SerialNumber::parse(number).unwrap();
            assert_eq!(read.to_string(), number);
            assert_eq!(SerialNumber::of_der(read.as_bytes()), Some(read));
        }
        assert_eq!(SerialNumber::parse("0A0B"), SerialNumber::parse("0a0b"));
        let long = "01".repeat(21);
        for wrong in ["", "00", "0001", "80", "ff", "1", "001", "+1", "0g", &long] {
            assert_eq!(SerialNumber::parse(wrong), None, "{wrong}");
        }
    }
}
