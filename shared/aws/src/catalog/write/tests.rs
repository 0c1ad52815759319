use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use postback_contract::world::{MERCHANT, act, endpoint, merchant};
use postback_domain::merchant::Merchant;
use serde_json::{Value, json};

use super::*;
use crate::catalog::{endpoints, merchants};
use crate::clients::{AwsSettings, Clients, Patience};
use crate::environment::Variables;

/// A DynamoDB that answers from a script and notes what it was asked.
#[derive(Debug, Clone, Default)]
struct Script {
    answers: Arc<Mutex<Vec<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        self.asked.lock().unwrap().push(serde_json::from_slice(body).unwrap());
        let mut answers = self.answers.lock().unwrap();
        assert!(!answers.is_empty(), "asked once more than scripted");
        let (status, body) = answers.remove(0);
        let status = status.try_into().unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))))
    }
}

impl Script {
    fn table(answers: &[(u16, Value)]) -> (Self, Table) {
        let script = Self::default();
        script.answers.lock().unwrap().extend_from_slice(answers);
        let connector = SharedHttpConnector::new(script.clone());
        let http = http_client_fn(move |_, _| connector.clone());
        let lookup = |name: &str| (name != "AWS_ENDPOINT_URL").then(|| "anything".to_owned());
        let mut variables = Variables::new(&lookup);
        let settings = AwsSettings::read(&mut variables);
        let client: Client = Clients::over(http, settings, Patience::BEHIND).dynamodb();
        (script, Table { client, name: "table".to_owned() })
    }

    fn tokens(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let token = |body: &Value| body["ClientRequestToken"].as_str().map(str::to_owned);
        asked.iter().filter_map(token).collect()
    }
}

fn cancelled(codes: &[&str]) -> (u16, Value) {
    let reasons: Vec<_> = codes.iter().map(|code| json!({"Code": code})).collect();
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    (400, json!({"__type": kind, "CancellationReasons": reasons}))
}

