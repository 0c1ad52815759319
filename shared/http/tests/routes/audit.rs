//! `/v1/audit`, and that every route which administers something leaves a record there.

mod reading;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::access::ROUTES;
use crate::idempotency::dies_after;
use crate::world::{ADMIN_KEY, Client, Merchant, Source, World};

/// Routes that change nothing which anybody administers.
const NO_ACTS: [&str; 3] = ["/v1/failed/claim", "/v1/failed/ack", "/v1/endpoints/{e}/test"];

/// A shop with everything in it, and the routes that have been walked.
struct Walk {
    world: World,
    shop: Merchant,
    walked: BTreeSet<(String, String)>,
    seen: usize,
}

/// What a route is called with, and what must be recorded of it.
struct Step<'a> {
    by: &'a Client,
    /// As in `ROUTES`.
    route: (&'a str, &'a str),
    /// In the place of what stands in braces.
    ids: &'a [&'a str],
    body: Value,
    action: &'a str,
    /// That of the answer without one.
    object: Option<&'a str>,
}

impl Walk {
    async fn new() -> Self {
        let world = World::new();
        let shop = world.merchant("Shop").await;
        let mut walk = Self { world, shop, walked: BTreeSet::new(), seen: 0 };
        walk.seen = walk.records().await.len();
        walk
    }

    /// All records, newest first.
    async fn records(&self) -> Vec<Value> {
        records(&self.world.admin(), "?limit=200").await
    }

    /// Takes a step that must leave exactly one record, and answers with the answer and that.
    async fn step(&mut self, step: Step<'_>) -> (Value, Value) {
        let (method, template) = step.route;
        assert!(ROUTES.iter().any(|(m, path, _)| (*m, *path) == step.route), "{template}");
        let mut path = template.to_owned();
        for id in step.ids {
            let (open, close) = (path.find('{').unwrap(), path.find('}').unwrap());
            path.replace_range(open..=close, id);
        }
        let body = (method != "DELETE").then_some(step.body);
        let answer = step.by.call(method, &path, body).await;
        assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
        let answer: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let records = self.records().await;
        assert_eq!(records.len(), self.seen + 1, "{method} {template}: {:?}", records.first());
        self.seen += 1;
        self.walked.insert((method.to_owned(), template.to_owned()));
        let record = records[0].clone();
        assert_eq!(record["action"], step.action);
        let object = step.object.map_or(answer["id"].clone(), |id| json!(id));
        assert_eq!(record["object_id"], object, "{template}");
        (answer, record)
    }

    /// A dead letter of the shop, and its merchant's way to it.
    async fn dead_letter(&self, source: &Source, id: &str) -> String {
        let event = self.world.event(source, id, "a.b").await;
        self.world.delivery_of(&event).await["id"].as_str().unwrap().to_owned()
    }
}

