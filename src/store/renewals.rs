//! What a renewal goes by: how a certificate stands, which one has taken its place, and the orders that
//! bring renewals forward.

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::certificate::{IssuerId, Validity};
use crate::model::event::{AuditEvent, EventKind};
use crate::model::renewal::{LONGEST_LIFE, RenewalOrder};
use crate::model::revocation::Revocation;
use crate::model::serial::SerialNumber;
use crate::store::engine::{Connection, Row, query};
use crate::store::revocations::revocation;
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError, audit};

/// Most orders that may be in force: each answer to a device looks at all of them.
const ORDERS_MAX: i64 = 100;
/// Certificates that one statement counts: a read must not take long, whatever the record holds.
const COUNTED_AT_ONCE: i64 = 20_000;

/// A client certificate that was issued, as far as its renewal goes.
#[derive(Clone, Debug)]
pub struct Renewable {
    /// Row number.
    pub row: i64,
    /// The profile's name.
    pub profile: String,
    /// One text per identity.
    pub identity: String,
    /// Which device it went to: needed to tell a user's Chromebooks from each other.
    pub virtual_device_id: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it is good.
    pub validity: Validity,
    /// Whether it was revoked.
    pub revocation: Option<Revocation>,
}

impl Renewable {
    /// Whether certificates of its identity are all for one device.
    fn is_a_devices(&self) -> bool {
        self.identity.starts_with("device:")
    }
}

impl Store {
    /// The client certificate of this name; `None` where none was issued.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renewable(
        &self,
        issuer: &IssuerId,
        serial: SerialNumber,
    ) -> Result<Option<Renewable>, StoreError> {
        let row = query(
            "SELECT c.id, c.profile, c.identity, c.virtual_device_id, c.not_before, c.not_after,
                 c.renew_after, c.intended_at, r.reason, r.revoked_at
             FROM certificates c LEFT JOIN revocations r ON r.certificate_id = c.id
             WHERE c.issuer_id = $1 AND c.serial = $2 AND c.kind = 'client' AND c.state = 'issued'",
        )
        .bind(issuer.as_str())
        .bind(serial.to_string())
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(Renewable {
            row: row.try_get("id")?,
            profile: row.try_get("profile")?,
            identity: row.try_get("identity")?,
            virtual_device_id: row.try_get("virtual_device_id")?,
            issued_at: Timestamp(row.try_get("intended_at")?),
            validity: Validity {
                not_before: Timestamp(row.try_get("not_before")?),
                not_after: Timestamp(row.try_get("not_after")?),
                renew_after: Timestamp(row.try_get("renew_after")?),
            },
            revocation: revocation(&row)?,
        }))
    }

    /// The newest good certificate that took this one's place: a later one of the same identity and
    /// profile, for the same device. A user with two Chromebooks has two certificates, neither of which
    /// supersedes the other; where Google named no device, nothing of a user's supersedes anything.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn successor(
        &self,
        certificate: &Renewable,
        now: Timestamp,
    ) -> Result<Option<(IssuerId, SerialNumber)>, StoreError> {
        // Sorted by time, and only then by number: a planner that sees an order by the number alone may
        // walk the table from its end.
        let found = if certificate.is_a_devices() {
            query(
                "SELECT issuer_id, serial FROM certificates
                 WHERE identity = $1 AND profile = $2 AND id > $3 AND not_after >= $4
                   AND kind = 'client' AND state = 'issued'
                   AND NOT EXISTS (SELECT 1 FROM revocations WHERE certificate_id = certificates.id)
                 ORDER BY intended_at DESC, id DESC LIMIT 1",
            )
        } else {
            query(
                "SELECT issuer_id, serial FROM certificates
                 WHERE virtual_device_id = $5 AND identity = $1 AND profile = $2 AND id > $3
                   AND not_after >= $4 AND kind = 'client' AND state = 'issued'
                   AND NOT EXISTS (SELECT 1 FROM revocations WHERE certificate_id = certificates.id)
                 ORDER BY intended_at DESC, id DESC LIMIT 1",
            )
        };
        let mut found = found
            .bind(&certificate.identity)
            .bind(&certificate.profile)
            .bind(certificate.row)
            .bind(now.0);
        if !certificate.is_a_devices() {
            let Some(device) = &certificate.virtual_device_id else {
                return Ok(None);
            };
            found = found.bind(device);
        }
        let row = found.fetch_optional(&self.readers).await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let (issuer, serial): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let corrupt = StoreError::Corrupt;
        let issuer = IssuerId::parse(&issuer).ok_or(corrupt("certificates.issuer_id"))?;
        let serial = SerialNumber::parse(&serial).ok_or(corrupt("certificates.serial"))?;
        Ok(Some((issuer, serial)))
    }
}

/// Orders renewals. Answers the order's number; `None` where there are as many as may be.
#[derive(Debug)]
pub struct OrderRenewal {
    /// Which, and when.
    pub order: RenewalOrder,
    /// By whom.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// How many certificates it concerned when it was given, for the audit log.
    pub certificates: i64,
}

