//! The delegated signer of one issuer: made when it is first asked for, and again before it ends. Its
//! private key never leaves this process, so each process has one of its own.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::admission::Resources;
use crate::ca::Issuer;
use crate::ca::ocsp::signer::SignerError;
use crate::ca::ocsp::{Failure, IssuerHashes, PreparedSigner, ResponseSigner};
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::certificate::CertificateKind;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::profile::ProfileHash;
use crate::model::serial::SerialNumber;
use crate::random::RandomUnavailable;
use crate::store::StoreError;
use crate::store::certificates::{Holder, IntendSigner, Intent, Record};

/// How long whoever asks waits for a new signer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after a failure nobody tries again: strangers ask as often as they like.
const RETRY: Duration = Duration::from_secs(5);
/// An intent that is so old, in seconds, is nobody's any more.
const FORGOTTEN: i64 = 60 * 60;

/// Why no signer was made.
#[derive(Debug, thiserror::Error)]
enum NotMade {
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the intent was closed by somebody else")]
    Closed,
}

impl NotMade {
    fn failure(&self) -> Failure {
        match self {
            // Nobody who may speak for this issuer will come by waiting.
            Self::Signer(SignerError::NotAdmitted) => Failure::Unauthorized,
            Self::Signer(_) | Self::Random(_) => Failure::InternalError,
            Self::Store(_) | Self::Closed => Failure::TryLater,
        }
    }
}

/// An issuer with its signer.
#[derive(Debug)]
pub(super) struct Signers {
    pub(super) issuer: Issuer,
    pub(super) hashes: IssuerHashes,
    current: RwLock<Option<Arc<ResponseSigner>>>,
    /// One makes it, the others wait; when it failed last, and how.
    making: Mutex<Option<(Duration, Failure)>>,
}

impl Signers {
    pub(super) fn of(issuer: &Issuer) -> der::Result<Self> {
        Ok(Self {
            hashes: IssuerHashes::of(issuer.authority())?,
            issuer: issuer.clone(),
            current: RwLock::default(),
            making: Mutex::default(),
        })
    }

    /// Whether there is a signer that should have a successor.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.current()
            .is_some_and(|signer| !Self::is_young(&signer, now))
    }

    fn current(&self) -> Option<Arc<ResponseSigner>> {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_young(signer: &ResponseSigner, now: Timestamp) -> bool {
        signer.is_valid(now) && now < signer.validity().renew_after
    }

    /// One that may sign now. It is made in a task of its own: a requester who hangs up must not leave an
    /// intent behind.
    pub(super) async fn signer(
        self: &Arc<Self>,
        resources: &Arc<Resources>,
    ) -> Result<Arc<ResponseSigner>, Failure> {
        let now = resources.clock.now();
        if let Some(signer) = self.current().filter(|signer| signer.is_valid(now)) {
            return Ok(signer);
        }
        let (this, resources) = (Arc::clone(self), Arc::clone(resources));
        let making = async move { this.renewed(&resources).await };
        let made = tokio::spawn(making.in_current_span());
        match timeout(PATIENCE, made).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::InternalError),
            Err(_) => Err(Failure::TryLater),
        }
    }

    /// A signer in the first half of its life, made where there is none.
    pub(super) async fn renewed(
        &self,
        resources: &Resources,
    ) -> Result<Arc<ResponseSigner>, Failure> {
        let mut failed = self.making.lock().await;
        let (now, monotonic) = (resources.clock.now(), resources.clock.monotonic());
        if let Some(signer) = self.current().filter(|signer| Self::is_young(signer, now)) {
            return Ok(signer);
        }
        if let Some((at, failure)) = *failed
            && monotonic.saturating_sub(at) < RETRY
        {
            return Err(failure);
        }
        match self.make(resources, now).await {
            Ok(signer) => {
                let signer = Arc::new(signer);
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Some(Arc::clone(&signer));
                *failed = None;
                Ok(signer)
            }
            Err(error) => {
                let issuer = self.issuer.name();
                tracing::error!(%error, issuer, "no signer of OCSP answers; it is tried again");
                *failed = Some((monotonic, error.failure()));
                Err(error.failure())
            }
        }
    }

    /// Intent, signature, record: as for every certificate.
    async fn make(&self, resources: &Resources, now: Timestamp) -> Result<ResponseSigner, NotMade> {
        let serial = SerialNumber::draw(now, resources.random.as_ref())?;
        let prepared = self.issuer.prepare_response_signer(serial, now)?;
        let subject = format!("{}/{serial}", prepared.issuer_id());
        let event = |kind| AuditEvent::new(now, kind, Actor::Schedule, subject.as_str());
        let intend = IntendSigner {
            intent: intent(&prepared),
            forgotten_before: now.minus(FORGOTTEN),
            event: event(EventKind::CertificateIntended),
        };
        let row = resources.store.write(intend).await?;
        let signer = self.issuer.sign_response_signer(prepared).await?;
        let record = Record {
            row,
            attempt: None,
            der: signer.certificate_der().to_vec(),
            event: event(EventKind::CertificateIssued),
        };
        if !resources.store.write(record).await? {
            return Err(NotMade::Closed);
        }
        tracing::info!(issuer = self.issuer.name(), %serial, "a signer of OCSP answers was certified");
        Ok(signer)
    }
}

fn intent(prepared: &PreparedSigner) -> Intent {
    let kind = CertificateKind::Ocsp;
    Intent {
        kind,
        issuer: prepared.issuer_id().clone(),
        serial: prepared.serial(),
        profile: kind.as_str().to_owned(),
        profile_hash: ProfileHash([0; 32]),
        identity: format!("ocsp:{}", prepared.issuer_id()),
        holder: Holder::default(),
        spki_sha256: prepared.spki_sha256(),
        tbs: prepared.tbs().to_vec(),
        validity: prepared.validity(),
    }
}
