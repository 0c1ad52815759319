//! Who may do what: every route, with every kind of caller.

use std::collections::BTreeSet;

use serde_json::json;

use crate::world::World;

use self::Who::{Merchant, Operator, Steward};

/// Whose key opens a route. The operator's opens all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Operator,
    /// A merchant's with the scope `admin`, its own.
    Steward,
    /// A merchant's with the scope that the method needs.
    Merchant,
}

/// Method, path, and who may call it. `{m}`, `{s}`, `{e}`, `{v}`, `{d}` and `{k}` stand for a
/// merchant, source, endpoint, event, delivery and key, `{r}` for a recovery.
pub(crate) const ROUTES: [(&str, &str, Who); 39] = [
    ("POST", "/v1/merchants", Operator),
    ("GET", "/v1/merchants", Operator),
    ("GET", "/v1/merchants/{m}", Steward),
    ("PATCH", "/v1/merchants/{m}", Steward),
    ("POST", "/v1/merchants/{m}/keys", Steward),
    ("GET", "/v1/merchants/{m}/keys", Steward),
    ("DELETE", "/v1/merchants/{m}/keys/{k}", Steward),
    ("POST", "/v1/merchants/{m}/portal-tokens", Steward),
    ("DELETE", "/v1/merchants/{m}/portal-tokens/{k}", Steward),
    ("GET", "/v1/audit", Steward),
    ("POST", "/v1/sources", Operator),
    ("GET", "/v1/sources", Operator),
    ("GET", "/v1/sources/{s}", Operator),
    ("PATCH", "/v1/sources/{s}", Operator),
    ("DELETE", "/v1/sources/{s}", Operator),
    ("POST", "/v1/sources/{s}/secrets", Operator),
    ("GET", "/v1/sources/{s}/secrets", Operator),
    ("DELETE", "/v1/sources/{s}/secrets/{k}", Operator),
    ("GET", "/v1/presets", Operator),
    ("GET", "/v1/dead-letters", Operator),
    ("POST", "/v1/dead-letters/redrive", Operator),
    ("GET", "/v1/account", Merchant),
    ("POST", "/v1/failed/claim", Merchant),
    ("POST", "/v1/failed/ack", Merchant),
    ("POST", "/v1/endpoints", Merchant),
    ("GET", "/v1/endpoints", Merchant),
    ("GET", "/v1/endpoints/{e}", Merchant),
    ("GET", "/v1/events", Merchant),
    ("GET", "/v1/events/{v}", Merchant),
    ("GET", "/v1/deliveries", Merchant),
    ("GET", "/v1/deliveries/{d}", Merchant),
    ("PATCH", "/v1/endpoints/{e}", Merchant),
    ("POST", "/v1/endpoints/{e}/secret/rotate", Merchant),
    ("POST", "/v1/endpoints/{e}/test", Merchant),
    ("POST", "/v1/deliveries/{d}/retry", Merchant),
    ("POST", "/v1/endpoints/{e}/recover", Merchant),
    ("GET", "/v1/recoveries/{r}", Merchant),
    ("POST", "/v1/recoveries/{r}/cancel", Merchant),
    ("DELETE", "/v1/endpoints/{e}", Merchant),
];

