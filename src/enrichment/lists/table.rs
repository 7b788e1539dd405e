//! The rows of a list in memory: one text, and where in it each row begins, by key. A map of owned
//! values takes about five times the room and as long again to drop (`docs/performance.md`).

use std::cmp::Ordering;

use crate::enrichment::lists::form::{self, Form};
use crate::enrichment::lists::problem::{ListProblem, Place};

/// Most rows: four times the largest fleet that we know of.
pub(super) const ROWS_MAX: usize = 2_000_000;

/// Between two cells of a row; no value holds it.
const CELL_END: char = '\t';
/// Behind each row.
const ROW_END: char = '\n';

/// A list that was read.
#[derive(Debug)]
pub(super) struct Table {
    form: &'static Form,
    text: Box<str>,
    /// Sorted by key.
    starts: Box<[u32]>,
}

/// What a list says of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    form: &'static Form,
    text: &'a str,
}

impl<'a> Row<'a> {
    /// What stands in a column; `None` where that is nothing.
    pub(super) fn cell(&self, column: &str) -> Option<&'a str> {
        let cell = self.text.split(CELL_END).nth(self.form.position(column)?)?;
        (!cell.is_empty()).then_some(cell)
    }

    /// Every column that says something, the key first.
    pub(super) fn cells(self) -> impl Iterator<Item = (&'static str, &'a str)> {
        let cells = self.form.columns().zip(self.text.split(CELL_END));
        cells.filter(|(_, cell)| !cell.is_empty())
    }
}

impl Table {
    /// What it says of a key, which is written as facts hold it.
    pub(super) fn row(&self, key: &str) -> Option<Row<'_>> {
        let found = self
            .starts
            .binary_search_by(|start| compare_key(rest_at(&self.text, *start), key))
            .ok()?;
        let text = row_at(&self.text, *self.starts.get(found)?);
        Some(Row {
            form: self.form,
            text,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.starts.len()
    }
}

/// How the key at the beginning of `rest` compares with `key`, without a search for its end: what ends a
/// cell or a row is less than any character of a key, as the end of a text would be.
fn compare_key(rest: &str, key: &str) -> Ordering {
    let (rest, key) = (rest.as_bytes(), key.as_bytes());
    let beginning = rest.get(..key.len()).unwrap_or(rest);
    beginning.cmp(key).then_with(|| match rest.get(key.len()) {
        None => Ordering::Equal,
        Some(end) if [CELL_END, ROW_END].contains(&char::from(*end)) => Ordering::Equal,
        Some(_) => Ordering::Greater,
    })
}

fn rest_at(text: &str, start: u32) -> &str {
    let rest = usize::try_from(start).ok().and_then(|at| text.get(at..));
    rest.unwrap_or_default()
}

fn row_at(text: &str, start: u32) -> &str {
    let rest = rest_at(text, start);
    rest.split_once(ROW_END).map_or(rest, |(row, _)| row)
}

fn cell_at(text: &str, start: u32, column: usize) -> &str {
    let mut cells = row_at(text, start).split(CELL_END);
    cells.nth(column).unwrap_or_default()
}

/// A table in the making.
#[derive(Debug)]
pub(super) struct Builder {
    form: &'static Form,
    unit: &'static str,
    text: String,
    /// Where each row begins, and its number in the file.
    rows: Vec<(u32, u32)>,
}

impl Builder {
    /// `unit` is what the file's rows are counted in; its length bounds the text's.
    pub(super) fn new(form: &'static Form, unit: &'static str, file_len: u64) -> Self {
        Self {
            form,
            unit,
            text: String::with_capacity(usize::try_from(file_len).unwrap_or(0)),
            rows: Vec::new(),
        }
    }

