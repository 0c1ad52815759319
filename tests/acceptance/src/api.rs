//! Callers of the API, and what they set up.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::client::{Answer, Client, Request};
use crate::clock::{self, eventually};
use crate::receiver::Receiver;
use crate::sign::Provider;

/// Rows that [`Caller::list`] asks for at a time.
const PAGE_ROWS: usize = 200;

/// Whoever has a certain key, or none.
#[derive(Debug, Clone)]
pub struct Caller {
    client: Client,
    key: Option<String>,
}

/// A merchant that a test has made, seen through its own key.
#[derive(Debug, Clone)]
pub struct Merchant {
    /// Its id.
    pub id: String,
    /// Its key.
    pub key: String,
    /// Whoever has its key.
    pub api: Caller,
    admin: Caller,
    client: Client,
}

/// A provider's connection to a merchant.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its id.
    pub id: String,
    /// The path of its ingest URL.
    pub path: String,
    /// What the provider signs with.
    pub secret: String,
    provider: Provider,
    client: Client,
}

/// An endpoint that a test has made.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// What its webhooks are signed with.
    pub secret: String,
}

impl Caller {
    /// Whoever has this key, or none.
    pub fn new(client: &Client, key: Option<&str>) -> Self {
        Self { client: client.clone(), key: key.map(str::to_owned) }
    }

    /// Calls the API, with a JSON body if given.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.client.send(&request)
    }

    /// A request with this caller's key.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, path);
        match &self.key {
            Some(key) => request.header("authorization", format!("Bearer {key}")),
            None => request,
        }
    }

    /// Sends a request that was composed by hand.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Answer {
        self.client.send(request)
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None)
    }

    /// POST.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, Some(body))
    }

    /// PATCH.
    #[track_caller]
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call("PATCH", path, Some(body))
    }

    /// DELETE.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, None)
    }

    /// Every row of a list.
    ///
    /// # Panics
    /// When a page is refused, is not of the promised shape, or shows a row again.
    #[track_caller]
    pub fn list(&self, path: &str) -> Vec<Value> {
        self.list_in_pages_of(PAGE_ROWS, path, || {})
    }

    /// Every row of a list, fetched by so many at a time; `between_pages` may disturb it.
    ///
    /// # Panics
    /// When a page is refused, is not of the promised shape, or shows a row again.
    #[track_caller]
    pub fn list_in_pages_of(
        &self,
        limit: usize,
        path: &str,
        mut between_pages: impl FnMut(),
    ) -> Vec<Value> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut target = format!("{path}{joint}limit={limit}");
            if let Some(cursor) = &cursor {
                target += &format!("&cursor={}", percent_encode(cursor));
            }
            let page = self.get(&target).expect(200).json();
            let data = page["data"].as_array().unwrap_or_else(|| panic!("{target}: {page}"));
            assert!(data.len() <= limit, "{target} has {} rows", data.len());
            for row in data {
                assert!(seen.insert(text(row, "id")), "{target} shows {row} again");
                rows.push(row.clone());
            }
            match &page["next"] {
                Value::Null => return rows,
                Value::String(next) => {
                    assert!(!data.is_empty(), "{target} is empty and goes on");
                    cursor = Some(next.clone());
                }
                other => panic!("{target}: `next` is {other}"),
            }
            between_pages();
        }
    }
}

impl Merchant {
    #[track_caller]
    pub(crate) fn create(admin: Caller, client: &Client, mut fields: Value) -> Self {
        fields["name"] = json!("Acceptance");
        let merchant = admin.post("/v1/merchants", &fields).ok();
        let id = text(&merchant, "id");
        let key = admin.post(&format!("/v1/merchants/{id}/keys"), &json!({"name": "test"})).ok();
        let key = text(&key, "key");
        let api = Caller::new(client, Some(&key));
        Self { id, key, api, admin, client: client.clone() }
    }

    /// Connects a provider, with a secret of this merchant's own.
    #[track_caller]
    pub fn source(&self, provider: Provider) -> Source {
        let secret = provider.secret(&clock::unique());
        let source = json!({
            "merchant_id": self.id, "preset": provider.preset(), "secrets": [secret],
        });
        let source = self.admin.post("/v1/sources", &source).ok();
        Source {
            id: text(&source, "id"),
            path: path_of(&text(&source, "ingest_url")),
            secret,
            provider,
            client: self.client.clone(),
        }
    }

    /// Adds an endpoint at the receiver's URL, with these settings.
    #[track_caller]
    pub fn endpoint(&self, receiver: &Receiver, settings: Value) -> Endpoint {
        self.endpoint_at(&receiver.url(), settings)
    }

    /// Adds an endpoint at this URL, with these settings.
    #[track_caller]
    pub fn endpoint_at(&self, url: &str, mut settings: Value) -> Endpoint {
        settings["url"] = json!(url);
        self.endpoint_of(&settings)
    }

    /// Adds an endpoint of these settings.
    #[track_caller]
    pub fn endpoint_of(&self, settings: &Value) -> Endpoint {
        let endpoint = self.api.post("/v1/endpoints", settings).ok();
        Endpoint { id: text(&endpoint, "id"), secret: text(&endpoint, "secret") }
    }

    /// The event that the provider calls so, once the API shows it.
    ///
    /// # Panics
    /// When it does not appear.
    #[track_caller]
    pub fn event(&self, provider_event_id: &str) -> Value {
        eventually(&format!("event {provider_event_id} is listed"), || {
            let events = self.api.list("/v1/events");
            let found = events.iter().find(|event| event["provider_event_id"] == provider_event_id);
            found.cloned().ok_or_else(|| format!("{} other events", events.len()))
        })
    }

