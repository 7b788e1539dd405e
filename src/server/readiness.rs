//! Is the service ready? The same checks answer `/readyz` and `vaca doctor`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::admission::Resources;
use crate::attestation::VerifierStatus;
use crate::ca::Issuer;
use crate::clock::Timestamp;
use crate::enrichment::ListReport;
use crate::http::health::{PendingReport, Readiness, ReadinessCheck, ReadinessReport};
use crate::publication::{Publication, Standing};

/// An issuer that ends sooner than this is reported, in seconds: 30 days; or sooner than the
/// certificates of its profiles would.
const ISSUER_WARNING: i64 = 30 * 24 * 60 * 60;

/// Names of the checks that do not decide.
const VERIFIED_ACCESS: &str = "verified_access";
const LIST: &str = "list";
const CRL: &str = "crl";
const KEY: &str = "issuing_key";
const DELIVERIES: &str = "deliveries";

/// A delivery that waits longer than this is told of, in seconds.
const DELIVERY_WARNING: i64 = 60 * 60;

/// How long one read may take: less than all checks together, so that what does not answer is named.
const PROBE_TIME: Duration = Duration::from_secs(2);

/// The checks, with what they look at.
#[derive(Debug)]
pub(super) struct Health {
    resources: Arc<Resources>,
    publication: Arc<Publication>,
    issuers: Vec<(String, Timestamp, i64)>,
    sinks: Vec<String>,
}

impl Health {
    pub(super) fn new(
        resources: Arc<Resources>,
        publication: Arc<Publication>,
        issuers: &HashMap<String, Issuer>,
        sinks: Vec<String>,
    ) -> Self {
        let mut issuers: Vec<_> = issuers
            .iter()
            .map(|(name, issuer)| {
                let profiles = resources.profiles.iter();
                let lifetimes = profiles
                    .filter(|profile| profile.issuer == *name)
                    .map(|profile| profile.lifetime);
                (
                    name.clone(),
                    issuer.not_after(),
                    lifetimes.max().unwrap_or(0),
                )
            })
            .collect();
        issuers.sort();
        Self {
            resources,
            publication,
            issuers,
            sinks,
        }
    }

    async fn checks(&self) -> Vec<ReadinessCheck> {
        let database = self.database().await;
        let is_readable = database.is_some();
        let mut checks = vec![database.unwrap_or_else(unreadable)];
        checks.extend(self.verified_access());
        let now = self.resources.clock.now();
        for (name, not_after, longest) in &self.issuers {
            let end = not_after.since(now);
            let advice = if end < *longest {
                ": certificates are cut to end with it; make its successor now"
            } else if end < ISSUER_WARNING {
                ": make its successor now"
            } else {
                ""
            };
            checks.push(ReadinessCheck {
                name: "issuer",
                passed: end > 0,
                detail: format!("{name} ends {not_after}{advice}"),
            });
        }
        checks.extend(self.resources.lists.reports(now).iter().map(list));
        if is_readable {
            checks.extend(self.recorded(now).await);
        }
        checks
    }

    /// What the record says of more than itself.
    async fn recorded(&self, now: Timestamp) -> Vec<ReadinessCheck> {
        let mut checks = Vec::new();
        match self.publication.standings().await {
            Ok(standings) => checks.extend(standings.iter().map(|standing| crl(standing, now))),
            Err(error) => tracing::error!(%error, "the CRLs cannot be looked at"),
        }
        checks.extend(self.unrecorded(now).await);
        for sink in &self.sinks {
            checks.push(self.deliveries(sink, now).await);
        }
        checks
    }

    /// The alarm of a compromised key. It ends when each such certificate is revoked or has ended.
    async fn unrecorded(&self, now: Timestamp) -> Option<ReadinessCheck> {
        let counted = self.resources.store.unrecorded_certificates(now).await;
        let count = counted
            .inspect_err(|error| tracing::error!(%error, "the record cannot be read"))
            .ok()?;
        (count > 0).then(|| ReadinessCheck {
            name: KEY,
            passed: false,
            detail: format!(
                "{count} good certificates verify under our key and were not made here: it is compromised"
            ),
        })
    }

    /// Reads now, or answers nothing; whether writes go through is known from the schedule, which writes
    /// every second.
    async fn database(&self) -> Option<ReadinessCheck> {
        let store = &self.resources.store;
        match timeout(PROBE_TIME, store.read_probe()).await {
            Ok(Ok(())) => {
                let passed = store.takes_writes();
                let detail = if passed {
                    "reads and writes"
                } else {
                    "does not take writes"
                };
                return Some(database(passed, detail));
            }
            Ok(Err(error)) => tracing::error!(%error, "the record cannot be read"),
            Err(_) => tracing::error!("the record cannot be read: no answer in time"),
        }
        None
    }

