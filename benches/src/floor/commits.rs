//! The five commits of one enrolment, with rows of the size that they have in the service.

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use vaca::clock::{Clock as _, SystemClock, Timestamp};
use vaca::config::Config;
use vaca::model::actor::Actor;
use vaca::model::attempt::{AttemptId, Binding, OWNERSHIP, Presented, ResponseDigest};
use vaca::model::certificate::CertificateKind;
use vaca::model::challenge::ChallengeDigest;
use vaca::model::event::{AuditEvent, EventKind};
use vaca::model::facts::Check;
use vaca::model::identity::{Email, KeyScope};
use vaca::model::serial::{SerialNumber, hex};
use vaca::random::{Random, SystemRandom};
use vaca::server::load_deployment_key;
use vaca::store::Store;
use vaca::store::attempts::{Attempt, Bind, Bound, KeepVerdict, Kept, Ownership};
use vaca::store::certificates::{Holder, Intend, Intended, Intent, Record};
use vaca::store::challenges::Remember;

use crate::floor::{EMAIL, Floor};
use crate::verified_access::CUSTOMER;

/// The store with everything that goes into it prepared. Clones share it.
#[derive(Clone, Debug)]
pub struct Commits(Arc<Prepared>);

#[derive(Debug)]
struct Prepared {
    store: Store,
    binding: Binding,
    verdict: (String, [u8; 32]),
    checks: Vec<Check>,
    facts: String,
    intent: Intent,
    der: Vec<u8>,
    clock: SystemClock,
    random: SystemRandom,
}

impl Commits {
    /// Opens the record of `config`, and takes the contents of its rows from `floor`.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub async fn open(config: &Config, floor: &Floor) -> anyhow::Result<Self> {
        let store = Store::open(&config.database).await?;
        let clock = SystemClock::new();
        let prepared = floor.prepare()?;
        let binding = Binding {
            presented: Presented {
                challenge: ChallengeDigest([0; 32]),
                response: ResponseDigest([0; 32]),
            },
            scope: KeyScope::User,
            profile: floor.profile.name.clone(),
            profile_hash: floor.profile.hash,
            unverified_email: Some(Email::parse(EMAIL)?),
            at: clock.now(),
        };
        let intent = Intent {
            kind: CertificateKind::Client,
            issuer: prepared.issuer_id().clone(),
            serial: prepared.serial(),
            profile: floor.profile.name.clone(),
            profile_hash: floor.profile.hash,
            identity: floor.device.identity().key(),
            holder: Holder {
                email: Some(EMAIL.to_owned()),
                customer_id: Some(CUSTOMER.to_owned()),
                ..Holder::default()
            },
            spki_sha256: [0; 32],
            tbs: prepared.tbs().to_vec(),
            validity: prepared.validity(),
        };
        let key = load_deployment_key(&config.deployment_key_file)?;
        let sealed = floor.device.seal(&binding, &key);
        Ok(Self(Arc::new(Prepared {
            store,
            binding,
            verdict: (sealed.json, sealed.tag),
            checks: floor.device.checks().to_vec(),
            facts: serde_json::to_string(&floor.facts)?,
            intent,
            der: floor.certify().await?.der().to_vec(),
            clock,
            random: SystemRandom,
        })))
    }

    /// One commit: a challenge is remembered.
    ///
    /// # Errors
    /// Where the database does not take it.
    pub async fn remember(&self) -> anyhow::Result<ChallengeDigest> {
        let digest = ChallengeDigest(self.0.array()?);
        let remember = Remember {
            digest,
            profile: self.0.binding.profile.clone(),
            at: self.0.clock.now(),
        };
        self.0.store.write(remember).await?;
        Ok(digest)
    }

    /// All five, one after the other.
    ///
    /// # Errors
    /// Where the database does not take one.
    pub async fn enrolment(&self) -> anyhow::Result<()> {
        let challenge = self.remember().await?;
        let now = self.0.clock.now();
        let attempt = loop {
            // An id that is taken is drawn again, as in the service.
            if let Some(attempt) = self.0.bind(challenge, now).await? {
                break attempt;
            }
        };
        self.0.keep(&attempt, now).await?;
        let row = self.0.intend(&attempt, now).await?;
        self.0.record(&attempt, row, now).await
    }

    /// Finishes the writes and closes the record.
    pub async fn close(&self) {
        self.0.store.close().await;
    }
}

