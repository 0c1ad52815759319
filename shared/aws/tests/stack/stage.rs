//! The deployed stack, as one test takes hold of it. Tests take turns: they share the queues, and
//! each of them leaves the queues as it has found them, however it ends.

use std::env;
use std::future::Future;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postback_acceptance::api::{Caller, text};
use postback_acceptance::client::Client;
use postback_aws::clients::{AwsSettings, Clients, Patience};
use postback_aws::environment::Variables;
use postback_domain::limits::{DELIVERIES_RECEIVES_MAX, EVENTS_RECEIVES_MAX, MESSAGE_HIDDEN};
use postback_domain::time::Timestamp;
use postback_engine::ports::Clock as _;
use postback_engine::ports::clock::SystemClock;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::functions::Functions;
use crate::queue::{Giving, Queue};
use crate::rows::Rows;

/// The variable with what `infra/local/up --json` printed last.
const STACK: &str = "POSTBACK_STACK";

/// How soon a hurried queue hands a message out again. Longer than working it takes a warm
/// function, or it would be worked twice at once, and somebody else's message would bounce.
const HURRIED: Giving = Giving { hidden: Duration::from_secs(2), receives_max: 2 };

/// How the template sets the queues up, which a test of the template compares.
const EVENTS: Giving = Giving { hidden: MESSAGE_HIDDEN, receives_max: EVENTS_RECEIVES_MAX };
const DELIVERIES: Giving = Giving { hidden: MESSAGE_HIDDEN, receives_max: DELIVERIES_RECEIVES_MAX };

/// Calls are made once: a test that sends a message twice should know.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    attempt: Duration::from_secs(30),
    operation: Duration::from_secs(30),
    attempts_max: 1,
};

/// A deployed stack that nobody else uses for as long as this lives.
pub(crate) struct Stage {
    /// The stack's HTTP API.
    pub(crate) api: Client,
    /// Whoever has the admin key.
    pub(crate) admin: Caller,
    pub(crate) events: Queue,
    pub(crate) events_dead: Queue,
    pub(crate) deliveries: Queue,
    pub(crate) deliveries_dead: Queue,
    pub(crate) rows: Rows,
    pub(crate) functions: Functions,
    _turn: MutexGuard<'static, ()>,
}

/// Both queues hand messages out again soon, until this is dropped.
pub(crate) struct Hurry<'a>(&'a Stage);

impl Stage {
    pub(crate) fn up() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        // A test that has failed leaves nothing behind that the next one could stumble over.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let stack = description();
        let output = |name: &str| text(&stack["outputs"], name);
        let host = text(&stack, "host_header");
        let api = Client::new(&text(&stack, "url"), Some(&host))
            .unwrap_or_else(|error| panic!("{STACK}: {error}"));
        let admin = Caller::new(&api, Some(&text(&stack, "admin_key")));
        let _within = RUNTIME.enter();
        let clients = Clients::new(settings(&stack), PATIENCE);
        let queue = |name: &str| Queue::new(clients.sqs(), output(name));
        Self {
            events: queue("EventsQueueUrl"),
            events_dead: queue("EventsDeadLettersUrl"),
            deliveries: queue("DeliveriesQueueUrl"),
            deliveries_dead: queue("DeliveriesDeadLettersUrl"),
            rows: Rows::new(clients.dynamodb(), output("TableName")),
            functions: Functions::new(&stack),
            api,
            admin,
            _turn: turn,
        }
    }

    /// Has both queues hand messages out again soon, and give them up after a few receives.
    pub(crate) fn hurry(&self) -> Hurry<'_> {
        let hurry = Hurry(self);
        for queue in [&self.events, &self.deliveries] {
            queue.give(HURRIED).expect("a queue's settings can be changed");
        }
        hurry
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        let Self(stage) = self;
        for (queue, giving) in [(&stage.events, EVENTS), (&stage.deliveries, DELIVERIES)] {
            if let Err(error) = queue.give(giving) {
                eprintln!("a queue stays hurried: {error}");
            }
        }
    }
}

/// The one runtime of the SDK's calls; the tests themselves are no futures.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a thread can be started")
});

/// Waits for a call.
pub(crate) fn wait<T>(call: impl Future<Output = T>) -> T {
    RUNTIME.block_on(call)
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

fn description() -> Value {
    let line = env::var(STACK).unwrap_or_default();
    assert!(!line.is_empty(), "{STACK} must hold the last line of `infra/local/up --json`");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{STACK} is not JSON: {error}"))
}

fn settings(stack: &Value) -> AwsSettings {
    let lookup = |name: &str| {
        let field = match name {
            "AWS_ENDPOINT_URL" => "endpoint",
            "AWS_REGION" => "region",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "access_key",
            _ => return None,
        };
        Some(text(stack, field))
    };
    let mut variables = Variables::new(&lookup);
    let settings = AwsSettings::read(&mut variables);
    variables.finish().expect("every variable is set");
    settings
}
