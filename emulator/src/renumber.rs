//! Rewrites the field numbers of protobuf messages inside gRPC frames: Google's real numbers are
//! assumed only, so callers have to survive others.

use std::collections::BTreeMap;

/// The length prefix of a gRPC message: a flag and four bytes of length.
const FRAME_HEADER: usize = 5;

/// Renumbers the top-level fields of every message in a gRPC body; `None` where it is malformed.
pub(crate) fn body(body: &[u8], numbers: &BTreeMap<u32, u32>) -> Option<Vec<u8>> {
    each_message(body, |message| fields(message, numbers))
}

/// Replaces every message in a gRPC body by bytes that are not protobuf.
pub(crate) fn malform(body: &[u8]) -> Option<Vec<u8>> {
    // A tag whose varint never ends.
    each_message(body, |_| Some(vec![0xff; 7]))
}

/// Assumed-to-spoken becomes spoken-to-assumed. A number that somebody else now speaks, and that is
/// not itself spoken for, moves out of the way: its old meaning is gone.
pub(crate) fn inverse(numbers: &BTreeMap<u32, u32>) -> BTreeMap<u32, u32> {
    /// High enough for no message of ours.
    const UNKNOWN: u32 = 500_000_000;
    let mut inverse: BTreeMap<u32, u32> = numbers
        .iter()
        .map(|(assumed, spoken)| (*spoken, *assumed))
        .collect();
    for assumed in numbers.keys() {
        inverse.entry(*assumed).or_insert(UNKNOWN);
    }
    inverse
}

fn each_message(mut body: &[u8], rewrite: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut rewritten = Vec::with_capacity(body.len());
    while !body.is_empty() {
        let (header, rest) = body.split_at_checked(FRAME_HEADER)?;
        let (flag, length) = header.split_first()?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        let (message, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        let message = rewrite(message)?;
        rewritten.push(*flag);
        rewritten.extend_from_slice(&u32::try_from(message.len()).ok()?.to_be_bytes());
        rewritten.extend_from_slice(&message);
        body = rest;
    }
    Some(rewritten)
}

/// Renumbers the top-level fields of one message, keeping their order and content.
fn fields(mut message: &[u8], numbers: &BTreeMap<u32, u32>) -> Option<Vec<u8>> {
    let mut rewritten = Vec::with_capacity(message.len());
    while !message.is_empty() {
        let (tag, rest) = varint(message)?;
        let wire_type = tag & 7;
        let number = u32::try_from(tag >> 3).ok()?;
        let spoken = numbers.get(&number).copied().unwrap_or(number);
        push_varint(&mut rewritten, u64::from(spoken) << 3 | wire_type);
        let (value, rest) = rest.split_at_checked(value_length(wire_type, rest)?)?;
        rewritten.extend_from_slice(value);
        message = rest;
    }
    Some(rewritten)
}

fn value_length(wire_type: u64, rest: &[u8]) -> Option<usize> {
    let after = |tail: &[u8]| rest.len() - tail.len();
    match wire_type {
        0 => varint(rest).map(|(_, tail)| after(tail)),
        1 => Some(8),
        2 => {
            let (length, tail) = varint(rest)?;
            usize::try_from(length).ok()?.checked_add(after(tail))
        }
        5 => Some(4),
        _ => None,
    }
}

/// Reads a base-128 varint of at most ten bytes.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

/// Writes a base-128 varint.
pub(crate) fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn numbers_change_and_nothing_else_does() {
        let message = [0x0a, 2, 7, 8, 0x10, 0x96, 1, 0x25, 1, 2, 3, 4];
        let swapped = fields(&message, &BTreeMap::from([(1, 2), (2, 200)])).unwrap();
        assert_eq!(
            swapped,
            [0x12, 2, 7, 8, 0xc0, 0x0c, 0x96, 1, 0x25, 1, 2, 3, 4]
        );
    }

    #[test]
    fn what_is_not_protobuf_is_not_rewritten() {
        assert_eq!(fields(&[0x0a, 9, 1], &BTreeMap::new()), None);
        assert_eq!(fields(&[0xff; 12], &BTreeMap::new()), None);
        assert_eq!(body(&[0, 0, 0, 0, 9, 1], &BTreeMap::new()), None);
    }

    #[test]
    fn the_inverse_hides_the_assumed_numbers() {
        let inverse = inverse(&BTreeMap::from([(1, 2), (2, 7)]));
        assert_eq!(inverse.get(&2), Some(&1));
        assert_eq!(inverse.get(&7), Some(&2));
        assert!(inverse.get(&1).is_some_and(|number| *number > 1000));
    }
}
