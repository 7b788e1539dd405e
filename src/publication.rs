//! CRLs, from the rows to what relying parties fetch. Every node serves the newest list that is recorded
//! and has begun; one node at a time makes the next. A list is never rebuilt for one revocation: it is
//! made soon after the first that it lacks, and otherwise well before its end.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use prost::bytes::Bytes;

use crate::admission::Resources;
use crate::ca::crl::{CrlError, CrlNumber, CrlUpdate, ROOT_CRL_LIFETIME};
use crate::ca::reread::RereadError;
use crate::ca::{Authority, Issuer};
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::certificate::IssuerId;
use crate::model::serial::SerialNumber;
use crate::store::StoreError;
use crate::store::crls::{CrlRow, Fence};

mod current;
mod due;
mod folder;
mod recording;
mod settings;
mod succession;
mod watch;

pub use current::PublishedCrl;
pub use recording::{CrlRecorder, Listed};
pub use settings::{CrlSettings, InvalidCrl, Timing};
pub use succession::compare;
pub use watch::{Seen, Watch};

use current::Current;
use folder::Folder;

/// The lease of whoever makes lists.
pub const LEASE: &str = "crl";
/// A revocation that no list has is told of after so long, in seconds.
const PATIENCE: i64 = 600;
/// Lines that are read from the record at once.
const LINES: u32 = 5_000;
/// After a list that could not be published nobody tries again for so long.
const REST: Duration = Duration::from_secs(60);

/// Why a list was not published. The one before stays.
#[derive(Debug, thiserror::Error)]
pub enum PublicationError {
    /// The record does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be made, signed or read again.
    #[error(transparent)]
    Crl(#[from] CrlError),
    /// One of two lists cannot be compared with the other.
    #[error("the lists cannot be compared: {0}")]
    Compare(#[from] RereadError),
    /// A certificate would not be revoked any more.
    #[error(
        "{count} certificates of the last list, {first} among them, are not in the next, or differ there, and have not ended before it began"
    )]
    Vanished {
        /// One of them.
        first: SerialNumber,
        /// How many.
        count: usize,
    },
    /// The number does not grow, or another node makes lists now.
    #[error("another node has made a list meanwhile, or makes them now")]
    Overtaken,
    /// The service is stopping.
    #[error("the comparison was interrupted")]
    Interrupted,
    /// The last list is gone although nothing has replaced it.
    #[error("the record has lost the octets of the last list")]
    Lost,
}

/// A CA whose list is served.
#[derive(Clone, Debug)]
struct Publisher {
    /// For people: the configured name, or `root of` it.
    name: String,
    authority: Authority,
    /// Who signs; `None` for a root, whose key is elsewhere.
    issuer: Option<Issuer>,
}

/// How a CA's list stands, for those who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// For people.
    pub name: String,
    /// Which CA.
    pub issuer: IssuerId,
    /// Whether it is a root: a person makes its lists.
    pub is_root: bool,
    /// What is served now.
    pub served: Option<CrlRow>,
    /// The last one that is recorded: where lists were signed ahead, a later one.
    pub last: Option<CrlRow>,
    /// When the first revocation was made that the last one lacks.
    pub pending: Option<Timestamp>,
    /// Why the next could not be made, where it was tried.
    pub failing: Option<String>,
    /// What whoever fetches it over the public address sees.
    pub seen: Option<Seen>,
}

