//! A list's number and digest are committed before it is signed, the list itself before anybody gets it.

use crate::ca::crl::{CrlUpdate, IssuedCrl, PreparedCrl, ReadCrl};
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::certificate::IssuerId;
use crate::model::event::{AuditEvent, EventKind};
use crate::publication::PublicationError;
use crate::store::Store;
use crate::store::crls::{Fence, IntendCrl, RecordCrl};

/// Which revocations a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Up to this one, by its number in the record.
    pub covers: i64,
    /// But for certificates that ended before this.
    pub kept_since: Timestamp,
}

/// Who records a list, and when.
#[derive(Debug)]
pub struct CrlRecorder<'a> {
    /// The record.
    pub store: &'a Store,
    /// Who makes it.
    pub actor: Actor,
    /// The lease under which it is made.
    pub fence: Option<Fence>,
    /// Now.
    pub now: Timestamp,
}

/// What is committed of a list before its signature.
struct Facts {
    issuer: IssuerId,
    update: CrlUpdate,
    entries: u64,
    tbs_sha256: [u8; 32],
}

/// An intent's row.
#[derive(Debug)]
pub struct IntendedCrl(i64);

impl CrlRecorder<'_> {
    /// Commits a list that was signed elsewhere: there was no other way to know it before its signature.
    ///
    /// # Errors
    /// [`PublicationError::Overtaken`], [`PublicationError::Store`].
    pub async fn take(
        &self,
        read: &ReadCrl,
        tbs_sha256: [u8; 32],
        der: Vec<u8>,
        listed: Listed,
    ) -> Result<(), PublicationError> {
        let facts = Facts {
            issuer: read.issuer_id().clone(),
            update: read.update(),
            entries: read.count(),
            tbs_sha256,
        };
        let intended = self.commit(facts, listed).await?;
        self.publish(intended, read.issuer_id(), read.update(), der)
            .await
    }

    /// Commits number and digest. Only after this may the key be used.
    ///
    /// # Errors
    /// [`PublicationError::Overtaken`], [`PublicationError::Store`].
    pub async fn intend(
        &self,
        prepared: &PreparedCrl,
        listed: Listed,
    ) -> Result<IntendedCrl, PublicationError> {
        let facts = Facts {
            issuer: prepared.issuer_id(),
            update: prepared.update(),
            entries: prepared.count(),
            tbs_sha256: *prepared.tbs_sha256(),
        };
        self.commit(facts, listed).await
    }

    async fn commit(&self, facts: Facts, listed: Listed) -> Result<IntendedCrl, PublicationError> {
        let Facts { issuer, update, .. } = facts;
        let number = i64::try_from(update.number.0).unwrap_or(i64::MAX);
        let subject = format!("{issuer}/crl/{number}");
        let kind = EventKind::CrlIntended;
        let intent = IntendCrl {
            issuer,
            number,
            this_update: update.this_update,
            next_update: update.next_update,
            covers: listed.covers,
            kept_since: listed.kept_since,
            entries: facts.entries,
            tbs_sha256: facts.tbs_sha256,
            fence: self.fence,
            event: AuditEvent::new(self.now, kind, self.actor.clone(), subject),
        };
        let row = self.store.write(intent).await?;
        row.map(IntendedCrl).ok_or(PublicationError::Overtaken)
    }

    /// Commits the signed list: from now on it is served.
    ///
    /// # Errors
    /// [`PublicationError::Overtaken`], [`PublicationError::Store`].
    pub async fn record(
        &self,
        intended: IntendedCrl,
        issued: &IssuedCrl,
    ) -> Result<(), PublicationError> {
        let der = issued.der().to_vec();
        self.publish(intended, issued.issuer_id(), issued.update(), der)
            .await
    }

    async fn publish(
        &self,
        IntendedCrl(row): IntendedCrl,
        issuer: &IssuerId,
        update: CrlUpdate,
        der: Vec<u8>,
    ) -> Result<(), PublicationError> {
        let subject = format!("{issuer}/crl/{}", update.number.0);
        let kind = EventKind::CrlIssued;
        let record = RecordCrl {
            row,
            issuer: issuer.clone(),
            der,
            fence: self.fence,
            event: AuditEvent::new(self.now, kind, self.actor.clone(), subject),
        };
        if self.store.write(record).await? {
            Ok(())
        } else {
            Err(PublicationError::Overtaken)
        }
    }
}
