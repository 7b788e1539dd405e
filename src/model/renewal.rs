//! When a certificate is to be renewed: what the suggestions of RFC 9773, section 4.2, are made of, and
//! orders that bring it forward.

use crate::clock::Timestamp;
use crate::model::certificate::{IssuerId, Validity};
use crate::model::serial::SerialNumber;
use crate::model::span::{self, DAY, InvalidSpan};

/// Seconds within which the holder of a revoked certificate asks for another: at once, but a thousand
/// holders not in one second.
pub const AT_ONCE: i64 = 10 * 60;

/// From when to when a renewal is suggested. The end is behind the start (RFC 9773, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From here on it is welcome.
    pub start: Timestamp,
    /// Whoever has not renewed by then does it at once.
    pub end: Timestamp,
}

impl Window {
    /// The window of a certificate that nothing happened to. `renew_after` is the moment that was drawn
    /// for it, in the first half of its profile's renewal window; the suggestion ends in the middle of
    /// what is left from there, so that whoever fails at first has time.
    #[must_use]
    pub fn of(validity: &Validity) -> Self {
        let start = validity.renew_after;
        let left = validity.not_after.since(start);
        Self::between(start, start.plus(left / 2))
    }

    /// The window of a certificate that is not good any more before its time.
    #[must_use]
    pub fn from_now(now: Timestamp) -> Self {
        Self::between(now, now.plus(AT_ONCE))
    }

    /// The window of a certificate that is to be renewed at this moment, in an order that ends then.
    fn ordered(moment: Timestamp, order_ends: Timestamp) -> Self {
        Self::between(moment, moment.plus(AT_ONCE).min(order_ends))
    }

    fn between(start: Timestamp, end: Timestamp) -> Self {
        let end = end.max(start.plus(1));
        Self { start, end }
    }
}

/// Longest life of a certificate that an order may concern, in seconds: 397 days, and some for clocks.
pub const LONGEST_LIFE: i64 = 400 * DAY;
/// Shortest and longest time over which an order spreads: devices ask every six hours, and nobody plans
/// further ahead than a month.
const WITHIN: (i64, i64) = (60 * 60, 30 * DAY);

/// Certificates that are to be renewed before their time: which, and within which time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalOrder {
    /// Of this profile; of any where it is left out.
    pub profile: Option<String>,
    /// Of this issuer; likewise.
    pub issuer: Option<IssuerId>,
    /// Issued then or later.
    pub issued_from: Timestamp,
    /// Issued then or earlier, and so before the order: what is issued because of it is not concerned.
    pub issued_until: Timestamp,
    /// The first renews at this moment.
    pub starts_at: Timestamp,
    /// All have renewed by then.
    pub ends_at: Timestamp,
}

/// What somebody asks for, as it was written.
#[derive(Clone, Debug, Default)]
pub struct UnverifiedOrder<'a> {
    /// A profile's name.
    pub profile: Option<&'a str>,
    /// An issuer's id.
    pub issuer: Option<&'a str>,
    /// A time, or an age.
    pub issued_from: Option<&'a str>,
    /// Likewise.
    pub issued_until: Option<&'a str>,
    /// A span.
    pub within: &'a str,
}

/// Why it is no order; each message says what one looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrder {
    /// No id.
    #[error("issuer is an issuer's id: 16 lower-case hexadecimal digits")]
    Issuer,
    /// Neither a time nor an age.
    #[error("{0} is a time such as 2027-01-15T08:00:00Z, or an age such as 7d")]
    Time(&'static str),
    /// No span.
    #[error("within {0}")]
    Span(#[from] InvalidSpan),
    /// Devices would not hear of it in time, or not in this life.
    #[error("within is 1h to 30d: devices ask every six hours")]
    Within,
    /// No certificate could be concerned, or every one for ever.
    #[error(
        "issued_from is not later than issued_until, and neither is in the future: what is issued because of an order must not be renewed by it"
    )]
    Period,
}

impl RenewalOrder {
    /// An order that begins now.
    ///
    /// # Errors
    /// [`InvalidOrder`].
    pub fn new(wanted: &UnverifiedOrder<'_>, now: Timestamp) -> Result<Self, InvalidOrder> {
        let time = |name, text: Option<&str>| {
            let read = |text| span::moment(text, now).map_err(|_| InvalidOrder::Time(name));
            text.map(read).transpose()
        };
        let issuer = wanted
            .issuer
            .map(|id| IssuerId::parse(id).ok_or(InvalidOrder::Issuer));
        let issued_until = time("issued_until", wanted.issued_until)?.unwrap_or(now);
        let issued_from = time("issued_from", wanted.issued_from)?;
        let issued_from = issued_from.unwrap_or_else(|| issued_until.minus(LONGEST_LIFE));
        let within = span::seconds(wanted.within)?;
        if !(WITHIN.0..=WITHIN.1).contains(&within) {
            return Err(InvalidOrder::Within);
        }
        if issued_from > issued_until || issued_until > now {
            return Err(InvalidOrder::Period);
        }
        Ok(Self {
            profile: wanted.profile.map(ToOwned::to_owned),
            issuer: issuer.transpose()?,
            issued_from,
            issued_until,
            starts_at: now,
            ends_at: now.plus(within),
        })
    }

