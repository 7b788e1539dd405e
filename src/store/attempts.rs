//! Attempts: bound once, owned by one worker at a time, finished once.

use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::attempt::{AttemptId, AttemptState, Binding, Presented, ResponseDigest};
use crate::model::challenge::ChallengeDigest;
use crate::model::event::{AuditEvent, EventKind};
use crate::model::facts::Check;
use crate::model::identity::{Email, KeyScope};
use crate::model::pause::Hold;
use crate::model::problem_code::ProblemCode;
use crate::model::profile::ProfileHash;
use crate::secrets::DeploymentKey;
use crate::store::engine::{Connection, Row, query};
use crate::store::pauses::{self, Counted};
use crate::store::writer::{Applied, Write};
use crate::store::{Store, StoreError, audit};

/// Who works on an attempt, and until when nobody else may.
#[derive(Clone, Debug)]
pub struct Ownership {
    /// A random name of the worker.
    pub owner: String,
    /// From this second on another worker may take over.
    pub until: Timestamp,
}

/// An attempt as it stands in the record.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Row number; never shown.
    pub row: i64,
    /// The short id.
    pub id: AttemptId,
    /// What it is bound with.
    pub binding: Binding,
    /// From where it came.
    pub peer: String,
    /// When its challenge expires.
    pub challenge_expires_at: Timestamp,
    /// Who works on it, or last did.
    pub ownership: Ownership,
    /// How far it has come.
    pub state: AttemptState,
    /// The sealed verdict: JSON and tag. Not believed before the tag is checked.
    pub unverified_verdict: Option<(String, Vec<u8>)>,
    /// The facts that policy decided on, as JSON.
    pub facts: Option<String>,
    /// Every check so far.
    pub checks: Vec<Check>,
    /// Why it was denied.
    pub code: Option<ProblemCode>,
    /// What Verified Access answered, and how fast; for people.
    pub verified_access: Option<String>,
    /// When it was denied or its certificate was recorded.
    pub finished_at: Option<Timestamp>,
    /// Before when the denied identity gets nothing more.
    pub retry_at: Option<Timestamp>,
    /// Since when keyed digests stand for its personal data.
    pub shortened: Option<Shortened>,
}

/// What is left of the personal data of an old attempt. Facts, checks and peer hold keyed digests
/// too; the verdict is gone.
#[derive(Clone, Debug)]
pub struct Shortened {
    /// When.
    pub at: Timestamp,
    /// The digest of the claimed e-mail, which is not in the binding any more; `None` for a machine.
    pub unverified_email: Option<String>,
}

impl Attempt {
    /// Whether it has its outcome.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.state, AttemptState::Issued | AttemptState::Denied)
    }
}

/// What came of presenting a response for a challenge.
#[derive(Debug)]
pub enum Bound {
    /// This response was the first, and its worker is the owner.
    New(Box<Attempt>),
    /// These bytes are bound already.
    Known,
    /// Other bytes were first.
    AlreadyAnswered,
    /// No challenge of ours.
    Unknown,
    /// A challenge of ours, too old.
    Expired,
    /// A challenge of ours, for another profile.
    OtherProfile,
    /// The random id is taken: bind again with another.
    IdTaken,
}

/// Binds a challenge to the first response presented for it. Of two nodes that bind at once, the
/// unique index lets the second wait for the first one's commit and then find nothing to insert.
#[derive(Debug)]
pub struct Bind {
    /// The attempt's new id.
    pub id: AttemptId,
    /// What it will own the challenge with.
    pub binding: Binding,
    /// From where.
    pub peer: String,
    /// Who starts to work on it.
    pub ownership: Ownership,
    /// What the record says of it.
    pub event: AuditEvent,
}

impl Write for Bind {
    type Output = Bound;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Bound>, StoreError> {
        let email = self
            .binding
            .unverified_email
            .as_ref()
            .map_or("", Email::as_str);
        let row = query(
            "INSERT INTO attempts (short_id, challenge_digest, response_digest, scope, profile,
                 profile_hash, unverified_email, peer, bound_at, challenge_expires_at, owner,
                 owner_until, state, checks)
             SELECT $1, digest, $2, $3, profile, $4, $5, $6, $7, expires_at, $8, $9, 'bound', '[]'
             FROM challenges WHERE digest = $10 AND profile = $11 AND expires_at > $7
             ON CONFLICT DO NOTHING
             RETURNING *",
        )
        .bind(self.id.as_str())
        .bind(self.binding.presented.response.0.as_slice())
        .bind(self.binding.scope.as_str())
        .bind(self.binding.profile_hash.0.as_slice())
        .bind(email)
        .bind(&self.peer)
        .bind(self.binding.at.0)
        .bind(&self.ownership.owner)
        .bind(self.ownership.until.0)
        .bind(self.binding.presented.challenge.0.as_slice())
        .bind(&self.binding.profile)
        .fetch_optional(&mut *connection)
        .await?;
        match row {
            Some(row) => {
                audit::append(connection, &self.event);
                Ok(Applied::Keep(Bound::New(Box::new(read(&row)?))))
            }
            None => Ok(Applied::Keep(self.why_not(connection).await?)),
        }
    }
}

