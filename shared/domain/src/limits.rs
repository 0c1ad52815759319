//! Every limit, with its arithmetic. The compiler checks how they relate; a change here that lets
//! two workers hold one delivery does not build.

use std::time::Duration;

/// The largest event body. SQS carries 1 MiB as ASCII; base64 of this plus the envelope is 350 KiB,
/// which also stays under DynamoDB's 400 KB an item before compression.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// The largest body of an API request. No configuration needs more.
pub const API_BODY_BYTES_MAX: usize = 64 * 1024;

/// How long one attempt may take in all, unless the endpoint says otherwise.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest timeout that an endpoint may ask for.
pub const ATTEMPT_TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// How long an attempt may spend resolving and connecting, within its whole.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a claim holds a delivery.
pub const LEASE: Duration = Duration::from_secs(60);

/// What a worker may need besides the attempt itself: loading, signing, clock drift. One that has
/// needed more gives the delivery back instead of attempting it.
pub const LEASE_MARGIN: Duration = Duration::from_secs(30);

const _: () =
    assert!(PORT_CALL_MAX.as_secs() + CLOCK_DRIFT_MAX.as_secs() <= LEASE_MARGIN.as_secs());
const _: () = assert!(CONNECT_TIMEOUT.as_secs() < ATTEMPT_TIMEOUT.as_secs());
const _: () = assert!(ATTEMPT_TIMEOUT.as_secs() <= ATTEMPT_TIMEOUT_MAX.as_secs());
const _: () = assert!(
    ATTEMPT_TIMEOUT_MAX.as_secs() + LEASE_MARGIN.as_secs() <= LEASE.as_secs(),
    "an attempt must end before its lease, or two workers hold one delivery"
);

/// How long past its due time the sweep leaves a delivery to the message that is on its way.
pub const SWEEP_GRACE: Duration = Duration::from_secs(30);

/// How far the sweep pushes a due time forward when it sends a message: longer than the message
/// may wait for a busy worker, or the next sweep would send it again.
pub const SWEEP_PUSH: Duration = Duration::from_secs(300);

/// The longest wait that a message carries itself; SQS's `DelaySeconds` ends here. The sweep
/// brings back what waits longer.
pub const MESSAGE_WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// How long a delivery to a disabled endpoint sleeps before somebody looks again. Enabling the
/// endpoint wakes it at once; this only bounds the damage of a lost wake-up.
pub const PARKED_RECHECK: Duration = Duration::from_secs(60 * 60);

/// How long after it was decided a message may still be sent. A worker or sweep that stalls longer
/// keeps it to itself; the sweep finds the delivery.
pub const SEND_STALL_MAX: Duration = Duration::from_secs(30);

/// How long a call of a store or queue may take. Adapters set timeouts so that it ends by then,
/// with an error if need be.
pub const PORT_CALL_MAX: Duration = Duration::from_secs(20);

/// How far two workers' clocks may be apart.
pub const CLOCK_DRIFT_MAX: Duration = Duration::from_secs(5);

/// How long after the end of a delivery a message for it may still be one of ours, sent late, and
/// no operator's redrive. The end is recorded one call after it was decided; until then a sweep
/// may take the row, stall, and send with a call of its own. A queue must need longer than this to
/// move a message to its dead-letter queue, so its visibility timeout must not be shorter.
pub const REDRIVE_MARGIN: Duration = Duration::from_secs(120);

const _: () = assert!(
    2 * PORT_CALL_MAX.as_secs() + SEND_STALL_MAX.as_secs() + CLOCK_DRIFT_MAX.as_secs()
        < REDRIVE_MARGIN.as_secs(),
    "a message sent as late as may be must not reopen a delivery"
);

/// How long a worker that takes messages from a shared queue has for a batch of them. A claim that
/// it makes at the beginning holds for as long.
pub const BATCH_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a message that a worker has received stays hidden from the others: six times what the
/// worker may take, so that a message that is throttled in front of the worker is not handed out
/// twice (AWS, Lambda with SQS: "set the queue's visibility timeout to at least six times the
/// function timeout").
pub const MESSAGE_HIDDEN: Duration = Duration::from_secs(6 * BATCH_TIMEOUT.as_secs());

