//! Stands between the SDK and the emulator: counts what passes, adds up what it would cost, and
//! has a worker die in the middle of it when told to.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;
use tokio::sync::Notify;

/// One line to the emulator. Clones are the same line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire {
    state: Arc<Mutex<State>>,
    died: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    meter: Meter,
    /// Requests that still pass; nothing passes after them.
    passes: Option<usize>,
    /// Whether the last one that passes has its answer lost.
    loses_answer: bool,
    /// Whether what is asked for the first time is told to come later, and what has been asked.
    throttles: bool,
    asked: HashSet<String>,
    throttled: usize,
    /// The operation, and which call of it, that has its answer lost while the line holds.
    loses: Option<(&'static str, usize)>,
}

/// What has passed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Meter {
    /// By operation, such as `DynamoDB_20120810.PutItem`.
    pub(crate) calls: BTreeMap<String, usize>,
    /// Write units of the table and its indexes.
    pub(crate) write_units: f64,
    /// Read units of the table and its indexes, by the size of what was read.
    pub(crate) read_units: f64,
}

impl Wire {
    /// An HTTP client that goes over this wire.
    pub(crate) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(Line { wire: self.clone(), through: Builder::new().build_http() })
    }

    pub(crate) fn meter(&self) -> Meter {
        self.state().meter.clone()
    }

    pub(crate) fn reset(&self) {
        *self.state() = State::default();
    }

    /// Lets so many requests pass and no more: whoever makes the next is dead. With `loses_answer`,
    /// he dies of the last that passes, which has had its effect.
    pub(crate) fn die_after(&self, passes: usize, loses_answer: bool) {
        let mut state = self.state();
        state.passes = Some(passes);
        state.loses_answer = loses_answer;
    }

    /// Loses the answer of one call and lets everything else pass.
    pub(crate) fn lose_answer_of(&self, operation: &'static str, nth: usize) {
        self.state().loses = Some((operation, nth));
    }

    /// Tells whatever is asked for the first time to come later, before it has any effect.
    pub(crate) fn throttle_what_is_new(&self) {
        self.state().throttles = true;
    }

    /// How many requests were told so.
    pub(crate) fn throttled(&self) -> usize {
        self.state().throttled
    }

    /// Comes when the one at this wire is dead.
    pub(crate) async fn died(&self) {
        self.died.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("unpoisoned")
    }

    /// What this request meets.
    fn fate_of(&self, request: &HttpRequest) -> Fate {
        let mut state = self.state();
        if state.throttles && state.asked.insert(what_is_asked(request)) {
            state.throttled += 1;
            return Fate::Throttled;
        }
        match state.passes {
            None => Fate::Passes,
            Some(0) => Fate::HeldBack,
            Some(left) => {
                state.passes = Some(left - 1);
                if left == 1 && state.loses_answer { Fate::AnswerLost } else { Fate::Passes }
            }
        }
    }
}

enum Fate {
    Passes,
    AnswerLost,
    HeldBack,
    Throttled,
}

#[derive(Debug)]
struct Line {
    wire: Wire,
    through: SharedHttpClient,
}

impl HttpClient for Line {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let through = self.through.http_connector(settings, components);
        SharedHttpConnector::new(Connection { wire: self.wire.clone(), through })
    }
}

#[derive(Debug)]
struct Connection {
    wire: Wire,
    through: SharedHttpConnector,
}

impl HttpConnector for Connection {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let fate = self.wire.fate_of(&request);
        if let Fate::HeldBack = fate {
            self.wire.died.notify_one();
            return HttpConnectorFuture::new(std::future::pending());
        }
        if let Fate::Throttled = fate {
            return HttpConnectorFuture::ready(Ok(throttled()));
        }
        let operation = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let asked = ask_for_capacity(&mut request);
        let (wire, answer) = (self.wire.clone(), self.through.call(request));
        HttpConnectorFuture::new(async move {
            let mut answer = answer.await?;
            let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
            let bytes = aws_smithy_types::byte_stream::ByteStream::new(body).collect().await;
            let bytes = bytes.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
            let lost = {
                let mut state = wire.state();
                state.meter.count(&operation, &asked, &bytes);
                let nth = state.meter.calls[&operation];
                state.loses.is_some_and(|lost| lost == (operation.as_str(), nth))
            };
            if let Fate::AnswerLost = fate {
                wire.died.notify_one();
                std::future::pending::<()>().await;
            }
            *answer.body_mut() = SdkBody::from(bytes);
            if lost { Err(lost_answer()) } else { Ok(answer) }
        })
    }
}

/// The operation and its input, with the names of every object in order: the SDK writes them as its
/// maps have them, which is another order each time.
fn what_is_asked(request: &HttpRequest) -> String {
    let operation = request.headers().get("x-amz-target").unwrap_or_default();
    let body = request.body().bytes().unwrap_or_default();
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    format!("{operation} {input}")
}

fn lost_answer() -> ConnectorError {
    ConnectorError::io("the answer was lost".into())
}

/// What DynamoDB says when a partition has had enough.
fn throttled() -> HttpResponse {
    let said =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"later"}"#;
    let status = StatusCode::try_from(400).expect("400 is a status");
    HttpResponse::new(status, SdkBody::from(said))
}

/// Has a request of DynamoDB say what it costs, and answers with the request. The emulator does not
/// check signatures.
fn ask_for_capacity(request: &mut HttpRequest) -> Value {
    let Some(Ok(mut body)) = request.body().bytes().map(serde_json::from_slice::<Value>) else {
        return Value::Null;
    };
    if body.get("TableName").is_some() || body.get("RequestItems").is_some() {
        body["ReturnConsumedCapacity"] = "TOTAL".into();
        let bytes = serde_json::to_vec(&body).expect("it was JSON");
        request.headers_mut().insert("content-length", bytes.len().to_string());
        *request.body_mut() = SdkBody::from(bytes);
    }
    body
}

impl Meter {
    /// The emulator knows what a write costs. What a read costs is a matter of size: half a unit
    /// for each 4 KB that may be a moment old, a whole one for each that may not (Amazon DynamoDB
    /// Developer Guide, "Read consumption"). A conditional write that fails costs what it would
    /// have written, which is never more than the row that was there; here a unit a kilobyte of the
    /// request.
    fn count(&mut self, operation: &str, asked: &Value, answer: &[u8]) {
        *self.calls.entry(operation.to_owned()).or_default() += 1;
        let said: Value = serde_json::from_slice(answer).unwrap_or_default();
        let is_write = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"]
            .iter()
            .any(|write| operation.ends_with(write));
        if is_write {
            let failed = said.get("__type").is_some();
            let units = said["ConsumedCapacity"]["CapacityUnits"].as_f64();
            let size = asked["Item"].to_string().len();
            self.write_units += match units {
                Some(units) if !failed => units,
                _ => size.div_ceil(1024).max(1) as f64,
            };
        } else if said.get("Item").is_some()
            || said.get("Items").is_some()
            || said.get("Responses").is_some()
        {
            let consistent = asked["ConsistentRead"] == true
                || asked["RequestItems"].to_string().contains("\"ConsistentRead\":true");
            let each: Vec<usize> = match said.get("Responses") {
                // A batch costs what its items would, read one by one.
                Some(Value::Object(tables)) => tables
                    .values()
                    .flat_map(|items| items.as_array().into_iter().flatten())
                    .map(|item| item.to_string().len())
                    .collect(),
                _ => vec![answer.len()],
            };
            let units: usize = each.iter().map(|size| size.div_ceil(4096).max(1)).sum();
            self.read_units += units as f64 / if consistent { 1.0 } else { 2.0 };
        }
    }
}
