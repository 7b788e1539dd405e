//! What can be proven of an answer: that a number means a field, or a level.

use std::fmt;

use crate::attestation::raw::RawAnswer;
use crate::attestation::verdict::UnverifiedAnswer;
use crate::attestation::wire::Value;
use crate::model::facts::KeyTrustLevel;

/// One thing that an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Item {
    /// A text field.
    Text(&'static str),
    /// One value of an enumeration field: numbers of values are assumed too.
    Level(&'static str, KeyTrustLevel),
    /// A field that is not read. One that was there when REST told of nothing that gRPC had not
    /// told is none of the fields that are read.
    Unread(u32),
}

impl Item {
    /// Of which field; an unread one has no name.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Text(name) | Self::Level(name, _) => Some(name),
            Self::Unread(_) => None,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(name) => formatter.write_str(name),
            Self::Level(name, level) => write!(formatter, "{name} {}", level.as_str()),
            Self::Unread(number) => write!(formatter, "field {number}"),
        }
    }
}

fn texts(answer: &UnverifiedAnswer) -> [(&'static str, &str); 9] {
    [
        ("device_permanent_id", &answer.device_permanent_id),
        ("virtual_device_id", &answer.virtual_device_id),
        ("customer_id", &answer.customer_id),
        (
            "signed_public_key_and_challenge",
            &answer.signed_public_key_and_challenge,
        ),
        ("attested_device_id", &answer.attested_device_id),
        ("device_enrollment_id", &answer.device_enrollment_id),
        ("profile_customer_id", &answer.profile_customer_id),
        ("virtual_profile_id", &answer.virtual_profile_id),
        ("profile_permanent_id", &answer.profile_permanent_id),
    ]
}

fn levels(answer: &UnverifiedAnswer) -> [(&'static str, Option<KeyTrustLevel>); 2] {
    [
        ("key_trust_level", answer.key_trust_level),
        ("profile_key_trust_level", answer.profile_key_trust_level),
    ]
}

/// Everything that an answer over gRPC holds, read or not.
pub(super) fn held(answer: &UnverifiedAnswer, raw: &RawAnswer) -> Vec<Item> {
    let texts = texts(answer)
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, _)| Item::Text(name));
    let levels = levels(answer)
        .into_iter()
        .filter_map(|(name, level)| Some(Item::Level(name, level?)));
    texts.chain(levels).chain(unread(raw)).collect()
}

/// What an answer proves that was equal over both transports: the fields whose values are theirs
/// alone, so that two numbers that changed places would have shown.
pub(super) fn shown_by(answer: &UnverifiedAnswer, raw: &RawAnswer) -> Vec<Item> {
    let unread_texts = raw.unread();
    let alone = |name: &str, text: &str| {
        let elsewhere = texts(answer)
            .iter()
            .any(|(other, value)| *other != name && *value == text);
        let unread = unread_texts
            .iter()
            .any(|(_, value)| *value == Value::Bytes(text.as_bytes()));
        !text.is_empty() && !elsewhere && !unread
    };
    let texts_shown = texts(answer)
        .into_iter()
        .filter(|(name, text)| alone(name, text))
        .map(|(name, _)| Item::Text(name));
    texts_shown
        .chain(levels_shown_by(answer, raw))
        .chain(unread(raw))
        .collect()
}

/// Values of enumerations are few, and two may be equal by chance: a level shows its field's number
/// only where no other integer stands in the answer that could be the level in truth.
fn levels_shown_by(answer: &UnverifiedAnswer, raw: &RawAnswer) -> Vec<Item> {
    let stranger = raw
        .unread()
        .iter()
        .any(|(_, value)| matches!(value, Value::Varint(_)));
    let twice = answer.key_trust_level == answer.profile_key_trust_level;
    let levels = levels(answer).into_iter().filter_map(|(name, level)| {
        // A value without a name of ours stands for many.
        let level = level.filter(|level| *level != KeyTrustLevel::Unspecified)?;
        Some(Item::Level(name, level))
    });
    if stranger || twice {
        Vec::new()
    } else {
        levels.collect()
    }
}

fn unread(raw: &RawAnswer) -> impl Iterator<Item = Item> {
    let numbers = raw.unread().into_iter();
    numbers
        .map(|(number, _)| Item::Unread(number))
        .collect::<Vec<_>>()
        .into_iter()
}

/// The names of the fields in which two answers differ.
pub(super) fn differing(grpc: &UnverifiedAnswer, rest: &UnverifiedAnswer) -> Vec<&'static str> {
    let texts = texts(grpc).into_iter().zip(texts(rest));
    let texts = texts
        .filter(|(ours, theirs)| ours != theirs)
        .map(|(one, _)| one.0);
    let levels = levels(grpc).into_iter().zip(levels(rest));
    let levels = levels
        .filter(|(ours, theirs)| ours != theirs)
        .map(|(one, _)| one.0);
    texts.chain(levels).collect()
}
