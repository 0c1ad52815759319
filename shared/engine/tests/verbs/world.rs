//! One engine over the real embedded store, with everything else under the test's hand: clock,
//! randomness, receivers, queue, and faults of the store.
//!
//! A test talks of endpoints by name and of the one event it took in last. Every world checks when
//! it ends that no two requests for one delivery were open at once, unless the test says that it
//! brought that about.

mod queue;
mod recoveries;
mod sender;
mod setup;
mod stage;
mod store;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postback_domain::delivery::message::{Message, MessageId, Receipt};
use postback_domain::delivery::{Delivery, FailedReason, Progress, Via, WaitsFor};
use postback_domain::event::Event;
use postback_domain::ids::{DeliveryId, EndpointId, MerchantId};
use postback_domain::time::Timestamp;
use postback_embedded::EmbeddedStore;
use postback_engine::deliver::Disposition;
use postback_engine::ports::history::{DeliveryRecord, History};
use postback_engine::ports::store::Admission;
use postback_engine::ports::{Clock, Ports, Unavailable};
use postback_engine::sweep::Swept;
use postback_engine::take_in::{FirstTries, TakenIn};
use postback_engine::{Engine, Settings};
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub(crate) use queue::{RecordingQueue, Sent};
pub(crate) use sender::ScriptedSender;
pub(crate) use setup::{SOURCE, act, policy};
pub(crate) use stage::{ManualClock, ScriptedEntropy, Stage, Witness};
pub(crate) use store::{Fault, FaultyStore, Step};

/// When every world begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// The ports of a world.
pub(crate) struct Wired {
    store: FaultyStore,
    queue: RecordingQueue,
    sender: ScriptedSender,
    clock: ManualClock,
    entropy: ScriptedEntropy,
}

/// See the module's head.
pub(crate) struct World {
    pub(crate) engine: Arc<Engine<Wired>>,
    pub(crate) embedded: EmbeddedStore,
    pub(crate) merchant: MerchantId,
    pub(crate) stage: Stage,
    pub(crate) witness: Arc<Witness>,
    pub(crate) overlaps_expected: AtomicUsize,
    endpoints: Mutex<BTreeMap<String, EndpointId>>,
    event: Mutex<Option<Arc<Event>>>,
    has_receipts: bool,
    _directory: TempDir,
}

impl World {
    /// A world whose queue hands out messages without receipts, as the one in memory does.
    pub(crate) async fn new() -> Self {
        Self::with(false).await
    }

    /// A world whose queue has receipts and a dead-letter queue of its own.
    pub(crate) async fn with_receipts() -> Self {
        Self::with(true).await
    }

    async fn with(has_receipts: bool) -> Self {
        let directory = setup::directory();
        let embedded = EmbeddedStore::open(directory.path(), START).expect("a fresh directory");
        let clock = ManualClock::starting(START);
        let stage = Stage::new(clock.clone());
        let witness = Arc::new(Witness::default());
        let wired = Wired {
            store: FaultyStore::new(embedded.clone(), stage.clone(), Arc::clone(&witness)),
            queue: RecordingQueue::new(clock.clone(), stage.clone()),
            sender: ScriptedSender::new(stage.clone(), Arc::clone(&witness)),
            clock,
            entropy: ScriptedEntropy::default(),
        };
        let merchant = setup::merchant(&embedded).await;
        Self {
            engine: Arc::new(Engine::new(wired, Settings::default())),
            embedded,
            merchant,
            stage,
            witness,
            overlaps_expected: AtomicUsize::new(0),
            endpoints: Mutex::default(),
            event: Mutex::default(),
            has_receipts,
            _directory: directory,
        }
    }

    pub(crate) fn store(&self) -> &FaultyStore {
        self.engine.ports().store()
    }

    pub(crate) fn queue(&self) -> &RecordingQueue {
        self.engine.ports().queue()
    }

    pub(crate) fn sender(&self) -> &ScriptedSender {
        self.engine.ports().sender()
    }

    pub(crate) fn entropy(&self) -> &ScriptedEntropy {
        self.engine.ports().entropy()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.engine.ports().clock().now()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.engine.ports().clock.advance(by);
    }

    pub(crate) fn jump_back(&self, by: Duration) {
        self.engine.ports().clock.jump_back(by);
    }

