-- The record. Times are whole seconds since the Unix epoch, states are words, names of columns are
-- the words of docs/architecture.md. A column that begins with `unverified_` holds a claim.

-- Challenges that were handed out, answered or not; swept ten minutes after they were made.
CREATE TABLE challenges (
    id          INTEGER PRIMARY KEY,
    digest      BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    profile     TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX challenges_created_at ON challenges (created_at);

-- One row for each bound challenge.
CREATE TABLE attempts (
    id                   INTEGER PRIMARY KEY,
    short_id             TEXT    NOT NULL UNIQUE,
    challenge_digest     BLOB    NOT NULL UNIQUE CHECK (length(challenge_digest) = 32),
    response_digest      BLOB    NOT NULL CHECK (length(response_digest) = 32),
    scope                TEXT    NOT NULL CHECK (scope IN ('machine', 'user')),
    profile              TEXT    NOT NULL,
    profile_hash         BLOB    NOT NULL CHECK (length(profile_hash) = 32),
    unverified_email     TEXT    NOT NULL,
    peer                 TEXT    NOT NULL,
    bound_at             INTEGER NOT NULL,
    challenge_expires_at INTEGER NOT NULL,
    owner                TEXT    NOT NULL,
    owner_until          INTEGER NOT NULL,
    state                TEXT    NOT NULL
        CHECK (state IN ('bound', 'verified', 'intended', 'issued', 'denied')),
    verdict              TEXT,
    verdict_tag          BLOB,
    facts                TEXT,
    checks               TEXT    NOT NULL,
    code                 TEXT,
    verified_access      TEXT,
    finished_at          INTEGER,
    retry_at             INTEGER,
    shortened_at         INTEGER,
    CHECK ((state IN ('issued', 'denied')) = (finished_at IS NOT NULL)),
    CHECK (shortened_at IS NULL OR (finished_at IS NOT NULL AND verdict IS NULL)),
    CHECK ((verdict IS NULL) = (verdict_tag IS NULL)),
    CHECK ((state = 'denied') = (code IS NOT NULL)),
    CHECK (retry_at IS NULL OR state = 'denied')
) STRICT;
CREATE INDEX attempts_bound_at ON attempts (bound_at);
CREATE INDEX attempts_unfinished ON attempts (owner_until)
    WHERE state IN ('bound', 'verified', 'intended');
-- What still holds personal data: an entry comes when an attempt ends and goes when it is shortened.
CREATE INDEX attempts_personal ON attempts (bound_at)
    WHERE finished_at IS NOT NULL AND shortened_at IS NULL;

-- A key belongs to one identity for ever, per issuer.
CREATE TABLE certified_keys (
    id          INTEGER PRIMARY KEY,
    issuer_id   TEXT    NOT NULL,
    spki_sha256 BLOB    NOT NULL CHECK (length(spki_sha256) = 32),
    identity    TEXT    NOT NULL,
    UNIQUE (issuer_id, spki_sha256)
) STRICT;

-- Every certificate that was ever going to be signed: the row is committed before the signature. It
-- outlives its attempt, whose record is deleted after a while. One that turned up and verifies under our
-- key, although nobody meant to sign it, is `unrecorded`. `fingerprint` is the first 64 bits of the SHA-256
-- of `der`, as a signed number: enough to find it by, small enough for an index that every enrolment pays.
CREATE TABLE certificates (
    id                   INTEGER PRIMARY KEY,
    attempt_id           INTEGER REFERENCES attempts (id) ON DELETE SET NULL,
    certified_key_id     INTEGER REFERENCES certified_keys (id),
    kind                 TEXT    NOT NULL
        CHECK (kind IN ('client', 'root', 'issuing', 'ocsp', 'unrecorded')),
    state                TEXT    NOT NULL CHECK (state IN ('intended', 'issued', 'abandoned')),
    issuer_id            TEXT    NOT NULL,
    serial               TEXT,
    profile              TEXT    NOT NULL,
    profile_hash         BLOB    NOT NULL,
    identity             TEXT    NOT NULL,
    email                TEXT,
    device_permanent_id  TEXT,
    virtual_device_id    TEXT,
    device_enrollment_id TEXT,
    attested_device_id   TEXT,
    customer_id          TEXT,
    spki_sha256          BLOB    NOT NULL CHECK (length(spki_sha256) = 32),
    tbs                  BLOB    NOT NULL,
    der                  BLOB,
    not_before           INTEGER NOT NULL,
    not_after            INTEGER NOT NULL,
    renew_after          INTEGER NOT NULL,
    intended_at          INTEGER NOT NULL,
    closed_at            INTEGER,
    fingerprint          INTEGER,
    UNIQUE (issuer_id, serial),
    CHECK (kind = 'client' OR attempt_id IS NULL),
    CHECK ((kind = 'client') = (certified_key_id IS NOT NULL)),
    CHECK ((state = 'issued') = (der IS NOT NULL)),
    CHECK ((state = 'issued') = (fingerprint IS NOT NULL)),
    CHECK ((state = 'intended') = (closed_at IS NULL))
) STRICT;
-- The hard stop, across nodes: an attempt never has two certificates that count.
CREATE UNIQUE INDEX certificates_one_per_attempt ON certificates (attempt_id)
    WHERE state <> 'abandoned';
CREATE INDEX certificates_key ON certificates (certified_key_id);
CREATE INDEX certificates_identity ON certificates (identity);
CREATE INDEX certificates_fingerprint ON certificates (fingerprint);
-- Certificates end in nearly the order in which they are made, so that this one grows at its end.
CREATE INDEX certificates_not_after ON certificates (not_after, id);
-- A device's user certificates, where Google said which device it was.
CREATE INDEX certificates_virtual_device ON certificates (virtual_device_id)
    WHERE virtual_device_id IS NOT NULL;

-- What was revoked; nothing ever comes back. Number and end stand here again, so that a CRL is made from
-- this table alone. On every engine a smaller number was committed first.
CREATE TABLE revocations (
    id             INTEGER PRIMARY KEY,
    certificate_id INTEGER NOT NULL UNIQUE REFERENCES certificates (id),
    issuer_id      TEXT    NOT NULL,
    serial         TEXT    NOT NULL,
    reason         TEXT    NOT NULL
        CHECK (reason IN ('unspecified', 'key_compromise', 'ca_compromise', 'affiliation_changed',
            'superseded', 'cessation_of_operation', 'privilege_withdrawn')),
    revoked_at     INTEGER NOT NULL,
    not_after      INTEGER NOT NULL,
    actor          TEXT    NOT NULL
) STRICT;
CREATE INDEX revocations_issuer ON revocations (issuer_id, id);
CREATE INDEX revocations_not_after ON revocations (issuer_id, not_after, id);
CREATE INDEX revocations_revoked_at ON revocations (revoked_at);

-- How far the schedule has looked for certificates whose place was taken, for each profile that revokes
-- them: every successor up to the certificate `done` was dealt with.
CREATE TABLE superseding (
    id      INTEGER PRIMARY KEY,
    profile TEXT    NOT NULL UNIQUE,
    done    INTEGER NOT NULL
) STRICT;

-- Certificates that are to be renewed before their time: which, and within which window.
CREATE TABLE renewal_orders (
    id           INTEGER PRIMARY KEY,
    profile      TEXT,
    issuer_id    TEXT,
    issued_from  INTEGER NOT NULL,
    issued_until INTEGER NOT NULL,
    starts_at    INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL,
    CHECK (issued_from <= issued_until),
    CHECK (starts_at < ends_at)
) STRICT;
CREATE INDEX renewal_orders_issued_until ON renewal_orders (issued_until);

-- A CRL's number and digest are committed before it is signed. It lists every revocation up to the number
-- `covers` whose certificate ends at `kept_since` or later. What was replaced keeps its digest, not its
-- octets.
CREATE TABLE crls (
    id          INTEGER PRIMARY KEY,
    issuer_id   TEXT    NOT NULL,
    number      INTEGER NOT NULL CHECK (number > 0),
    state       TEXT    NOT NULL CHECK (state IN ('intended', 'issued', 'replaced')),
    this_update INTEGER NOT NULL,
    next_update INTEGER NOT NULL,
    covers      INTEGER NOT NULL,
    kept_since  INTEGER NOT NULL,
    entries     INTEGER NOT NULL,
    tbs_sha256  BLOB    NOT NULL CHECK (length(tbs_sha256) = 32),
    der         BLOB,
    UNIQUE (issuer_id, number),
    CHECK ((state = 'issued') = (der IS NOT NULL)),
    CHECK (this_update < next_update)
) STRICT;

-- Who gets nothing, by any identifier that Google gave or confirmed.
CREATE TABLE blocks (
    id         INTEGER PRIMARY KEY,
    kind       TEXT    NOT NULL CHECK (kind IN ('email', 'device')),
    value      TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (kind, value)
) STRICT;

-- How many attempts each verified identity started in its current minute; swept when that is over.
CREATE TABLE attempt_rates (
    id       INTEGER PRIMARY KEY,
    identity TEXT    NOT NULL UNIQUE,
    since    INTEGER NOT NULL,
    attempts INTEGER NOT NULL CHECK (attempts > 0)
) STRICT;
CREATE INDEX attempt_rates_since ON attempt_rates (since);

-- Verified identities that were denied in a row, and those of them that were told to wait: `code` and
-- `attempt` are the last denial's. Until then no attempt of theirs gets further; a day later they
-- are forgotten. `identity_digest` is how the events name them.
CREATE TABLE pauses (
    id              INTEGER PRIMARY KEY,
    identity        TEXT    NOT NULL UNIQUE,
    identity_digest TEXT    NOT NULL,
    denials         INTEGER NOT NULL CHECK (denials > 0),
    paused_at       INTEGER,
    until           INTEGER NOT NULL,
    code            TEXT    NOT NULL,
    attempt         TEXT    NOT NULL
) STRICT;
CREATE INDEX pauses_until ON pauses (until);

-- Operators' tokens. `tag` covers the token's secret, its role, whether it may be used once only, its end
-- and its header, under a key that is not in here: a row that somebody else wrote or changed opens nothing.
CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY,
    token_id     TEXT    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    role         TEXT    NOT NULL
        CHECK (role IN ('relying_party', 'auditor', 'help_desk', 'operator', 'administrator')),
    single_use   INTEGER NOT NULL CHECK (single_use IN (0, 1)),
    tag          BLOB    NOT NULL CHECK (length(tag) = 32),
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    spent_at     INTEGER,
    revoked_at   INTEGER,
    -- Of a proxy: in which field it says what certificate a client showed.
    certificate_header TEXT CHECK (certificate_header IS NULL OR role = 'relying_party'),
    CHECK (spent_at IS NULL OR single_use = 1)
) STRICT;

