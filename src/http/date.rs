//! Times in headers.

use http::HeaderValue;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::clock::Timestamp;

/// An IMF-fixdate (RFC 9110, section 5.6.7); `None` for a time that the calendar does not have.
pub(super) fn http_date(timestamp: Timestamp) -> Option<HeaderValue> {
    let time = jiff::Timestamp::from_second(timestamp.0).ok()?;
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&time);
    date.ok()?.parse().ok()
}