impl Standing {
    /// What is wrong with it at `now`, if anything.
    #[must_use]
    pub fn fault(&self, now: Timestamp) -> Option<&'static str> {
        let left = |row: &CrlRow| row.next_update.since(now);
        match (&self.served, &self.last) {
            // The service makes the first one within a second of its start.
            (None, None) if !self.is_root && self.failing.is_none() => None,
            (None, _) => Some("there is none"),
            (Some(served), _) if left(served) <= 0 => {
                Some("it has ended: relying parties refuse everybody")
            }
            _ if self.failing.is_some() => Some("the next one cannot be made: the log says why"),
            _ if self.is_root && self.pending.is_some() => {
                Some("it lacks a CA that was revoked: sign the next now with `vaca crl sign-root`")
            }
            _ if self.pending.is_some_and(|at| now.since(at) > PATIENCE) => {
                Some("what was revoked is not in it: no node makes the next")
            }
            (Some(_), Some(last)) if self.is_root && left(last) < ROOT_CRL_LIFETIME / 3 => {
                Some("a third of its life is left: sign the next with `vaca crl sign-root`")
            }
            _ if self.seen.as_ref().is_some_and(Seen::is_wrong) => {
                Some("it cannot be fetched over the public address as it should")
            }
            _ => None,
        }
    }
}

/// Makes and serves the lists of every configured issuer and its root.
#[derive(Debug)]
pub struct Publication {
    resources: Arc<Resources>,
    publishers: Vec<Publisher>,
    timing: Timing,
    current: RwLock<Current>,
    folder: Option<Folder>,
    /// By issuer: why its next list could not be made, and when it was tried, in monotonic time.
    failures: RwLock<HashMap<IssuerId, (String, Duration)>>,
    watch: Watch,
}

impl Publication {
    /// For these issuers, by their configured names.
    #[must_use]
    pub fn new(
        resources: Arc<Resources>,
        issuers: &HashMap<String, Issuer>,
        settings: &CrlSettings,
        timing: Timing,
        watch: Watch,
    ) -> Self {
        Self {
            resources,
            publishers: publishers(issuers),
            timing,
            current: RwLock::default(),
            folder: settings.directory.clone().map(Folder::new),
            failures: RwLock::default(),
            watch,
        }
    }

    /// The list of this CA that is served now.
    #[must_use]
    pub fn crl(&self, issuer: &IssuerId) -> Option<Arc<PublishedCrl>> {
        self.current.read().ok()?.crl(issuer)
    }

    /// The lists of all levels, PEM, one behind the other; `None` where one is missing: a server that
    /// loads less than it needs refuses everybody or, worse, nobody.
    #[must_use]
    pub fn all(&self) -> Option<Bytes> {
        self.current.read().ok()?.all()
    }

    /// Serves what has been recorded since the last time, by whichever node.
    ///
    /// # Errors
    /// [`PublicationError::Store`]; what was served is served on.
    pub async fn refresh(&self, now: Timestamp) -> Result<(), PublicationError> {
        let mut changed = Vec::new();
        for publisher in &self.publishers {
            let id = publisher.authority.issuer_id();
            let store = &self.resources.store;
            // A root's may be signed ahead. The service's own begin when they are made, whatever a clock
            // says that was set back since.
            let newest = if publisher.issuer.is_none() {
                store.newest_crl(&id, now).await?
            } else {
                store.last_crl(&id).await?
            };
            let Some(row) = newest else { continue };
            // Never back to an older one: what was revoked since would be good again.
            let served = self.crl(&id).map(|served| served.row());
            if served.is_some_and(|served| served.number > row.number || served == row) {
                continue;
            }
            // Replaced between the two statements: the next look finds its successor.
            if let Some(der) = self.resources.store.crl_der(row.row).await? {
                changed.push((id, Arc::new(PublishedCrl::new(row, der))));
            }
        }
        let is_changed = !changed.is_empty();
        for (id, crl) in changed {
            let row = crl.row();
            let times = [row.this_update, row.next_update];
            let crls = &self.resources.metrics.crls;
            crls.served(&id, row.number, row.entries, times);
            if let Ok(mut current) = self.current.write() {
                current.put(id, crl);
            }
        }
        if is_changed && let Ok(mut current) = self.current.write() {
            let ids = self.publishers.iter();
            current.join(ids.map(|publisher| publisher.authority.issuer_id()));
        }
        self.write_folder(is_changed).await;
        Ok(())
    }

