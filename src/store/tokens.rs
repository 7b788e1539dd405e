//! Operators' tokens. What is stored of one opens nothing: a tag over its secret and what it allows.

use crate::clock::Timestamp;
use crate::model::certificate_header::CertificateHeader;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::role::Role;
use crate::model::token::{Grant, TokenId};
use crate::store::engine::{Connection, Row, query};
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError, attempts, audit};

/// How often the last use of a token is written down, in seconds.
pub const USE_NOTED_EVERY: i64 = 60;

/// A token that is about to be stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its public half.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub grant: Grant,
    /// The tag over secret and grant.
    pub tag: [u8; 32],
}

/// What came of storing a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It can be used.
    Committed,
    /// The random id is taken: try again with another.
    IdTaken,
    /// The token that was to be spent on it is worthless.
    NothingToSpend,
}

/// Stores a token. Where it is made with a token for one use, that one is spent in the same commit.
#[derive(Debug)]
pub struct CreateToken {
    /// Which.
    pub token: NewToken,
    /// The token that makes it and then is worthless.
    pub spends: Option<TokenId>,
    /// What the record says of it; its time and actor are when and by whom.
    pub event: AuditEvent,
}

impl Write for CreateToken {
    type Output = Stored;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Stored>, StoreError> {
        if let Some(spent) = &self.spends
            && !self.spend(connection, spent).await?
        {
            return Ok(Applied::Undo(Stored::NothingToSpend));
        }
        let NewToken {
            id,
            name,
            grant,
            tag,
        } = &self.token;
        let created = query(
            "INSERT INTO tokens (token_id, name, role, single_use, tag, created_at, created_by, expires_at,
                 certificate_header)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id",
        )
        .bind(id.as_str())
        .bind(name)
        .bind(grant.role.as_str())
        .bind(i64::from(grant.single_use))
        .bind(tag.as_slice())
        .bind(self.event.at.0)
        .bind(self.event.actor.stored())
        .bind(grant.expires_at)
        .bind(grant.certificate_header.map(CertificateHeader::as_str))
        .fetch_optional(&mut *connection)
        .await?;
        if created.is_none() {
            return Ok(Applied::Undo(Stored::IdTaken));
        }
        audit::append(connection, &self.event);
        Ok(Applied::Keep(Stored::Committed))
    }
}

impl CreateToken {
    /// Whether `spent` was good until now.
    async fn spend(
        &self,
        connection: &mut Connection,
        spent: &TokenId,
    ) -> Result<bool, StoreError> {
        let row = query(
            "UPDATE tokens SET spent_at = $1, last_used_at = $1
             WHERE token_id = $2 AND single_use = 1 AND spent_at IS NULL AND revoked_at IS NULL
               AND expires_at > $1
             RETURNING id",
        )
        .bind(self.event.at.0)
        .bind(spent.as_str())
        .fetch_optional(&mut *connection)
        .await?;
        if row.is_some() {
            let event = AuditEvent::new(
                self.event.at,
                EventKind::TokenSpent,
                self.event.actor.clone(),
                format!("token/{spent}"),
            );
            audit::append(connection, &event);
        }
        Ok(row.is_some())
    }
}

/// Makes a token worthless. Answers whether it was good for something before; `None` where there is no
/// such token.
#[derive(Debug)]
pub struct RevokeToken {
    /// Which.
    pub id: TokenId,
    /// What the record says of it; its time is that of the revocation.
    pub event: AuditEvent,
}

impl Write for RevokeToken {
    type Output = Option<bool>;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Option<bool>>, StoreError> {
        let revoked = query(
            "UPDATE tokens SET revoked_at = $1 WHERE token_id = $2 AND revoked_at IS NULL RETURNING id",
        )
        .bind(self.event.at.0)
        .bind(self.id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
        if revoked.is_some() {
            audit::append(connection, &self.event);
            return Ok(Applied::Keep(Some(true)));
        }
        let known = query("SELECT 1 FROM tokens WHERE token_id = $1")
            .bind(self.id.as_str())
            .fetch_optional(connection)
            .await?;
        Ok(Applied::Keep(known.map(|_| false)))
    }
}

/// Writes down that a token was used, unless that was done within [`USE_NOTED_EVERY`].
#[derive(Debug)]
pub struct NoteUse {
    /// Which.
    pub id: TokenId,
    /// When.
    pub now: Timestamp,
}

impl Write for NoteUse {
    type Output = ();

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<()>, StoreError> {
        query(
            "UPDATE tokens SET last_used_at = $1
             WHERE token_id = $2 AND (last_used_at IS NULL OR last_used_at <= $3)",
        )
        .bind(self.now.0)
        .bind(self.id.as_str())
        .bind(self.now.minus(USE_NOTED_EVERY).0)
        .execute(connection)
        .await?;
        Ok(Applied::Keep(()))
    }
}

/// A token as it stands in the record.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Row number; the order in which tokens were made.
    pub row: i64,
    /// Its public half.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// What it allows, if the tag says so too.
    pub unverified_grant: Grant,
    /// The tag over secret and grant.
    pub tag: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom, as events name them.
    pub created_by: String,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When a token for one use was used.
    pub spent_at: Option<Timestamp>,
    /// When it was declared worthless.
    pub revoked_at: Option<Timestamp>,
}

impl TokenRow {
    /// Whether its holder may use it at `now`, as far as the row says.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none()
            && self.spent_at.is_none()
            && now.0 < self.unverified_grant.expires_at
    }
}

impl Store {
    /// The token of this id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn token(&self, id: &TokenId) -> Result<Option<TokenRow>, StoreError> {
        let row = query("SELECT * FROM tokens WHERE token_id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// A page of tokens, the worthless ones included, newest first; `before` is the row that the last
    /// page ended with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tokens(
        &self,
        before: Option<i64>,
        at_most: u32,
    ) -> Result<Vec<TokenRow>, StoreError> {
        let rows = query("SELECT * FROM tokens WHERE id < $1 ORDER BY id DESC LIMIT $2")
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(at_most))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<TokenRow, StoreError> {
    let corrupt = StoreError::Corrupt;
    let time = |column| Ok::<_, StoreError>(row.try_get::<Option<i64>, _>(column)?.map(Timestamp));
    Ok(TokenRow {
        row: row.try_get("id")?,
        id: TokenId::parse(row.try_get("token_id")?).ok_or(corrupt("tokens.token_id"))?,
        name: row.try_get("name")?,
        unverified_grant: Grant {
            role: Role::parse(row.try_get("role")?).ok_or(corrupt("tokens.role"))?,
            single_use: row.try_get::<i64, _>("single_use")? != 0,
            expires_at: row.try_get("expires_at")?,
            certificate_header: certificate_header(row)?,
        },
        tag: attempts::digest(row, "tag")?.to_vec(),
        created_at: Timestamp(row.try_get("created_at")?),
        created_by: row.try_get("created_by")?,
        last_used_at: time("last_used_at")?,
        spent_at: time("spent_at")?,
        revoked_at: time("revoked_at")?,
    })
}

fn certificate_header(row: &Row) -> Result<Option<CertificateHeader>, StoreError> {
    let name: Option<String> = row.try_get("certificate_header")?;
    let header = name.map(|name| CertificateHeader::parse(&name)).transpose();
    header.map_err(|_| StoreError::Corrupt("tokens.certificate_header"))
}
