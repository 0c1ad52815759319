//! A table of its own for each test, and an engine over it whose sender and clock are the test's.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use postback_aws::DynamoStore;
use postback_aws::clients::{AwsSettings, Clients, Patience};
use postback_aws::environment::Variables;
use postback_contract::world::NOW;
use postback_domain::delivery::verdict::Outcome;
use postback_domain::time::Timestamp;
use postback_engine::ports::clock::SystemEntropy;
use postback_engine::ports::queue::Scheduled;
use postback_engine::ports::sender::{Answer, Request};
use postback_engine::ports::{Clock, Ports, Queue, Sender, Unavailable};
use postback_engine::{Engine, Settings};

use crate::wire::Wire;

/// One attempt, so that a test sees each request that is made.
const ONCE: Patience = Patience { attempts_max: 1, ..Patience::BEHIND };

/// For the contract: an empty store, and nothing to hold on to.
pub(crate) async fn fresh_store() -> (DynamoStore, ()) {
    (Stage::new().await.store(), ())
}

/// One empty table, and the wire to it.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) wire: Wire,
    pub(crate) clock: TestClock,
    table: String,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        static TABLES: AtomicU64 = AtomicU64::new(0);
        let number = TABLES.fetch_add(1, Ordering::Relaxed);
        let table = format!("postback-{}-{number}", std::process::id());
        let stage = Self { wire: Wire::default(), clock: TestClock::default(), table };
        create_table(&stage.clients(ONCE).dynamodb(), &stage.table).await;
        stage.wire.reset();
        stage
    }

    pub(crate) fn store(&self) -> DynamoStore {
        self.store_with(ONCE)
    }

    fn store_with(&self, patience: Patience) -> DynamoStore {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let retention = Duration::from_secs(90 * 24 * 3600);
        DynamoStore::new(self.clients(patience).dynamodb(), &self.table, retention, clock)
    }

    /// A worker: a process of its own, with nothing in its memory.
    pub(crate) fn engine(&self) -> Engine<Worker> {
        self.engine_with(ONCE)
    }

    fn engine_with(&self, patience: Patience) -> Engine<Worker> {
        let ports = Worker {
            store: self.store_with(patience),
            queue: Notes::default(),
            sender: Receiver::default(),
            clock: self.clock.clone(),
            entropy: SystemEntropy,
        };
        Engine::new(ports, Settings::default())
    }

    /// A worker as it is deployed, that asks again what may have been a passing trouble.
    pub(crate) fn patient_engine(&self) -> Engine<Worker> {
        self.engine_with(Patience::BEHIND)
    }

    fn clients(&self, patience: Patience) -> Clients {
        Clients::over(self.wire.client(), settings(), patience)
    }
}

fn settings() -> AwsSettings {
    static ENDPOINT: LazyLock<String> = LazyLock::new(|| {
        std::env::var("POSTBACK_AWS_ENDPOINT").expect(
            "POSTBACK_AWS_ENDPOINT names no emulator; tests/run starts one, or infra/local/emulator start",
        )
    });
    let lookup = |name: &str| match name {
        "AWS_ENDPOINT_URL" => Some(ENDPOINT.clone()),
        "AWS_REGION" => Some("eu-central-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
        _ => None,
    };
    let mut variables = Variables::new(&lookup);
    let settings = AwsSettings::read(&mut variables);
    variables.finish().expect("nothing is missing");
    settings
}

/// As `infra/template.yaml` has it.
async fn create_table(client: &aws_sdk_dynamodb::Client, name: &str) {
    let key = |name: &str, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
    };
    let index = |name: &str, hash: &str, range: &str, include: &[&str]| {
        let attributes = include.iter().map(ToString::to_string).collect();
        let projection = Projection::builder()
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(attributes))
            .build();
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(hash, KeyType::Hash))
            .key_schema(key(range, KeyType::Range))
            .projection(projection)
            .build()
            .unwrap()
    };
    let mut request = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .global_secondary_indexes(index(
            "work",
            "work_shard",
            "work_order",
            &["merchant", "endpoint", "round", "tries"],
        ))
        .global_secondary_indexes(index(
            "listed",
            "list",
            "list_order",
            &["source", "provider_id", "type", "received", "size", "conflicts", "plan"],
        ));
    for attribute in ["pk", "sk", "work_shard", "work_order", "list", "list_order"] {
        let definition = AttributeDefinition::builder()
            .attribute_name(attribute)
            .attribute_type(ScalarAttributeType::S);
        request = request.attribute_definitions(definition.build().unwrap());
    }
    request.send().await.expect("the emulator takes a table");
}

/// The ports of one worker.
pub(crate) struct Worker {
    pub(crate) store: DynamoStore,
    pub(crate) queue: Notes,
    pub(crate) sender: Receiver,
    clock: TestClock,
    entropy: SystemEntropy,
}

impl Ports for Worker {
    type Store = DynamoStore;
    type Queue = Notes;
    type Sender = Receiver;
    type Clock = TestClock;
    type Entropy = SystemEntropy;

    fn store(&self) -> &DynamoStore {
        &self.store
    }
    fn queue(&self) -> &Notes {
        &self.queue
    }
    fn sender(&self) -> &Receiver {
        &self.sender
    }
    fn clock(&self) -> &TestClock {
        &self.clock
    }
    fn entropy(&self) -> &SystemEntropy {
        &self.entropy
    }
}

/// A clock that stands until it is moved.
#[derive(Debug, Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NOW.as_millis())))
    }
}

impl TestClock {
    pub(crate) fn advance_secs(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Notes what is sent.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Vec<Scheduled>>);

impl Notes {
    pub(crate) fn take(&self) -> Vec<Scheduled> {
        std::mem::take(&mut self.0.lock().expect("unpoisoned"))
    }
}

impl Queue for Notes {
    async fn send(&self, messages: Vec<Scheduled>) -> Result<(), Unavailable> {
        self.0.lock().expect("unpoisoned").extend(messages);
        Ok(())
    }

    fn room(&self) -> usize {
        usize::MAX
    }
}

/// Fails so many requests, and takes the rest.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    pub(crate) failures_left: AtomicUsize,
    pub(crate) requests: AtomicUsize,
}

impl Sender for Receiver {
    async fn send(&self, _request: Request) -> Answer {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let less = |left: usize| left.checked_sub(1);
        let fails =
            self.failures_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok();
        Answer {
            outcome: if fails { Outcome::ServerError } else { Outcome::Accepted },
            status: Some(if fails { 503 } else { 200 }),
            retry_after: None,
            detail: fails.then(|| "503 Service Unavailable".to_owned()),
            excerpt: fails.then(|| "<html>upstream is down</html>".to_owned()),
        }
    }
}
