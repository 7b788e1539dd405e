//! How a certificate's policies look in its octets, for programs that cannot read policies but can
//! search.
//!
//! vaca writes the extension without qualifiers and in the order of the profile, so that two
//! certificates with the same policies have the same octets there; and no value that it certifies can
//! hold such octets elsewhere, because none may have a control character.

use const_oid::ObjectIdentifier;
use der::Encode as _;
use x509_cert::ext::ToExtension as _;
use x509_cert::ext::pkix::CertificatePolicies;
use x509_cert::ext::pkix::certpolicy::PolicyInformation;
use x509_cert::name::Name;

/// The letters of base64 (RFC 4648, section 4), by their values.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The extension with these policies, DER.
pub(super) fn certificate_policies(policies: &[ObjectIdentifier]) -> der::Result<Vec<u8>> {
    let policies = policies.iter().map(|policy| PolicyInformation {
        policy_identifier: *policy,
        policy_qualifiers: None,
    });
    let policies = CertificatePolicies(policies.collect());
    (false, &policies)
        .to_extension(&Name::default(), &[])?
        .to_der()
}

/// A pattern (PCRE) that finds `octets` in the PEM form of whatever holds them.
pub(super) fn in_pem(octets: &[u8]) -> String {
    // A line of PEM may end anywhere.
    ways(octets, "\\n?", |letters| match letters {
        "+" => "\\+".to_owned(),
        one if one.len() == 1 => one.to_owned(),
        _ => format!("[{letters}]"),
    })
}

/// The same (RE2) where what a URL would interpret is escaped, as Envoy shows a certificate.
pub(super) fn in_escaped_pem(octets: &[u8]) -> String {
    ways(octets, "(?:%0A)?", |letters| {
        let plain: String = letters.replace(['+', '/'], "");
        let mut forms = Vec::new();
        match plain.len() {
            0 => {}
            1 => forms.push(plain),
            _ => forms.push(format!("[{plain}]")),
        }
        for (letter, escaped) in [('+', "%2B"), ('/', "%2F")] {
            if letters.contains(letter) {
                forms.push(escaped.to_owned());
            }
        }
        match forms.as_slice() {
            [one] => one.clone(),
            _ => format!("(?:{})", forms.join("|")),
        }
    })
}

/// Octets stand in base64 in three ways, depending on where they begin; at either end a letter holds bits of
/// a neighbour. `form` is the pattern of one letter, given those that it may be; `ending` that of the end of
/// a line.
fn ways(octets: &[u8], ending: &str, form: impl Fn(&str) -> String) -> String {
    let ways = (0..3).map(|before| {
        let letters = letters(octets, before);
        let forms: Vec<_> = letters.iter().map(|letters| form(letters)).collect();
        forms.join(ending)
    });
    format!("(?:{})", ways.collect::<Vec<_>>().join("|"))
}

/// The letters that hold bits of `octets` behind `before` others; of each, those that it may be.
fn letters(octets: &[u8], before: usize) -> Vec<String> {
    let bits: Vec<Option<bool>> = std::iter::repeat_n(None, before * 8)
        .chain(
            octets
                .iter()
                .flat_map(|octet| (0..8).rev().map(move |place| Some(octet >> place & 1 == 1))),
        )
        .collect();
    bits.chunks(6).filter_map(letter).collect()
}

/// The letters whose value has these bits; `None` where none of them is known.
fn letter(bits: &[Option<bool>]) -> Option<String> {
    bits.iter().flatten().next()?;
    let fits = |value: u8| {
        let known = bits.iter().enumerate();
        let mut known = known.filter_map(|(place, bit)| bit.map(|bit| (place, bit)));
        known.all(|(place, bit)| (value << place & 0b10_0000 != 0) == bit)
    };
    let values = (0_u8..).zip(LETTERS).filter(|(value, _)| fits(*value));
    Some(values.map(|(_, letter)| char::from(*letter)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    /// As much of PCRE as [`in_pem`] writes.
    fn finds(pattern: &str, text: &str) -> bool {
        let ways = pattern
            .strip_prefix("(?:")
            .unwrap()
            .strip_suffix(')')
            .unwrap();
        let mut depth = 0;
        let mut ways = ways.split(|letter: char| {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            letter == '|' && depth == 0
        });
        ways.any(|way| {
            let letters: Vec<&str> = way.split("\\n?").collect();
            (0..text.len()).any(|start| begins(text.get(start..).unwrap(), &letters))
        })
    }

    fn begins(text: &str, letters: &[&str]) -> bool {
        let mut text = text.chars().filter(|letter| *letter != '\n');
        letters.iter().all(|one| {
            // What else stands there is no letter of base64.
            text.next().is_some_and(|letter| one.contains(letter))
        })
    }

    /// As much of RE2 as [`in_escaped_pem`] writes, in escaped text.
    fn finds_escaped(pattern: &str, text: &str) -> bool {
        let plain = |text: &str| text.replace("%2B", "+").replace("%2F", "/");
        let pattern = plain(pattern).replace("(?:%0A)?", "\\n?");
        finds(&pattern, &plain(text).replace("%0A", "\n"))
    }

    fn escaped(text: &str) -> String {
        let text = text.replace('+', "%2B").replace('/', "%2F");
        text.replace('=', "%3D").replace('\n', "%0A")
    }

    proptest! {
        #[test]
        fn octets_are_found_wherever_they_stand_and_not_where_they_do_not(
            before in prop::collection::vec(any::<u8>(), 0..80),
            octets in prop::collection::vec(any::<u8>(), 3..24),
            after in prop::collection::vec(any::<u8>(), 0..80),
            flipped in any::<prop::sample::Index>(),
        ) {
            let pem = |octets: &[u8]| {
                let text = STANDARD.encode([&before, octets, &after].concat());
                let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
                lines.join("\n")
            };
            let pattern = in_pem(&octets);
            prop_assert!(finds(&pattern, &pem(&octets)));
            let within_url = in_escaped_pem(&octets);
            prop_assert!(finds_escaped(&within_url, &escaped(&pem(&octets))));
            let mut others = octets.clone();
            let bit = flipped.index(octets.len() * 8);
            *others.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
            let whole = [&before[..], &others, &after].concat();
            let elsewhere = whole.windows(octets.len()).any(|window| window == octets);
            prop_assert_eq!(finds(&pattern, &pem(&others)), elsewhere);
            prop_assert_eq!(finds_escaped(&within_url, &escaped(&pem(&others))), elsewhere);
        }
    }

    #[test]
    fn a_policy_looks_as_in_a_certificate() {
        let policy = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1.1");
        let octets = certificate_policies(&[policy]).unwrap();
        assert_eq!(
            crate::model::serial::hex(&octets),
            "30170603551d200410300e300c060a2b0601040181fd590101"
        );
    }
}
