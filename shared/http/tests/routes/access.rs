//! Who may do what: every route, with every kind of caller.

use std::collections::BTreeSet;

use serde_json::json;

use crate::world::World;

/// Method, path, and whether a merchant may call it. `{m}`, `{s}`, `{e}`, `{v}`, `{d}`, `{r}` and `{k}`
/// stand for a merchant, source, endpoint, event, delivery, recovery and key.
const ROUTES: [(&str, &str, bool); 35] = [
    ("POST", "/v1/merchants", false),
    ("GET", "/v1/merchants", false),
    ("GET", "/v1/merchants/{m}", false),
    ("PATCH", "/v1/merchants/{m}", false),
    ("POST", "/v1/merchants/{m}/keys", false),
    ("GET", "/v1/merchants/{m}/keys", false),
    ("DELETE", "/v1/merchants/{m}/keys/{k}", false),
    ("POST", "/v1/sources", false),
    ("GET", "/v1/sources", false),
    ("GET", "/v1/sources/{s}", false),
    ("PATCH", "/v1/sources/{s}", false),
    ("DELETE", "/v1/sources/{s}", false),
    ("POST", "/v1/sources/{s}/secrets", false),
    ("GET", "/v1/sources/{s}/secrets", false),
    ("DELETE", "/v1/sources/{s}/secrets/{k}", false),
    ("GET", "/v1/presets", false),
    ("GET", "/v1/dead-letters", false),
    ("POST", "/v1/dead-letters/redrive", false),
    ("GET", "/v1/account", true),
    ("POST", "/v1/failed/claim", true),
    ("POST", "/v1/failed/ack", true),
    ("POST", "/v1/endpoints", true),
    ("GET", "/v1/endpoints", true),
    ("GET", "/v1/endpoints/{e}", true),
    ("GET", "/v1/events", true),
    ("GET", "/v1/events/{v}", true),
    ("GET", "/v1/deliveries", true),
    ("GET", "/v1/deliveries/{d}", true),
    ("PATCH", "/v1/endpoints/{e}", true),
    ("POST", "/v1/endpoints/{e}/secret/rotate", true),
    ("POST", "/v1/endpoints/{e}/test", true),
    ("POST", "/v1/deliveries/{d}/retry", true),
    ("POST", "/v1/endpoints/{e}/recover", true),
    ("GET", "/v1/recoveries/{r}", true),
    ("POST", "/v1/recoveries/{r}/cancel", true),
];

#[tokio::test]
async fn every_route_wants_the_right_key() {
    let world = World::new();
    let owner = world.merchant("owner").await;
    let other = world.merchant("other").await;
    let source = world.source(&owner).await;
    let endpoint = world.endpoint(&owner, &["*"]).await;
    let event = world.event(&source, "evt_1", "charge.refunded").await;
    let delivery = world.delivery_of(&event).await["id"].as_str().unwrap().to_owned();
    let keys = world.admin().get(&format!("/v1/merchants/{}/keys", owner.id)).await.ok(200);
    let key = keys["data"][0]["id"].as_str().unwrap();
    let path = format!("/v1/endpoints/{endpoint}/recover");
    let order = json!({"since": "2026-01-01T00:00:00Z", "states": ["FAILED"]});
    let recovery = owner.client.post(&path, order.clone()).await.ok(202);
    let recovery = recovery["id"].as_str().unwrap();
    let strangers = [
        world.anonymous(),
        world.with_key(""),
        world.with_key("an-admin-key-of-some-lengt"),
        world.with_key(&format!("pbk_{}_{}", "0".repeat(32), "0".repeat(64))),
        // The right key id with another secret.
        world.with_key(&format!("pbk_{}_{}", &key[4..], "0".repeat(64))),
    ];
    for (method, template, is_merchants) in ROUTES {
        let path = template
            .replace("{m}", &owner.id)
            .replace("{s}", &source.id)
            .replace("{e}", &endpoint)
            .replace("{v}", &event)
            .replace("{d}", &delivery)
            .replace("{r}", recovery)
            .replace("{k}", key);
        let body = || match method {
            "POST" if template.ends_with("/recover") => Some(order.clone()),
            "POST" | "PATCH" => Some(json!({})),
            _ => None,
        };
        for stranger in &strangers {
            let answer = stranger.call(method, &path, body()).await;
            answer.refused(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        if !is_merchants {
            owner.client.call(method, &path, body()).await.refused(403, "admin_only");
            continue;
        }
        if template.contains('{') {
            other.client.call(method, &path, body()).await.refused(404, "not_found");
        }
        // Asking by name is no way around it.
        let named = format!("{path}?merchant_id={}", owner.id);
        other.client.call(method, &named, body()).await.refused(404, "not_found");
        let by_owner = owner.client.call(method, &path, body()).await;
        assert!(by_owner.status != 401 && by_owner.status != 403, "{by_owner:?}");
    }
    let path = format!("/v1/endpoints/{endpoint}");
    other.client.delete(&path).await.refused(404, "not_found");
    owner.client.get(&path).await.ok(200);
    world.work().await;
    assert_eq!(world.received(), 3, "the first attempt, the owner's own test and its retry");
}

/// A key with one scope opens what that scope is for, and no more.
#[tokio::test]
async fn every_route_wants_the_right_scope() {
    let world = World::new();
    let owner = world.merchant("owner").await;
    let mut keys = Vec::new();
    for scope in ["read", "write", "pull"] {
        let body = json!({"name": scope, "scopes": [scope]});
        let path = format!("/v1/merchants/{}/keys", owner.id);
        let key = world.admin().post(&path, body).await.ok(201);
        keys.push((scope, world.with_key(key["key"].as_str().unwrap())));
    }
    let of_pulling = ["/v1/account", "/v1/failed/claim", "/v1/failed/ack"];
    for (method, template, is_merchants) in ROUTES {
        // Of nothing that is there: a scope is asked for before anything is looked up.
        let path = template.replace("{m}", &owner.id);
        for (scope, client) in &keys {
            let opens = match *scope {
                "read" => method == "GET",
                "write" => method != "GET",
                _ => of_pulling.contains(&template),
            };
            let body = (method == "POST" || method == "PATCH").then(|| json!({}));
            let answer = client.call(method, &path, body).await;
            match (opens, is_merchants) {
                (false, _) => drop(answer.refused(403, "scope_missing")),
                (true, false) => drop(answer.refused(403, "admin_only")),
                (true, true) => assert_ne!(answer.status, 403, "{scope}: {method} {template}"),
            }
        }
    }
}

/// A route that nobody has listed here would be checked by nobody.
#[test]
fn no_route_is_missing() {
    let nameless = |path: &str| {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
        parts.collect::<Vec<_>>().join("/")
    };
    let quoted = include_str!("../../src/api.rs").split('"').skip(1).step_by(2);
    let served: BTreeSet<_> =
        quoted.filter(|text| text.starts_with("/v1/")).map(nameless).collect();
    let listed: BTreeSet<_> = ROUTES.iter().map(|(_, path, _)| nameless(path)).collect();
    assert_eq!(served, listed);
    assert!(served.len() > 20, "{served:?}");
}
