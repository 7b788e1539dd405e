//! The challenge response, put together from fields whose lengths are right: random octets seldom
//! nest three messages deep. Fields repeat, change their type, and have idle octets in their numbers.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use prost::encoding::encode_varint;
use vaca::attestation::UnverifiedResponse;
use vaca_fuzz::messages::answered_challenge;
use vaca_fuzz::sha256;

#[derive(Arbitrary, Debug)]
struct Field<Inside> {
    number: Number,
    idle: Idle,
    value: Value<Inside>,
}

#[derive(Arbitrary, Debug)]
enum Number {
    One,
    Two,
    Three,
    Other(u32),
}

/// Which of the two numbers before a value is written longer than it needs to be.
#[derive(Arbitrary, Debug)]
enum Idle {
    Neither,
    Key,
    Length,
}

#[derive(Arbitrary, Debug)]
enum Value<Inside> {
    Message(Vec<Inside>),
    Bytes(Vec<u8>),
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Group(Vec<u8>),
}

trait Write {
    fn write(&self, message: &mut Vec<u8>);
}

impl Write for u8 {
    fn write(&self, message: &mut Vec<u8>) {
        message.push(*self);
    }
}

impl<Inside: Write> Write for Field<Inside> {
    fn write(&self, message: &mut Vec<u8>) {
        let number = match self.number {
            Number::One => 1,
            Number::Two => 2,
            Number::Three => 3,
            Number::Other(number) => u64::from(number),
        };
        let mut key = |wire_type: u64| {
            let idle = matches!(self.idle, Idle::Key);
            varint(number << 3 | wire_type, idle, message);
        };
        match &self.value {
            Value::Message(inside) => {
                key(2);
                let mut octets = Vec::new();
                inside.iter().for_each(|field| field.write(&mut octets));
                self.write_octets(&octets, message);
            }
            Value::Bytes(octets) => {
                key(2);
                self.write_octets(octets, message);
            }
            Value::Varint(value) => {
                key(0);
                varint(*value, matches!(self.idle, Idle::Length), message);
            }
            Value::Fixed32(value) => {
                key(5);
                message.extend(value.to_le_bytes());
            }
            Value::Fixed64(value) => {
                key(1);
                message.extend(value.to_le_bytes());
            }
            Value::Group(octets) => {
                key(3);
                message.extend(octets);
                varint(number << 3 | 4, false, message);
            }
        }
    }
}

impl<Inside> Field<Inside> {
    fn write_octets(&self, octets: &[u8], message: &mut Vec<u8>) {
        let idle = matches!(self.idle, Idle::Length);
        varint(octets.len() as u64, idle, message);
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

fuzz_target!(|fields: Vec<Field<Field<Field<u8>>>>| {
    let mut unverified = Vec::new();
    fields.iter().for_each(|field| field.write(&mut unverified));
    if let Ok(response) = UnverifiedResponse::parse(unverified.clone()) {
        let challenge =
            answered_challenge(&unverified).expect("accepted, yet prost cannot read it");
        assert_eq!(response.challenge().0, sha256(&challenge));
        assert_eq!(response.digest().0, sha256(&unverified));
    }
});