async fn records(client: &Client, query: &str) -> Vec<Value> {
    let listed = client.get(&format!("/v1/audit{query}")).await.ok(200);
    assert_eq!(listed["next"], Value::Null);
    listed["data"].as_array().unwrap().clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// An answer without what is shown in it once.
fn lasting(answer: &Value) -> Value {
    let mut answer = answer.clone();
    for once in ["key", "token", "secret"] {
        answer.as_object_mut().unwrap().remove(once);
    }
    answer
}

/// Every route that administers something leaves exactly one record, with the object before and
/// after as the API shows it, and without any secret.
#[tokio::test]
async fn every_act_leaves_one_record_without_secrets() {
    let mut walk = Walk::new().await;
    let (admin, client, shop) =
        (walk.world.admin(), walk.shop.client.clone(), walk.shop.id.clone());
    let mut secrets = Vec::new();
    macro_rules! step {
        ($by:expr, $method:literal, $route:literal, [$($id:expr),*], $body:tt, $action:literal, $object:expr) => {{
            let (answer, record) = walk.step(Step {
                by: $by, route: ($method, $route), ids: &[$($id),*], body: json!($body),
                action: $action, object: $object,
            }).await;
            for once in ["key", "token", "secret"] {
                secrets.extend(answer[once].as_str().map(str::to_owned));
            }
            let (before, after) = (record["before"].clone(), record["after"].clone());
            match ($action.rsplit(['.', '_']).next().unwrap(), $method) {
                // It has gone on since it was recorded.
                _ if $action == "recovery.created" => assert_eq!(after["id"], answer["id"]),
                ("created", _) => assert_eq!((&before, after), (&Value::Null, lasting(&answer))),
                ("updated", _) => assert_eq!(after, answer),
                ("deleted", _) => assert!(before.is_object() && after.is_null()),
                ("rotated", _) => assert_eq!((&before, after), (&Value::Null, lasting(&answer))),
                _ => {}
            }
            (answer, before)
        }};
    }

    let (other, _) =
        step!(&admin, "POST", "/v1/merchants", [], {"name": "Other"}, "merchant.created", None);
    let other_id = text(&other["id"]);
    let (_, before) = step!(&admin, "PATCH", "/v1/merchants/{m}", [other_id],
        {"name": "Another"}, "merchant.updated", None);
    assert_eq!(before, other);

    let (key, _) = step!(&admin, "POST", "/v1/merchants/{m}/keys", [&shop],
        {"name": "till", "scopes": ["pull"]}, "key.created", None);
    let key_id = text(&key["id"]);
    let (_, before) = step!(
        &admin,
        "DELETE",
        "/v1/merchants/{m}/keys/{k}",
        [&shop, key_id],
        {},
        "key.deleted",
        Some(key_id)
    );
    assert_eq!(before, lasting(&key));
    let (token, _) = step!(
        &admin,
        "POST",
        "/v1/merchants/{m}/portal-tokens",
        [&shop],
        {},
        "portal_token.created",
        None
    );
    let id = text(&token["id"]);
    let (_, before) = step!(
        &admin,
        "DELETE",
        "/v1/merchants/{m}/portal-tokens/{k}",
        [&shop, id],
        {},
        "portal_token.deleted",
        Some(id)
    );
    assert_eq!(before, lasting(&token));

    let (source, _) = step!(&admin, "POST", "/v1/sources", [],
        {"merchant_id": shop, "preset": "stripe", "secrets": ["sesame-1"]}, "source.created", None);
    let source_id = text(&source["id"]);
    let (_, before) = step!(&admin, "PATCH", "/v1/sources/{s}", [source_id],
        {"name": "Main", "secrets": ["sesame-2"]}, "source.updated", None);
    assert_eq!(before, source);
    let (new, _) = step!(&admin, "POST", "/v1/sources/{s}/secrets", [source_id],
        {"secret": "sesame-3"}, "source.secret_created", Some(source_id));
    let path = format!("/v1/sources/{source_id}/secrets");
    let old = admin.get(&path).await.ok(200)["data"][1]["id"].clone();
    assert_ne!(old, new["id"]);
    let (_, before) = step!(
        &admin,
        "DELETE",
        "/v1/sources/{s}/secrets/{k}",
        [source_id, text(&old)],
        {},
        "source.secret_deleted",
        Some(source_id)
    );
    assert_eq!(before["id"], old);

    let (endpoint, _) = step!(&client, "POST", "/v1/endpoints", [], {
        "url": "https://shop.example/hooks", "headers": {"x-api-key": "sesame-4"},
        "retry_policy": {"waits_s": []},
    }, "endpoint.created", None);
    let endpoint_id = text(&endpoint["id"]);
    let (_, before) = step!(&client, "PATCH", "/v1/endpoints/{e}", [endpoint_id],
        {"description": "Till", "headers": {"x-api-key": "sesame-5"}}, "endpoint.updated", None);
    assert_eq!(before, lasting(&endpoint));
    step!(
        &client,
        "POST",
        "/v1/endpoints/{e}/secret/rotate",
        [endpoint_id],
        {},
        "endpoint.secret_rotated",
        None
    );

    walk.world.receiver_answers(500);
    let from = Source { id: source_id.to_owned(), secret: "sesame-3".to_owned() };
    let delivery = walk.dead_letter(&from, "evt_1").await;
    let ended = client.get("/v1/deliveries").await.ok(200)["data"][0].clone();
    let (_, before) = step!(
        &client,
        "POST",
        "/v1/deliveries/{d}/retry",
        [&delivery],
        {},
        "delivery.retried",
        None
    );
    assert_eq!((&before["state"], &before), (&json!("FAILED"), &ended));
    walk.world.work().await;
    step!(&admin, "POST", "/v1/dead-letters/redrive", [],
        {"dry_run": false, "endpoint_id": endpoint_id},
        "dead_letters.redriven", Some(endpoint_id));
    let redriven = &walk.records().await[0];
    assert_eq!(redriven["after"]["delivery_ids"], json!([delivery]));
    assert_eq!(redriven["merchant_id"], shop);

    let since = json!("2026-01-01T00:00:00Z");
    let (order, _) = step!(
        &client,
        "POST",
        "/v1/endpoints/{e}/recover",
        [endpoint_id],
        {"since": since},
        "recovery.created",
        Some(endpoint_id)
    );
    assert_eq!(order["endpoint_id"], endpoint_id);
    let order = walk.world.running_order(&shop, endpoint_id).await;
    walk.seen += 1;
    let (_, before) = step!(
        &client,
        "POST",
        "/v1/recoveries/{r}/cancel",
        [&order],
        {},
        "recovery.cancelled",
        Some(endpoint_id)
    );
    assert_eq!((&before["id"], &before["status"]), (&json!(order), &json!("running")));
    // It is stopped once.
    client.post(&format!("/v1/recoveries/{order}/cancel"), json!({})).await.ok(200);

    let (_, before) = step!(
        &client,
        "DELETE",
        "/v1/endpoints/{e}",
        [endpoint_id],
        {},
        "endpoint.deleted",
        Some(endpoint_id)
    );
    assert_eq!(before["description"], "Till");
    let (_, before) = step!(
        &admin,
        "DELETE",
        "/v1/sources/{s}",
        [source_id],
        {},
        "source.deleted",
        Some(source_id)
    );
    assert_eq!((&before["name"], &before["secrets_count"]), (&json!("Main"), &json!(1)));

    for (method, path, _) in ROUTES {
        let must = method != "GET" && !NO_ACTS.contains(&path);
        let is_walked = walk.walked.contains(&(method.to_owned(), path.to_owned()));
        assert!(is_walked || !must, "{method} {path} leaves a record that nobody has looked at");
    }
    assert_eq!(secrets.len(), 4, "a key, a token and two signing secrets were shown");
    secrets.extend(["sesame", "whsec_", "pbk_", "pbp_", ADMIN_KEY].map(str::to_owned));
    let every = json!(walk.records().await).to_string();
    for secret in secrets {
        assert!(!every.contains(&secret), "{secret}");
    }
}

/// Reading, asking and failing administer nothing.
#[tokio::test]
async fn what_changed_nothing_leaves_no_record() {
    let walk = Walk::new().await;
    let (world, shop) = (&walk.world, &walk.shop);
    let source = world.source(shop).await;
    let endpoint = world.endpoint(shop, &["*"]).await;
    let delivery = walk.dead_letter(&source, "evt_1").await;
    let nobody_wants = world.merchant("idle").await;
    let idle = world.source(&nobody_wants).await;
    let not_apply = walk.dead_letter(&idle, "evt_2").await;
    let before = walk.records().await;
    let steward = world.with_scopes(shop, &["admin"]).await;
    let visitor = world.with_key(&world.portal_token(shop).await);
    let given = 2;

    let key = "key_00000000000000000000000000000001";
    let clients = [&world.admin(), &shop.client, &steward, &visitor, &nobody_wants.client];
    for (method, template, _) in ROUTES {
        let path = template
            .replace("{m}", &shop.id)
            .replace("{s}", &source.id)
            .replace("{e}", &endpoint)
            .replace("{d}", &delivery)
            .replace("{k}", key);
        let is_possible = ["/v1/endpoints/{e}", "/v1/sources/{s}"].contains(&template);
        if method == "DELETE" && is_possible || template.contains("/retry") {
            continue;
        }
        for client in clients {
            // No route knows this field; the routes that need no body refuse it as well.
            let body = (method == "POST" || method == "PATCH").then(|| json!({"nmae": 1}));
            client.call(method, &path, body).await;
            let body = (method == "POST" || method == "PATCH").then(|| json!([]));
            client.call(method, &path, body).await;
        }
    }
    let admin = world.admin();
    let retry = |delivery: &str| format!("/v1/deliveries/{delivery}/retry");
    let stale = Request::patch(format!("/v1/endpoints/{endpoint}"))
        .header("authorization", format!("Bearer {ADMIN_KEY}"))
        .header("content-type", "application/json")
        .header("if-match", "\"7\"");
    world.anonymous().send(stale.body(Body::from("{}")).unwrap()).await;
    admin.delete(&format!("/v1/endpoints/{endpoint}")).await.refused(422, "missing_field");
    let others = nobody_wants.client.delete(&format!("/v1/endpoints/{endpoint}")).await;
    others.refused(404, "not_found");
    let others = nobody_wants.client.post(&retry(&delivery), json!({})).await;
    others.refused(404, "not_found");
    admin.post(&retry(&not_apply), json!({})).await.refused(409, "nothing_to_send");
    admin.post("/v1/dead-letters/redrive", json!({})).await.ok(200);
    admin.post("/v1/dead-letters/redrive", json!({"dry_run": false})).await.ok(200);
    shop.client.post(&format!("/v1/endpoints/{endpoint}/test"), json!({})).await.ok(200);
    shop.client.post("/v1/failed/claim", json!({})).await.ok(200);

    let after = walk.records().await;
    assert_eq!(after.len(), before.len() + given, "{:?}", after.first());
}

/// Whatever is sent again, be it answered from what was kept or carried out again because its worker
/// died at some step, one record is left of it.
#[tokio::test]
async fn a_request_that_is_sent_again_leaves_one_record() {
    let mut deaths = 0;
    for (steps, act) in (0..10).flat_map(|steps| (0..6).map(move |act| (steps, act))) {
        let walk = Walk::new().await;
        let (world, client) = (&walk.world, &walk.shop.client);
        let source = world.source(&walk.shop).await;
        let endpoint = world.endpoint(&walk.shop, &["*"]).await;
        let before = walk.records().await.len();
        let (by, path, body) = match act {
            0 => (client, format!("/v1/endpoints/{endpoint}/secret/rotate"), json!({})),
            1 => (
                &world.admin(),
                format!("/v1/sources/{}/secrets", source.id),
                json!({"secret": "whsec_new"}),
            ),
            2 => (&world.admin(), "/v1/merchants".to_owned(), json!({"name": "New"})),
            3 => (&world.admin(), keys_of(&walk.shop), json!({"name": "till"})),
            4 => (
                client,
                format!("/v1/endpoints/{endpoint}/recover"),
                json!({"since": "2026-01-01T00:00:00Z"}),
            ),
            _ => {
                (&world.admin(), format!("/v1/merchants/{}/portal-tokens", walk.shop.id), json!({}))
            }
        };
        let lived = dies_after(steps, by.post_once(&path, body.clone(), "k")).await;
        deaths += usize::from(lived.is_none());
        world.advance_secs(61);
        for _ in 0..2 {
            let answer = by.post_once(&path, body.clone(), "k").await;
            assert!(answer.status.is_success(), "{answer:?}");
        }
        let after = walk.records().await;
        assert_eq!(after.len(), before + 1, "{path}, died after {steps} steps");
    }
    assert!(deaths > 0);
}

fn keys_of(merchant: &Merchant) -> String {
    format!("/v1/merchants/{}/keys", merchant.id)
}
