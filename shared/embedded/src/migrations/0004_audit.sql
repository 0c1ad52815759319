-- Who did what, as people asked for it. Only added to. Object and actor are texts as the API shows
-- them, because they are of several kinds. Try: SELECT * FROM audit_readable LIMIT 20;
CREATE TABLE audit (
    seq         INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE,
    at          INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    action      TEXT NOT NULL,
    -- NULL: of several merchants.
    merchant_id BLOB,
    object_id   TEXT,
    ip          TEXT,
    user_agent  TEXT,
    request_id  TEXT NOT NULL,
    -- JSON, as the API showed the object.
    before      TEXT,
    after       TEXT
);
CREATE INDEX audit_by_merchant ON audit (merchant_id, seq);
CREATE INDEX audit_by_object ON audit (object_id, seq) WHERE object_id IS NOT NULL;

-- For people with a shell.
CREATE VIEW audit_readable AS
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, actor, action, object_id,
       iif(merchant_id IS NULL, NULL, 'mch_' || lower(hex(merchant_id))) AS merchant_id, ip, before,
       after
FROM audit ORDER BY seq DESC;

-- Of a token only the digest. Removed once they have expired, when another is minted.
CREATE TABLE portal_tokens (
    id          BLOB PRIMARY KEY,
    merchant_id BLOB NOT NULL,
    digest      BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX portal_tokens_by_expiry ON portal_tokens (expires_at);