fn error(status: u16, kind: &str) -> (u16, Value) {
    (status, json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{kind}")}))
}

fn ok() -> (u16, Value) {
    (200, json!({}))
}

fn told(written: Written) -> String {
    match written {
        Ok(()) => "written".to_owned(),
        Err(CatalogError::Unavailable(_)) => "unavailable".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// What creating an endpoint is answered with, and how often DynamoDB was asked.
async fn create_endpoint(answers: &[(u16, Value)]) -> (String, usize) {
    let (script, table) = Script::table(answers);
    let written = endpoints::create(&table, &endpoint(1), &act()).await;
    let asked = script.asked.lock().unwrap().len();
    (told(written), asked)
}

/// The answer may be lost after the write was made; the token tells DynamoDB that it is the same.
#[tokio::test(start_paused = true)]
async fn a_request_is_repeated_under_its_token() {
    let lost = error(500, "InternalServerError");
    let still_at_it = error(400, "TransactionInProgressException");
    let (script, table) = Script::table(&[lost, still_at_it, ok()]);
    let next = Merchant { revision: 2, ..merchant(1) };
    assert_eq!(told(replace(&table, &next, &act()).await), "written");
    let tokens = script.tokens();
    assert_eq!(tokens.len(), 3);
    assert!(!tokens[0].is_empty() && tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
}

#[tokio::test(start_paused = true)]
async fn another_call_has_another_token() {
    let (script, table) = Script::table(&[ok(), ok()]);
    let next = Merchant { revision: 2, ..merchant(1) };
    replace(&table, &next, &act()).await.unwrap();
    replace(&table, &next, &act()).await.unwrap();
    let tokens = script.tokens();
    assert_ne!(tokens[0], tokens[1]);
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_waited_out() {
    for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
        let passing = cancelled(&[code, "None", "None"]);
        let answers = [passing.clone(), passing.clone(), ok()];
        assert_eq!(create_endpoint(&answers).await, ("written".to_owned(), 3), "{code}");
        let lasting = vec![passing; 8];
        assert_eq!(create_endpoint(&lasting).await, ("unavailable".to_owned(), 8), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_told_at_once() {
    for answer in [
        cancelled(&["None", "ValidationError", "None"]),
        cancelled(&[]),
        error(400, "ValidationException"),
        error(400, "IdempotentParameterMismatchException"),
        error(400, "ResourceNotFoundException"),
    ] {
        assert_eq!(create_endpoint(&[answer]).await, ("unavailable".to_owned(), 1));
    }
}

/// By the position of the first write whose condition does not hold.
#[tokio::test(start_paused = true)]
async fn refusals_are_told_apart() {
    let there = (200, json!({"Item": {"pk": {"S": "x"}}}));
    let full = cancelled(&["None", "ConditionalCheckFailed", "None"]);
    let full_told = "limit of 100 endpoints is reached";
    assert_eq!(create_endpoint(&[full.clone(), there.clone()]).await.0, full_told);
    assert_eq!(create_endpoint(&[full, ok()]).await.0, "not found");
    let taken = cancelled(&["ConditionalCheckFailed", "None", "None"]);
    assert_eq!(create_endpoint(&[taken]).await.0, "id is taken");
    let both = cancelled(&["ConditionalCheckFailed", "ConditionalCheckFailed", "None"]);
    assert_eq!(create_endpoint(&[both]).await.0, "id is taken");
    let with_conflict = cancelled(&["ConditionalCheckFailed", "TransactionConflict", "None"]);
    assert_eq!(create_endpoint(&[with_conflict]).await.0, "id is taken");
    let unconditional = cancelled(&["None", "None", "ConditionalCheckFailed"]);
    assert_eq!(create_endpoint(&[unconditional]).await.0, "unavailable");

    let stale = cancelled(&["ConditionalCheckFailed"]);
    for (row, expected) in
        [(there, "changed by somebody else since it was read"), (ok(), "not found")]
    {
        let (_, table) = Script::table(&[stale.clone(), row]);
        let next = Merchant { revision: 2, ..merchant(1) };
        assert_eq!(told(replace(&table, &next, &act()).await), expected);
    }
}

/// An old row in an error's text could end in a log.
#[tokio::test(start_paused = true)]
async fn no_write_asks_for_the_row_that_was_there() {
    let (script, table) = Script::table(&[ok(), ok(), ok()]);
    endpoints::create(&table, &endpoint(1), &act()).await.unwrap();
    replace(&table, &endpoint(1), &act()).await.unwrap();
    merchants::create(&table, &merchant(1), &act()).await.unwrap();
    let asked = script.asked.lock().unwrap();
    assert!(asked.iter().all(|body| !body.to_string().contains("ALL_OLD")), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_single_update_waits_for_transactions_too() {
    let conflict = error(400, "TransactionConflictException");
    let refused = error(400, "ConditionalCheckFailedException");
    for (answers, expected) in [
        (vec![conflict.clone(), conflict.clone(), ok()], Some(true)),
        (vec![conflict.clone(), refused], Some(false)),
        (vec![conflict; 8], None),
        (vec![error(400, "ValidationException")], None),
    ] {
        let count = answers.len();
        let (script, table) = Script::table(&answers);
        let values = [(":one", number(1))];
        let held = update_if(&table, &place(MERCHANT), "SET #a = :one", THERE, values).await;
        assert_eq!(held.ok(), expected);
        assert_eq!(script.asked.lock().unwrap().len(), count);
    }
}

#[test]
fn waits_grow_and_end_in_time() {
    let keys = [place(MERCHANT), place(endpoint(1).id)];
    let every: Vec<Duration> = waits(&keys.iter().collect::<Vec<_>>()).collect();
    assert_eq!(every.len(), 7);
    for (number, wait) in (0..).zip(&every) {
        let longest = Duration::from_millis(25) * 2_u32.pow(number);
        assert!((longest / 2..=longest).contains(wait), "{every:?}");
    }
    assert_ne!(every, waits(&[&keys[0]]).collect::<Vec<_>>());
}

#[test]
fn names_are_found_in_expressions() {
    let names = names_in(&["SET #a = :a, #b_2 = #b_2 + :one REMOVE #c", "attribute_exists(#pk)"]);
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort();
    let expected = [("#a", "a"), ("#b_2", "b_2"), ("#c", "c"), ("#pk", "pk")];
    assert_eq!(names, expected.map(|(sigil, name)| (sigil.to_owned(), name.to_owned())));
    assert!(some(names_in(&["", ""])).is_none());
}

/// In the same transaction, after everything that may refuse it.
#[tokio::test(start_paused = true)]
async fn a_write_takes_its_record_along() {
    let (script, table) = Script::table(&[ok(), ok()]);
    let record = act();
    endpoints::create(&table, &endpoint(1), &record).await.unwrap();
    replace(&table, &endpoint(1), &record).await.unwrap();
    for body in script.asked.lock().unwrap().iter() {
        let writes = body["TransactItems"].as_array().unwrap();
        let key = |write: &Value| write["Put"]["Item"]["pk"]["S"].as_str().map(str::to_owned);
        let keys: Vec<_> = writes.iter().map(|write| key(write).unwrap_or_default()).collect();
        let record = record.id.to_string();
        let entries = ["list#audit".to_owned(), format!("list#audit#{MERCHANT}")];
        let expected = [record, entries[0].clone(), entries[1].clone()];
        assert_eq!(keys[keys.len() - 3..], expected);
    }
}
