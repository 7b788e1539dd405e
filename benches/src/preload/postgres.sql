-- {FIRST} to {LAST} of {COUNT} enrolments, each a copy of the newest one with names, digests, keys
-- and serial of its own, spread over the twenty days before {NOW}.
BEGIN;

-- By row numbers alone from here on: a join must never come to read all of what is there already.
CREATE TEMP TABLE mark AS
SELECT (SELECT max(id) FROM attempts) AS last_attempt,
       (SELECT max(id) FROM certificates) AS last_certificate,
       (SELECT max(id) FROM certified_keys) AS last_key,
       (SELECT coalesce(max(sequence), 0) FROM events) AS last_sequence,
       c.attempt_id AS pattern_attempt,
       c.id AS pattern_certificate,
       a.short_id AS pattern_short_id,
       c.issuer_id || '/' || c.serial AS pattern_subject
FROM certificates c JOIN attempts a ON a.id = c.attempt_id
WHERE c.state = 'issued' ORDER BY c.id DESC LIMIT 1;

INSERT INTO attempts (short_id, challenge_digest, response_digest, scope, profile, profile_hash,
    unverified_email, peer, bound_at, challenge_expires_at, owner, owner_until, state, verdict,
    verdict_tag, facts, checks, code, verified_access, finished_at)
WITH series (n) AS (
    SELECT generate_series({FIRST}::bigint, {LAST}::bigint)),
times (n, at, digits) AS (
    SELECT n, {NOW} - ({COUNT} - n) * 1728000 / {COUNT}, '0123456789ABCDEFGHJKMNPQRSTVWXYZ' FROM series)
SELECT substr(digits, (1 + at / 61440 % 32)::int, 1) || substr(digits, (1 + at / 1920 % 32)::int, 1) ||
        substr(digits, (1 + at / 60 % 32)::int, 1) || lpad(upper(to_hex(n * 2654435761 % 1048576)), 5, '0'),
    sha256(convert_to('challenge ' || n, 'UTF8')), sha256(convert_to('response ' || n, 'UTF8')), scope, profile,
    profile_hash, 'preloaded' || n || '@example.com', peer, at, at + 60, owner, 0, state, verdict,
    verdict_tag, facts, checks, code, verified_access, at + 1
FROM mark, attempts, times WHERE id = pattern_attempt ORDER BY n;

-- One key for each new attempt, in the same order: their row numbers run side by side.
INSERT INTO certified_keys (issuer_id, spki_sha256, identity)
SELECT c.issuer_id, sha256(convert_to('key ' || a.id, 'UTF8')), 'user:' || a.unverified_email
FROM mark JOIN certificates c ON c.id = pattern_certificate JOIN attempts a ON a.id > last_attempt
ORDER BY a.id;

INSERT INTO certificates (attempt_id, certified_key_id, kind, state, issuer_id, serial, profile,
    profile_hash, identity, email, device_permanent_id, virtual_device_id, device_enrollment_id,
    attested_device_id, customer_id, spki_sha256, tbs, der, not_before, not_after, renew_after,
    intended_at, closed_at, fingerprint)
WITH first (attempt, certified_key) AS (
    SELECT (SELECT min(id) FROM attempts WHERE id > last_attempt),
        (SELECT min(id) FROM certified_keys WHERE id > last_key) FROM mark)
SELECT a.id, k.id, c.kind, c.state, c.issuer_id,
    '01' || lpad(to_hex(a.bound_at / 60 % 16777216), 6, '0') || left(md5('serial ' || a.id), 24), c.profile,
    c.profile_hash, k.identity, a.unverified_email, c.device_permanent_id, c.virtual_device_id,
    c.device_enrollment_id, c.attested_device_id, c.customer_id, k.spki_sha256, c.tbs, c.der,
    a.bound_at - 300, a.bound_at + 2592000, a.bound_at + 1728000, a.bound_at, a.finished_at,
    ('x' || left(md5('certificate ' || a.id), 16))::bit(64)::bigint
FROM mark JOIN certificates c ON c.id = pattern_certificate CROSS JOIN first
JOIN attempts a ON a.id > last_attempt
JOIN certified_keys k ON k.id = a.id - first.attempt + first.certified_key ORDER BY a.id;

INSERT INTO events (at, kind, actor, subject, detail, sequence, chain)
SELECT a.bound_at, e.kind, e.actor,
    CASE WHEN e.subject = pattern_short_id THEN a.short_id ELSE c.issuer_id || '/' || c.serial END,
    replace(e.detail, pattern_short_id, a.short_id),
    last_sequence + row_number() OVER (ORDER BY a.id, e.id), sha256(convert_to('event ' || a.id || e.kind, 'UTF8'))
FROM mark
JOIN certificates c ON c.id > last_certificate
JOIN attempts a ON a.id = c.attempt_id
JOIN events e ON e.subject IN (pattern_short_id, pattern_subject);

DROP TABLE mark;
COMMIT;
