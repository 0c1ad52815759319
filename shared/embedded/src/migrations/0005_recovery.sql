-- An endpoint with an empty url is not called: its merchant fetches what is owed to it. This is until
-- when such a delivery waits for that.
ALTER TABLE deliveries ADD COLUMN shelved_until INTEGER;
CREATE INDEX deliveries_shelved ON deliveries (merchant_id, seq) WHERE shelved_until IS NOT NULL;

-- Where an event of a platform's source says whom it is for. NULL: for the source's merchant.
ALTER TABLE sources ADD COLUMN merchant_from TEXT;

-- Whom an event was for, in the platform's words, where no merchant was known by them.
ALTER TABLE events ADD COLUMN addressee TEXT;
ALTER TABLE deliveries ADD COLUMN addressee TEXT;
CREATE INDEX deliveries_addressed ON deliveries (addressee, seq) WHERE addressee IS NOT NULL;

-- Orders to be sent again what was missed. The record is JSON.
CREATE TABLE recoveries (
    seq        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
    is_running INTEGER NOT NULL,
    held_until INTEGER,
    record     TEXT NOT NULL
);
CREATE INDEX recoveries_running ON recoveries (seq) WHERE is_running;
