//! What a run found, as Markdown.

use std::fmt;
use std::time::Duration;

use crate::drive::{Driven, count};
use crate::processes::Memory;

/// CPU time of each of the parts of an enrolment that it cannot do without.
#[derive(Clone, Debug, Default)]
pub struct FloorFigures {
    /// Verifying the SPKAC.
    pub prove: Duration,
    /// Preparing, signing and re-reading the certificate.
    pub certify: Duration,
    /// The five commits at each number of concurrent callers.
    pub commits: Vec<(usize, crate::floor::Measured)>,
}

impl FloorFigures {
    /// The sum for this many concurrent enrolments.
    #[must_use]
    pub fn sum(&self, connections: usize) -> Duration {
        let commits = self
            .commits
            .iter()
            .find(|(number, _)| *number == connections);
        let commits = commits.map_or(Duration::ZERO, |(_, measured)| measured.cpu);
        self.prove + self.certify + commits
    }

    /// A line for each part, under the name of `key`.
    #[must_use]
    pub fn table(&self, key: &str) -> String {
        let mut text = format!(
            "| floor, {key} | CPU ms | enrolments/s |\n|---|---:|---:|\n\
             | SPKAC read, judged and verified | {} | |\n\
             | certificate prepared, linted, signed, re-read | {} | |\n",
            millis(self.prove),
            millis(self.certify),
        );
        for (connections, measured) in &self.commits {
            text.push_str(&format!(
                "| five commits, {connections} at once | {} | {:.0} |\n",
                millis(measured.cpu),
                measured.rate,
            ));
        }
        text
    }
}

/// One line of the table of figures.
#[derive(Debug)]
pub struct Figures {
    /// Kind of the certified key.
    pub key: &'static str,
    /// Concurrent clients.
    pub connections: usize,
    /// What the clients saw.
    pub driven: Driven,
    /// CPU time of the service, for all of it.
    pub cpu: Duration,
    /// CPU time of PostgreSQL, for all of it.
    pub database_cpu: Option<Duration>,
    /// The floor of one enrolment.
    pub floor: Duration,
    /// One flush, before the stretch.
    pub flush: Duration,
    /// Share of the machine's CPU time that none of our processes took while clients ran.
    pub foreign: f64,
}

/// The heading that [`Figures`] go under.
pub const HEADING: &str = "| key | connections | enrolments | per second | p50 ms | p99 ms | CPU ms of vaca | floor CPU ms | ratio | CPU ms of PostgreSQL | flush µs | foreign CPU | errors |\n\
     |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|";

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let enrolments = self.driven.latencies.len();
        let each = |time: Duration| time.div_f64(count(enrolments.max(1)));
        let cpu = each(self.cpu);
        let database = self
            .database_cpu
            .map_or("".to_owned(), |time| millis(each(time)));
        write!(
            formatter,
            "| {} | {} | {enrolments} | {:.0} | {} | {} | {} | {} | {:.1} | {database} | {} | {:.0} % | {} |",
            self.key,
            self.connections,
            self.driven.rate(),
            millis(self.driven.percentile(50)),
            millis(self.driven.percentile(99)),
            millis(cpu),
            millis(self.floor),
            cpu.as_secs_f64() / self.floor.as_secs_f64().max(f64::EPSILON),
            self.flush.as_micros(),
            self.foreign * 100.0,
            errors(&self.driven),
        )
    }
}

/// What the service takes before, under and after load.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// From the start of the process to the first 200 of `/readyz`.
    pub ready_after: Duration,
    /// Two seconds after it was ready.
    pub idle: Memory,
    /// After all stretches.
    pub loaded: Memory,
}

impl fmt::Display for Footprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |kib: u64| kib.div_ceil(1024);
        write!(
            formatter,
            "Ready after {} ms. Resident memory: {} MiB idle, {} MiB after the load, {} MiB at its highest.",
            self.ready_after.as_millis(),
            mib(self.idle.resident),
            mib(self.loaded.resident),
            mib(self.loaded.peak),
        )
    }
}

fn errors(driven: &Driven) -> String {
    if driven.errors.is_empty() {
        return "none".to_owned();
    }
    let counted = driven.errors.iter();
    let counted: Vec<_> = counted
        .map(|(code, times)| format!("{code} {times}"))
        .collect();
    counted.join(", ")
}

/// Milliseconds, with three digits behind the point where they matter.
#[must_use]
pub fn millis(time: Duration) -> String {
    let digits = if time < Duration::from_millis(10) {
        3
    } else {
        1
    };
    format!("{:.digits$}", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_divides_by_the_enrolments_that_succeeded() {
        let mut driven = Driven {
            latencies: vec![Duration::from_millis(4); 100],
            elapsed: Duration::from_millis(500),
            ..Driven::default()
        };
        driven.errors.insert("busy".to_owned(), 3);
        let line = Figures {
            key: "ECDSA",
            connections: 16,
            driven,
            cpu: Duration::from_millis(200),
            database_cpu: None,
            floor: Duration::from_millis(1),
            flush: Duration::from_micros(90),
            foreign: 0.031,
        };
        assert_eq!(
            line.to_string(),
            "| ECDSA | 16 | 100 | 200 | 4.000 | 4.000 | 2.000 | 1.000 | 2.0 |  | 90 | 3 % | busy 3 |"
        );
    }
}
