-- What is known of secrets beside themselves: ids, when they were set, when they expire. NULL in
-- rows of before.
ALTER TABLE sources ADD COLUMN secret_terms TEXT;
ALTER TABLE endpoints ADD COLUMN secret_terms TEXT;

-- NULL: a key is good until it is deleted.
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;

-- Of a FAILED delivery that its merchant is fetching.
ALTER TABLE deliveries ADD COLUMN held_until INTEGER;

-- When a source's secret last signed something. Noted once an hour.
CREATE TABLE secret_uses (
    source_id    BLOB NOT NULL,
    secret_id    BLOB NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (source_id, secret_id)
) WITHOUT ROWID;
