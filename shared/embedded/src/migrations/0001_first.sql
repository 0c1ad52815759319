-- Ids are the 16 bytes of the textual id: 'evt_' || lower(hex(id)). Times are milliseconds since
-- 1970-01-01 UTC. Lists are JSON. Try: SELECT state, count(*) FROM deliveries GROUP BY state;

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE merchants (
    seq          INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    external_id  TEXT UNIQUE,
    retry_policy TEXT,
    created_at   INTEGER NOT NULL,
    revision     INTEGER NOT NULL
);

CREATE TABLE api_keys (
    seq          INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE,
    merchant_id  BLOB NOT NULL,
    name         TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    digest       BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER
);
CREATE INDEX api_keys_by_merchant ON api_keys (merchant_id, seq);

CREATE TABLE sources (
    seq         INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE,
    merchant_id BLOB NOT NULL,
    name        TEXT,
    preset      TEXT,
    scheme      TEXT,
    secrets     TEXT NOT NULL,
    config      TEXT NOT NULL,
    -- NULL: what the scheme suggests; -1: unchecked; else milliseconds.
    tolerance   INTEGER,
    created_at  INTEGER NOT NULL,
    revision    INTEGER NOT NULL
);
CREATE INDEX sources_by_merchant ON sources (merchant_id, seq);

CREATE TABLE endpoints (
    seq          INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE,
    merchant_id  BLOB NOT NULL,
    url          TEXT NOT NULL,
    event_types  TEXT NOT NULL,
    description  TEXT,
    off_since    INTEGER,
    off_reason   TEXT,
    retry_policy TEXT,
    timeout_s    INTEGER NOT NULL,
    headers      TEXT NOT NULL,
    secrets      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    revision     INTEGER NOT NULL
);
CREATE INDEX endpoints_by_merchant ON endpoints (merchant_id, seq);

-- Written once. The body is apart from what changes, so that no state change copies it.
CREATE TABLE events (
    seq               INTEGER PRIMARY KEY,
    id                BLOB NOT NULL,
    source_id         BLOB NOT NULL,
    merchant_id       BLOB NOT NULL,
    provider_event_id TEXT NOT NULL,
    event_type        TEXT NOT NULL,
    received_at       INTEGER NOT NULL,
    content_type      TEXT,
    conflicts         INTEGER NOT NULL DEFAULT 0,
    body              BLOB NOT NULL
);
CREATE UNIQUE INDEX events_by_id ON events (id);
CREATE INDEX events_by_merchant ON events (merchant_id, seq);

-- Other bodies that came under an event's id.
CREATE TABLE conflicts (
    seq         INTEGER PRIMARY KEY,
    event_id    BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    body        BLOB NOT NULL
);
CREATE INDEX conflicts_by_event ON conflicts (event_id);

-- An event's deliveries lie together: their seq is 1024 times the event's and a number. An index
-- by id would cost every event a write at a random place; instead a delivery is found through its
-- event, whose id begins with the same 8 bytes.
CREATE TABLE deliveries (
    seq           INTEGER PRIMARY KEY,
    id            BLOB NOT NULL,
    event_id      BLOB NOT NULL,
    merchant_id   BLOB NOT NULL,
    endpoint_id   BLOB,
    event_type    TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    state         TEXT NOT NULL,
    round         INTEGER NOT NULL,
    tries         INTEGER NOT NULL,
    due_at        INTEGER,
    lease_until   INTEGER,
    finished_at   INTEGER,
    via           TEXT,
    failed_reason TEXT,
    ended_by      TEXT,
    -- One JSON object a line, so that an attempt is added without reading the others.
    attempt_log   TEXT NOT NULL DEFAULT ''
);
CREATE INDEX deliveries_by_merchant ON deliveries (merchant_id, seq);
-- Sparse: a healthy delivery is in these for milliseconds, or never.
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'PENDING';
CREATE INDEX deliveries_failed ON deliveries (merchant_id, seq) WHERE state = 'FAILED';

-- For people with a shell.
CREATE VIEW deliveries_readable AS
SELECT 'dlv_' || lower(hex(id)) AS id, 'evt_' || lower(hex(event_id)) AS event_id,
       'end_' || lower(hex(endpoint_id)) AS endpoint_id, event_type, state, round, tries,
       strftime('%Y-%m-%dT%H:%M:%fZ', due_at / 1000.0, 'unixepoch') AS due_at, attempt_log
FROM deliveries;
