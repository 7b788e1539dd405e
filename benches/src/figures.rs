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
    /// Enrolments that the record was filled with before.
    pub recorded: u32,
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
pub const HEADING: &str = "| key | connections | recorded before | enrolments | per second | p50 ms | p99 ms | CPU ms of vaca | floor CPU ms | ratio | CPU ms of PostgreSQL | flush µs | foreign CPU | errors |\n\
     |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|";

impl Figures {
    fn each(&self, time: Duration) -> Duration {
        time.div_f64(count(self.driven.latencies.len().max(1)))
    }

    /// Enrolments per second, CPU time of the service for one, that of PostgreSQL.
    fn compared(&self) -> [f64; 3] {
        let cpu = |time: Duration| self.each(time).as_secs_f64();
        let database = self.database_cpu.unwrap_or_default();
        [self.driven.rate(), cpu(self.cpu), cpu(database)]
    }
}

/// What a full record changes, in per cent: for each kind of key and number of connections the median
/// of the ratios of neighbouring stretches.
#[must_use]
pub fn changes(recorded: u32, lines: &[Figures]) -> String {
    let mut text = format!(
        "| key | connections | per second with {recorded} recorded | CPU ms of vaca | CPU ms of PostgreSQL |\n\
         |---|---:|---:|---:|---:|\n"
    );
    for stretches in lines.chunk_by(|a, b| (a.key, a.connections) == (b.key, b.connections)) {
        let mut ratios: [Vec<f64>; 3] = Default::default();
        for pair in stretches.chunks_exact(2) {
            let [fresh, full] = pair else { continue };
            let compared = fresh.compared().into_iter().zip(full.compared());
            for (ratios, (fresh, full)) in ratios.iter_mut().zip(compared) {
                ratios.push(full / fresh);
            }
        }
        let [rate, cpu, database] = ratios.map(median_change);
        if let Some(line) = stretches.first() {
            text.push_str(&format!(
                "| {} | {} | {rate} | {cpu} | {database} |\n",
                line.key, line.connections
            ));
        }
    }
    text
}

/// A signed percentage; empty where there is nothing to compare.
fn median_change(mut ratios: Vec<f64>) -> String {
    ratios.retain(|ratio| ratio.is_finite());
    ratios.sort_by(f64::total_cmp);
    match ratios.get(ratios.len() / 2) {
        Some(median) => format!("{:+.0} %", (median - 1.0) * 100.0),
        None => String::new(),
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let enrolments = self.driven.latencies.len();
        let cpu = self.each(self.cpu);
        let database = self
            .database_cpu
            .map_or("".to_owned(), |time| millis(self.each(time)));
        write!(
            formatter,
            "| {} | {} | {} | {enrolments} | {:.0} | {} | {} | {} | {} | {:.1} | {database} | {} | {:.0} % | {} |",
            self.key,
            self.connections,
            self.recorded,
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

    fn line(recorded: u32, cpu: u64) -> Figures {
        Figures {
            key: "ECDSA",
            connections: 16,
            recorded,
            driven: Driven {
                latencies: vec![Duration::from_millis(4); 100],
                elapsed: Duration::from_millis(500),
                ..Driven::default()
            },
            cpu: Duration::from_millis(cpu),
            database_cpu: None,
            floor: Duration::from_millis(1),
            flush: Duration::from_micros(90),
            foreign: 0.031,
        }
    }

    #[test]
    fn a_line_divides_by_the_enrolments_that_succeeded() {
        let mut line = line(7, 200);
        line.driven.errors.insert("busy".to_owned(), 3);
        assert_eq!(
            line.to_string(),
            "| ECDSA | 16 | 7 | 100 | 200 | 4.000 | 4.000 | 2.000 | 1.000 | 2.0 |  | 90 | 3 % | busy 3 |"
        );
    }

    #[test]
    fn a_full_record_is_compared_with_the_stretch_before() {
        let lines = [(0, 100), (7, 110), (0, 200), (7, 300), (0, 100), (7, 90)];
        let lines = lines.map(|(recorded, cpu)| line(recorded, cpu));
        let table = changes(7, &lines);
        assert_eq!(
            table.lines().last(),
            Some("| ECDSA | 16 | +0 % | +10 % |  |")
        );
    }
}
