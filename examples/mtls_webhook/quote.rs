//! Strangers' text, fit for a log.

/// How much of it is shown.
const MOST: usize = 200;

/// Printable ASCII, and of everything else its number: a line of the log ends where we end it, and no
/// terminal is told anything.
pub(crate) fn quoted(unverified: &str) -> String {
    let mut text = String::new();
    for letter in unverified.chars().take(MOST) {
        if letter == ' ' || letter.is_ascii_graphic() {
            text.push(letter);
        } else {
            text.extend(letter.escape_unicode());
        }
    }
    text
}