impl Bind {
    async fn why_not(&self, connection: &mut Connection) -> Result<Bound, StoreError> {
        let bound = query("SELECT response_digest FROM attempts WHERE challenge_digest = $1")
            .bind(self.binding.presented.challenge.0.as_slice())
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = bound {
            let same = row.try_get::<Vec<u8>, _>(0)? == self.binding.presented.response.0;
            return Ok(if same {
                Bound::Known
            } else {
                Bound::AlreadyAnswered
            });
        }
        let challenge = query("SELECT profile, expires_at FROM challenges WHERE digest = $1")
            .bind(self.binding.presented.challenge.0.as_slice())
            .fetch_optional(connection)
            .await?;
        let Some(row) = challenge else {
            return Ok(Bound::Unknown);
        };
        Ok(if row.try_get::<String, _>(0)? != self.binding.profile {
            Bound::OtherProfile
        } else if row.try_get::<i64, _>(1)? <= self.binding.at.0 {
            Bound::Expired
        } else {
            Bound::IdTaken
        })
    }
}

/// Takes over an unfinished attempt whose owner's time has passed. Answers it, or `None` where
/// somebody works on it or it is finished. Here and below, a node that waits for another one's lock
/// on the row holds its conditions against the row as it was then committed, so that one wins.
#[derive(Debug)]
pub struct TakeOver {
    /// Which bytes.
    pub presented: Presented,
    /// Who takes it.
    pub ownership: Ownership,
    /// When.
    pub now: Timestamp,
}

impl Write for TakeOver {
    type Output = Option<Box<Attempt>>;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Self::Output>, StoreError> {
        let row = query(
            "UPDATE attempts SET owner = $1, owner_until = $2
             WHERE challenge_digest = $3 AND response_digest = $4 AND owner_until <= $5
               AND state IN ('bound', 'verified', 'intended')
             RETURNING *",
        )
        .bind(&self.ownership.owner)
        .bind(self.ownership.until.0)
        .bind(self.presented.challenge.0.as_slice())
        .bind(self.presented.response.0.as_slice())
        .bind(self.now.0)
        .fetch_optional(connection)
        .await?;
        Ok(Applied::Keep(
            row.as_ref().map(read).transpose()?.map(Box::new),
        ))
    }
}

/// Gives an attempt up, so that a retry need not wait for the owner's deadline. Its row may be unknown:
/// a worker whose binding was not confirmed gives up what may be there.
#[derive(Debug)]
pub struct Release {
    /// Which bytes.
    pub presented: Presented,
    /// Whose.
    pub owner: String,
}

impl Write for Release {
    type Output = ();

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<()>, StoreError> {
        query(
            "UPDATE attempts SET owner_until = 0
             WHERE challenge_digest = $1 AND response_digest = $2 AND owner = $3",
        )
        .bind(self.presented.challenge.0.as_slice())
        .bind(self.presented.response.0.as_slice())
        .bind(&self.owner)
        .execute(connection)
        .await?;
        Ok(Applied::Keep(()))
    }
}

/// What became of a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Another worker took the attempt over, or finished it.
    LostOwnership,
    /// It is committed.
    Verified,
    /// It is committed, and in the same commit the attempt was denied: the identity has to wait.
    Held(Hold),
}

/// Keeps what Verified Access said, and counts the attempt against whom it vouched for. One that is
/// not to go on is denied here, because a retry goes on from a verdict that it finds.
#[derive(Debug)]
pub struct KeepVerdict {
    /// Which attempt.
    pub row: i64,
    /// Whose.
    pub owner: String,
    /// The sealed verdict.
    pub verdict: String,
    /// Its tag under the deployment key.
    pub tag: [u8; 32],
    /// The checks of the verdict.
    pub checks: Vec<Check>,
    /// Status and latency, for people.
    pub verified_access: String,
    /// Whom it vouched for: `user:..` or `device:..`.
    pub identity: String,
    /// How many attempts that identity may start in a minute.
    pub attempts_per_minute: u32,
    /// What the record says of it.
    pub event: AuditEvent,
}

