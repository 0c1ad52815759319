-- Requests that came with an Idempotency-Key, kept for a day. Seed and answer are sealed with a key
-- that only their sender has.

CREATE TABLE idempotency (
    id          BLOB PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    seed        BLOB NOT NULL,
    begun_at    INTEGER NOT NULL,
    held_until  INTEGER NOT NULL,
    answer      BLOB
);
CREATE INDEX idempotency_by_age ON idempotency (begun_at);
