//! What do we say of one certificate? The OCSP responder: reads a request, asks the record, has a delegated
//! signer of this process's say it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::admission::Resources;
use crate::ca::Issuer;
use crate::ca::ocsp::{CertificateId, CertificateStatus, Failure, Request, Response};
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::store::StoreError;

mod kept;
mod signers;

use kept::KeptAnswers;
use signers::Signers;

/// How long the record may take, all look-ups of one request together. Most clients have turned to the CRL by
/// then, or away; who waits hears why there is no answer.
const READ_TIME: Duration = Duration::from_secs(10);

/// What goes back to whoever asked.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Signed, and the same for everybody who asks: it may be kept until its end.
    Shared(Arc<Response>),
    /// Signed, with the nonce of one request.
    Fresh(Response),
    /// Not signed.
    Failed(Failure),
}

/// The responder of this process.
#[derive(Debug)]
pub struct Responder {
    resources: Arc<Resources>,
    issuers: Vec<Arc<Signers>>,
    kept: KeptAnswers,
}

impl Responder {
    /// Answers for these issuers, and for nobody else: not for their roots, whose keys are elsewhere and
    /// have certified no signer.
    ///
    /// # Errors
    /// An encoder's fault; none is known.
    pub fn new<'a>(
        resources: Arc<Resources>,
        issuers: impl Iterator<Item = &'a Issuer>,
    ) -> der::Result<Self> {
        Ok(Self {
            issuers: issuers
                .map(|issuer| Signers::of(issuer).map(Arc::new))
                .collect::<der::Result<_>>()?,
            resources,
            kept: KeptAnswers::default(),
        })
    }

    /// Answers one request.
    pub async fn answer(&self, unverified: &[u8]) -> Answer {
        match self.signed(unverified).await {
            Ok(answer) => answer,
            Err((issuer, failure)) => {
                self.count(issuer, failure.as_str());
                Answer::Failed(failure)
            }
        }
    }

    /// Renews what is due at `now`, so that nobody who asks has to wait for it. A signer that nobody has
    /// asked for is not made here.
    pub async fn renew(&self, now: Timestamp) {
        for issuer in &self.issuers {
            if issuer.is_due(now) && self.resources.verifier.clock_trusted() {
                // What went wrong was logged; the old one is good for as long again.
                issuer.renewed(&self.resources).await.ok();
            }
        }
    }

    /// Every failure with the issuer, where one was recognised.
    async fn signed(&self, unverified: &[u8]) -> Result<Answer, (Option<&str>, Failure)> {
        let request = Request::parse(unverified).map_err(|_| (None, Failure::MalformedRequest))?;
        // One answer has one signer, who speaks for the CA that certified it and for no other (RFC 6960,
        // section 4.2.2.2). So the first issuer of ours that is named answers, and knows of its own only.
        let mut ids = request.certificates.iter();
        let issuer = ids
            .find_map(|id| self.issuers.iter().find(|issuer| issuer.hashes.names(id)))
            .ok_or((None, Failure::Unauthorized))?;
        self.signed_by(issuer, &request)
            .await
            .map_err(|failure| (Some(issuer.issuer.name()), failure))
    }

    async fn signed_by(&self, issuer: &Arc<Signers>, request: &Request) -> Result<Answer, Failure> {
        // The clock judges itself: an answer is only as good as its times.
        if !self.resources.verifier.clock_trusted() {
            return Err(Failure::TryLater);
        }
        let name = issuer.issuer.name();
        let monotonic = self.resources.clock.monotonic();
        let shared = match (&request.nonce, request.certificates.as_slice()) {
            (None, [only]) => Some(only),
            _ => None,
        };
        if let Some((status, response)) =
            shared.and_then(|id| self.kept.find(id, monotonic, self.resources.clock.now()))
        {
            self.count(Some(name), status);
            return Ok(Answer::Shared(response));
        }
        let signer = issuer.signer(&self.resources).await?;
        // Before the record is asked: what is revoked meanwhile is no news yet at this time.
        let now = self.resources.clock.now();
        let statuses = self.statuses(issuer, request).await?;
        let mut answers = Vec::with_capacity(statuses.len());
        for (id, (status, _)) in request.certificates.iter().zip(&statuses) {
            answers.push((id, *status));
        }
        let signed = signer.respond(&answers, request.nonce.as_ref(), now).await;
        let response = signed.map_err(|error| {
            tracing::error!(%error, issuer = name, "an OCSP answer was not signed");
            Failure::InternalError
        })?;
        for (status, _) in &statuses {
            self.count(Some(name), status.as_str());
        }
        Ok(match (shared, statuses.as_slice()) {
            (Some(id), [(status, recorded)]) => {
                let response = Arc::new(response);
                // A stranger can think of any number of numbers.
                if *recorded {
                    self.kept.keep(id, status.as_str(), &response, monotonic);
                }
                Answer::Shared(response)
            }
            _ if request.nonce.is_none() => Answer::Shared(Arc::new(response)),
            _ => Answer::Fresh(response),
        })
    }

    /// How each certificate stands, and whether the record knows it.
    async fn statuses(
        &self,
        issuer: &Signers,
        request: &Request,
    ) -> Result<Vec<(CertificateStatus, bool)>, Failure> {
        let reading = async {
            let mut statuses = Vec::with_capacity(request.certificates.len());
            for id in &request.certificates {
                statuses.push(self.status(issuer, id).await?);
            }
            Ok::<_, StoreError>(statuses)
        };
        match timeout(READ_TIME, reading).await {
            Ok(Ok(statuses)) => Ok(statuses),
            Ok(Err(error)) => {
                tracing::error!(%error, "the record does not say how a certificate stands");
                Err(Failure::TryLater)
            }
            Err(_) => {
                tracing::error!("the record does not say in time how a certificate stands");
                Err(Failure::TryLater)
            }
        }
    }

    async fn status(
        &self,
        issuer: &Signers,
        id: &CertificateId,
    ) -> Result<(CertificateStatus, bool), StoreError> {
        let serial = match id.serial() {
            Some(serial) if issuer.hashes.names(id) => serial,
            _ => return Ok((CertificateStatus::Unknown, false)),
        };
        let issuer: &IssuerId = issuer.issuer.id();
        let Some(standing) = self.resources.store.standing(issuer, serial).await? else {
            return Ok((CertificateStatus::Unknown, false));
        };
        Ok(match standing.revocation {
            Some(revocation) => (CertificateStatus::Revoked(revocation), true),
            None if standing.issued => (CertificateStatus::Good, true),
            // It was never signed, as far as we know, and nobody should have it.
            None => (CertificateStatus::Unknown, false),
        })
    }

    fn count(&self, issuer: Option<&str>, status: &'static str) {
        self.resources.metrics.ocsp.answered(issuer, status);
    }
}