impl Prepared {
    fn array<const N: usize>(&self) -> anyhow::Result<[u8; N]> {
        let random: &dyn Random = &self.random;
        Ok(random.array()?)
    }

    async fn bind(
        &self,
        challenge: ChallengeDigest,
        at: Timestamp,
    ) -> anyhow::Result<Option<Attempt>> {
        let id = AttemptId::draw(at, &self.random)?;
        let event = event(at, EventKind::AttemptBound, id.as_str())
            .with("profile", self.binding.profile.as_str())
            .with("profile_hash", self.binding.profile_hash.to_string())
            .with("scope", self.binding.scope.as_str());
        let bind = Bind {
            id,
            binding: Binding {
                presented: Presented {
                    challenge,
                    response: ResponseDigest(self.array()?),
                },
                at,
                ..self.binding.clone()
            },
            peer: "127.0.0.1".to_owned(),
            ownership: Ownership {
                owner: hex(&self.array::<8>()?),
                until: at.plus(OWNERSHIP),
            },
            event,
        };
        match self.store.write(bind).await? {
            Bound::New(attempt) => Ok(Some(*attempt)),
            Bound::IdTaken => Ok(None),
            other => bail!("not bound: {other:?}"),
        }
    }

    async fn keep(&self, attempt: &Attempt, at: Timestamp) -> anyhow::Result<()> {
        let keep = KeepVerdict {
            row: attempt.row,
            owner: attempt.ownership.owner.clone(),
            verdict: self.verdict.0.clone(),
            tag: self.verdict.1,
            checks: self.checks.clone(),
            verified_access: "OK in 1 ms".to_owned(),
            identity: format!("user:{}@example.com", attempt.id),
            attempts_per_minute: 10,
            event: event(at, EventKind::AttemptVerified, attempt.id.as_str())
                .with("identity", hex(&[1; 16]))
                .with("expected_identity", hex(&[1; 16])),
        };
        ensure!(self.store.write(keep).await? == Kept::Verified, "not kept");
        Ok(())
    }

    async fn intend(&self, attempt: &Attempt, at: Timestamp) -> anyhow::Result<i64> {
        let serial = SerialNumber::draw(at, &self.random)?;
        let subject = format!("{}/{serial}", self.intent.issuer);
        let intend = Intend {
            attempt: attempt.row,
            owner: attempt.ownership.owner.clone(),
            intent: Intent {
                serial,
                spki_sha256: self.array()?,
                identity: format!("user:{}@example.com", hex(&self.array::<8>()?)),
                ..self.intent.clone()
            },
            limit: 20,
            checks: self.checks.clone(),
            facts: self.facts.clone(),
            event: event(at, EventKind::CertificateIntended, &subject)
                .with("attempt", attempt.id.as_str())
                .with("profile_hash", self.binding.profile_hash.to_string()),
        };
        match self.store.write(intend).await? {
            Intended::Committed(row) => Ok(row),
            other => bail!("not intended: {other:?}"),
        }
    }

    async fn record(&self, attempt: &Attempt, row: i64, at: Timestamp) -> anyhow::Result<()> {
        let sha256: [u8; 32] = self.array()?;
        let subject = format!("{}/{row}", self.intent.issuer);
        let record = Record {
            row,
            attempt: Some(attempt.row),
            der: self.der.clone(),
            event: event(at, EventKind::CertificateIssued, &subject)
                .with("attempt", attempt.id.as_str())
                .with("sha256", hex(&sha256)),
        };
        let recorded = self.store.write(record).await?;
        recorded.then_some(()).context("not recorded")
    }
}

fn event(at: Timestamp, kind: EventKind, subject: &str) -> AuditEvent {
    AuditEvent::new(at, kind, Actor::Requester, subject)
}
