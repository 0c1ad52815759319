//! A hundred thousand overdue deliveries are back on the queue within one run of the sweep: counted
//! on the paused clock, with a table and a queue that take their time to answer. Ten milliseconds a
//! write is twice what DynamoDB says of itself ("single-digit millisecond").
//!
//! What the function computes meanwhile is not on that clock; with `POSTBACK_BACKLOG=100000` and a
//! release build the test's own running time is it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use postback_aws::DynamoStore;
use postback_aws::clients::Patience;
use postback_aws::ports::{AwsPorts, NoSender};
use postback_aws::queues::SqsQueue;
use postback_domain::ids::{DeliveryId, MerchantId};
use postback_domain::limits::{SWEEP_STEP_MAX, SWEEP_TIMEOUT};
use postback_engine::ports::clock::SystemClock;
use postback_engine::{Engine, Settings};
use serde_json::{Value, json};

use crate::connector::response;
use crate::{clients_over, timed};

const QUERY: Duration = Duration::from_millis(20);
const WRITE: Duration = Duration::from_millis(10);
const SEND: Duration = Duration::from_millis(30);

/// Shards of the due index.
const SHARDS: usize = 16;

/// A due index with so many overdue rows in each shard, and a queue beside it.
#[derive(Debug, Clone)]
struct Backlog(Arc<Mutex<Counts>>);

#[derive(Debug)]
struct Counts {
    due: [usize; SHARDS],
    claimed: usize,
    sent: usize,
}

impl Backlog {
    fn new(rows: usize) -> Self {
        let due = [rows / SHARDS; SHARDS];
        Self(Arc::new(Mutex::new(Counts { due, claimed: 0, sent: 0 })))
    }

    fn http_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }
}

impl HttpConnector for Backlog {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let asked: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let mut counts = self.0.lock().unwrap();
        let (takes, answer) = match operation.rsplit_once('.').unwrap_or_default().1 {
            "Query" => (QUERY, counts.query(&asked)),
            "UpdateItem" => {
                counts.claimed += 1;
                (WRITE, json!({}))
            }
            "SendMessageBatch" => {
                counts.sent += asked["Entries"].as_array().unwrap().len();
                (SEND, json!({"Successful": [], "Failed": []}))
            }
            other => panic!("a sweep needs no `{other}`"),
        };
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(takes).await;
            Ok(response(200, answer.to_string()))
        })
    }
}

impl Counts {
    /// The next rows of a shard.
    fn query(&mut self, asked: &Value) -> Value {
        let shard = asked["ExpressionAttributeValues"][":shard"]["S"].as_str().unwrap();
        let shard: usize = shard.strip_prefix("due#").unwrap().parse().unwrap();
        let limit = usize::try_from(asked["Limit"].as_u64().unwrap()).unwrap();
        let found = limit.min(self.due[shard]);
        self.due[shard] -= found;
        let rows: Vec<Value> = (0..found).map(|number| row(shard, number)).collect();
        json!({"Items": rows, "Count": found})
    }
}

fn row(shard: usize, number: usize) -> Value {
    let id = DeliveryId::from_bits((number * SHARDS + shard) as u128);
    json!({
        "pk": {"S": "ev#0"},
        "sk": {"S": id.to_string()},
        "work_shard": {"S": format!("due#{shard:02}")},
        "work_order": {"S": "1700000000000"},
        "merchant": {"S": MerchantId::from_bits(1).to_string()},
        "endpoint": {"S": "end_00000000000000000000000000000001"},
        "round": {"N": "1"},
        "tries": {"N": "1"},
    })
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_overdue_deliveries_fit_into_one_run() {
    let rows = std::env::var("POSTBACK_BACKLOG").map_or(4_800, |text| text.parse().unwrap());
    let backlog = Backlog::new(rows);
    let clients = clients_over(backlog.http_client(), Patience::BEHIND);
    let store = DynamoStore::new(clients.dynamodb(), "table", SWEEP_TIMEOUT, Arc::new(SystemClock));
    let queue = SqsQueue::new(clients.sqs(), "https://sqs.eu-central-1.amazonaws.com/1/deliveries");
    let engine = Engine::new(AwsPorts::new(store, queue, NoSender), Settings::default());

    let (swept, took) = timed(engine.sweep()).await;

    assert_eq!((swept.sent, swept.cut_short, swept.shards_failed), (rows, false, 0));
    let counts = backlog.0.lock().unwrap();
    assert_eq!((counts.claimed, counts.sent), (rows, rows), "each claimed and sent once");
    let hundred_thousand = took * 100_000 / u32::try_from(rows).unwrap();
    println!("{rows} in {took:?}, so 100,000 in {hundred_thousand:?}");
    assert!(hundred_thousand < SWEEP_TIMEOUT - SWEEP_STEP_MAX, "{hundred_thousand:?}");
}
