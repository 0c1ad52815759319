//! An HTTP client that answers what its script says, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

/// What happens to a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// This status and body.
    Answer(u16, String),
    /// The same, after a while.
    Late(Duration, u16, String),
    /// The connection breaks.
    Broken,
    /// Nothing, ever.
    Never,
}

impl Reply {
    pub(crate) fn ok(body: &Value) -> Self {
        Self::Answer(200, body.to_string())
    }

    /// A refusal with this code.
    pub(crate) fn refused(status: u16, code: &str, message: &str) -> Self {
        Self::Answer(status, json!({"__type": code, "message": message}).to_string())
    }

    /// SQS has no time for us.
    pub(crate) fn throttled() -> Self {
        Self::refused(400, "RequestThrottled", "slow down")
    }
}

/// A script and the requests that have been played by it. A clone is another handle on the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The next replies; when there are none left, `last` is given again and again.
    replies: VecDeque<Reply>,
    last: Option<Reply>,
    requests: Vec<Value>,
    in_flight: usize,
    in_flight_max: usize,
}

impl Script {
    /// These replies, in order; the last one for every further request.
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = Self::default();
        let mut state = script.0.lock().unwrap();
        state.replies = replies.into_iter().collect();
        state.last = state.replies.back().cloned();
        drop(state);
        script
    }

    pub(crate) fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// The bodies of the requests that came, as JSON.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.0.lock().unwrap().requests.clone()
    }

    /// How many requests came.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().requests.len()
    }

    /// How many requests were in flight at once, at most.
    pub(crate) fn in_flight_max(&self) -> usize {
        self.0.lock().unwrap().in_flight_max
    }
}

impl HttpClient for Script {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let mut state = self.0.lock().unwrap();
        state.requests.push(body);
        state.in_flight += 1;
        state.in_flight_max = state.in_flight_max.max(state.in_flight);
        let reply = state.replies.pop_front().or_else(|| state.last.clone());
        drop(state);
        let ended = Ended(self.clone());
        HttpConnectorFuture::new(async move {
            let _ended = ended;
            match reply.unwrap_or(Reply::Never) {
                Reply::Answer(status, body) => Ok(response(status, body)),
                Reply::Late(wait, status, body) => {
                    tokio::time::sleep(wait).await;
                    Ok(response(status, body))
                }
                Reply::Broken => Err(ConnectorError::io("connection reset by peer".into())),
                Reply::Never => std::future::pending().await,
            }
        })
    }
}

/// Counts a request out, also when nobody waits for it any more.
struct Ended(Script);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().in_flight -= 1;
    }
}

pub(crate) fn response(status: u16, body: String) -> HttpResponse {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    response.headers_mut().insert("x-amzn-requestid", "r-1");
    response
}
