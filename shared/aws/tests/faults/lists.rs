//! A list whose filter takes little: DynamoDB hands out a page at a time, whatever the filter drops
//! of it. No call reads on for ever, and no row is lost between calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use postback_aws::DynamoStore;
use postback_aws::clients::Patience;
use postback_domain::event::EventType;
use postback_domain::ids::{EventId, MerchantId};
use postback_domain::limits::SWEEP_TIMEOUT;
use postback_engine::ports::clock::SystemClock;
use postback_engine::ports::history::{EventFilter, History as _, PageRequest};
use serde_json::{Value, json};

use crate::clients_over;
use crate::connector::response;

const MERCHANT: MerchantId = MerchantId::from_bits(1);

/// What a page holds here; it is a megabyte there.
const PAGE_ENTRIES: usize = 3;

/// The `listed` index, by list and order, and how often it was asked.
#[derive(Debug, Clone)]
struct Listed(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    lists: BTreeMap<String, BTreeMap<String, Value>>,
    queries: usize,
}

impl Listed {
    /// Events from the oldest to the newest, in lists that grow unevenly.
    fn new(types: &[&str]) -> Self {
        let mut lists: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for (number, kind) in types.iter().enumerate() {
            let shard = [0, 0, 0, 1, 0, 2, 0, 3][number % 8];
            let (list, id) = (format!("{MERCHANT}#{shard}"), id(number));
            let order = format!("{:013}#{id}", 1_790_000_000_000_u64 + number as u64);
            let entry = json!({
                "pk": {"S": "ev#0"}, "sk": {"S": id.to_string()},
                "list": {"S": list}, "list_order": {"S": order},
                "source": {"S": "src_00000000000000000000000000000005"},
                "provider_id": {"S": number.to_string()}, "type": {"S": kind},
                "received": {"N": "1790000000000"}, "size": {"N": "2"}, "plan": {"L": []},
            });
            lists.entry(list).or_default().insert(order, entry);
        }
        Self(Arc::new(Mutex::new(State { lists, queries: 0 })))
    }

    fn http_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }
}

fn id(number: usize) -> EventId {
    EventId::from_bits(number as u128)
}

impl HttpConnector for Listed {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").unwrap_or_default();
        let asked: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let answer = if operation.ends_with("Query") {
            self.0.lock().unwrap().query(&asked)
        } else {
            // The deliveries of the events, which are not what is asked about here.
            json!({"Responses": {}, "UnprocessedKeys": {}})
        };
        HttpConnectorFuture::ready(Ok(response(200, answer.to_string())))
    }
}

impl State {
    fn query(&mut self, asked: &Value) -> Value {
        self.queries += 1;
        let value = |name: &str| asked["ExpressionAttributeValues"][name]["S"].as_str();
        let list = value(":list").unwrap();
        let (low, high) = (value(":low").unwrap(), value(":high").unwrap());
        let below = asked["ExclusiveStartKey"]["list_order"]["S"].as_str();
        let empty = BTreeMap::new();
        let entries = self.lists.get(list).unwrap_or(&empty);
        let entries = entries.range(low.to_owned()..=high.to_owned()).rev();
        let mut entries =
            entries.filter(|(order, _)| below.is_none_or(|below| order.as_str() < below));
        let page: Vec<_> = entries.by_ref().take(PAGE_ENTRIES).collect();
        let wanted = |entry: &Value| value(":type").is_none_or(|kind| entry["type"]["S"] == kind);
        let items: Vec<&Value> =
            page.iter().map(|(_, entry)| *entry).filter(|entry| wanted(entry)).collect();
        let mut answer = json!({"Items": items, "Count": items.len()});
        if entries.next().is_some() {
            let last = page.last().unwrap().1;
            answer["LastEvaluatedKey"] = json!({
                "pk": last["pk"], "sk": last["sk"],
                "list": last["list"], "list_order": last["list_order"],
            });
        }
        answer
    }
}

/// Reads the list page by page; answers with what was found and the most queries of one call.
async fn walk(types: &[&str], kind: Option<&str>, limit: usize) -> (Vec<EventId>, usize) {
    let listed = Listed::new(types);
    let clients = clients_over(listed.http_client(), Patience::BEHIND);
    let store = DynamoStore::new(clients.dynamodb(), "table", SWEEP_TIMEOUT, Arc::new(SystemClock));
    let filter = EventFilter {
        merchant: Some(MERCHANT),
        event_type: kind.map(EventType::new),
        ..EventFilter::default()
    };
    let (mut found, mut queries_max, mut cursor) = (Vec::new(), 0, None);
    loop {
        let request = PageRequest { limit, cursor };
        let page = store.list_events(filter.clone(), request).await.unwrap();
        assert!(page.rows.len() <= limit);
        found.extend(page.rows.iter().map(|event| event.id));
        queries_max = queries_max.max(std::mem::take(&mut listed.0.lock().unwrap().queries));
        cursor = page.next;
        if cursor.is_none() {
            return (found, queries_max);
        }
    }
}

fn numbers_of(types: &[&str], kind: &str) -> Vec<EventId> {
    let numbers = (0..types.len()).rev().filter(|number| types[*number] == kind);
    numbers.map(id).collect()
}

#[tokio::test]
async fn whatever_the_filter_takes_is_found_once_and_in_order() {
    for every in [1, 2, 7, 60, 400] {
        let types: Vec<&str> =
            (0..400).map(|number| if number % every == 0 { "rare" } else { "usual" }).collect();
        for limit in [1, 5, 50] {
            let (found, _) = walk(&types, Some("rare"), limit).await;
            assert_eq!(found, numbers_of(&types, "rare"), "one of {every}, {limit} at a time");
        }
        let (all, _) = walk(&types, None, 50).await;
        assert_eq!(all.len(), types.len());
    }
}

/// What is not there is not looked for to the end of a long list in one call: the page is empty and
/// has a cursor.
#[tokio::test]
async fn one_call_reads_so_much_and_no_more() {
    let types = vec!["usual"; 4_000];
    let (found, queries_max) = walk(&types, Some("rare"), 50).await;
    assert!(found.is_empty());
    // Forty rounds of four pages of the longest list, and those of the others beside it.
    assert!((160..=8 * 160).contains(&queries_max), "{queries_max} queries");
}
