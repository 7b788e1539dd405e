//! What is looked at when somebody asks.

use crate::clock::Timestamp;
use crate::telemetry::catalogue::Catalogue;
use crate::telemetry::optional::OptionalGauge;

/// One look at the service. `None` is not known, and has no series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Challenges that this node handed out and that are neither answered nor expired.
    pub challenges_outstanding: usize,
    /// Writes that wait for the next commit.
    pub writer_queue: usize,
    /// Readers' connections that are at work.
    pub readers_in_use: usize,
    /// Readers' connections that there may be.
    pub readers_max: usize,
    /// Whether commits go through.
    pub takes_writes: bool,
    /// Events of the audit log that have no number yet; capped.
    pub unsequenced_events: Option<i64>,
    /// Whether something of ours keeps everybody from enrolling.
    pub misconfigured: bool,
    /// When the access token ends.
    pub token_ends: Option<Timestamp>,
    /// Our clock less Google's at the last challenge, in seconds.
    pub clock_offset: Option<i64>,
    /// Whether our clock is near enough to Google's.
    pub clock_trusted: bool,
}

#[derive(Debug, Default)]
pub(super) struct Gauges {
    challenges_outstanding: OptionalGauge,
    writer_queue: OptionalGauge,
    readers_in_use: OptionalGauge,
    readers_max: OptionalGauge,
    takes_writes: OptionalGauge,
    unsequenced_events: OptionalGauge,
    misconfigured: OptionalGauge,
    token_ends: OptionalGauge,
    clock_offset: OptionalGauge,
    clock_trusted: OptionalGauge,
}

impl Gauges {
    pub(super) fn registered(catalogue: &mut Catalogue) -> Self {
        let gauges = Self::default();
        for (name, help, gauge) in gauges.plain() {
            catalogue.add(name, help, &[], gauge.clone());
        }
        for (name, help, gauge) in gauges.of_seconds() {
            catalogue.add_seconds(name, help, &[], gauge.clone());
        }
        gauges
    }

    fn plain(&self) -> [(&'static str, &'static str, &OptionalGauge); 8] {
        [
            (
                "challenges_outstanding",
                "Challenges that are neither answered nor expired",
                &self.challenges_outstanding,
            ),
            (
                "writer_queue_commands",
                "Writes that wait for the next commit",
                &self.writer_queue,
            ),
            (
                "readers_in_use",
                "Readers' connections that are at work",
                &self.readers_in_use,
            ),
            (
                "readers_max",
                "Readers' connections that there may be",
                &self.readers_max,
            ),
            (
                "record_takes_writes",
                "1 while commits go through",
                &self.takes_writes,
            ),
            (
                "audit_events_unsequenced",
                "Events of the audit log without a number yet, 10000 at most",
                &self.unsequenced_events,
            ),
            (
                "verified_access_misconfigured",
                "1 while our credential, its permissions or its transport keep everybody from enrolling",
                &self.misconfigured,
            ),
            (
                "clock_trusted",
                "1 while our clock is near enough to Google's; nothing is signed otherwise",
                &self.clock_trusted,
            ),
        ]
    }

    fn of_seconds(&self) -> [(&'static str, &'static str, &OptionalGauge); 2] {
        [
            (
                "access_token_expiry_timestamp",
                "When the access token ends, since the Unix epoch",
                &self.token_ends,
            ),
            (
                "clock_offset",
                "Our clock less Google's at the last challenge",
                &self.clock_offset,
            ),
        ]
    }

    pub(super) fn show(&self, reading: &Reading) {
        let count = |number: usize| Some(i64::try_from(number).unwrap_or(i64::MAX));
        let truth = |truth: bool| Some(i64::from(truth));
        self.challenges_outstanding
            .set(count(reading.challenges_outstanding));
        self.writer_queue.set(count(reading.writer_queue));
        self.readers_in_use.set(count(reading.readers_in_use));
        self.readers_max.set(count(reading.readers_max));
        self.takes_writes.set(truth(reading.takes_writes));
        self.unsequenced_events.set(reading.unsequenced_events);
        self.misconfigured.set(truth(reading.misconfigured));
        self.token_ends.set(reading.token_ends.map(|at| at.0));
        self.clock_offset.set(reading.clock_offset);
        self.clock_trusted.set(truth(reading.clock_trusted));
    }
}
