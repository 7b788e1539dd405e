//! Small changes of an input, as a fuzzer makes them.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Two places in an input, in any order: what lies between them.
type Part = (Index, Index);

/// One change of an input, beside another input of the same format.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// Some bits of one octet.
    Flip(Index, u8),
    /// A part goes.
    Cut(Part),
    /// A part stands a second time, here.
    Duplicate(Part, Index),
    /// A part of the other input, here.
    Splice(Part, Index),
    /// A few octets, here.
    Insert(Vec<u8>, Index),
}

/// Any of the changes, each as likely as the others.
pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let place = any::<Index>;
    let part = any::<Part>;
    prop_oneof![
        (place(), 1_u8..).prop_map(|(at, bits)| Edit::Flip(at, bits)),
        part().prop_map(Edit::Cut),
        (part(), place()).prop_map(|(part, at)| Edit::Duplicate(part, at)),
        (part(), place()).prop_map(|(part, at)| Edit::Splice(part, at)),
        (vec(any::<u8>(), 1..9), place()).prop_map(|(new, at)| Edit::Insert(new, at)),
    ]
}

impl Edit {
    /// Changes `input`, with `other` at hand.
    pub(crate) fn apply(&self, input: &mut Vec<u8>, other: &[u8]) {
        match self {
            Self::Flip(at, bits) => {
                let octets = input.len().max(1);
                if let Some(octet) = input.get_mut(at.index(octets)) {
                    *octet ^= bits;
                }
            }
            Self::Cut(part) => {
                input.drain(range(*part, input));
            }
            Self::Duplicate(part, at) => {
                let copy = input[range(*part, input)].to_vec();
                insert(input, &copy, *at);
            }
            Self::Splice(part, at) => insert(input, &other[range(*part, other)], *at),
            Self::Insert(new, at) => insert(input, new, *at),
        }
    }
}

fn range((one, other): Part, input: &[u8]) -> Range<usize> {
    let places = input.len() + 1;
    let (one, other) = (one.index(places), other.index(places));
    one.min(other)..one.max(other)
}

fn insert(input: &mut Vec<u8>, new: &[u8], at: Index) {
    let at = at.index(input.len() + 1);
    input.splice(at..at, new.iter().copied());
}
