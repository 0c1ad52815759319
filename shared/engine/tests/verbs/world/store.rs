//! The real store, with faults put in front of it: calls that fail before or after their effect,
//! calls that are held, a configuration cache that is out of date.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use postback_domain::delivery::message::{Message, Receipt};
use postback_domain::delivery::{Lease, Settlement};
use postback_domain::endpoint::{Endpoint, OffReason};
use postback_domain::event::{Event, Plan};
use postback_domain::ids::{DeliveryId, EndpointId, EventId, MerchantId, SecretId, SourceId};
use postback_domain::merchant::Merchant;
use postback_domain::source::Source;
use postback_domain::text::Label;
use postback_domain::time::Timestamp;
use postback_domain::turns::{RateLimit, Turn};
use postback_embedded::EmbeddedStore;
use postback_engine::ports::store::{Admitted, Claiming, Due, Freshness, Reopening, Settled};
use postback_engine::ports::{Configuration, Deliveries, DueIndex, Events, Unavailable};
use tokio::sync::{Notify, Semaphore};

use super::stage::{Stage, Witness};

/// See the module's head. All clones are one store.
#[derive(Clone)]
pub(crate) struct FaultyStore {
    pub(super) inner: EmbeddedStore,
    stage: Stage,
    witness: Arc<Witness>,
    faults: Arc<Faults>,
}

struct Faults {
    planned: Mutex<VecDeque<(Step, Fault)>>,
    stale_source: Mutex<Option<Arc<Source>>>,
    held: Notify,
    release: Semaphore,
}

/// A call of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Whichever comes next.
    Any,
    /// One that nobody breaks on its own.
    Other,
    Merchant,
    Admit,
    Claim,
    Settle,
    Reopen,
    Due,
    PushForward,
    SwitchOff,
    NoteUse,
    KeepRecovery,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails, and nothing has happened.
    Refused,
    /// It has happened, but the caller is told that it failed.
    AnswerLost,
    /// It does not begin until released.
    HeldBefore,
    /// It has happened, and does not answer until released.
    HeldAfter,
}

impl FaultyStore {
    pub(super) fn new(inner: EmbeddedStore, stage: Stage, witness: Arc<Witness>) -> Self {
        let faults = Faults {
            planned: Mutex::default(),
            stale_source: Mutex::default(),
            held: Notify::new(),
            release: Semaphore::new(0),
        };
        Self { inner, stage, witness, faults: Arc::new(faults) }
    }

    /// The next call of `step` goes wrong; planned twice, the next two do.
    pub(crate) fn breaks(&self, step: Step, fault: Fault) {
        self.planned().push_back((step, fault));
    }

    /// What has not gone wrong yet goes well.
    pub(crate) fn mend(&self) {
        self.planned().clear();
    }

    /// Answers every cached look-up of a source with this one.
    pub(crate) fn keep_stale(&self, source: Source) {
        *self.faults.stale_source.lock().expect("unpoisoned") = Some(Arc::new(source));
    }

    /// Waits until a call is held that was not waited for before.
    pub(crate) async fn until_held(&self) {
        self.faults.held.notified().await;
    }

    /// Lets `count` held calls go on.
    pub(crate) fn release(&self, count: usize) {
        self.faults.release.add_permits(count);
    }

    pub(super) async fn pass<R>(
        &self,
        step: Step,
        call: impl Future<Output = Result<R, Unavailable>>,
    ) -> Result<R, Unavailable> {
        self.stage.stop_in_time("store").await?;
        match self.next_fault(step) {
            None => call.await,
            Some(Fault::Refused) => Err(Unavailable::new("store", "refused on request")),
            Some(Fault::AnswerLost) => {
                call.await?;
                Err(Unavailable::new("store", "answer lost on request"))
            }
            Some(Fault::HeldBefore) => {
                self.hold().await;
                call.await
            }
            Some(Fault::HeldAfter) => {
                let answer = call.await;
                self.hold().await;
                answer
            }
        }
    }

    fn next_fault(&self, step: Step) -> Option<Fault> {
        let mut planned = self.planned();
        let next = planned.iter().position(|(of, _)| *of == step || *of == Step::Any)?;
        planned.remove(next).map(|(_, fault)| fault)
    }

    async fn hold(&self) {
        self.faults.held.notify_one();
        self.faults.release.acquire().await.expect("never closed").forget();
    }

    fn planned(&self) -> MutexGuard<'_, VecDeque<(Step, Fault)>> {
        self.faults.planned.lock().expect("unpoisoned")
    }
}

