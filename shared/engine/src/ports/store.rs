//! What the engine reads and writes while events flow.

use std::future::Future;
use std::sync::Arc;

use postback_domain::delivery::message::{Message, Receipt};
use postback_domain::delivery::{Claim, Lease, Settlement};
use postback_domain::endpoint::{Endpoint, OffReason};
use postback_domain::event::{Event, Plan};
use postback_domain::ids::{DeliveryId, EndpointId, EventId, MerchantId, SecretId, SourceId};
use postback_domain::merchant::Merchant;
use postback_domain::source::Source;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_domain::turns::{RateLimit, Turn};

use super::Unavailable;

/// Everything the engine needs from a store.
pub trait Store: Configuration + Events + Deliveries + DueIndex {}

impl<S: Configuration + Events + Deliveries + DueIndex> Store for S {}

/// What people have set up. Read on every event, so adapters cache it.
pub trait Configuration: Send + Sync {
    /// A source. `Cached` may be a minute old; `Fresh` is read now, unless it was within the last
    /// second: whoever forges requests must not make us read as often as he likes.
    fn source(
        &self,
        id: SourceId,
        freshness: Freshness,
    ) -> impl Future<Output = Result<Option<Arc<Source>>, Unavailable>> + Send;

    /// A merchant.
    fn merchant(
        &self,
        id: MerchantId,
    ) -> impl Future<Output = Result<Option<Arc<Merchant>>, Unavailable>> + Send;

    /// The merchant that the platform calls so.
    fn merchant_called(
        &self,
        external_id: &Label,
    ) -> impl Future<Output = Result<Option<MerchantId>, Unavailable>> + Send;

    /// Every endpoint of a merchant, switched on or off, in order of creation.
    fn endpoints_of(
        &self,
        merchant: MerchantId,
    ) -> impl Future<Output = Result<Arc<[Arc<Endpoint>]>, Unavailable>> + Send;

    /// An endpoint; `None` once it is deleted.
    fn endpoint(
        &self,
        id: EndpointId,
    ) -> impl Future<Output = Result<Option<Arc<Endpoint>>, Unavailable>> + Send;

    /// Notes that a secret of a source has signed something, unless a later use is noted.
    fn note_secret_use(
        &self,
        source: SourceId,
        secret: SecretId,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Switches an endpoint off, unless it is off or deleted already.
    fn switch_off(
        &self,
        id: EndpointId,
        reason: OffReason,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// From a cache.
    Cached,
    /// Read now, or within the last second.
    Fresh,
}

/// Events: written once, never changed.
pub trait Events: Send + Sync {
    /// Keeps an event with its plan and opens the planned deliveries, leased to the caller if it
    /// brings a lease.
    ///
    /// On `New` and `Repeat` alike, the event and every delivery of its plan exist afterwards. An
    /// adapter that cannot write them together keeps the plan with the event first; a repeat then
    /// completes the *recorded* plan, not the caller's.
    fn admit(
        &self,
        event: Arc<Event>,
        plan: Plan,
        lease: Option<Lease>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Admitted, Unavailable>> + Send;

    /// An event with its bytes.
    fn event(
        &self,
        id: EventId,
    ) -> impl Future<Output = Result<Option<Arc<Event>>, Unavailable>> + Send;
}

/// What admitting an event did.
#[derive(Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Whether we had it before.
    pub admission: Admission,
    /// The deliveries that this very call opened and leased to the caller.
    pub claims: Vec<(Claim, EndpointId)>,
    /// The deliveries that this very call opened without a lease.
    pub unclaimed: Vec<Message>,
}

/// Whether we had an event before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// We had not.
    New,
    /// We had, with these bytes.
    Repeat,
    /// We had, with other bytes. The first bytes stand; these are kept as a conflict.
    Conflict,
}

/// Deliveries: the state machine's conditional writes.
pub trait Deliveries: Send + Sync {
    /// Reads `message` against its delivery as
    /// [`postback_domain::delivery::message::read`] says, and sets `lease` if it is due, in one
    /// atomic step. Where the reading is `Unannounced`, the receipt is kept with the delivery, as of
    /// now, and the answer is `Exhausted`.
    fn claim(
        &self,
        message: Message,
        receipt: Option<Receipt>,
        now: Timestamp,
        lease: Lease,
    ) -> impl Future<Output = Result<Claiming, Unavailable>> + Send;

    /// Records how an attempt ended, if its claim still holds. `receipt` is the message that was
    /// being worked, kept with a FAILED delivery.
    fn settle(
        &self,
        settlement: Settlement,
        receipt: Option<Receipt>,
    ) -> impl Future<Output = Result<Settled, Unavailable>> + Send;

    /// Starts a fresh round for a delivery that has ended, due at `due_at`. With `from_round`, only
    /// if it is still in that round, so that two redrives of one message reopen once.
    fn reopen(
        &self,
        id: DeliveryId,
        from_round: Option<u32>,
        due_at: Timestamp,
    ) -> impl Future<Output = Result<Reopening, Unavailable>> + Send;

    /// Takes the next turn at an endpoint that may be called only so often, as
    /// [`postback_domain::turns::take`] says, in one atomic step: no two callers get one turn.
    fn take_turn(
        &self,
        endpoint: EndpointId,
        limit: RateLimit,
        now: Timestamp,
    ) -> impl Future<Output = Result<Turn, Unavailable>> + Send;

    /// Makes the endpoint's waiting deliveries due now, at most `limit` of them, and answers with
    /// a message for each; not those that wait to be fetched. The endpoint itself may be deleted.
    fn wake(
        &self,
        endpoint: EndpointId,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Message>, Unavailable>> + Send;
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Claiming {
    /// Ours: make the attempt.
    Claimed(Claimed),
    /// Somebody else is at it.
    InFlight,
    /// The delivery has moved on, or never was.
    Overtaken,
    /// Given up, and this message is on its way to the dead-letter queue.
    Exhausted,
    /// Given up in this round, and sent back by an operator since.
    Redriven {
        /// The round that was given up.
        round: u32,
    },
}

/// A delivery that is ours for one attempt.
#[derive(Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The right to it.
    pub claim: Claim,
    /// What to send.
    pub event_id: EventId,
    /// Whom to call.
    pub endpoint_id: EndpointId,
}

/// Whether a settlement was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was.
    Recorded,
    /// Somebody else holds the delivery, or it has ended.
    Overtaken,
}

/// What asking for another round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reopening {
    /// A fresh round, due when it was asked for.
    Reopened(Message),
    /// It is still owed, or in another round than the caller thinks.
    StillPending,
    /// It is owed to nobody.
    NothingToSend,
    /// There is no such delivery.
    Unknown,
}

/// PENDING deliveries by due time, in shards.
pub trait DueIndex: Send + Sync {
    /// How many shards there are; each is swept on its own.
    fn shards(&self) -> u16;

    /// The deliveries due before a time, earliest first, at most `limit`. May be stale: a row may
    /// have moved on, which `push_forward` finds out. Beside a queue that has dead letters of its
    /// own, FAILED rows that no message has come for are due as well.
    fn due(
        &self,
        shard: u16,
        before: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Due>, Unavailable>> + Send;

    /// Claims rows for a sweep: sets each one's due time to `to` if it is still what was read, and
    /// answers with those that were. Two sweeps never both get a row.
    fn push_forward(
        &self,
        rows: Vec<Due>,
        to: Timestamp,
    ) -> impl Future<Output = Result<Vec<Due>, Unavailable>> + Send;
}

/// A row of the due index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The message that would bring it back.
    pub message: Message,
    /// When it is due.
    pub due_at: Timestamp,
}
