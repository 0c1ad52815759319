//! A whole engine for tests of what is wired around one: the store is the embedded one, and real;
//! receiver, queue, clock and chance are the test's own.
//!
//! The nouns are those of the contract suite: [`MERCHANT`] has a Stripe source of its own and as
//! many endpoints as the test wants. Time stands still at [`NOW`] until the test moves it.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up ends it")]

mod ports;
mod receiver;

use std::path::Path;
use std::sync::Arc;

use postback_domain::delivery::retry::RetryPolicy;
use postback_domain::delivery::{Delivery, State};
use postback_domain::event::Event;
use postback_domain::ids::{DeliveryId, EndpointId, SourceId};
use postback_domain::source::{SchemeChoice, Source};
use postback_engine::ports::catalog::Catalog as _;
use postback_engine::ports::history::{EventSummary, History as _};
use postback_engine::{Engine, Settings};
use serde_json::Value;
use tempfile::TempDir;

pub use ports::{RecordingQueue, StageClock, StagePorts};
pub use postback_contract::world::{MERCHANT, NOW, SOURCE, act, at, event, event_with};
pub use receiver::{Receiver, Reply};

use postback_contract::world::{endpoint, first, merchant, secrets, source};

/// One engine, gone with its data when dropped.
pub struct Stage {
    engine: Arc<Engine<StagePorts>>,
    _directory: TempDir,
}

impl Stage {
    /// A store with one merchant and this many endpoints, numbered from 1, that want everything.
    pub async fn new(endpoints: u128) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let engine = Arc::new(Engine::new(StagePorts::open(directory.path()), Settings::default()));
        let stage = Self { engine, _directory: directory };
        stage.store().create_merchant(merchant(0xa), act()).await.unwrap();
        for number in 1..=endpoints {
            stage.store().create_endpoint(endpoint(number), act()).await.unwrap();
        }
        stage
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<Engine<StagePorts>> {
        &self.engine
    }

    /// The store.
    pub fn store(&self) -> &postback_embedded::EmbeddedStore {
        &self.engine.ports().store
    }

    /// What has been sent to the queue.
    pub fn queue(&self) -> &RecordingQueue {
        &self.engine.ports().queue
    }

    /// Who is called.
    pub fn receiver(&self) -> &Receiver {
        &self.engine.ports().receiver
    }

    /// What time it is.
    pub fn clock(&self) -> &StageClock {
        &self.engine.ports().clock
    }

    /// A source of [`MERCHANT`] whose provider signs with this secret.
    pub async fn source(&self, number: u128, preset: &str, secret: &str) -> SourceId {
        let scheme = SchemeChoice::preset(preset).unwrap();
        let source = Source { scheme, secrets: secrets(number, &[secret]), ..source(number) };
        let id = source.id;
        self.store().create_source(source, act()).await.unwrap();
        id
    }

    /// One more endpoint, which is tried once and then given up.
    pub async fn endpoint_tried_once(&self, number: u128) -> EndpointId {
        let retry_policy = Some(RetryPolicy::from_secs(&[]).unwrap());
        let endpoint = postback_domain::endpoint::Endpoint { retry_policy, ..endpoint(number) };
        let id = endpoint.id;
        self.store().create_endpoint(endpoint, act()).await.unwrap();
        id
    }

    /// A delivery as it stands.
    pub async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store().read_delivery(id).await.unwrap().expect("the delivery exists").delivery
    }

    /// What became of an event, by endpoint.
    pub async fn states(&self, event: &Event) -> Vec<State> {
        let Some((summary, _)) = self.store().read_event(event.id).await.unwrap() else {
            return Vec::new();
        };
        summary.deliveries.iter().map(Delivery::state).collect()
    }

    /// Every event that was taken in, newest first.
    pub async fn events(&self) -> Vec<EventSummary> {
        let everything = Default::default();
        self.store().list_events(everything, first(1000)).await.unwrap().rows
    }
}

/// An envelope that a function keeps in its folder `events`.
pub fn envelope(folder: &Path, name: &str) -> Value {
    let file = folder.join("events").join(name);
    let text = std::fs::read(&file)
        .unwrap_or_else(|error| panic!("`{}` cannot be read: {error}", file.display()));
    serde_json::from_slice(&text)
        .unwrap_or_else(|error| panic!("`{}` is not JSON: {error}", file.display()))
}
