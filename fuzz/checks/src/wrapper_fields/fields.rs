//! Messages with changed fields.

use arbitrary::Arbitrary;
use prost::encoding::encode_varint;

/// One change among the fields of a message.
#[derive(Arbitrary, Debug)]
pub(super) enum Change {
    Insert(u8, Field),
    Replace(u8, Field),
    Remove(u8),
}

/// A field as it is to be written, right or wrong.
#[derive(Arbitrary, Clone, Debug)]
pub(super) struct Field {
    number: Number,
    idle: Idle,
    value: Value,
}

/// The number of a field, most often one that is read.
#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Number {
    One,
    Two,
    Three,
    Other(u32),
}

/// Which of the two numbers before a value is written longer than it needs to be.
#[derive(Arbitrary, Clone, Debug, PartialEq)]
enum Idle {
    Neither,
    Key,
    Length,
}

#[derive(Arbitrary, Clone, Debug)]
enum Value {
    Bytes(Vec<u8>),
    /// A `SignedData` with this for its data.
    Signed(Vec<u8>),
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Group(Vec<u8>),
}

impl Field {
    /// A field as the reference writes it.
    pub(super) fn good(number: Number, octets: &[u8]) -> Self {
        Self {
            number,
            idle: Idle::Neither,
            value: Value::Bytes(octets.to_vec()),
        }
    }

    /// Whether a number before its value is written longer than it needs to be.
    fn is_idle(&self) -> bool {
        let has_length = !matches!(
            self.value,
            Value::Fixed32(_) | Value::Fixed64(_) | Value::Group(_)
        );
        self.idle == Idle::Key || (self.idle == Idle::Length && has_length)
    }

    fn write(&self, message: &mut Vec<u8>) {
        let number = match self.number {
            Number::One => 1,
            Number::Two => 2,
            Number::Three => 3,
            Number::Other(number) => u64::from(number),
        };
        let (wire_type, length, octets) = match &self.value {
            Value::Varint(value) => (0, Some(*value), Vec::new()),
            Value::Fixed64(value) => (1, None, value.to_le_bytes().to_vec()),
            Value::Bytes(octets) => (2, Some(octets.len() as u64), octets.clone()),
            Value::Signed(data) => {
                let signed = signed(data, &[]).octets;
                (2, Some(signed.len() as u64), signed)
            }
            Value::Group(octets) => {
                let mut octets = octets.clone();
                encode_varint(number << 3 | 4, &mut octets);
                (3, None, octets)
            }
            Value::Fixed32(value) => (5, None, value.to_le_bytes().to_vec()),
        };
        varint(number << 3 | wire_type, self.idle == Idle::Key, message);
        if let Some(length) = length {
            varint(length, self.idle == Idle::Length, message);
        }
        message.extend(octets);
    }
}

fn varint(value: u64, idle: bool, message: &mut Vec<u8>) {
    encode_varint(value, message);
    if let Some(last) = message.last_mut().filter(|_| idle) {
        *last |= 0x80;
        message.push(0);
    }
}

/// A message with its changes made.
pub(super) struct Message {
    /// As it is sent.
    pub(super) octets: Vec<u8>,
    /// Whether some number in it is written longer than it needs to be.
    pub(super) is_idle: bool,
}

/// The message of `fields`, changed.
pub(super) fn message(mut fields: Vec<Field>, changes: &[Change]) -> Message {
    for change in changes {
        let place = |place: &u8| usize::from(*place) % fields.len().max(1);
        match change {
            Change::Insert(at, field) => fields.insert(place(at), field.clone()),
            Change::Replace(at, field) => {
                let at = place(at);
                fields.splice(at..fields.len().min(at + 1), [field.clone()]);
            }
            Change::Remove(at) => {
                let at = place(at);
                fields.drain(at..fields.len().min(at + 1));
            }
        }
    }
    let mut octets = Vec::new();
    fields.iter().for_each(|field| field.write(&mut octets));
    Message {
        octets,
        is_idle: fields.iter().any(Field::is_idle),
    }
}

/// A `SignedData` over `data`, changed.
pub(super) fn signed(data: &[u8], changes: &[Change]) -> Message {
    let fields = vec![
        Field::good(Number::One, data),
        Field::good(Number::Two, b"signature"),
    ];
    message(fields, changes)
}