    /// The window of a certificate that was issued then, where the order concerns it. The moment is the
    /// certificate's own, from the random bits of its number: evenly spread, and the same whenever and
    /// whichever node is asked.
    #[must_use]
    pub fn window(
        &self,
        profile: &str,
        issuer: &IssuerId,
        serial: SerialNumber,
        issued_at: Timestamp,
    ) -> Option<Window> {
        let concerned = self.profile.as_deref().is_none_or(|name| name == profile)
            && self.issuer.as_ref().is_none_or(|id| id == issuer)
            && (self.issued_from..=self.issued_until).contains(&issued_at);
        let length = self.ends_at.since(self.starts_at);
        let share = (i128::from(serial.spread()) * i128::from(length)) >> 32;
        let moment = self.starts_at.plus(i64::try_from(share).unwrap_or(length));
        concerned.then(|| Window::ordered(moment, self.ends_at))
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )]
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn a_window_begins_at_the_drawn_moment_and_leaves_time_behind_it() {
        let window = |renew_after, not_after| {
            let window = Window::of(&Validity {
                not_before: Timestamp(0),
                not_after: Timestamp(not_after),
                renew_after: Timestamp(renew_after),
            });
            (window.start.0, window.end.0)
        };
        assert_eq!(window(700, 1000), (700, 850));
        assert_eq!(window(999, 1000), (999, 1000));
        assert_eq!(window(1000, 1000), (1000, 1001));
    }

    fn order(wanted: &UnverifiedOrder<'_>) -> Result<RenewalOrder, InvalidOrder> {
        RenewalOrder::new(wanted, Timestamp(1_800_000_000))
    }

    #[test]
    fn an_order_is_about_what_was_issued_and_takes_some_time() {
        let plain = UnverifiedOrder {
            within: "6h",
            ..UnverifiedOrder::default()
        };
        let now = 1_800_000_000;
        let all = order(&plain).unwrap();
        assert_eq!((all.starts_at.0, all.ends_at.0), (now, now + 21_600));
        assert_eq!(all.issued_until.0, now);
        assert_eq!(all.issued_from.0, now - 400 * DAY);
        let times = UnverifiedOrder {
            issued_from: Some("7d"),
            issued_until: Some("2027-01-15T07:00:00Z"),
            ..plain.clone()
        };
        let some = order(&times).unwrap();
        assert_eq!(some.issued_from.0, now - 7 * DAY);
        assert_eq!(some.issued_until.0, now - 3600);
        let wrong = |change: &dyn Fn(&mut UnverifiedOrder<'_>)| {
            let mut wanted = plain.clone();
            change(&mut wanted);
            order(&wanted).unwrap_err()
        };
        for within in ["59m", "31d", "0s"] {
            assert_eq!(wrong(&|order| order.within = within), InvalidOrder::Within);
        }
        assert_eq!(
            wrong(&|order| order.within = "soon"),
            InvalidOrder::Span(InvalidSpan)
        );
        assert_eq!(
            wrong(&|order| order.issuer = Some("issuing")),
            InvalidOrder::Issuer
        );
        assert_eq!(
            wrong(&|order| order.issued_from = Some("then")),
            InvalidOrder::Time("issued_from")
        );
        // What the order makes devices ask for would be concerned by it, again and again.
        assert_eq!(
            wrong(&|order| order.issued_until = Some("2027-01-15T08:00:01Z")),
            InvalidOrder::Period
        );
        let backwards = |order: &mut UnverifiedOrder<'_>| {
            order.issued_from = Some("1d");
            order.issued_until = Some("2d");
        };
        assert_eq!(wrong(&backwards), InvalidOrder::Period);
    }

    #[test]
    fn each_certificate_has_a_moment_of_its_own_evenly_spread() {
        let random = SeededRandom::new(9);
        let all = order(&UnverifiedOrder {
            within: "10h",
            ..UnverifiedOrder::default()
        })
        .unwrap();
        let issuer = IssuerId::of_spki_digest(&[1; 32]);
        let mut hours = [0; 10];
        for _ in 0..10_000 {
            let serial = SerialNumber::draw(all.starts_at, &random).unwrap();
            let window = all.window("p", &issuer, serial, all.starts_at).unwrap();
            assert!(all.starts_at <= window.start && window.end <= all.ends_at.plus(1));
            assert_eq!(
                all.window("p", &issuer, serial, all.starts_at),
                Some(window)
            );
            let hour = usize::try_from(window.start.since(all.starts_at) / 3600).unwrap();
            hours[hour] += 1;
        }
        assert!(
            hours.iter().all(|number| (900..1100).contains(number)),
            "{hours:?}"
        );
    }

    #[test]
    fn an_order_leaves_others_alone() {
        let issuer = IssuerId::of_spki_digest(&[1; 32]);
        let other = IssuerId::of_spki_digest(&[2; 32]);
        let serial = SerialNumber::draw(Timestamp(0), &SeededRandom::new(9)).unwrap();
        let order = order(&UnverifiedOrder {
            profile: Some("p"),
            issuer: Some(issuer.as_str()),
            issued_from: Some("7d"),
            issued_until: Some("1d"),
            within: "6h",
        })
        .unwrap();
        let concerns = |profile, issuer, age: i64| {
            let at = order.starts_at.minus(age);
            order.window(profile, issuer, serial, at).is_some()
        };
        assert!(concerns("p", &issuer, 7 * DAY) && concerns("p", &issuer, DAY));
        assert!(!concerns("q", &issuer, 2 * DAY) && !concerns("p", &other, 2 * DAY));
        assert!(!concerns("p", &issuer, 7 * DAY + 1) && !concerns("p", &issuer, DAY - 1));
    }
}