    pub(crate) fn advance_secs(&self, secs: u64) {
        self.advance(Duration::from_secs(secs));
    }

    // What happens.

    /// Takes the event in and makes its first attempts, one after the other.
    pub(crate) async fn event(&self, provider_event_id: &str) -> Admission {
        let taken = self.take_in(provider_event_id, FirstTries::Mine).await.expect("a store");
        let admission = taken.admission;
        self.make_first_attempts(taken).await;
        admission
    }

    pub(crate) async fn make_first_attempts(&self, taken: TakenIn) {
        let event = self.last_event();
        for (claim, endpoint) in taken.claims {
            let attempted = self.engine.attempt(&event, claim, endpoint, None).await;
            attempted.expect("the store is there");
        }
    }

    /// Takes the event in, and leaves its first attempts to the test.
    pub(crate) async fn take_in(
        &self,
        provider_event_id: &str,
        first_tries: FirstTries,
    ) -> Result<TakenIn, Unavailable> {
        self.take_in_as(self.an_event(provider_event_id), first_tries).await
    }

    pub(crate) async fn take_in_as(
        &self,
        event: Event,
        first_tries: FirstTries,
    ) -> Result<TakenIn, Unavailable> {
        let event = Arc::new(event);
        *self.event.lock().expect("unpoisoned") = Some(Arc::clone(&event));
        self.engine.take_in(&event, first_tries).await
    }

    /// Works every message whose wait is over, those that are sent meanwhile included.
    pub(crate) async fn work(&self) -> Vec<Disposition> {
        let mut dispositions = Vec::new();
        while let Some(sent) = self.queue().take_due(self.now()) {
            let worked = self.engine.deliver(sent.message, self.receipt(&sent)).await;
            dispositions.push(worked.expect("the store is there"));
        }
        dispositions
    }

    pub(crate) async fn sweep(&self) -> Swept {
        self.engine.sweep().await
    }

    /// Waits for the delivery's due time and works it, by its message or else by the sweep.
    pub(crate) async fn next_try(&self, endpoint: &str) -> Vec<Disposition> {
        let Progress::Pending { due_at, .. } = self.record(endpoint).await.delivery.progress else {
            panic!("the delivery to {endpoint} has ended: {}", self.state(endpoint).await);
        };
        self.advance(due_at.since(self.now()));
        let dispositions = self.work().await;
        if !dispositions.is_empty() {
            return dispositions;
        }
        self.advance(Settings::default().sweep_grace + Duration::from_millis(1));
        self.sweep().await;
        self.work().await
    }

    /// Works a message of the test's own making, without a receipt.
    pub(crate) async fn deliver(&self, message: Message) -> Result<Disposition, Unavailable> {
        self.engine.deliver(message, None).await
    }

    pub(crate) async fn deliver_with(&self, message: Message, receipt: Receipt) -> Disposition {
        self.engine.deliver(message, Some(receipt)).await.expect("the store is there")
    }

    /// Starts a worker on a message and leaves it to run beside the test.
    pub(crate) fn start(&self, message: Message, receipt: Option<Receipt>) -> Worker {
        let engine = Arc::clone(&self.engine);
        Worker(tokio::spawn(async move { engine.deliver(message, receipt).await }))
    }

    pub(crate) fn start_sweep(&self) -> JoinHandle<Swept> {
        let engine = Arc::clone(&self.engine);
        tokio::spawn(async move { engine.sweep().await })
    }

    // What there is to see.

    pub(crate) fn last_event(&self) -> Arc<Event> {
        self.event.lock().expect("unpoisoned").clone().expect("an event was taken in")
    }

    pub(crate) fn endpoint_id(&self, endpoint: &str) -> EndpointId {
        let endpoints = self.endpoints.lock().expect("unpoisoned");
        *endpoints.get(endpoint).unwrap_or_else(|| panic!("there is no endpoint {endpoint}"))
    }

    pub(crate) fn delivery(&self, endpoint: &str) -> DeliveryId {
        DeliveryId::derive(self.last_event().id, Some(self.endpoint_id(endpoint)))
    }

    pub(crate) fn message(&self, endpoint: &str, round: u32, tries: u8) -> Message {
        Message {
            merchant: self.last_event().merchant_id,
            delivery: self.delivery(endpoint),
            round,
            tries,
        }
    }

