//! What a record says, and to whom.

use axum::body::Body;
use axum::http::Request;
use postback_domain::audit::ClientAddress;
use serde_json::{Value, json};

use super::{Walk, records, text};
use crate::world::{ADMIN_KEY, Answer, World};

/// Who, when, from where and in which request; of a portal too.
#[tokio::test]
async fn a_record_says_who_did_it_and_from_where() {
    let walk = Walk::new().await;
    let (world, shop) = (&walk.world, &walk.shop);
    let long = "b".repeat(400);
    let portal = world.portal_token(shop).await;
    let ask = async |key: &str, agent: &str| -> Answer {
        let body = json!({"url": "https://shop.example/"}).to_string();
        let request = Request::post(format!("/v1/endpoints?merchant_id={}", shop.id))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .header("user-agent", agent)
            .header("x-forwarded-for", "203.0.113.9")
            .extension(ClientAddress("::ffff:192.0.2.7".parse().unwrap()));
        world.anonymous().send(request.body(Body::from(body)).unwrap()).await
    };
    let by_operator = ask(ADMIN_KEY, "curl/8.9").await;
    world.advance_secs(1);
    let by_visitor = ask(&portal, &long).await;
    let listed = walk.records().await;
    let (visitors, operators) = (&listed[0], &listed[1]);
    let visit = listed.iter().find(|record| record["action"] == "portal_token.created").unwrap();
    assert_eq!(visitors["actor"], json!({"kind": "portal", "id": visit["object_id"]}));
    assert_eq!(operators["actor"], json!({"kind": "operator"}));
    assert_eq!(operators["from"], json!({"ip": "192.0.2.7", "user_agent": "curl/8.9"}));
    assert_eq!(text(&visitors["from"]["user_agent"]).len(), 256);
    assert_eq!(operators["at"], "2026-09-21T14:13:20.000Z");
    assert_eq!(visitors["at"], "2026-09-21T14:13:21.000Z");
    for (record, answer) in [(operators, by_operator), (visitors, by_visitor)] {
        assert!(text(&record["id"]).starts_with("aud_"));
        assert_eq!(record["request_id"], answer.header("x-request-id"));
        assert_eq!(record["object_id"], answer.ok(201)["id"]);
    }
    // Nobody said from where.
    shop.client.post("/v1/endpoints", json!({"url": "https://b.example/"})).await.ok(201);
    let last = &walk.records().await[0];
    assert_eq!(last["from"], json!({"ip": null, "user_agent": null}));
    assert_eq!(last["actor"]["kind"], "key");
}

/// `tenants_never_meet`. And what a merchant sees of the operator is what was done, not from where,
/// nor what is in a source.
#[tokio::test]
async fn an_administrator_sees_its_own_merchant_alone() {
    let world = World::new();
    let (own, other) = (world.merchant("own").await, world.merchant("other").await);
    let steward = world.with_scopes(&own, &["admin"]).await;
    world.source(&own).await;
    world.source(&other).await;
    world.endpoint(&own, &["*"]).await;
    world.endpoint(&other, &["*"]).await;
    let seen = records(&steward, "").await;
    let actions: Vec<_> = seen.iter().map(|record| text(&record["action"])).collect();
    let expected =
        ["endpoint.created", "source.created", "key.created", "key.created", "merchant.created"];
    assert_eq!(actions, expected);
    assert!(seen.iter().all(|record| record["merchant_id"] == own.id));
    assert!(!json!(seen).to_string().contains(&other.id));
    assert_eq!((&seen[1]["before"], &seen[1]["after"]), (&Value::Null, &Value::Null));
    assert!(seen[0]["after"].is_object() && seen[2]["after"].is_object());

    let body = json!({"name": "x"});
    let request = Request::patch(format!("/v1/merchants/{}", own.id))
        .header("authorization", format!("Bearer {ADMIN_KEY}"))
        .header("content-type", "application/json")
        .header("user-agent", "back-office")
        .extension(ClientAddress("192.0.2.7".parse().unwrap()));
    world.anonymous().send(request.body(Body::from(body.to_string())).unwrap()).await.ok(200);
    let of_operator = &records(&steward, "").await[0];
    assert_eq!(of_operator["from"], json!({"ip": null, "user_agent": null}));
    assert_eq!(of_operator["after"]["name"], "x");

    let asked = format!("/v1/audit?merchant_id={}", other.id);
    steward.get(&asked).await.refused(404, "not_found");
    let theirs = records(&world.admin(), &format!("?merchant_id={}", other.id)).await;
    let theirs = text(&theirs[0]["object_id"]).to_owned();
    assert_eq!(records(&steward, &format!("?object_id={theirs}")).await, [] as [Value; 0]);
    own.client.get("/v1/audit").await.refused(403, "scope_missing");
}

#[tokio::test]
async fn filters_narrow_and_pages_go_on() {
    let walk = Walk::new().await;
    let (world, admin) = (&walk.world, walk.world.admin());
    world.advance_secs(60);
    let endpoint = world.endpoint(&walk.shop, &["*"]).await;
    admin.delete(&format!("/v1/endpoints/{endpoint}?merchant_id={}", walk.shop.id)).await.ok(204);
    let count = async |query: &str| records(&admin, query).await.len();
    assert_eq!(count("").await, 4);
    assert_eq!(count(&format!("?merchant_id={}", walk.shop.id)).await, 4);
    assert_eq!(count(&format!("?object_id={endpoint}")).await, 2);
    assert_eq!(count("?action=endpoint.deleted").await, 1);
    assert_eq!(count("?actor=operator").await, 3);
    let key = records(&admin, &format!("?object_id={endpoint}&action=endpoint.created")).await;
    assert_eq!(count(&format!("?actor={}", text(&key[0]["actor"]["id"]))).await, 1);
    assert_eq!(count("?since=2026-09-21T14:14:20Z").await, 2);
    assert_eq!(count("?until=2026-09-21T14:14:20Z").await, 2);

    let first = admin.get("/v1/audit?limit=3").await.ok(200);
    let rest = admin.get(&format!("/v1/audit?limit=3&cursor={}", text(&first["next"]))).await;
    let rest = rest.ok(200);
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));

    for query in ["action=endpoint", "actor=me", "object_id=end_1", "since=today", "limit=0"] {
        let refused = admin.get(&format!("/v1/audit?{query}")).await;
        let field = query.split('=').next().unwrap();
        assert_eq!(refused.refused(422, "invalid_field")["field"], field);
    }
}