    /// Every delivery of an event, once the API shows any.
    ///
    /// # Panics
    /// When none appears.
    #[track_caller]
    pub fn deliveries_of(&self, provider_event_id: &str) -> Vec<Value> {
        let event_id = text(&self.event(provider_event_id), "id");
        eventually(&format!("event {provider_event_id} has deliveries"), || {
            let mut deliveries = self.api.list("/v1/deliveries");
            deliveries.retain(|delivery| delivery["event_id"] == *event_id);
            if deliveries.is_empty() { Err("none".to_owned()) } else { Ok(deliveries) }
        })
    }

    /// The delivery of an event to an endpoint.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn delivery(&self, provider_event_id: &str, endpoint: &Endpoint) -> Value {
        let deliveries = self.deliveries_of(provider_event_id);
        let found = deliveries.iter().find(|delivery| delivery["endpoint_id"] == *endpoint.id);
        found.unwrap_or_else(|| panic!("none of {deliveries:#?} is for {}", endpoint.id)).clone()
    }

    /// A delivery with its attempts.
    #[track_caller]
    pub fn read_delivery(&self, id: &str) -> Value {
        self.api.get(&format!("/v1/deliveries/{id}")).expect(200).json()
    }

    /// Waits until a delivery has this state, and answers with it and its attempts.
    ///
    /// # Panics
    /// When it does not get there.
    #[track_caller]
    pub fn wait_for_state(&self, delivery_id: &str, state: &str) -> Value {
        eventually(&format!("{delivery_id} is {state}"), || {
            let delivery = self.read_delivery(delivery_id);
            if delivery["state"] == state { Ok(delivery) } else { Err(delivery.to_string()) }
        })
    }

    /// Waits until so many attempts of a delivery's round are recorded.
    ///
    /// # Panics
    /// When they are not made.
    #[track_caller]
    pub fn wait_for_attempts(&self, delivery_id: &str, attempts: u32) -> Value {
        eventually(&format!("{attempts} attempts of {delivery_id} are recorded"), || {
            let delivery = self.read_delivery(delivery_id);
            if delivery["attempts"] == attempts { Ok(delivery) } else { Err(delivery.to_string()) }
        })
    }

    /// Waits until the delivery of an event to an endpoint has this state.
    ///
    /// # Panics
    /// When it does not get there.
    #[track_caller]
    pub fn wait_for(&self, provider_event_id: &str, endpoint: &Endpoint, state: &str) -> Value {
        let delivery = self.delivery(provider_event_id, endpoint);
        self.wait_for_state(&text(&delivery, "id"), state)
    }
}

impl Source {
    /// A correctly signed request of an event with this id and type.
    pub fn signed(&self, id: &str, event_type: &str, body: &[u8]) -> Request {
        self.provider.request(&self.secret, &self.path, id, event_type, body)
    }

    /// The same, signed at another time, in seconds since 1970.
    pub fn signed_at(&self, at: u64, id: &str, event_type: &str, body: &[u8]) -> Request {
        self.provider.request_at(at, &self.secret, &self.path, id, event_type, body)
    }

    /// Sends a plain event as the provider would, and expects that it is accepted. Answers with
    /// its body.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn deliver(&self, id: &str, event_type: &str) -> Vec<u8> {
        let body = plain_body(id, event_type);
        self.send(&self.signed(id, event_type, &body)).expect(200);
        body
    }

    /// Sends a request that was composed by hand.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Answer {
        self.client.send(request)
    }
}

/// A small event in the shape of Stripe's. Its spelling is legal JSON that no serializer writes:
/// whoever decodes and encodes it again changes it.
pub fn plain_body(id: &str, event_type: &str) -> Vec<u8> {
    format!(
        "{{ \"id\" :\"{id}\",\r\n\t\"type\":\"{event_type}\", \"object\":\"event\",\n  \
         \"data\":{{\"object\":{{\"amount\":1.10e3, \"note\":\"caf\\u00e9 \\/ Zürich\", \
         \"big\":12345678901234567890123, \"twice\":1, \"twice\":2}}}} }}\n"
    )
    .into_bytes()
}

/// The text in a field.
///
/// # Panics
/// When there is none.
#[track_caller]
pub fn text(object: &Value, field: &str) -> String {
    let value = object[field].as_str();
    value.unwrap_or_else(|| panic!("`{field}` is no text in {object}")).to_owned()
}

/// One field of every attempt in a delivery's log, oldest first.
///
/// # Panics
/// When the delivery was read without its log.
#[track_caller]
pub fn log_field(delivery: &Value, field: &str) -> Vec<Value> {
    let log = delivery["attempt_log"].as_array();
    let log = log.unwrap_or_else(|| panic!("no attempt_log in {delivery}"));
    log.iter().map(|attempt| attempt[field].clone()).collect()
}

/// The path of a URL, or of what is a path already.
fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map(|at| &rest[at..]);
    path.unwrap_or_else(|| panic!("ingest_url `{url}` has no path")).to_owned()
}

fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ingest_paths_and_cursors() {
        assert_eq!(path_of("http://127.0.0.1:8080/in/src_1"), "/in/src_1");
        assert_eq!(path_of("/in/src_1"), "/in/src_1");
        assert_eq!(percent_encode("a-1_~.é+/="), "a-1_~.%C3%A9%2B%2F%3D");
    }

    #[test]
    fn the_plain_body_does_not_survive_a_serializer() {
        let body = plain_body("evt_1", "charge.refunded");
        let decoded: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&decoded["id"], &decoded["type"]),
            (&json!("evt_1"), &json!("charge.refunded"))
        );
        assert_ne!(serde_json::to_vec(&decoded).unwrap(), body);
    }
}
