//! How we stand with Verified Access: whose fault is "permission denied", and is an alarm due?

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many denials in a row are not the policies of so many devices.
const DENIALS_IN_A_ROW: u32 = 20;

/// What Verified Access has said since the start. Every change tells whether an alarm begins, so
/// that it is raised once and not with every request.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Monotonic time of the last accepted verify.
    last_success: Option<Duration>,
    denials: u32,
    /// Something that is wrong whoever asks: credential, allow-listing, address.
    ours: Option<String>,
}

impl State {
    fn denied_by_allow_list(&self) -> bool {
        self.denials > 0 && (self.last_success.is_none() || self.denials >= DENIALS_IN_A_ROW)
    }

    fn cause(&self) -> Option<String> {
        self.ours.clone().or_else(|| {
            self.denied_by_allow_list().then(|| {
                format!(
                    "{} responses in a row got PERMISSION_DENIED: is the Verified Access API \
                     enabled, and is the service account listed in the Admin console?",
                    self.denials
                )
            })
        })
    }
}

/// A cause that lies with us, and whether it is news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alarm {
    pub(super) cause: String,
    pub(super) begins: bool,
}

impl Standing {
    /// A poisoned lock is used on: every change is a single assignment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Verified Access accepted a response.
    pub(super) fn accepted(&self, now: Duration) {
        *self.state() = State {
            last_success: Some(now),
            ..State::default()
        };
    }

    /// Verified Access made a challenge: credential and address are right. It says nothing of the
    /// allow-list, which guards verifying.
    pub(super) fn generated(&self) {
        self.state().ours = None;
    }

    /// A response got "permission denied". `Some` where that cannot be this device's policy.
    ///
    /// Refusals do not interrupt the row: anyone can cause them, and Verified Access may check the
    /// response before it looks at who asks.
    pub(super) fn denied(&self) -> Option<Alarm> {
        let mut state = self.state();
        let before = state.cause().is_some();
        state.denials = state.denials.saturating_add(1);
        state.denied_by_allow_list().then(|| Alarm {
            cause: state.cause().unwrap_or_default(),
            begins: !before,
        })
    }

    /// Something of ours is wrong.
    pub(super) fn misconfigured(&self, cause: &str) -> Alarm {
        let mut state = self.state();
        let begins = state.cause().is_none();
        state.ours = Some(cause.to_owned());
        Alarm {
            cause: cause.to_owned(),
            begins,
        }
    }

    /// Monotonic time of the last success; denials since then; the cause of an alarm that lasts.
    pub(super) fn report(&self) -> (Option<Duration>, u32, Option<String>) {
        let state = self.state();
        (state.last_success, state.denials, state.cause())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    const NOW: Duration = Duration::from_secs(5);

    #[test]
    fn a_denial_before_any_success_is_ours() {
        let standing = Standing::default();
        assert!(standing.denied().unwrap().begins);
        assert!(!standing.denied().unwrap().begins);
        assert!(standing.report().2.is_some());
        standing.generated();
        assert!(standing.report().2.is_some(), "a challenge proves nothing");
        standing.accepted(NOW);
        assert_eq!(standing.report(), (Some(NOW), 0, None));
    }

    #[test]
    fn after_a_success_it_takes_twenty_in_a_row() {
        let standing = Standing::default();
        standing.accepted(NOW);
        for _ in 0..2 {
            for count in 1..20 {
                assert_eq!(standing.denied(), None, "denial {count}");
            }
            standing.accepted(NOW);
        }
        for _ in 1..20 {
            standing.denied();
        }
        assert!(standing.denied().unwrap().begins);
        assert!(!standing.denied().unwrap().begins);
        assert_eq!(standing.report().1, 21);
    }

    #[test]
    fn a_wrong_credential_is_an_alarm_until_it_works() {
        let standing = Standing::default();
        assert!(standing.misconfigured("bad key").begins);
        assert!(!standing.misconfigured("bad key").begins);
        assert_eq!(standing.report().2.as_deref(), Some("bad key"));
        standing.generated();
        assert_eq!(standing.report().2, None);
        assert!(standing.misconfigured("bad key").begins);
    }
}