impl Write for KeepVerdict {
    type Output = Kept;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Kept>, StoreError> {
        let kept = query(
            "UPDATE attempts SET state = 'verified', verdict = $1, verdict_tag = $2, checks = $3,
                 verified_access = $4
             WHERE id = $5 AND owner = $6 AND state = 'bound' RETURNING id",
        )
        .bind(&self.verdict)
        .bind(self.tag.as_slice())
        .bind(checks_json(&self.checks))
        .bind(&self.verified_access)
        .bind(self.row)
        .bind(&self.owner)
        .fetch_optional(&mut *connection)
        .await?;
        if kept.is_none() {
            return Ok(Applied::Keep(Kept::LostOwnership));
        }
        audit::append(connection, &self.event);
        let (limit, now) = (self.attempts_per_minute, self.event.at);
        let hold = pauses::count_attempt(connection, &self.identity, limit, now).await?;
        Ok(Applied::Keep(match hold {
            None => Kept::Verified,
            Some(hold) => {
                self.deny(connection, &hold).await?;
                Kept::Held(hold)
            }
        }))
    }
}

impl KeepVerdict {
    async fn deny(&self, connection: &mut Connection, hold: &Hold) -> Result<(), StoreError> {
        let mut checks = self.checks.clone();
        checks.push(hold.check.clone());
        query(
            "UPDATE attempts SET state = 'denied', code = $1, checks = $2, finished_at = $3,
                 retry_at = $4, owner_until = 0 WHERE id = $5",
        )
        .bind(hold.code.as_str())
        .bind(checks_json(&checks))
        .bind(self.event.at.0)
        .bind(hold.until.0)
        .bind(self.row)
        .execute(connection)
        .await?;
        let denied = AuditEvent::new(
            self.event.at,
            EventKind::AttemptDenied,
            Actor::Requester,
            self.event.subject.as_str(),
        );
        let denied = denied
            .with("code", hold.code.as_str())
            .with("check", hold.check.name.as_str());
        audit::append(connection, &denied);
        Ok(())
    }
}

/// What became of a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another worker took the attempt over, or finished it.
    LostOwnership,
    /// It is committed.
    Committed {
        /// Until when the identity has to wait, where it was denied too often in a row.
        retry_at: Option<Timestamp>,
    },
}

/// Refuses an attempt for good. An intent that is still open is closed with it.
#[derive(Debug)]
pub struct Deny {
    /// Which attempt.
    pub row: i64,
    /// Whose.
    pub owner: String,
    /// Why.
    pub code: ProblemCode,
    /// Every check so far.
    pub checks: Vec<Check>,
    /// The facts that policy decided on, where it came to that.
    pub facts: Option<String>,
    /// Status and latency of Verified Access, where it was asked just now.
    pub verified_access: Option<String>,
    /// The verified identity whose doing it is; `None` where there is none, or the fault is ours.
    pub counted: Option<Counted>,
    /// What the record says of it; its time is the time of the denial, its subject the attempt's id.
    pub event: AuditEvent,
}

impl Write for Deny {
    type Output = Refused;

    async fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
    ) -> Result<Applied<Refused>, StoreError> {
        let denied = query(
            "UPDATE attempts SET state = 'denied', code = $1, checks = $2,
                 facts = COALESCE($3, facts), verified_access = COALESCE($4, verified_access),
                 finished_at = $5, owner_until = 0
             WHERE id = $6 AND owner = $7 AND state IN ('bound', 'verified', 'intended')
             RETURNING id",
        )
        .bind(self.code.as_str())
        .bind(checks_json(&self.checks))
        .bind(self.facts.as_deref())
        .bind(self.verified_access.as_deref())
        .bind(self.event.at.0)
        .bind(self.row)
        .bind(&self.owner)
        .fetch_optional(&mut *connection)
        .await?;
        if denied.is_none() {
            return Ok(Applied::Keep(Refused::LostOwnership));
        }
        crate::store::certificates::abandon(connection, self.row, &self.event).await?;
        audit::append(connection, &self.event);
        let retry_at = match &self.counted {
            Some(counted) => self.count(connection, counted).await?,
            None => None,
        };
        Ok(Applied::Keep(Refused::Committed { retry_at }))
    }
}

impl Deny {
    async fn count(
        &self,
        connection: &mut Connection,
        counted: &Counted,
    ) -> Result<Option<Timestamp>, StoreError> {
        let retry_at = pauses::count_denial(connection, counted, self.code, &self.event).await?;
        if let Some(retry_at) = retry_at {
            query("UPDATE attempts SET retry_at = $1 WHERE id = $2")
                .bind(retry_at.0)
                .bind(self.row)
                .execute(connection)
                .await?;
        }
        Ok(retry_at)
    }
}

