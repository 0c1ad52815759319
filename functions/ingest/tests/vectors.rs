//! Every vector as API Gateway hands it over, in payload format 1.0, over the real route, engine
//! and store. The clock stands at the time of the vectors.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postback_aws::gateway::{self, GatewayRequest};
use postback_domain::event::Event;
use postback_domain::ids::SourceId;
use postback_domain::rotation::Owner;
use postback_domain::source::{SchemeChoice, Source, SourceSecret, Tolerance};
use postback_engine::accept::Accepted;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::Catalog as _;
use postback_http::ingest::{self, Ingest, Intake};
use postback_stage::{MERCHANT, NOW, Stage, act};
use postback_vectors::Vector;
use postback_verify::Secret;
use serde_json::{Value, json};

/// Keeps events where the queue would.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Arc<Event>>>>);

impl Intake for Kept {
    async fn take(&self, accepted: &Accepted) -> Result<(), Unavailable> {
        self.0.lock().unwrap().extend_from_slice(&accepted.events);
        Ok(())
    }
}

fn source(number: u128, vector: &Vector) -> Source {
    let id = SourceId::from_bits(number);
    let secrets = vector.secrets.iter().map(Secret::new);
    let within = |secs| Tolerance::Within(Duration::from_secs(secs));
    Source {
        id,
        merchant_id: MERCHANT,
        merchant_from: None,
        name: None,
        scheme: SchemeChoice::preset(&vector.provider).unwrap(),
        secrets: SourceSecret::set(Owner::source(id, 1), NOW, secrets),
        config: vector.config.clone().into_iter().collect(),
        tolerance: vector.tolerance_s.map_or(Tolerance::Unchecked, within),
        created_at: NOW,
        revision: 1,
    }
}

/// As API Gateway puts a request: one value a name in the old maps, all of them in the new ones,
/// the query decoded, and base64 for a body that is not known to be text.
fn envelope(id: SourceId, vector: &Vector) -> Value {
    let query = || url::form_urlencoded::parse(vector.query().as_bytes()).into_owned();
    let body = vector.body();
    let is_text = |(name, value): &(String, String)| {
        name.eq_ignore_ascii_case("content-type") && value.starts_with("application/json")
    };
    let text = String::from_utf8(body.clone()).ok();
    let text = text.filter(|_| vector.headers.iter().any(is_text));
    json!({
        "version": "1.0",
        "resource": "/in/{source}",
        "path": format!("/in/{id}"),
        "httpMethod": vector.method,
        "headers": vector.headers.iter().cloned().collect::<BTreeMap<_, _>>(),
        "multiValueHeaders": grouped(vector.headers.iter().cloned(), str::eq_ignore_ascii_case),
        "queryStringParameters": query().collect::<BTreeMap<_, _>>(),
        "multiValueQueryStringParameters": grouped(query(), str::eq),
        "requestContext": {"stage": "$default", "httpMethod": vector.method},
        "body": text.clone().unwrap_or_else(|| STANDARD.encode(body)),
        "isBase64Encoded": text.is_none(),
    })
}

/// Names that differ in their letter case alone are one header, and two parameters.
fn grouped(
    pairs: impl Iterator<Item = (String, String)>,
    is_same: fn(&str, &str) -> bool,
) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        let known = groups.keys().find(|known| is_same(known, &name)).cloned();
        groups.entry(known.unwrap_or(name)).or_default().push(value);
    }
    groups
}

#[tokio::test]
async fn every_vector_as_an_envelope() {
    let stage = Stage::new(0).await;
    let kept = Kept::default();
    let router = ingest::router(Ingest::new(Arc::clone(stage.engine()), kept.clone()));
    let mut failures = Vec::new();
    for (number, vector) in (1..).zip(postback_vectors::all()) {
        let source = source(number, &vector);
        let id = source.id;
        stage.store().create_source(source, act()).await.unwrap();
        let request: GatewayRequest = serde_json::from_value(envelope(id, &vector)).unwrap();
        let answer = gateway::answer(router.clone(), request).await.unwrap();
        let status = serde_json::to_value(answer).unwrap()["statusCode"].clone();
        let events = std::mem::take(&mut *kept.0.lock().unwrap());
        let is_handshake = vector.is_handshake();
        let is_event = vector.is_accepted() && !is_handshake;
        let expected = if is_event { vector.events() } else { Vec::new() };
        let as_expected = status == if is_event || is_handshake { 200 } else { 401 }
            && events.len() == expected.len()
            && events.iter().zip(&expected).all(|(event, expected)| {
                event.body == expected.body
                    && event.event_type.as_str()
                        == expected.event_type.as_deref().unwrap_or("unknown")
                    && expected
                        .id
                        .as_deref()
                        .is_none_or(|id| id == event.provider_event_id.as_str())
            });
        if !as_expected {
            failures.push(format!("{} ({}): {status}, {events:?}", vector.id, vector.description));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