impl Configuration for FaultyStore {
    async fn source(
        &self,
        id: SourceId,
        freshness: Freshness,
    ) -> Result<Option<Arc<Source>>, Unavailable> {
        if freshness == Freshness::Cached {
            let stale = self.faults.stale_source.lock().expect("unpoisoned").clone();
            if stale.is_some() {
                return Ok(stale);
            }
        }
        self.pass(Step::Other, self.inner.source(id, freshness)).await
    }

    async fn merchant(&self, id: MerchantId) -> Result<Option<Arc<Merchant>>, Unavailable> {
        self.pass(Step::Merchant, self.inner.merchant(id)).await
    }

    async fn merchant_called(
        &self,
        external_id: &Label,
    ) -> Result<Option<MerchantId>, Unavailable> {
        self.pass(Step::Other, self.inner.merchant_called(external_id)).await
    }

    async fn endpoints_of(
        &self,
        merchant: MerchantId,
    ) -> Result<Arc<[Arc<Endpoint>]>, Unavailable> {
        self.pass(Step::Other, self.inner.endpoints_of(merchant)).await
    }

    async fn endpoint(&self, id: EndpointId) -> Result<Option<Arc<Endpoint>>, Unavailable> {
        self.pass(Step::Other, self.inner.endpoint(id)).await
    }

    async fn note_secret_use(
        &self,
        source: SourceId,
        secret: SecretId,
        at: Timestamp,
    ) -> Result<(), Unavailable> {
        self.pass(Step::NoteUse, self.inner.note_secret_use(source, secret, at)).await
    }

    async fn switch_off(
        &self,
        id: EndpointId,
        reason: OffReason,
        at: Timestamp,
    ) -> Result<(), Unavailable> {
        self.pass(Step::SwitchOff, self.inner.switch_off(id, reason, at)).await
    }
}

impl Events for FaultyStore {
    async fn admit(
        &self,
        event: Arc<Event>,
        plan: Plan,
        lease: Option<Lease>,
        now: Timestamp,
    ) -> Result<Admitted, Unavailable> {
        self.pass(Step::Admit, self.inner.admit(event, plan, lease, now)).await
    }

    async fn event(&self, id: EventId) -> Result<Option<Arc<Event>>, Unavailable> {
        self.pass(Step::Other, self.inner.event(id)).await
    }
}

impl Deliveries for FaultyStore {
    async fn claim(
        &self,
        message: Message,
        receipt: Option<Receipt>,
        now: Timestamp,
        lease: Lease,
    ) -> Result<Claiming, Unavailable> {
        self.pass(Step::Claim, self.inner.claim(message, receipt, now, lease)).await
    }

    async fn settle(
        &self,
        settlement: Settlement,
        receipt: Option<Receipt>,
    ) -> Result<Settled, Unavailable> {
        let witnessed = async {
            let settled = self.inner.settle(settlement.clone(), receipt).await?;
            match settled {
                Settled::Recorded => self.witness.recorded(&settlement),
                Settled::Overtaken => self.witness.overtook(),
            }
            Ok(settled)
        };
        self.pass(Step::Settle, witnessed).await
    }

    async fn reopen(
        &self,
        id: DeliveryId,
        from_round: Option<u32>,
        now: Timestamp,
    ) -> Result<Reopening, Unavailable> {
        let witnessed = async {
            let reopening = self.inner.reopen(id, from_round, now).await?;
            if let Reopening::Reopened(_) = reopening {
                self.witness.saw_reopened();
            }
            Ok(reopening)
        };
        self.pass(Step::Reopen, witnessed).await
    }

    async fn take_turn(
        &self,
        endpoint: EndpointId,
        limit: RateLimit,
        now: Timestamp,
    ) -> Result<Turn, Unavailable> {
        self.pass(Step::Other, self.inner.take_turn(endpoint, limit, now)).await
    }

    async fn wake(
        &self,
        endpoint: EndpointId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Message>, Unavailable> {
        self.pass(Step::Other, self.inner.wake(endpoint, now, limit)).await
    }
}

impl DueIndex for FaultyStore {
    fn shards(&self) -> u16 {
        self.inner.shards()
    }

    async fn due(
        &self,
        shard: u16,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, Unavailable> {
        self.pass(Step::Due, self.inner.due(shard, before, limit)).await
    }

    async fn push_forward(&self, rows: Vec<Due>, to: Timestamp) -> Result<Vec<Due>, Unavailable> {
        self.pass(Step::PushForward, self.inner.push_forward(rows, to)).await
    }
}