    pub(crate) async fn record(&self, endpoint: &str) -> DeliveryRecord {
        let record = self.embedded.read_delivery(self.delivery(endpoint)).await;
        record.expect("the store is there").expect("the delivery is there")
    }

    /// Where the delivery stands, such as `PENDING round 1 tries 2 due in 60s`.
    pub(crate) async fn state(&self, endpoint: &str) -> String {
        describe(&self.record(endpoint).await.delivery, self.now())
    }

    /// The delivery's attempts, such as `1.1 timed_out, 1.2 accepted 200`: round, number, outcome
    /// and status.
    pub(crate) async fn log(&self, endpoint: &str) -> String {
        let attempts = self.record(endpoint).await.attempts;
        let lines = attempts.iter().map(|attempt| {
            let status = attempt.status.map(|status| format!(" {status}")).unwrap_or_default();
            format!("{}.{} {}{status}", attempt.round, attempt.number, attempt.outcome)
        });
        lines.collect::<Vec<_>>().join(", ")
    }

    /// How many requests the endpoint has seen, for all events.
    pub(crate) fn requests(&self, endpoint: &str) -> usize {
        self.sender().requests_to(self.endpoint_id(endpoint)).len()
    }

    fn receipt(&self, sent: &Sent) -> Option<Receipt> {
        self.has_receipts.then(|| sent.receipt.clone())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let expected = self.overlaps_expected.load(Ordering::Relaxed);
            assert_eq!(self.sender().overlaps(), expected, "requests that overlapped");
        }
    }
}

impl Ports for Wired {
    type Store = FaultyStore;
    type Queue = RecordingQueue;
    type Sender = ScriptedSender;
    type Clock = ManualClock;
    type Entropy = ScriptedEntropy;

    fn store(&self) -> &FaultyStore {
        &self.store
    }

    fn queue(&self) -> &RecordingQueue {
        &self.queue
    }

    fn sender(&self) -> &ScriptedSender {
        &self.sender
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn entropy(&self) -> &ScriptedEntropy {
        &self.entropy
    }
}

/// A worker that runs beside the test.
pub(crate) struct Worker(JoinHandle<Result<Disposition, Unavailable>>);

impl Worker {
    pub(crate) async fn ends(self) -> Disposition {
        self.0.await.expect("it does not panic").expect("the store is there")
    }

    /// Its process is killed: whatever it was waiting for, it goes no further.
    pub(crate) async fn dies(self) {
        self.0.abort();
        assert!(self.0.await.is_err(), "it ended before it could be killed");
    }
}

/// A receipt of a message that the queue got at this time.
pub(crate) fn receipt(id: &str, sent_at: Timestamp) -> Receipt {
    Receipt { id: MessageId(id.to_owned()), sent_at }
}

fn describe(delivery: &Delivery, now: Timestamp) -> String {
    let progress = match &delivery.progress {
        Progress::Pending { lease: Some(lease), .. } if lease.until > now => {
            format!("leased for {:?}", lease.until.since(now))
        }
        Progress::Pending { waits_for: WaitsFor::Turn(turn), .. } if *turn > now => {
            format!("in line for {:?}", turn.since(now))
        }
        Progress::Pending { waits_for: WaitsFor::Fetch(until), .. } => {
            format!("shelved for {:?}", until.since(now))
        }
        Progress::Pending { due_at, .. } if *due_at < now => {
            format!("due {:?} ago", now.since(*due_at))
        }
        Progress::Pending { due_at, .. } => format!("due in {:?}", due_at.since(now)),
        Progress::Success { via: Via::Push, .. } => "by push".to_owned(),
        Progress::Success { via: Via::Pull, .. } => "by pull".to_owned(),
        Progress::Failed { reason: FailedReason::TriesUsed, .. } => "tries_used".to_owned(),
        Progress::Failed { reason: FailedReason::EndpointGone, .. } => "endpoint_gone".to_owned(),
        Progress::Failed { reason: FailedReason::NotFetched, .. } => "not_fetched".to_owned(),
        Progress::NotApply { .. } => "nobody".to_owned(),
    };
    let Delivery { round, tries, .. } = delivery;
    format!("{} round {round} tries {tries} {progress}", delivery.state())
}