const _: () = assert!(MESSAGE_HIDDEN.as_secs() >= REDRIVE_MARGIN.as_secs());
const _: () = assert!(BATCH_TIMEOUT.as_secs() >= LEASE.as_secs());

/// How often a message with a new event is received before its queue gives it up: at
/// [`MESSAGE_HIDDEN`] apart, two hours of a store that cannot be reached.
pub const EVENTS_RECEIVES_MAX: u32 = 20;

/// How often a message of a delivery is received before its queue moves it to the dead-letter
/// queue. An exhausted delivery is there after three times [`MESSAGE_HIDDEN`]; a message that is given
/// up for another reason is replaced by the sweep.
pub const DELIVERIES_RECEIVES_MAX: u32 = 3;

/// How often the sweep runs.
pub const SWEEP_EVERY: Duration = Duration::from_secs(300);

/// How long one sweep may take: less than the time to the next.
pub const SWEEP_TIMEOUT: Duration = Duration::from_secs(270);

/// How long before its end a sweep begins no more steps. A step is one read, one claim and one
/// send.
pub const SWEEP_STEP_MAX: Duration = Duration::from_secs(3 * PORT_CALL_MAX.as_secs());

const _: () = assert!(SWEEP_TIMEOUT.as_secs() < SWEEP_EVERY.as_secs());
const _: () = assert!(SWEEP_STEP_MAX.as_secs() < SWEEP_TIMEOUT.as_secs());

/// How long taking in a provider's request may take: one look-up and one send, each at most
/// [`PORT_CALL_MAX`] only when the store is in trouble; providers hang up after 5 to 30 s.
pub const INGEST_TIMEOUT: Duration = Duration::from_secs(20);

/// How long an API request may take. API Gateway hangs up after 30 s.
pub const API_TIMEOUT: Duration = Duration::from_secs(29);

/// Requests that one API key may make in a minute, of one worker: more than any client that means
/// it.
pub const API_REQUESTS_PER_MINUTE: u32 = 3000;

/// Deliveries that a merchant fetches at once, when it does not say.
pub const PULL_ROWS: usize = 10;

/// Deliveries that a merchant fetches or acknowledges at once at most.
pub const PULL_ROWS_MAX: usize = 100;

/// Deliveries that are fetched side by side.
pub const PULL_AT_ONCE: usize = 8;

/// Bytes of bodies after which no further delivery is fetched: with those fetched last, and in
/// base64, they must fit into the 6 MB that a function may answer with.
pub const PULL_BYTES_MAX: usize = 2 * 1024 * 1024;

const _: () = assert!((PULL_BYTES_MAX + PULL_AT_ONCE * BODY_BYTES_MAX) * 4 / 3 < 5_900_000);

/// How long what was fetched is held, when the merchant does not say.
pub const PULL_HOLD: Duration = Duration::from_secs(5 * 60);

/// The longest hold that can be asked for.
pub const PULL_HOLD_MAX: Duration = Duration::from_secs(3600);

/// The fewest and the most calls a second that an endpoint may ask for.
pub const RATE_LIMIT_MIN: f64 = 0.1;
/// See [`RATE_LIMIT_MIN`].
pub const RATE_LIMIT_MAX: f64 = 1000.0;

/// How far ahead turns at an endpoint are given out: as long as a queue holds a message back. Who
/// would have to wait for longer comes again, and tries to get into the line then.
pub const LINE_MAX: Duration = Duration::from_secs(10 * 60);

const _: () = assert!(LINE_MAX.as_secs() < MESSAGE_WAIT_MAX.as_secs());

/// How much before its turn a delivery may go: queues count in whole seconds.
pub const TURN_EARLY_MAX: Duration = Duration::from_millis(50);

/// How long after its turn a delivery may still take it. Workers that stood still come back with
/// all of their turns missed, and must not make up for them at once.
pub const TURN_LATE_MAX: Duration = Duration::from_secs(5);

