//! How long attempts are kept, and the sweep that sees to it.

use serde::Deserialize;

use crate::admission::Resources;
use crate::clock::Timestamp;
use crate::model::attempt::ANSWER_LIFETIME;
use crate::model::span::{self, DAY, InvalidSpan};
use crate::schedule::shortening::shorten;
use crate::store::StoreError;
use crate::store::retention::{ApplyRetention, Due, Swept};

/// Shortest time that may be set: an attempt may need a day to end, and is answered from for a day more.
const SHORTEST: i64 = 2 * DAY;
/// How long attempts are kept where nothing is said: longer than any certificate is good (397 days).
const ATTEMPTS: i64 = 400 * DAY;
/// Attempts that one commit deletes, and that it shortens. Twice as many held the writer for 25 to 90 ms
/// each way (`docs/performance.md`); it is once a second at most, and a million take 70 minutes.
const AT_ONCE: u32 = 250;

/// `[retention]` in the configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// How long an attempt is kept, such as `400d`. Whoever answers for the record sets it.
    pub attempts: Option<String>,
    /// After how long its personal data goes, such as `90d`; without it, with the attempt. Whoever
    /// answers for data protection sets it.
    pub personal_data: Option<String>,
}

/// Why the table does not load; each message says what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRetention {
    /// No span of time.
    #[error("{0} {1}")]
    Span(&'static str, InvalidSpan),
    /// The same bytes would not get the same answer for a day.
    #[error("{0} is 2d or more: an attempt may take a day to end and is answered from for another")]
    Short(&'static str),
    /// It would never take effect.
    #[error("personal_data is not longer than attempts: it goes with the attempt at the latest")]
    Order,
}

/// How long what is kept, in seconds from when an attempt was bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// An attempt.
    pub attempts: i64,
    /// Its personal data; `None` for as long as the attempt.
    pub personal_data: Option<i64>,
}

impl TryFrom<RetentionSettings> for Retention {
    type Error = InvalidRetention;

    fn try_from(settings: RetentionSettings) -> Result<Self, InvalidRetention> {
        let read = |name, text: Option<String>| {
            let span = text.map(|text| span::seconds(&text)).transpose();
            match span.map_err(|error| InvalidRetention::Span(name, error))? {
                Some(seconds) if seconds < SHORTEST => Err(InvalidRetention::Short(name)),
                other => Ok(other),
            }
        };
        let attempts = read("attempts", settings.attempts)?.unwrap_or(ATTEMPTS);
        let personal_data = read("personal_data", settings.personal_data)?;
        if personal_data.is_some_and(|personal_data| personal_data > attempts) {
            return Err(InvalidRetention::Order);
        }
        Ok(Self {
            attempts,
            personal_data,
        })
    }
}

impl Retention {
    /// Does one bounded part of what is due at `now`. Answers whether there may be more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn sweep(
        self,
        resources: &Resources,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let due = Due {
            delete_before: now.minus(self.attempts),
            shorten_before: self.personal_data.map(|age| now.minus(age)),
            finished_by: now.minus(ANSWER_LIFETIME),
            at_most: AT_ONCE,
        };
        let personal = resources.store.personal_data_due(due).await?;
        let mut shortened = Vec::with_capacity(personal.len());
        for attempt in &personal {
            shortened.push(shorten(attempt, &resources.deployment_key));
            // Requests are answered on the same threads.
            tokio::task::yield_now().await;
        }
        let apply = ApplyRetention {
            due,
            shortened,
            at: now,
        };
        let Swept { shortened, deleted } = resources.store.write(apply).await?;
        if shortened > 0 || deleted > 0 {
            tracing::info!(shortened, deleted, "old attempts");
        }
        Ok(shortened.max(deleted) >= u64::from(AT_ONCE))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    fn retention(text: &str) -> Result<Retention, InvalidRetention> {
        Retention::try_from(toml::from_str::<RetentionSettings>(text).unwrap())
    }

    #[test]
    fn what_is_left_out_has_a_default_and_what_is_wrong_is_told() {
        let kept = retention("").unwrap();
        assert_eq!(kept.attempts, 400 * DAY);
        assert_eq!(kept.personal_data, None);
        let kept = retention("attempts = '48h'\npersonal_data = '2d'").unwrap();
        assert_eq!(
            (kept.attempts, kept.personal_data),
            (2 * DAY, Some(2 * DAY))
        );
        for (text, error) in [
            ("attempts = '47h'", InvalidRetention::Short("attempts")),
            (
                "personal_data = '0d'",
                InvalidRetention::Short("personal_data"),
            ),
            (
                "attempts = 'never'",
                InvalidRetention::Span("attempts", InvalidSpan),
            ),
            ("personal_data = '401d'", InvalidRetention::Order),
            (
                "attempts = '9d'\npersonal_data = '10d'",
                InvalidRetention::Order,
            ),
        ] {
            assert_eq!(retention(text), Err(error), "{text}");
        }
    }
}
