//! What relying parties are told of a profile's holders besides their names: a VLAN, a role.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// Most attributes of a profile.
const MOST: usize = 16;
/// Most characters of a name: FreeRADIUS' dictionaries have longer ones, but hardly any.
const NAME_MAX: usize = 64;
/// Most octets of a value: what one RADIUS attribute holds (RFC 2865, section 5).
const VALUE_MAX: usize = 253;
/// What could be more than a value where it ends up: in a RADIUS server's templates, an header field or
/// the configuration of a proxy.
const REFUSED: &[char] = &['"', '\'', '`', '\\', '%', '$', '{', '}', '<', '>'];

/// Names and values, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<String, String>);

/// Why attributes do not load; each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAttributes {
    /// No name of a dictionary.
    #[error("{0:?}: a name is a letter and up to 63 letters, digits and dashes behind it")]
    Name(String),
    /// Dictionaries and header fields do not tell case.
    #[error("{0:?} stands twice, in different case")]
    Twice(String),
    /// Nothing, too much, or what a server could take for more than a value.
    #[error(
        "{0}: a value is 1 to 253 printable ASCII characters without quotes, backquotes, backslashes, %, $, braces and angle brackets, and without a space at either end"
    )]
    Value(String),
    /// An answer is read for each authentication.
    #[error("there are more than {MOST}")]
    Many,
}

impl Attributes {
    /// Checks what a profile says.
    ///
    /// # Errors
    /// [`InvalidAttributes`].
    pub fn new(named: BTreeMap<String, String>) -> Result<Self, InvalidAttributes> {
        if named.len() > MOST {
            return Err(InvalidAttributes::Many);
        }
        let mut seen = Vec::with_capacity(named.len());
        for (name, value) in &named {
            if !is_name(name) {
                return Err(InvalidAttributes::Name(name.clone()));
            }
            let folded = name.to_ascii_lowercase();
            if seen.contains(&folded) {
                return Err(InvalidAttributes::Twice(name.clone()));
            }
            seen.push(folded);
            if !is_value(value) {
                return Err(InvalidAttributes::Value(name.clone()));
            }
        }
        Ok(Self(named))
    }

    /// Each name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn is_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=NAME_MAX).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(inner)
}

fn is_value(value: &str) -> bool {
    (1..=VALUE_MAX).contains(&value.len())
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && value.trim_matches(' ').len() == value.len()
        && !value.contains(REFUSED)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )]
    use super::*;

    fn one(name: &str, value: &str) -> Result<Attributes, InvalidAttributes> {
        Attributes::new(BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn what_a_dictionary_has_is_taken() {
        for (name, value) in [
            ("Tunnel-Private-Group-Id", "20"),
            ("Filter-Id", "staff only"),
            ("Cisco-AVPair", "ip:inacl#1=permit ip any any"),
            ("x", "~"),
        ] {
            let attributes = one(name, value).unwrap();
            assert_eq!(attributes.iter().collect::<Vec<_>>(), [(name, value)]);
        }
    }

    #[test]
    fn what_could_be_more_than_a_name_and_a_value_is_refused() {
        let long = "a".repeat(65);
        for name in [
            "", "1x", "-x", "a b", "reply:x", "a.b", "x\n", "\u{e9}", &long,
        ] {
            let wrong = InvalidAttributes::Name(name.to_owned());
            assert_eq!(one(name, "1"), Err(wrong), "{name}");
        }
        let long = "1".repeat(254);
        for value in [
            "",
            " ",
            " 20",
            "20 ",
            "20\n",
            "20\r\nSet-Cookie: a=b",
            "a\0b",
            "\"20\"",
            "'20'",
            "`id`",
            "a\\b",
            "%{exec:id}",
            "%m",
            "${certdir}",
            "{20}",
            "caf\u{e9}",
            "\u{202e}02",
            &long,
        ] {
            let wrong = InvalidAttributes::Value("Filter-Id".to_owned());
            assert_eq!(one("Filter-Id", value), Err(wrong), "{value}");
        }
        let named = |names: &[String]| {
            let pairs = names.iter().map(|name| (name.clone(), "1".to_owned()));
            Attributes::new(pairs.collect())
        };
        assert!(matches!(
            named(&["Filter-Id".to_owned(), "filter-id".to_owned()]),
            Err(InvalidAttributes::Twice(_))
        ));
        let many: Vec<_> = (0..17).map(|number| format!("a{number}")).collect();
        assert_eq!(named(&many), Err(InvalidAttributes::Many));
        assert!(named(&many[..16]).is_ok());
    }
}