/// How long a delivery waits for a merchant whose endpoint is not called but who fetches. Then it is
/// given up like any other: in the dead-letter queue, in a metric, and to be fetched as before.
/// Shorter than the shortest retention of events, which is a week.
pub const SHELVED_MAX: Duration = Duration::from_secs(3 * 24 * 3600);

/// Deliveries that a recovery makes due each second, unless its merchant says otherwise.
pub const RECOVERY_PACE: u32 = 50;

/// The fastest pace that can be asked for.
pub const RECOVERY_PACE_MAX: u32 = 1000;

/// How far ahead of their time a recovery makes deliveries due: as long as a queue holds a message
/// back, with time to spare, and for longer than it is until somebody goes on with it.
pub const RECOVERY_AHEAD_MAX: Duration = Duration::from_secs(10 * 60);

const _: () = assert!(RECOVERY_AHEAD_MAX.as_secs() < MESSAGE_WAIT_MAX.as_secs());
const _: () = assert!(RECOVERY_AHEAD_MAX.as_secs() > SWEEP_EVERY.as_secs());

/// Rows that a recovery looks at in one step.
pub const RECOVERY_STEP_ROWS: usize = 100;

/// How long whoever goes on with a recovery has it for himself. Two at once would do no harm but to
/// each other's time.
pub const RECOVERY_HOLD: Duration = Duration::from_secs(60);

/// How long the request that begins a recovery goes on with it: small ones are done then.
pub const RECOVERY_BEGIN_MAX: Duration = Duration::from_secs(3);

/// How long the test of an endpoint may take: the answer must be there before API Gateway hangs up.
pub const TRIAL_TIMEOUT: Duration = Duration::from_secs(20);

const _: () = assert!(TRIAL_TIMEOUT.as_secs() + 5 < API_TIMEOUT.as_secs());

/// How long an API request may go on waking an endpoint's deliveries. A step that has begun may
/// take [`PORT_CALL_MAX`] in trouble, but not then twice.
pub const WAKE_MAX: Duration = Duration::from_secs(8);

/// Deliveries that one redrive takes, when the caller does not say.
pub const REDRIVE_ROWS: usize = 100;

/// Deliveries that one redrive takes at most; a caller with more asks again.
pub const REDRIVE_ROWS_MAX: usize = 1000;

/// How long an API request may look for what it is to redrive.
pub const REDRIVE_SEARCH_MAX: Duration = Duration::from_secs(8);

const _: () = assert!(WAKE_MAX.as_secs() + PORT_CALL_MAX.as_secs() < API_TIMEOUT.as_secs());

/// How long a request with an `Idempotency-Key` has its key for itself. Whoever comes later finds
/// the answer, or that the worker died.
pub const IDEMPOTENCY_HOLD: Duration = Duration::from_secs(60);

/// How long an `Idempotency-Key` stands for the request that it first came with.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 3600);

const _: () = assert!(
    API_TIMEOUT.as_secs() + CLOCK_DRIFT_MAX.as_secs() < IDEMPOTENCY_HOLD.as_secs(),
    "a request must end before its hold, or two workers carry it out"
);
const _: () = assert!(IDEMPOTENCY_HOLD.as_secs() < IDEMPOTENCY_KEPT.as_secs());

/// Characters of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// The largest answer that is kept to be given again; a redrive of a thousand deliveries answers
/// with 40 KB. What the store has beside it stays far below DynamoDB's 400 KB an item.
pub const IDEMPOTENT_ANSWER_BYTES_MAX: usize = 256 * 1024;

/// How long a portal token is good, when nobody says: a visit.
pub const PORTAL_TTL: Duration = Duration::from_secs(3600);

/// The shortest time that can be asked for: long enough for a page to load.
pub const PORTAL_TTL_MIN: Duration = Duration::from_secs(60);

/// The longest: a working day. Whoever needs more wants a key.
pub const PORTAL_TTL_MAX: Duration = Duration::from_secs(24 * 3600);

const _: () = assert!(PORTAL_TTL_MIN.as_secs() < PORTAL_TTL.as_secs());
const _: () = assert!(PORTAL_TTL.as_secs() < PORTAL_TTL_MAX.as_secs());

