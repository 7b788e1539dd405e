//! An answer over gRPC as it came: what is read of it, what is not, and how it looks in a log.

use std::fmt::Write as _;

use prost::Message as _;
use prost::bytes::Bytes;

use crate::attestation::protocol::VerifyChallengeResponseResult;
use crate::attestation::verdict::UnverifiedAnswer;
use crate::attestation::wire::{Fields, Value};
use crate::model::digest::sha256;

/// The numbers that are read, as `proto/` assumes them: all but the two of the signals.
const READ: [u32; 11] = [1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13];
/// Most fields that a dump shows.
const DUMP_MAX: usize = 40;

/// One answer. Its numbers are assumed: whether its reading is right, the
/// [`Agreement`](crate::attestation::agreement::Agreement) says.
#[derive(Clone, Debug)]
pub(super) struct RawAnswer {
    bytes: Bytes,
    answer: Option<UnverifiedAnswer>,
}

impl RawAnswer {
    /// Reads `bytes` by the assumed numbers.
    pub(super) fn read(bytes: Bytes) -> Self {
        let answer = UnverifiedAnswer::from_grpc(&bytes);
        Self { bytes, answer }
    }

    /// What it says, if the assumed numbers are right; `None` where they cannot be: another type,
    /// a field that stands twice, or no protobuf at all.
    pub(super) fn answer(&self) -> Option<&UnverifiedAnswer> {
        self.answer.as_ref()
    }

    /// The fields that are not read and not empty.
    pub(super) fn unread(&self) -> Vec<(u32, Value<'_>)> {
        let fields = Fields::parse(&self.bytes).ok();
        fields
            .iter()
            .flat_map(Fields::iter)
            .filter(|(number, value)| {
                let empty = matches!(value, Value::Bytes([]) | Value::Varint(0));
                !empty && !READ.contains(number)
            })
            .collect()
    }

    /// Every field by number, type and length, for a person who looks for the right numbers. It
    /// names nobody: integers stand as they are, text and octets by the first eight digits of
    /// their SHA-256, to be compared with those of the values that are expected.
    pub(super) fn dump(&self) -> String {
        let Ok(fields) = Fields::parse(&self.bytes) else {
            return format!("{} octets that are no protobuf message", self.bytes.len());
        };
        let mut text = String::new();
        for (number, value) in fields.iter().take(DUMP_MAX) {
            let shown = match value {
                Value::Varint(value) => format!("varint {value}"),
                Value::Bytes(bytes) => format!("length {} sha256 {}", bytes.len(), short(bytes)),
                Value::Fixed(bytes) => format!("fixed{}", bytes.len() * 8),
            };
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing to a string does not fail.
            let _ = write!(text, "{comma}{number}: {shown}");
        }
        text
    }
}

impl UnverifiedAnswer {
    /// Reads a VerifyChallengeResponseResult by the assumed numbers; `None` where a field that is
    /// read has another type or stands twice, or where this is no protobuf message.
    #[must_use]
    pub fn from_grpc(unverified: &[u8]) -> Option<Self> {
        Fields::parse(unverified).ok().filter(each_stands_once)?;
        let result = VerifyChallengeResponseResult::decode(unverified).ok()?;
        Some(result.into())
    }
}

fn each_stands_once(fields: &Fields<'_>) -> bool {
    READ.iter()
        .all(|number| fields.iter().filter(|(other, _)| other == number).count() <= 1)
}

/// The first eight hex digits of the SHA-256 of `bytes`.
pub(super) fn short(bytes: &[u8]) -> String {
    let digest = sha256(bytes);
    let first = digest.iter().take(4);
    first.map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_octets_are_read_and_dumped(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let raw = RawAnswer::read(Bytes::from(octets));
            prop_assert!(raw.answer().is_none() || Fields::parse(&raw.bytes).is_ok());
            prop_assert!(raw.unread().iter().all(|(number, _)| !READ.contains(number)));
            let dump = raw.dump();
            prop_assert!(dump.chars().all(|letter| letter.is_ascii_alphanumeric() || " :,".contains(letter)));
            prop_assert!(dump.len() < DUMP_MAX * 60);
        }
    }

    fn read(bytes: &'static [u8]) -> RawAnswer {
        RawAnswer::read(Bytes::from_static(bytes))
    }

    #[test]
    fn what_is_read_and_what_is_not() {
        let raw = read(b"\x1a\x02C1\x38\x01\x2a\x01s\x72\x00\x78\x00\x80\x01\x05");
        let answer = raw.answer().unwrap();
        assert_eq!(answer.customer_id, "C1");
        assert_eq!(
            raw.unread(),
            [(5, Value::Bytes(b"s")), (16, Value::Varint(5))],
            "empty fields say nothing"
        );
    }

    #[test]
    fn what_two_readers_could_read_differently_is_not_read() {
        assert!(read(b"\x1a\x01a\x1a\x01b").answer().is_none(), "twice");
        assert!(read(b"\x18\x01").answer().is_none(), "another type");
        assert!(read(b"\x3a\x01x").answer().is_none(), "a text as a level");
        assert!(read(b"\xff\xff\xff").answer().is_none());
        assert!(read(b"\x1a\x01\xff").answer().is_none(), "not UTF-8");
        assert!(read(b"").answer().is_some());
    }

    #[test]
    fn a_dump_names_nobody() {
        let raw = read(b"\x0a\x11alice@example.com\x38\x02\x75\x01\x02\x03\x04");
        let digest = short(b"alice@example.com");
        assert_eq!(digest.len(), 8);
        assert_eq!(
            raw.dump(),
            format!("1: length 17 sha256 {digest}, 7: varint 2, 14: fixed32")
        );
        assert_eq!(
            read(b"\xff\xff").dump(),
            "2 octets that are no protobuf message"
        );
    }

    #[test]
    fn the_numbers_that_are_read_are_those_of_the_description() {
        // One field of each number, decoded and then compared with an empty answer.
        let differs = |number: u32| {
            let number = u8::try_from(number).unwrap();
            let text = [number << 3 | 2, 1, b'x'];
            let varint = [number << 3, 1];
            [&text[..], &varint].into_iter().any(|bytes| {
                let raw = RawAnswer::read(Bytes::copy_from_slice(bytes));
                raw.answer()
                    .is_some_and(|answer| *answer != UnverifiedAnswer::default())
            })
        };
        let read: Vec<_> = (1..16).filter(|number| differs(*number)).collect();
        assert_eq!(read, READ);
    }
}
