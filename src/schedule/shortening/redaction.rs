//! Texts of a decision record with digests in the place of personal values.

use crate::secrets::DeploymentKey;

/// Shorter values are replaced only where they stand alone: an identifier of two letters must not
/// turn every word that holds them into a digest.
const FREE: usize = 8;

/// Values to hide, and the key of their digests.
pub(super) struct Redaction<'k> {
    key: &'k DeploymentKey,
    /// The longest first, so that none hides a part of another.
    values: Vec<Hidden>,
}

struct Hidden {
    /// In lower case.
    value: String,
    digest: String,
    /// Whether it counts only where it stands alone.
    alone: bool,
}

impl<'k> Redaction<'k> {
    pub(super) fn new(key: &'k DeploymentKey) -> Self {
        let values = Vec::new();
        Self { key, values }
    }

    /// Hides this value wherever it stands, in any case; also as a text in quotes shows it, where that
    /// differs, and the local part of an e-mail by itself.
    pub(super) fn hide(&mut self, value: &str) {
        let value = value.to_ascii_lowercase();
        let quoted = format!("{value:?}");
        let escaped = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        let digest = self.key.personal(&value);
        for form in [value.as_str(), escaped] {
            self.push(form, &digest, form.len() < FREE);
        }
        if let Some((local, _)) = value.split_once('@') {
            self.push(local, &self.key.personal(local), true);
        }
        self.values
            .sort_by_key(|hidden| std::cmp::Reverse(hidden.value.len()));
    }

    fn push(&mut self, value: &str, digest: &str, alone: bool) {
        let known = self.values.iter().any(|hidden| hidden.value == value);
        if !value.is_empty() && !known {
            self.values.push(Hidden {
                value: value.to_owned(),
                digest: digest.to_owned(),
                alone,
            });
        }
    }

    /// The text with digests for the hidden values and for whatever has the form of an e-mail address:
    /// a rule may name people whom the attempt has nothing to do with.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut safe = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = None;
        while let Some(letter) = rest.chars().next() {
            let (taken, digest) = match self.value_at(before, rest) {
                Some((value, digest)) => (value.len(), Some(digest.to_owned())),
                None if before.is_some_and(continues_address) => (0, None),
                None => match address_at(rest) {
                    Some(address) => (
                        address.len(),
                        Some(self.key.personal(&address.to_ascii_lowercase())),
                    ),
                    None => (0, None),
                },
            };
            let (taken, rest_of) = rest
                .split_at_checked(taken.max(letter.len_utf8()))
                .unwrap_or((rest, ""));
            safe.push_str(digest.as_deref().unwrap_or(taken));
            // What follows a digest begins anew.
            before = taken.chars().next_back().filter(|_| digest.is_none());
            rest = rest_of;
        }
        safe
    }

    /// The hidden value that stands at the start of `rest`, and its digest.
    fn value_at(&self, before: Option<char>, rest: &str) -> Option<(&str, &str)> {
        let found = self.values.iter().find(|hidden| {
            let length = hidden.value.len();
            let start = rest.get(..length);
            let same = start.is_some_and(|start| start.eq_ignore_ascii_case(&hidden.value));
            same && (!hidden.alone || is_alone(before, rest.get(length..)))
        });
        found.map(|hidden| (hidden.value.as_str(), hidden.digest.as_str()))
    }
}

fn is_alone(before: Option<char>, after: Option<&str>) -> bool {
    let of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let after = after.and_then(|after| after.chars().next());
    // An address is taken as a whole.
    !before.is_some_and(of_word) && !after.is_some_and(|after| of_word(after) || after == '@')
}

/// Letters of any script: Google relays what it likes.
fn in_local_part(letter: char) -> bool {
    letter.is_alphanumeric() || "._'+-".contains(letter)
}

/// Whether an address that begins behind this letter was looked for in front of it already; a quotation
/// mark may stand in an address or around it.
fn continues_address(before: char) -> bool {
    before != '\'' && in_local_part(before)
}

/// An address at the start of `text`: some letters, `@`, and what of a domain follows. A quotation mark
/// in front of it is none of it.
fn address_at(text: &str) -> Option<&str> {
    let local = text.find(|letter| !in_local_part(letter))?;
    let (local, domain) = text.split_at_checked(local)?;
    let domain = domain.strip_prefix('@')?;
    if local.is_empty() || local.starts_with('\'') {
        return None;
    }
    let of_domain = |letter: char| letter.is_alphanumeric() || ".-".contains(letter);
    let end = domain
        .find(|letter| !of_domain(letter))
        .unwrap_or(domain.len());
    // The full stop behind it ends a sentence.
    let domain = domain.get(..end)?.trim_end_matches('.');
    text.get(..local.len() + 1 + domain.len())
}