/// How long a record of an administrative act is kept where rows expire: a year, and the month in
/// which somebody looks at it.
pub const AUDIT_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

/// Bytes of a noun as a record has it, before or after.
pub const AUDIT_VIEW_BYTES_MAX: usize = 16 * 1024;

/// Bytes of a caller's `user-agent` that a record has.
pub const AUDIT_USER_AGENT_BYTES_MAX: usize = 256;

// DynamoDB keeps 400 KB an item; ids, times and an address are the rest.
const _: () = assert!(2 * AUDIT_VIEW_BYTES_MAX + AUDIT_USER_AGENT_BYTES_MAX < 350 * 1024);

/// How long we wait before trying again after a fault of our own, which uses no try.
pub const OWN_FAULT_WAIT: Duration = Duration::from_secs(60);

/// How much of a response body the attempt log keeps, as JSON. A response of the same size is read
/// at most.
pub const RESPONSE_EXCERPT_BYTES_MAX: usize = 4 * 1024;

/// Waits in a retry policy; one more try than waits.
pub const RETRY_WAITS_MAX: usize = 19;

/// The longest single wait in a retry policy.
pub const RETRY_WAIT_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// The attempts that a delivery's log keeps, newest last. Seven a round; old rounds fall off.
pub const ATTEMPT_LOG_MAX: usize = 50;

/// What an attempt has in the log beside its excerpt.
const ATTEMPT_BYTES_MAX: usize = 512;

// The log is cut when a round begins, and a round adds to it. DynamoDB keeps 400 KB an item; an
// attempt that cannot be recorded would be made again and again.
const _: () = assert!(
    (ATTEMPT_LOG_MAX + RETRY_WAITS_MAX + 1) * (RESPONSE_EXCERPT_BYTES_MAX + ATTEMPT_BYTES_MAX)
        < 350 * 1024
);

/// Endpoints of one merchant. An event fans out to all of them at once.
pub const ENDPOINTS_PER_MERCHANT_MAX: usize = 100;

/// Secrets of one source. All of them are tried on a request that does not verify.
pub const SECRETS_PER_SOURCE_MAX: usize = 5;

/// How long the old secrets of a source stay good beside a new one, unless said otherwise. Longer
/// than providers go on with a request that they signed before the change.
pub const SECRET_OVERLAP: Duration = Duration::from_secs(3 * 24 * 3600);

/// The longest overlap that can be asked for.
pub const SECRET_OVERLAP_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// How often one worker notes that a secret was used: what people want to know is whether an old
/// one still is.
pub const SECRET_USE_NOTED_EVERY: Duration = Duration::from_secs(3600);

/// Secrets of one endpoint. Each adds a signature to every request.
pub const SECRETS_PER_ENDPOINT_MAX: usize = 5;

/// How long an endpoint's old secret goes on signing beside a new one, unless said otherwise.
pub const SIGNING_OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// The longest such overlap that can be asked for.
pub const SIGNING_OVERLAP_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// Event-type filters of one endpoint.
pub const FILTERS_PER_ENDPOINT_MAX: usize = 50;

/// Extra headers of one endpoint.
pub const HEADERS_PER_ENDPOINT_MAX: usize = 20;

/// Bytes of a provider's event id; a longer one is replaced by its hash.
pub const PROVIDER_EVENT_ID_BYTES_MAX: usize = 255;

/// Bytes of an event type.
pub const EVENT_TYPE_BYTES_MAX: usize = 200;

/// Bytes of an endpoint's URL.
pub const URL_BYTES_MAX: usize = 2048;

/// Bytes of a name, description or external id.
pub const NAME_BYTES_MAX: usize = 200;

/// Other bodies kept for one event id; later ones are only counted.
pub const CONFLICTS_KEPT_MAX: u32 = 5;

/// Rows of a page, when the caller does not say.
pub const PAGE_ROWS: usize = 50;

/// Rows of a page at most.
pub const PAGE_ROWS_MAX: usize = 200;
