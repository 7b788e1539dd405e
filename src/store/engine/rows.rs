//! Statements that take any number of rows at once.

/// Rows in one statement, at most.
const MOST: usize = 64;

/// One statement in several sizes, so that any number of rows takes few statements, and each text
/// stays one that the engine has seen before.
#[derive(Debug)]
pub(crate) struct ForRows {
    /// Rows and text, largest first: the powers of two.
    sizes: Vec<(usize, String)>,
}

impl ForRows {
    /// `before` and `after` stand around `VALUES (..), ..` with so many `columns`.
    pub(crate) fn new(before: &str, columns: usize, after: &str) -> Self {
        let sizes = (0..=MOST.ilog2()).rev().map(|exponent| {
            let rows = 1 << exponent;
            let tuples: Vec<String> = (0..rows).map(|row| tuple(row, columns)).collect();
            (
                rows,
                format!("{before} VALUES {} {after}", tuples.join(", ")),
            )
        });
        Self {
            sizes: sizes.collect(),
        }
    }

    /// Splits `rows` into statements, in order.
    pub(crate) fn split<'r, T>(
        &'static self,
        mut rows: &'r [T],
    ) -> impl Iterator<Item = (&'static str, &'r [T])> {
        std::iter::from_fn(move || {
            let (size, text) = self.sizes.iter().find(|(size, _)| *size <= rows.len())?;
            let (part, rest) = rows.split_at_checked(*size)?;
            rows = rest;
            Some((text.as_str(), part))
        })
    }
}

fn tuple(row: usize, columns: usize) -> String {
    let first = row * columns + 1;
    let places: Vec<String> = (first..first + columns)
        .map(|place| format!("${place}"))
        .collect();
    format!("({})", places.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    #[test]
    fn any_number_of_rows_is_split_in_order() {
        let statement = Box::leak(Box::new(ForRows::new("INSERT INTO t", 2, "RETURNING id")));
        for count in [0, 1, 2, 3, 64, 65, 130, 191] {
            let rows: Vec<usize> = (0..count).collect();
            let parts: Vec<(&str, &[usize])> = statement.split(&rows).collect();
            let joined: Vec<usize> = parts.iter().flat_map(|(_, rows)| rows.to_vec()).collect();
            assert_eq!(joined, rows);
            for (text, rows) in parts {
                assert_eq!(text.matches('(').count(), rows.len());
            }
        }
        let three: Vec<&str> = statement
            .split(&[(), (), ()])
            .map(|(text, _)| text)
            .collect();
        assert_eq!(
            three,
            [
                "INSERT INTO t VALUES ($1, $2), ($3, $4) RETURNING id",
                "INSERT INTO t VALUES ($1, $2) RETURNING id",
            ]
        );
    }
}