impl Store {
    /// The attempt that these bytes are bound to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempt_of(&self, presented: Presented) -> Result<Option<Attempt>, StoreError> {
        let row =
            query("SELECT * FROM attempts WHERE challenge_digest = $1 AND response_digest = $2")
                .bind(presented.challenge.0.as_slice())
                .bind(presented.response.0.as_slice())
                .fetch_optional(&self.readers)
                .await?;
        row.as_ref().map(read).transpose()
    }

    /// The attempt of this short id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempt(&self, id: &AttemptId) -> Result<Option<Attempt>, StoreError> {
        let row = query("SELECT * FROM attempts WHERE short_id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// A page of the attempts that fit, newest first; `before` is the row that the last page ended with.
    /// The search goes back in time row by row, as far as `since`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempts(
        &self,
        search: &AttemptSearch,
        before: Option<i64>,
        at_most: u32,
    ) -> Result<Vec<Attempt>, StoreError> {
        // Facts are there once policy has decided; before that the verdict names the device. Engines
        // differ in whether LIKE looks at the case.
        let member = |id: &str| format!("%!_id\":\"{}\"%", like(&id.to_ascii_lowercase()));
        let device = search.device.as_ref().map(|sought| member(&sought.value));
        let device_digest = search.device.as_ref().and_then(Sought::digest).map(member);
        let email = search.unverified_email.as_ref();
        let (before_at, before) = self.place(before).await?;
        let rows = query(
            "SELECT * FROM attempts
             WHERE bound_at >= $2 AND bound_at <= $9 AND (bound_at < $9 OR id < $1)
               AND ($3 IS NULL OR unverified_email IN ($3, $10))
               AND ($4 IS NULL OR lower(facts) LIKE $4 ESCAPE '!' OR lower(verdict) LIKE $4 ESCAPE '!'
                    OR (shortened_at IS NOT NULL AND facts LIKE $11 ESCAPE '!'))
               AND ($5 IS NULL OR profile = $5)
               AND ($6 IS NULL OR code = $6)
               AND ($7 IS NULL OR $7 = CASE state WHEN 'issued' THEN 'issued' WHEN 'denied' THEN 'denied' ELSE 'open' END)
             ORDER BY bound_at DESC, id DESC LIMIT $8",
        )
        .bind(before)
        .bind(search.since.0)
        .bind(email.map(|sought| sought.value.as_str()))
        .bind(device.as_deref())
        .bind(search.profile.as_deref())
        .bind(search.code.map(ProblemCode::as_str))
        .bind(search.outcome.map(Outcome::as_str))
        .bind(i64::from(at_most))
        .bind(before_at)
        .bind(email.and_then(Sought::digest))
        .bind(device_digest.as_deref())
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Where in time a row stands, and the row; without one, behind everything.
    async fn place(&self, row: Option<i64>) -> Result<(i64, i64), StoreError> {
        let Some(row) = row else {
            return Ok((i64::MAX, i64::MAX));
        };
        let found = query("SELECT bound_at FROM attempts WHERE id = $1")
            .bind(row)
            .fetch_optional(&self.readers)
            .await?;
        let bound_at = found.map(|found| found.try_get(0)).transpose()?;
        Ok((bound_at.unwrap_or(i64::MIN), row))
    }

    /// Attempts that nobody works on although they have no outcome, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unfinished_attempts(
        &self,
        now: Timestamp,
        at_most: u32,
    ) -> Result<Vec<Attempt>, StoreError> {
        let rows = query(
            "SELECT * FROM attempts
             WHERE state IN ('bound', 'verified', 'intended') AND owner_until <= $1
             ORDER BY owner_until, id LIMIT $2",
        )
        .bind(now.0)
        .bind(i64::from(at_most))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// How many attempts there are since then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_attempts(&self, since: Timestamp) -> Result<u64, StoreError> {
        let row = query("SELECT count(*) FROM attempts WHERE bound_at >= $1")
            .bind(since.0)
            .fetch_one(&self.readers)
            .await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
    }

    /// When the newest attempt was bound: our clock must not stand far before it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_attempt_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = query("SELECT max(bound_at) FROM attempts")
            .fetch_one(&self.readers)
            .await?;
        Ok(row.try_get::<Option<i64>, _>(0)?.map(Timestamp))
    }
}

/// How an attempt ended, for a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Outcome {
    /// With a certificate.
    Issued,
    /// With a refusal.
    Denied,
    /// Not yet.
    Open,
}

