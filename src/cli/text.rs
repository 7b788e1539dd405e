//! Text for a terminal. Values that a stranger wrote are escaped: a device's answer must not move
//! the cursor of the person who reads it.

use std::fmt::Write as _;

use crate::model::text::is_invisible;

/// Replaces control characters and marks that turn or hide text by their code points.
#[must_use]
pub(super) fn escape(unverified: &str) -> String {
    let mut safe = String::with_capacity(unverified.len());
    for letter in unverified.chars() {
        if letter == '\n' || !(letter.is_control() || is_invisible(letter)) {
            safe.push(letter);
        } else {
            // Writing to a string cannot fail.
            write!(safe, "\\u{{{:x}}}", u32::from(letter)).ok();
        }
    }
    safe
}

/// The same on one line, and nothing that a spreadsheet into which a person pastes it takes for a formula:
/// those begin with one of four characters, and a quotation mark before it makes text of them.
#[must_use]
pub(super) fn one_line(unverified: &str) -> String {
    let line = escape(unverified).replace('\n', " ");
    let formula = line.len() > 1 && line.starts_with(['=', '+', '-', '@']);
    if formula { format!("'{line}") } else { line }
}

/// Prints a JSON value on one line. It reads the same for a program; what would drive a terminal is
/// written as its JSON escape (RFC 8259, section 7; it can stand in strings only).
pub(super) fn print_json(value: &serde_json::Value) {
    println!("{}", json(value));
}

pub(super) fn json(value: &serde_json::Value) -> String {
    let mut safe = String::new();
    for letter in value.to_string().chars() {
        if letter.is_control() || is_invisible(letter) {
            // Writing to a string cannot fail.
            write!(safe, "\\u{:04x}", u32::from(letter)).ok();
        } else {
            safe.push(letter);
        }
    }
    safe
}

/// `3 issuers`, `1 issuer`.
pub(super) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// Prints rows in columns as wide as their widest cell.
pub(super) fn print_table(head: &[&str], rows: &[Vec<String>]) {
    let cells = |row: &[String]| -> Vec<String> { row.iter().map(|cell| one_line(cell)).collect() };
    let head: Vec<String> = head.iter().map(|&title| title.to_owned()).collect();
    let rows: Vec<_> = std::iter::once(head)
        .chain(rows.iter().map(|row| cells(row)))
        .collect();
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let lengths = rows.iter().filter_map(|row| row.get(column));
            lengths.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in &rows {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("{}", line.join("  ").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_drive_a_terminal() {
        assert_eq!(
            escape("\x1b[31mred\u{202e}\u{7}"),
            "\\u{1b}[31mred\\u{202e}\\u{7}"
        );
        assert_eq!(escape("plain, ünïcode\nline"), "plain, ünïcode\nline");
    }

    #[test]
    fn a_field_is_one_line_and_no_formula() {
        for (text, shown) in [
            ("a\noutcome  issued", "a outcome  issued"),
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("+1@example.com", "'+1@example.com"),
            ("-2+3@example.com", "'-2+3@example.com"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\t=1", "\\u{9}=1"),
            ("-", "-"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(one_line(text), shown);
        }
    }

    #[test]
    fn json_reads_the_same_and_drives_no_terminal_either() {
        let value = serde_json::json!({ "ünï\n\"": "\u{9b}31m\u{202e}\u{7f}\u{1b}" });
        let text = json(&value);
        assert!(!text.contains(['\u{9b}', '\u{202e}', '\u{7f}', '\u{1b}']));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).ok(),
            Some(value)
        );
    }
}