    /// Says what waits and what was given up, not where it goes: strangers read it.
    async fn deliveries(&self, sink: &str, now: Timestamp) -> ReadinessCheck {
        let (passed, detail) = match self.resources.store.backlog(sink).await {
            Ok(backlog) => {
                let age = backlog.oldest.map_or(0, |queued| now.since(queued).max(0));
                let detail = match (backlog.waiting, backlog.dead) {
                    (0, 0) => "none waits".to_owned(),
                    (0, dead) => format!("none waits, {dead} given up"),
                    (waiting, dead) => {
                        let age = duration(age);
                        format!("{waiting} wait, the oldest for {age}, {dead} given up")
                    }
                };
                (backlog.dead == 0 && age <= DELIVERY_WARNING, detail)
            }
            Err(_) => (false, "the queue cannot be read".to_owned()),
        };
        let advice = if passed {
            ""
        } else {
            ": `vaca deliveries list` says why"
        };
        ReadinessCheck {
            name: DELIVERIES,
            passed,
            detail: format!("{detail}{advice}"),
        }
    }

    fn verified_access(&self) -> [ReadinessCheck; 2] {
        let status = self.resources.verifier.status();
        let access = ReadinessCheck {
            name: VERIFIED_ACCESS,
            passed: status.misconfigured.is_none(),
            detail: match &status.misconfigured {
                Some(_) => format!(
                    "our credential, its permissions or its transport are refused; transport {}",
                    status.transports()
                ),
                None => {
                    let VerifierStatus {
                        endpoint, trust, ..
                    } = &status;
                    format!(
                        "endpoint {}, trust {trust}, transport {}",
                        endpoint.as_str(),
                        status.transports()
                    )
                }
            },
        };
        let detail = match (status.clock_trusted, status.clock_skew_seconds) {
            (true, None) => "not compared with Google's yet".to_owned(),
            (true, Some(skew)) => format!("differs from Google's by {skew} s"),
            (false, _) => {
                "differs from Google's by more than two minutes: set it, then restart".to_owned()
            }
        };
        let clock = ReadinessCheck {
            name: "clock",
            passed: status.clock_trusted,
            detail,
        };
        [access, clock]
    }
}

fn database(passed: bool, detail: &str) -> ReadinessCheck {
    ReadinessCheck {
        name: "database",
        passed,
        detail: detail.to_owned(),
    }
}

fn unreadable() -> ReadinessCheck {
    database(false, "cannot be read")
}

/// How a CA's CRL stands; its number and times are in it, for everybody to read.
fn crl(standing: &Standing, now: Timestamp) -> ReadinessCheck {
    let name = &standing.name;
    let served = standing.served.map_or_else(String::new, |row| {
        let ends = standing.last.unwrap_or(row).next_update;
        let age = duration(now.since(row.this_update));
        format!(": number {}, made {age} ago, good until {ends}", row.number)
    });
    let seen = standing.seen.as_ref().and_then(|seen| seen.list);
    let seen = seen.map_or_else(String::new, |list| {
        let age = duration(now.since(list.this_update));
        format!("; seen from outside: made {age} ago")
    });
    let fault = standing.fault(now);
    let detail = fault.map_or_else(String::new, |fault| format!("; {fault}"));
    ReadinessCheck {
        name: CRL,
        passed: fault.is_none(),
        detail: format!("{name}{served}{seen}{detail}"),
    }
}

/// Says which kind of list, not where it is nor what is wrong: strangers read it.
fn list(report: &ListReport) -> ReadinessCheck {
    let (kind, age) = (report.file.kind.as_str(), duration(report.age));
    let detail = match &report.problem {
        None => format!("{kind}, written {age} ago"),
        Some(_) => format!(
            "{kind}: the file is not sound, what was written {age} ago stays in force; the log says why"
        ),
    };
    ReadinessCheck {
        name: LIST,
        passed: report.problem.is_none(),
        detail,
    }
}

/// In the largest unit of which there are two or more.
fn duration(seconds: i64) -> String {
    let units = [("days", 86_400), ("hours", 3600), ("minutes", 60)];
    let unit = units.iter().find(|(_, length)| seconds >= 2 * length);
    unit.map_or_else(
        || format!("{seconds} s"),
        |(name, length)| format!("{} {name}", seconds / length),
    )
}

impl Readiness for Health {
    fn report(&self) -> PendingReport<'_> {
        Box::pin(async {
            let checks = self.checks().await;
            // What is wrong at Verified Access is wrong for every node, and stored answers are still
            // given; where a list is not sound, the last good one is in force; a CRL is as good or bad on
            // every node; and certificates are issued whoever is told. All are shown, and take no node out
            // of service.
            let shown = [VERIFIED_ACCESS, LIST, CRL, KEY, DELIVERIES];
            let ready = |check: &ReadinessCheck| check.passed || shown.contains(&check.name);
            ReadinessReport {
                ready: checks.iter().all(ready),
                checks,
            }
        })
    }
}