-- Audit events, committed with the state that they tell of; the sequencer orders them afterwards
-- into one chain of SHA-256 digests.
CREATE TABLE events (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    actor    TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    sequence INTEGER UNIQUE,
    chain    BLOB,
    CHECK ((sequence IS NULL) = (chain IS NULL))
) STRICT;
CREATE INDEX events_unsequenced ON events (id) WHERE sequence IS NULL;
CREATE INDEX events_subject ON events (subject);

-- What services of the organisation's own are still to be told: one row for each event and service, gone
-- once it was delivered. `dead` ones were given up and wait for a person. No personal value is in here:
-- what is sent is read from the record when it is sent.
CREATE TABLE deliveries (
    id        INTEGER PRIMARY KEY,
    event_id  INTEGER NOT NULL REFERENCES events (id),
    sink      TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    state     TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'dead')),
    queued_at INTEGER NOT NULL,
    failures  INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    due_at    INTEGER NOT NULL,
    problem   TEXT,
    dead_at   INTEGER,
    UNIQUE (sink, event_id),
    CHECK ((state = 'dead') = (dead_at IS NOT NULL))
) STRICT;
CREATE INDEX deliveries_due ON deliveries (sink, due_at, event_id) WHERE state = 'waiting';
CREATE INDEX deliveries_subject ON deliveries (sink, subject, event_id) WHERE state = 'waiting';
CREATE INDEX deliveries_queued ON deliveries (sink, queued_at) WHERE state = 'waiting';
CREATE INDEX deliveries_dead ON deliveries (sink, dead_at) WHERE state = 'dead';

-- Who does what must be done once: a name, its holder, until when, and a number that only grows.
CREATE TABLE leases (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    holder      TEXT    NOT NULL,
    until       INTEGER NOT NULL,
    fence       INTEGER NOT NULL
) STRICT;