impl Write for OrderRenewal {
    type Output = Option<i64>;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Option<i64>>, StoreError> {
        let counted = query("SELECT count(*) FROM renewal_orders WHERE issued_until >= $1")
            .bind(self.at.minus(LONGEST_LIFE).0)
            .fetch_one(&mut *connection)
            .await?;
        if counted.try_get::<i64, _>(0)? >= ORDERS_MAX {
            return Ok(Applied::Keep(None));
        }
        let order = &self.order;
        let issuer = order.issuer.as_ref().map(IssuerId::as_str);
        let row = query(
            "INSERT INTO renewal_orders (profile, issuer_id, issued_from, issued_until, starts_at,
                 ends_at, created_at, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        )
        .bind(order.profile.as_deref())
        .bind(issuer)
        .bind(order.issued_from.0)
        .bind(order.issued_until.0)
        .bind(order.starts_at.0)
        .bind(order.ends_at.0)
        .bind(self.at.0)
        .bind(self.actor.stored())
        .fetch_one(&mut *connection)
        .await?;
        let id: i64 = row.try_get(0)?;
        let kind = EventKind::RenewalOrdered;
        let event = AuditEvent::new(self.at, kind, self.actor.clone(), format!("renewal/{id}"))
            .with("profile", order.profile.clone())
            .with("issuer", issuer)
            .with("issued_from", order.issued_from.0)
            .with("issued_until", order.issued_until.0)
            .with("ends_at", order.ends_at.0)
            .with("certificates", self.certificates);
        audit::append(connection, &event);
        Ok(Applied::Keep(Some(id)))
    }
}

/// An order as it stands in the record.
#[derive(Clone, Debug)]
pub struct RecordedOrder {
    /// Row number; the order in which they were given.
    pub row: i64,
    /// Which, and when.
    pub order: RenewalOrder,
    /// When it was given.
    pub created_at: Timestamp,
    /// By whom, as events name them.
    pub created_by: String,
}

impl Store {
    /// Orders that may concern a certificate that is still good.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renewal_orders_in_force(
        &self,
        now: Timestamp,
    ) -> Result<Vec<RenewalOrder>, StoreError> {
        let rows = query("SELECT * FROM renewal_orders WHERE issued_until >= $1")
            .bind(now.minus(LONGEST_LIFE).0)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok(recorded(row)?.order)).collect()
    }

    /// A page of orders, newest first; `before` is the row that the last page ended with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renewal_orders(
        &self,
        before: Option<i64>,
        at_most: u32,
    ) -> Result<Vec<RecordedOrder>, StoreError> {
        let rows = query("SELECT * FROM renewal_orders WHERE id < $1 ORDER BY id DESC LIMIT $2")
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(at_most))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(recorded).collect()
    }

    /// How many certificates that are good an order concerns. It reads, part by part, what was issued
    /// since `issued_from`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn concerned(&self, order: &RenewalOrder, now: Timestamp) -> Result<i64, StoreError> {
        let last = query("SELECT max(id) FROM certificates")
            .fetch_one(&self.readers)
            .await?;
        let mut last: i64 = last.try_get::<Option<i64>, _>(0)?.unwrap_or(0);
        let mut counted = 0;
        while last > 0 {
            let first = last.saturating_sub(COUNTED_AT_ONCE);
            let row = query(
                "SELECT max(intended_at), count(CASE WHEN kind = 'client' AND state = 'issued'
                     AND not_after >= $3 AND intended_at >= $4 AND intended_at <= $5
                     AND ($6 = '' OR profile = $6) AND ($7 = '' OR issuer_id = $7)
                     AND NOT EXISTS (SELECT 1 FROM revocations WHERE certificate_id = certificates.id)
                     THEN 1 END)
                 FROM certificates WHERE id > $1 AND id <= $2",
            )
            .bind(first)
            .bind(last)
            .bind(now.0)
            .bind(order.issued_from.0)
            .bind(order.issued_until.0)
            .bind(order.profile.as_deref().unwrap_or_default())
            .bind(order.issuer.as_ref().map_or("", IssuerId::as_str))
            .fetch_one(&self.readers)
            .await?;
            counted += row.try_get::<i64, _>(1)?;
            // Numbers are given in the order of time, or nearly.
            let newest: Option<i64> = row.try_get(0)?;
            if newest.is_some_and(|newest| newest < order.issued_from.0) {
                break;
            }
            last = first;
        }
        Ok(counted)
    }
}

fn recorded(row: &Row) -> Result<RecordedOrder, StoreError> {
    let corrupt = StoreError::Corrupt("renewal_orders.issuer_id");
    let issuer: Option<String> = row.try_get("issuer_id")?;
    let issuer = match issuer {
        Some(id) => Some(IssuerId::parse(&id).ok_or(corrupt)?),
        None => None,
    };
    let time = |column| Ok::<_, StoreError>(Timestamp(row.try_get(column)?));
    Ok(RecordedOrder {
        row: row.try_get("id")?,
        order: RenewalOrder {
            profile: row.try_get("profile")?,
            issuer,
            issued_from: time("issued_from")?,
            issued_until: time("issued_until")?,
            starts_at: time("starts_at")?,
            ends_at: time("ends_at")?,
        },
        created_at: time("created_at")?,
        created_by: row.try_get("created_by")?,
    })
}
