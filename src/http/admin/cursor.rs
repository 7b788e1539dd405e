//! Where a list goes on. Opaque, and good for the list and the filter that it came from: with another
//! filter the parts would not fit together, and nobody would see it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::http::admin::page::Page;
use crate::http::admin::query::{limit, malformed};
use crate::model::refusal::Refusal;
use crate::secrets::{DeploymentKey, Purpose};

/// Octets of the tag that a cursor carries: it keeps mistakes out, and rows are not secret.
const TAG: usize = 16;

/// A list under one filter.
#[derive(Debug)]
pub(super) struct List<'a> {
    key: &'a DeploymentKey,
    what: String,
}

/// Which part of it is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Older than this row.
    pub(super) before: Option<i64>,
    /// At most so many.
    pub(super) limit: u32,
}

impl Part {
    /// One more than is shown, so that the end of a list is known.
    pub(super) fn and_one(self) -> u32 {
        self.limit + 1
    }
}

impl<'a> List<'a> {
    /// `filter` is what was asked for, apart from limit and cursor.
    pub(super) fn new(key: &'a DeploymentKey, name: &str, filter: &impl Serialize) -> Self {
        let filter = serde_json::to_string(filter).unwrap_or_default();
        let what = format!("{name} {filter}");
        Self { key, what }
    }

    /// Reads limit and cursor.
    ///
    /// # Errors
    /// [`Refusal`]: `malformed_query`.
    pub(super) fn part(
        &self,
        unverified_limit: Option<&str>,
        unverified_cursor: Option<&str>,
    ) -> Result<Part, Refusal> {
        let limit = limit(unverified_limit)?;
        let before = match unverified_cursor {
            None => None,
            Some(cursor) => Some(self.row(cursor).ok_or_else(|| {
                malformed("cursor is the next of an answer to the same question, unchanged.")
            })?),
        };
        Ok(Part { before, limit })
    }

    fn row(&self, unverified_cursor: &str) -> Option<i64> {
        let octets = URL_SAFE_NO_PAD.decode(unverified_cursor).ok()?;
        let (row, tag) = octets.split_first_chunk::<8>()?;
        (tag == self.tag(*row)).then(|| i64::from_be_bytes(*row))
    }

    fn tag(&self, row: [u8; 8]) -> Vec<u8> {
        let message = [&row[..], self.what.as_bytes()].concat();
        let tag = self.key.tag(Purpose::Cursor, &message);
        tag.into_iter().take(TAG).collect()
    }

    /// The answer: `rows` as they were found for `part`, one more than is shown included.
    pub(super) fn page<R, T>(
        &self,
        part: Part,
        mut rows: Vec<R>,
        row: impl Fn(&R) -> i64,
        show: impl Fn(&R) -> T,
    ) -> Page<T> {
        let shown = usize::try_from(part.limit).unwrap_or(usize::MAX);
        let more = rows.len() > shown;
        rows.truncate(shown);
        let last = rows.last().filter(|_| more).map(row);
        let next = last.map(|row| {
            let row = row.to_be_bytes();
            URL_SAFE_NO_PAD.encode([&row[..], &self.tag(row)].concat())
        });
        Page {
            items: rows.iter().map(show).collect(),
            next,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    #[test]
    fn a_cursor_goes_on_with_its_own_question_only() {
        let key = DeploymentKey::new([1; 32]);
        let list = List::new(&key, "attempts", &"code=weak_key");
        let part = list.part(Some("2"), None).unwrap();
        let page = list.page(part, vec![9_i64, 8, 7], |row| *row, |row| *row);
        assert_eq!(page.items, [9, 8]);
        let cursor = page.next.unwrap();
        assert_eq!(list.part(None, Some(&cursor)).unwrap().before, Some(8));
        for other in [
            List::new(&key, "attempts", &"code=blocked"),
            List::new(&key, "certificates", &"code=weak_key"),
            List::new(&DeploymentKey::new([2; 32]), "attempts", &"code=weak_key"),
        ] {
            assert!(other.part(None, Some(&cursor)).is_err());
        }
        let mut longer = cursor.clone();
        longer.push('A');
        for wrong in ["", "8", "AAAAAAAAAAg", &cursor[1..], &longer] {
            assert!(list.part(None, Some(wrong)).is_err(), "{wrong}");
        }
        let end = list.page(part, vec![8_i64, 7], |row| *row, |row| *row);
        assert_eq!((end.items.len(), end.next), (2, None));
    }
}