    /// Into the folder, where one is configured. What could not be written is tried again.
    async fn write_folder(&self, is_changed: bool) {
        let Some(folder) = &self.folder else { return };
        if !is_changed && !folder.is_behind() {
            return;
        }
        let (lists, all) = match self.current.read() {
            Ok(current) => (current.lists(), current.all()),
            Err(_) => return,
        };
        if let Err(error) = folder.write(lists, all).await {
            tracing::error!(%error, "the CRLs could not be written into their folder; it is tried again");
        }
    }

    /// Makes the lists that are due, as long as the lease is this one. The others are not kept from being
    /// made by one that cannot. Answers whether all could be made that had to be.
    pub async fn publish_due(&self, now: Timestamp, fence: Fence) -> bool {
        let mut went_well = true;
        for publisher in &self.publishers {
            let Some(issuer) = &publisher.issuer else {
                continue;
            };
            if self.rests(issuer.id()) {
                continue;
            }
            match self.publish_if_due(issuer, now, fence).await {
                Ok(()) => self.failed(issuer.id(), None),
                // The other node's list is looked at the next time.
                Err(PublicationError::Overtaken) => {
                    tracing::info!(issuer = publisher.name, "another node makes the CRL");
                }
                Err(error) => {
                    went_well = false;
                    tracing::error!(issuer = publisher.name, %error, "no CRL was published");
                    self.resources.metrics.crls.failed(issuer.id());
                    self.failed(issuer.id(), Some(error.to_string()));
                }
            }
        }
        went_well
    }

    fn rests(&self, issuer: &IssuerId) -> bool {
        let now = self.resources.clock.monotonic();
        let failures = self.failures.read();
        failures.is_ok_and(|failures| {
            let failure = failures.get(issuer);
            failure.is_some_and(|(_, at)| now.saturating_sub(*at) < REST)
        })
    }

    fn why_failing(&self, issuer: &IssuerId) -> Option<String> {
        let failures = self.failures.read().ok()?;
        failures.get(issuer).map(|(why, _)| why.clone())
    }

    fn failed(&self, issuer: &IssuerId, why: Option<String>) {
        let at = self.resources.clock.monotonic();
        if let Ok(mut failures) = self.failures.write() {
            match why {
                Some(why) => {
                    failures.insert(issuer.clone(), (why, at));
                }
                None => {
                    failures.remove(issuer);
                }
            }
        }
    }

    async fn publish_if_due(
        &self,
        issuer: &Issuer,
        now: Timestamp,
        fence: Fence,
    ) -> Result<(), PublicationError> {
        let store = &self.resources.store;
        let last = store.last_crl(issuer.id()).await?;
        let pending = match &last {
            Some(last) => {
                store
                    .first_revocation_after(issuer.id(), last.covers)
                    .await?
            }
            None => None,
        };
        if self.timing.is_due(issuer.id(), last.as_ref(), pending, now) {
            self.publish(issuer, last.as_ref(), now, fence).await?;
        }
        Ok(())
    }

    /// Draft, compare, commit its number and digest, sign, commit the list.
    async fn publish(
        &self,
        issuer: &Issuer,
        last: Option<&CrlRow>,
        now: Timestamp,
        fence: Fence,
    ) -> Result<(), PublicationError> {
        let store = &self.resources.store;
        let number = store.last_crl_number(issuer.id()).await? + 1;
        let listed = Listed {
            covers: store.last_revocation(issuer.id()).await?,
            kept_since: self.kept_since(last, now),
        };
        let mut draft = issuer.draft_crl(CrlUpdate {
            number: CrlNumber(number.unsigned_abs()),
            this_update: now,
            next_update: now.plus(self.timing.lifetime),
        })?;
        let mut after = None;
        loop {
            let part = store
                .revoked_certificates(
                    issuer.id(),
                    listed.covers,
                    listed.kept_since,
                    after.as_ref(),
                    LINES,
                )
                .await?;
            for line in &part {
                draft.add(line.serial, line.revocation)?;
            }
            after = part.last().copied();
            if after.is_none() {
                break;
            }
            // Requests are answered on the same threads.
            tokio::task::yield_now().await;
        }
        let recorder = CrlRecorder {
            store,
            actor: Actor::Schedule,
            fence: Some(fence),
            now,
        };
        let prepared = draft.prepare()?;
        let (entries, begun) = (prepared.count(), self.resources.clock.monotonic());
        let intended = recorder.intend(&prepared, listed).await?;
        let issued = issuer.sign_crl(prepared).await?;
        if let Some(last) = last {
            let earlier = self.octets(issuer.id(), last).await?;
            compare(store, issuer.id(), earlier, issued.der(), listed.kept_since).await?;
        }
        recorder.record(intended, &issued).await?;
        let took = self.resources.clock.monotonic().saturating_sub(begun);
        tracing::info!(issuer = %issuer.id(), number, entries, ?took, "published a CRL");
        Ok(())
    }