impl Outcome {
    /// `issued`, `denied` or `open`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Denied => "denied",
            Self::Open => "open",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Issued, Self::Denied, Self::Open];
        all.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// A personal value that is looked for, and what stands for it in an attempt that was shortened.
#[derive(Clone, Debug)]
pub struct Sought {
    /// The value.
    pub value: String,
    /// Its digest ([`DeploymentKey::personal`], of the value in lower case); `None`
    /// where the key is not at hand, and only what is not shortened can be found.
    pub digest: Option<String>,
}

impl Sought {
    /// This value, in whatever case it was typed.
    #[must_use]
    pub fn new(value: &str, key: Option<&DeploymentKey>) -> Self {
        let value = value.to_ascii_lowercase();
        let digest = key.map(|key| key.personal(&value));
        Self { value, digest }
    }

    fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

/// Which attempts are looked for; `None` is any.
#[derive(Clone, Debug)]
pub struct AttemptSearch {
    /// Bound then or later.
    pub since: Timestamp,
    /// The e-mail that was claimed.
    pub unverified_email: Option<Sought>,
    /// Any of the ids that Google gave the device.
    pub device: Option<Sought>,
    /// The profile's name.
    pub profile: Option<String>,
    /// Why it was denied.
    pub code: Option<ProblemCode>,
    /// How it ended.
    pub outcome: Option<Outcome>,
}

/// A text that stands for itself in a pattern whose escape is `!`.
fn like(text: &str) -> String {
    text.replace('!', "!!")
        .replace('%', "!%")
        .replace('_', "!_")
}

pub(crate) fn checks_json(checks: &[Check]) -> String {
    serde_json::to_string(checks).unwrap_or_else(|_| "[]".to_owned())
}

pub(crate) fn digest(row: &Row, column: &'static str) -> Result<[u8; 32], StoreError> {
    let octets: Vec<u8> = row.try_get(column)?;
    octets.try_into().map_err(|_| StoreError::Corrupt(column))
}

fn read(row: &Row) -> Result<Attempt, StoreError> {
    let corrupt = StoreError::Corrupt;
    let scope = match row.try_get::<&str, _>("scope")? {
        "machine" => KeyScope::Machine,
        "user" => KeyScope::User,
        _ => return Err(corrupt("attempts.scope")),
    };
    let email = Some(row.try_get::<&str, _>("unverified_email")?).filter(|email| !email.is_empty());
    let shortened_at: Option<i64> = row.try_get("shortened_at")?;
    let shortened = shortened_at.map(|at| Shortened {
        at: Timestamp(at),
        unverified_email: email.map(str::to_owned),
    });
    // A digest is no e-mail.
    let email = email.filter(|_| shortened.is_none()).map(Email::parse);
    let unverified_email = email
        .transpose()
        .map_err(|_| corrupt("attempts.unverified_email"))?;
    let verdict: Option<String> = row.try_get("verdict")?;
    let tag: Option<Vec<u8>> = row.try_get("verdict_tag")?;
    let code = match row.try_get::<Option<&str>, _>("code")? {
        None => None,
        Some(word) => Some(ProblemCode::parse(word).ok_or(corrupt("attempts.code"))?),
    };
    Ok(Attempt {
        row: row.try_get("id")?,
        id: AttemptId::parse(row.try_get("short_id")?).ok_or(corrupt("attempts.short_id"))?,
        binding: Binding {
            presented: Presented {
                challenge: ChallengeDigest(digest(row, "challenge_digest")?),
                response: ResponseDigest(digest(row, "response_digest")?),
            },
            scope,
            profile: row.try_get("profile")?,
            profile_hash: ProfileHash(digest(row, "profile_hash")?),
            unverified_email,
            at: Timestamp(row.try_get("bound_at")?),
        },
        peer: row.try_get("peer")?,
        challenge_expires_at: Timestamp(row.try_get("challenge_expires_at")?),
        ownership: Ownership {
            owner: row.try_get("owner")?,
            until: Timestamp(row.try_get("owner_until")?),
        },
        state: AttemptState::parse(row.try_get("state")?).ok_or(corrupt("attempts.state"))?,
        unverified_verdict: verdict.zip(tag),
        facts: row.try_get("facts")?,
        checks: serde_json::from_str(row.try_get("checks")?)
            .map_err(|_| corrupt("attempts.checks"))?,
        code,
        verified_access: row.try_get("verified_access")?,
        finished_at: row.try_get::<Option<i64>, _>("finished_at")?.map(Timestamp),
        retry_at: row.try_get::<Option<i64>, _>("retry_at")?.map(Timestamp),
        shortened,
    })
}