#[tokio::test]
async fn every_route_wants_the_right_key() {
    let world = World::new();
    let owner = world.merchant("owner").await;
    let other = world.merchant("other").await;
    let steward = world.with_scopes(&owner, &["admin"]).await;
    let other_steward = world.with_scopes(&other, &["admin"]).await;
    let source = world.source(&owner).await;
    let endpoint = world.endpoint(&owner, &["*"]).await;
    let event = world.event(&source, "evt_1", "charge.refunded").await;
    let delivery = world.delivery_of(&event).await["id"].as_str().unwrap().to_owned();
    let keys = world.admin().get(&format!("/v1/merchants/{}/keys", owner.id)).await.ok(200);
    let key = keys["data"][1]["id"].as_str().unwrap();
    let path = format!("/v1/endpoints/{endpoint}/recover");
    let order = json!({"since": "2026-01-01T00:00:00Z", "states": ["FAILED"]});
    let recovery = owner.client.post(&path, order.clone()).await.ok(202);
    let recovery = recovery["id"].as_str().unwrap();
    let portal = world.portal_token(&owner).await;
    let strangers = [
        world.anonymous(),
        world.with_key(""),
        world.with_key("an-admin-key-of-some-lengt"),
        world.with_key(&format!("pbk_{}_{}", "0".repeat(32), "0".repeat(64))),
        // The right key id with another secret.
        world.with_key(&format!("pbk_{}_{}", &key[4..], "0".repeat(64))),
        world.with_key(&format!("pbp_{}_{}", &key[4..], "0".repeat(64))),
        // A portal token as a key, and with another secret.
        world.with_key(&portal.replace("pbp_", "pbk_")),
        world.with_key(&format!("{}{}", &portal[..37], "0".repeat(64))),
    ];
    for (method, template, who) in ROUTES {
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
        if who == Operator {
            owner.client.call(method, &path, body()).await.refused(403, "admin_only");
            steward.call(method, &path, body()).await.refused(403, "admin_only");
            continue;
        }
        if who == Steward {
            owner.client.call(method, &path, body()).await.refused(403, "scope_missing");
            let named = format!("{path}?merchant_id={}", owner.id);
            let asked = if template.contains('{') { &path } else { &named };
            other_steward.call(method, asked, body()).await.refused(404, "not_found");
            // The key that this route would delete is the one that every other call needs.
            if method != "DELETE" {
                let by_steward = steward.call(method, &path, body()).await;
                assert!(![401, 403, 404].contains(&by_steward.status.as_u16()), "{by_steward:?}");
            }
            continue;
        }
        if template.contains('{') {
            other.client.call(method, &path, body()).await.refused(404, "not_found");
        }
        // Asking by name is no way around it.
        let named = format!("{path}?merchant_id={}", owner.id);
        other.client.call(method, &named, body()).await.refused(404, "not_found");
        if method == "DELETE" {
            continue; // What is left to do comes first.
        }
        let by_owner = owner.client.call(method, &path, body()).await;
        assert!(by_owner.status != 401 && by_owner.status != 403, "{by_owner:?}");
    }
    let path = format!("/v1/endpoints/{endpoint}");
    owner.client.get(&path).await.ok(200);
    world.work().await;
    owner.client.delete(&path).await.ok(204);
    assert_eq!(world.received(), 3, "the first attempt, the owner's own test and its retry");
}

/// A key with one scope opens what that scope is for, and no more. A portal token opens what `read`
/// and `write` do.
#[tokio::test]
async fn every_route_wants_the_right_scope() {
    let world = World::new();
    let owner = world.merchant("owner").await;
    let mut keys = vec![("portal", world.with_key(&world.portal_token(&owner).await))];
    for scope in ["read", "write", "pull", "admin"] {
        keys.push((scope, world.with_scopes(&owner, &[scope]).await));
    }
    let of_pulling = ["/v1/account", "/v1/failed/claim", "/v1/failed/ack"];
    for (method, template, who) in ROUTES {
        // Of nothing that is there: a scope is asked for before anything is looked up.
        let path = template.replace("{m}", &owner.id);
        for (scope, client) in &keys {
            let opens = match (*scope, who) {
                (_, Operator) => false,
                ("admin", Steward) => true,
                ("admin", Merchant) | (_, Steward) => false,
                ("portal", Merchant) => true,
                ("read", Merchant) => method == "GET",
                ("write", Merchant) => method != "GET",
                (_, Merchant) => of_pulling.contains(&template),
            };
            let body = (method == "POST" || method == "PATCH").then(|| json!({}));
            let answer = client.call(method, &path, body).await;
            match (opens, who) {
                (false, Operator) => drop(answer.refused(403, "admin_only")),
                (false, _) => drop(answer.refused(403, "scope_missing")),
                (true, _) => assert_ne!(answer.status, 403, "{scope}: {method} {template}"),
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
