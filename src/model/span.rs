//! A span of time as people write it: `90s`, `30m`, `12h`, `7d`.

use crate::clock::Timestamp;

/// Seconds of a day.
pub const DAY: i64 = 24 * 60 * 60;

/// A text that is no span; says what one looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is a number and s, m, h or d, such as 7d")]
pub struct InvalidSpan;

/// Seconds of a number with `s`, `m`, `h` or `d` behind it; at most 2^32 - 1 of a unit.
///
/// # Errors
/// [`InvalidSpan`].
pub fn seconds(text: &str) -> Result<i64, InvalidSpan> {
    let mut letters = text.chars();
    let unit = match letters.next_back() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => DAY,
        _ => return Err(InvalidSpan),
    };
    let number = letters.as_str();
    // A sign is none of ours, and the parser of numbers takes one.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidSpan);
    }
    let number: u32 = number.parse().map_err(|_| InvalidSpan)?;
    Ok(i64::from(number) * unit)
}

/// A moment as people write it: RFC 3339, or an age such as `7d`.
#[must_use]
pub fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let age = seconds(text).ok().map(|age| now.minus(age));
    let time = || text.parse::<jiff::Timestamp>().ok();
    age.or_else(|| time().map(|time| Timestamp(time.as_second())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_a_unit() {
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("30m"), Ok(1800));
        assert_eq!(seconds("12h"), Ok(43_200));
        assert_eq!(seconds("7d"), Ok(7 * DAY));
        for wrong in [
            "",
            "7",
            "d",
            "-7d",
            "+7d",
            "7w",
            "7 d",
            "yesterday",
            "7\u{fc}",
            "99999999999d",
        ] {
            assert_eq!(seconds(wrong), Err(InvalidSpan), "{wrong}");
        }
    }
}
