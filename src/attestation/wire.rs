//! A strict walk over protobuf fields, for messages that two parties must read alike.
//!
//! Protobuf lets a later field replace or extend an earlier one of the same number, and lets a
//! number be written with idle octets. Whoever reads such bytes differently from Google could be
//! shown another challenge than Google was. So a field that is read stands exactly once, keys and
//! lengths have their shortest form, and groups (deprecated, and skipped differently by different
//! parsers) refuse. Other fields are passed over: `ChromeOS` may add some, and none of them can
//! change what stands in the ones that are read.

use prost::encoding::{WireType, decode_key, decode_varint, encoded_len_varint};

/// Not a message of the expected shape. Says nothing of the bytes, which are a stranger's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// Truncated, a group, or a key or length that is not in its shortest form.
    #[error("not a protobuf message in its shortest form")]
    Encoding,
    /// A field that must stand once is missing, or empty.
    #[error("field {0} is missing or empty")]
    Missing(u32),
    /// A field that must stand once stands twice.
    #[error("field {0} stands twice")]
    Repeated(u32),
    /// A field has another type than the message says.
    #[error("field {0} is of another type")]
    Type(u32),
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// An integer, a boolean or an enumeration value.
    Varint(u64),
    /// Text, octets or a message.
    Bytes(&'a [u8]),
    /// Fixed width; nothing that is read has it.
    Fixed(&'a [u8]),
}

/// The fields of one message, in their order.
pub(crate) struct Fields<'a>(Vec<(u32, Value<'a>)>);

impl<'a> Fields<'a> {
    /// Reads all of `message`.
    ///
    /// # Errors
    /// [`Malformed::Encoding`].
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = message;
        let mut fields = Vec::new();
        while !rest.is_empty() {
            fields.push(field(&mut rest)?);
        }
        Ok(Self(fields))
    }

    /// All fields, in the order in which they stand.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Value<'a>)> {
        self.0.iter().copied()
    }

    fn once(&self, number: u32) -> Result<Value<'a>, Malformed> {
        let mut found = self.0.iter().filter(|(other, _)| *other == number);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(*value),
            (None, _) => Err(Malformed::Missing(number)),
            (Some(_), Some(_)) => Err(Malformed::Repeated(number)),
        }
    }

    /// The octets of `bytes` or message field `number`: present once, not empty.
    ///
    /// # Errors
    /// [`Malformed`].
    pub(crate) fn bytes(&self, number: u32) -> Result<&'a [u8], Malformed> {
        match self.once(number)? {
            Value::Bytes([]) => Err(Malformed::Missing(number)),
            Value::Bytes(bytes) => Ok(bytes),
            Value::Varint(_) | Value::Fixed(_) => Err(Malformed::Type(number)),
        }
    }

    /// The value of `int64` field `number`: present once.
    ///
    /// # Errors
    /// [`Malformed`].
    pub(crate) fn int64(&self, number: u32) -> Result<i64, Malformed> {
        match self.once(number)? {
            // int64 is written as the two's complement, in 64 bits.
            Value::Varint(value) => Ok(i64::from_ne_bytes(value.to_ne_bytes())),
            Value::Bytes(_) | Value::Fixed(_) => Err(Malformed::Type(number)),
        }
    }
}

fn field<'a>(rest: &mut &'a [u8]) -> Result<(u32, Value<'a>), Malformed> {
    let before = rest.len();
    let (number, wire_type) = decode_key(rest).map_err(|_| Malformed::Encoding)?;
    let key = (u64::from(number) << 3) | wire_type as u64;
    shortest(key, before, rest)?;
    let value = match wire_type {
        WireType::Varint => Value::Varint(varint(rest)?),
        WireType::LengthDelimited => {
            let length = usize::try_from(varint(rest)?).map_err(|_| Malformed::Encoding)?;
            Value::Bytes(take(rest, length)?)
        }
        WireType::ThirtyTwoBit => Value::Fixed(take(rest, 4)?),
        WireType::SixtyFourBit => Value::Fixed(take(rest, 8)?),
        WireType::StartGroup | WireType::EndGroup => return Err(Malformed::Encoding),
    };
    Ok((number, value))
}

fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let before = rest.len();
    let value = decode_varint(rest).map_err(|_| Malformed::Encoding)?;
    shortest(value, before, rest)?;
    Ok(value)
}

fn shortest(value: u64, before: usize, rest: &[u8]) -> Result<(), Malformed> {
    if before - rest.len() == encoded_len_varint(value) {
        Ok(())
    } else {
        Err(Malformed::Encoding)
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, after) = rest.split_at_checked(length).ok_or(Malformed::Encoding)?;
    *rest = after;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    fn bytes(message: &[u8], number: u32) -> Result<Vec<u8>, Malformed> {
        Fields::parse(message)?.bytes(number).map(<[u8]>::to_vec)
    }

    #[test]
    fn a_field_that_is_read_stands_once() {
        assert_eq!(bytes(b"\x0a\x02hi", 1).unwrap(), b"hi");
        assert_eq!(bytes(b"\x0a\x02hi", 2), Err(Malformed::Missing(2)));
        assert_eq!(bytes(b"\x0a\x00", 1), Err(Malformed::Missing(1)));
        assert_eq!(
            bytes(b"\x0a\x02hi\x0a\x02ho", 1),
            Err(Malformed::Repeated(1))
        );
        assert_eq!(bytes(b"\x0a\x02hi\x0a\x00", 1), Err(Malformed::Repeated(1)));
        assert_eq!(bytes(b"\x0a\x02hi\x08\x01", 1), Err(Malformed::Repeated(1)));
        assert_eq!(bytes(b"\x08\x01", 1), Err(Malformed::Type(1)));
    }

    #[test]
    fn other_fields_are_passed_over_and_groups_refuse() {
        let others = b"\x10\x05\x1d1234\x21\x31\x32\x33\x34\x35\x36\x37\x38\x0a\x01x\x2a\x01y";
        assert_eq!(bytes(others, 1).unwrap(), b"x");
        assert_eq!(bytes(b"\x0a\x01x\x13\x14", 1), Err(Malformed::Encoding));
        assert_eq!(bytes(b"\x0a\x01x\x14", 1), Err(Malformed::Encoding));
        assert_eq!(bytes(b"\x0a\x01x\x16\x00", 1), Err(Malformed::Encoding));
        assert_eq!(bytes(b"\x02\x01x", 0), Err(Malformed::Encoding));
    }

    #[test]
    fn numbers_have_their_shortest_form() {
        for message in [
            &b"\x8a\x00\x01x"[..], // the key
            b"\x0a\x81\x00x",      // the length
            b"\x0a\x01x\x10\x80\x00",
            b"\x0a\x05x",
            b"\x0a",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x",
        ] {
            assert_eq!(bytes(message, 1), Err(Malformed::Encoding), "{message:x?}");
        }
    }

    #[test]
    fn an_int64_may_be_negative() {
        let minus_one = b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(Fields::parse(minus_one).unwrap().int64(3), Ok(-1));
        assert_eq!(
            Fields::parse(b"\x1a\x01x").unwrap().int64(3),
            Err(Malformed::Type(3))
        );
    }
}
