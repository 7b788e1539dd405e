//! What every list has: how many, from where on, and in which form.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct Page {
    /// How many, at the most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) limit: u32,
    /// Older than this row, as the last line of the previous page says.
    #[arg(long, value_name = "ROW")]
    pub(super) before: Option<i64>,
    /// One JSON object a line.
    #[arg(long)]
    pub(super) json: bool,
}

impl Page {
    /// Says how to go on, where a page is full: `rows` are those that were printed.
    pub(super) fn print_rest<T>(&self, rows: &[T], row: impl Fn(&T) -> i64) {
        if let Some(last) = rows.last().filter(|_| rows.len() == self.limit as usize) {
            println!("older ones: --before {}", row(last));
        }
    }
}

/// What the admin API shows too, with the row for `--before`.
pub(super) fn numbered(row: i64, view: &impl Serialize) -> Value {
    let mut value = json!(view);
    if let Value::Object(fields) = &mut value {
        fields.insert("row".to_owned(), json!(row));
    }
    value
}
