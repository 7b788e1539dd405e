//! Text that a person sees.

/// Whether a character turns or hides what stands beside it: bidirectional controls (Unicode UAX 9),
/// zero-width characters, line and paragraph separators.
#[must_use]
pub fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