    /// Adds a row. `cells` come in the form's order; an empty one says nothing.
    pub(super) fn add<'a>(
        &mut self,
        cells: impl Iterator<Item = &'a str>,
        number: u64,
    ) -> Result<(), ListProblem> {
        if self.rows.len() >= ROWS_MAX {
            return Err(ListProblem::TooManyRows);
        }
        let place = self.place(number);
        let start = u32::try_from(self.text.len()).map_err(|_| ListProblem::FileTooLong)?;
        for (index, (column, cell)) in self.form.columns().zip(cells).enumerate() {
            let cell = cell.trim();
            if index == 0 {
                self.text.push_str(&self.form.read_key(cell, place)?);
            } else {
                form::check(cell, column, place)?;
                self.text.push(CELL_END);
                self.text.push_str(cell);
            }
        }
        self.text.push(ROW_END);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.rows.push((start, number));
        Ok(())
    }

    fn place(&self, number: u64) -> Place {
        Place {
            unit: self.unit,
            number,
        }
    }

    /// # Errors
    /// [`ListProblem::Twice`].
    pub(super) fn finish(mut self) -> Result<Table, ListProblem> {
        self.text.shrink_to_fit();
        let by_key = self.sorted(0);
        self.check_once(self.form.key, &by_key)?;
        let starts = by_key.iter().map(|(_, start, _)| *start).collect();
        drop(by_key);
        for &unique in self.form.unique {
            let index = self.form.position(unique).unwrap_or_default();
            let mut by_value = self.sorted(index);
            by_value.retain(|(value, ..)| !value.is_empty());
            // Names of two cases are one name in DNS.
            by_value.sort_by(|one, other| folded(one.0).cmp(folded(other.0)));
            self.check_once(unique, &by_value)?;
        }
        Ok(Table {
            form: self.form,
            text: self.text.into_boxed_str(),
            starts,
        })
    }

    /// The values of a column in order, each with its row's start and number; equal ones as in the file.
    fn sorted(&self, column: usize) -> Vec<(&str, u32, u32)> {
        let rows = self.rows.iter();
        let mut values: Vec<_> = rows
            .map(|&(start, number)| (cell_at(&self.text, start, column), start, number))
            .collect();
        values.sort_unstable();
        values
    }

    /// Tells of the first row of the file whose value stood before.
    fn check_once(
        &self,
        column: &'static str,
        sorted: &[(&str, u32, u32)],
    ) -> Result<(), ListProblem> {
        // Google tells ids of two cases apart.
        let same = |one: &str, other: &str| {
            one == other || column != self.form.key && one.eq_ignore_ascii_case(other)
        };
        let pairs = sorted.iter().zip(sorted.iter().skip(1));
        let twice = pairs
            .filter(|(one, other)| same(one.0, other.0))
            .map(|(one, other)| (one.2.max(other.2), one.2.min(other.2)))
            .min();
        match twice {
            None => Ok(()),
            Some((number, earlier)) => Err(ListProblem::Twice {
                place: self.place(number.into()),
                column,
                earlier: self.place(earlier.into()),
            }),
        }
    }
}

fn folded(value: &str) -> impl Iterator<Item = u8> + '_ {
    value.bytes().map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;
    use crate::enrichment::lists::form::BLOCKED_USERS;

    #[test]
    fn a_key_that_begins_another_is_another() {
        let mut builder = Builder::new(&BLOCKED_USERS, "line", 0);
        let keys = [
            "b@example.com",
            "a@example.co",
            "a@example.com",
            "a@example.com.au",
        ];
        for (key, number) in keys.into_iter().zip(1..) {
            builder.add([key, "why"].into_iter(), number).unwrap();
        }
        let table = builder.finish().unwrap();
        for key in keys {
            assert_eq!(table.row(key).unwrap().cell("email"), Some(key));
        }
        for key in [
            "",
            "a",
            "a@example.c",
            "a@example.com.a",
            "b@example.com.au",
            "c@example.com",
        ] {
            assert!(table.row(key).is_none(), "{key}");
        }
    }

    #[test]
    fn a_list_has_a_longest_length() {
        let mut builder = Builder::new(&BLOCKED_USERS, "line", 0);
        builder.rows = vec![(0, 0); ROWS_MAX - 1];
        builder.add(["a@example.com", ""].into_iter(), 1).unwrap();
        let refused = builder.add(["b@example.com", ""].into_iter(), 2);
        let told = refused.unwrap_err().to_string();
        assert_eq!(told, "has more than 2000000 rows");
    }
}
