//! CPU time of a step: unlike elapsed time, it is little disturbed by what else runs.

use std::time::Duration;

use vaca::clock::{Clock as _, SystemClock};

use crate::floor::{Commits, Floor};
use crate::processes::own_cpu;

/// How long each step is repeated.
const BUDGET: Duration = Duration::from_millis(800);

/// CPU time of one call.
///
/// # Errors
/// Those of the call.
pub fn cpu_per_call(mut call: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let clock = SystemClock::new();
    let before = own_cpu()?;
    let mut calls = 0;
    while clock.monotonic() < BUDGET {
        for _ in 0..50 {
            call()?;
        }
        calls += 50;
    }
    Ok(own_cpu()?.saturating_sub(before) / calls)
}

/// CPU time of one certificate: prepared, signed, re-read.
///
/// # Errors
/// None.
pub async fn certificates_cpu(floor: &Floor) -> anyhow::Result<Duration> {
    let clock = SystemClock::new();
    let before = own_cpu()?;
    let mut calls = 0;
    while clock.monotonic() < BUDGET {
        for _ in 0..50 {
            floor.certify().await?;
        }
        calls += 50;
    }
    Ok(own_cpu()?.saturating_sub(before) / calls)
}

/// What the commits of an enrolment cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// CPU time of this process per enrolment.
    pub cpu: Duration,
    /// Enrolments per second.
    pub rate: f64,
}

impl Commits {
    /// The five commits of an enrolment, by `concurrent` callers at once.
    ///
    /// # Errors
    /// Where the database does not take them.
    pub async fn measure(&self, concurrent: usize) -> anyhow::Result<Measured> {
        let clock = SystemClock::new();
        let before = own_cpu()?;
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..concurrent {
            let commits = self.clone();
            callers.spawn(async move {
                let clock = SystemClock::new();
                let mut done = 0u32;
                while clock.monotonic() < 2 * BUDGET {
                    commits.enrolment().await?;
                    done += 1;
                }
                anyhow::Ok(done)
            });
        }
        let mut done = 0;
        while let Some(ended) = callers.join_next().await {
            done += ended??;
        }
        let elapsed = clock.monotonic();
        Ok(Measured {
            cpu: own_cpu()?.saturating_sub(before) / done.max(1),
            rate: f64::from(done) / elapsed.as_secs_f64(),
        })
    }
}
