-- The attempt's certificate, whatever its state. SQLite takes the partial index on the same column for
-- no condition but its own, and would read every certificate instead.
CREATE INDEX certificates_attempt ON certificates (attempt_id);