    /// From when on certificates must have ended to be left out: a list that was made after their end has
    /// had them (RFC 5280, section 3.3). Nothing is left out under a clock that nobody has confirmed.
    fn kept_since(&self, last: Option<&CrlRow>, now: Timestamp) -> Timestamp {
        match last {
            None => Timestamp(0),
            Some(last) if self.resources.verifier.clock_confirmed() => last.this_update.min(now),
            Some(last) => last.kept_since,
        }
    }

    /// The octets of the last list, from memory where it is served.
    async fn octets(&self, issuer: &IssuerId, last: &CrlRow) -> Result<Bytes, PublicationError> {
        if let Some(served) = self.crl(issuer).filter(|served| served.row() == *last) {
            return Ok(served.der().clone());
        }
        let der = self.resources.store.crl_der(last.row).await?;
        der.map(Bytes::from).ok_or(PublicationError::Lost)
    }

    /// Fetches every list over the public address, where there is one, and remembers what was seen.
    pub async fn look_from_outside(&self, now: Timestamp) {
        for publisher in &self.publishers {
            if let Some(seen) = self.watch.look(&publisher.authority, now).await {
                let id = publisher.authority.issuer_id();
                let times = seen.list.map(|list| [list.this_update, list.next_update]);
                let crls = &self.resources.metrics.crls;
                crls.seen(&id, times, seen.is_wrong());
            }
        }
    }

    /// How every list stands.
    ///
    /// # Errors
    /// [`PublicationError::Store`].
    pub async fn standings(&self) -> Result<Vec<Standing>, PublicationError> {
        let mut standings = Vec::with_capacity(self.publishers.len());
        for publisher in &self.publishers {
            let id = publisher.authority.issuer_id();
            let failing = self.why_failing(&id);
            let served = self.crl(&id).map(|crl| crl.row());
            let store = &self.resources.store;
            let last = store.last_crl(&id).await?;
            let covers = last.map_or(0, |last| last.covers);
            let pending = store.first_revocation_after(&id, covers).await?;
            standings.push(Standing {
                name: publisher.name.clone(),
                is_root: publisher.issuer.is_none(),
                served,
                last,
                pending,
                failing,
                seen: self.watch.seen(&id),
                issuer: id,
            });
        }
        Ok(standings)
    }
}

/// Every issuing CA, then every root, once each.
fn publishers(issuers: &HashMap<String, Issuer>) -> Vec<Publisher> {
    let mut names: Vec<_> = issuers.keys().collect();
    names.sort();
    let mut publishers: Vec<Publisher> = Vec::new();
    for root in [false, true] {
        for name in &names {
            let Some(issuer) = issuers.get(*name) else {
                continue;
            };
            let authority = if root {
                issuer.root()
            } else {
                issuer.authority()
            };
            let known = publishers
                .iter()
                .any(|known| known.authority.issuer_id() == authority.issuer_id());
            if !known {
                publishers.push(Publisher {
                    name: if root {
                        format!("root of {name}")
                    } else {
                        (*name).clone()
                    },
                    authority: authority.clone(),
                    issuer: (!root).then(|| issuer.clone()),
                });
            }
        }
    }
    publishers
}
