-- Calls a second that an endpoint may have, in thousandths. NULL: as many as there are.
ALTER TABLE endpoints ADD COLUMN rate_limit INTEGER;

-- Of a delivery that waits for its turn at such an endpoint: when it comes.
ALTER TABLE deliveries ADD COLUMN turn_at INTEGER;

-- From when on the next turn is free, of endpoints that take turns.
CREATE TABLE lines (
    endpoint_id BLOB PRIMARY KEY,
    free_at     INTEGER NOT NULL
) WITHOUT ROWID;
