//! The challenge response, changed field by field with every length set right: changed octets seldom
//! leave three nested messages whole. Fields repeat, change their type, and have idle octets in
//! their numbers.

use crate::messages::answered_challenge;
use crate::sha256;
use arbitrary::{Arbitrary, Unstructured};
use prost::encoding::encode_varint;
use vaca::attestation::UnverifiedResponse;

/// What is changed in each of the three messages of a good response.
#[derive(Arbitrary, Debug)]
struct Changes {
    outer: Vec<Change>,
    inner: Vec<Change>,
    challenge: Vec<Change>,
}

#[derive(Arbitrary, Debug)]
enum Change {
    Insert(u8, Field),
    Replace(u8, Field),
    Remove(u8),
}

#[derive(Arbitrary, Clone, Debug)]
struct Field {
    number: Number,
    idle: Idle,
    value: Value,
}

#[derive(Arbitrary, Clone, Debug)]
enum Number {
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
    fn good(number: Number, octets: &[u8]) -> Self {
        Self {
            number,
            idle: Idle::Neither,
            value: Value::Bytes(octets.to_vec()),
        }
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
                let signed = signed(data, &[]);
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

fn message(mut fields: Vec<Field>, changes: &[Change]) -> Vec<u8> {
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
    octets
}

fn signed(data: &[u8], changes: &[Change]) -> Vec<u8> {
    let fields = vec![
        Field::good(Number::One, data),
        Field::good(Number::Two, b"signature"),
    ];
    message(fields, changes)
}

/// Checks a good challenge response with the changes that `arbitrary` finds in these octets.
///
/// # Panics
/// Where something does not hold.
pub fn wrapper_fields(unverified: &[u8]) {
    let Ok(changes) = Changes::arbitrary_take_rest(Unstructured::new(unverified)) else {
        return;
    };
    let inner = vec![
        Field::good(Number::One, &signed(b"challenge", &changes.challenge)),
        Field::good(Number::Two, b"nonce"),
        Field::good(Number::Three, b"key info"),
    ];
    let unverified = signed(&message(inner, &changes.inner), &changes.outer);
    if let Ok(response) = UnverifiedResponse::parse(unverified.clone()) {
        let challenge =
            answered_challenge(&unverified).expect("accepted, yet prost cannot read it");
        assert_eq!(response.challenge().0, sha256(&challenge));
        assert_eq!(response.digest().0, sha256(&unverified));
    }
}
