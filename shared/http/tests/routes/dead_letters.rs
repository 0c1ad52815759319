//! `/v1/dead-letters`

use serde_json::{Value, json};

use crate::world::World;

/// Two merchants, one endpoint each, with two and one dead letters.
async fn two_merchants_with_dead_letters(world: &World) -> [(String, String); 2] {
    let mut made = Vec::new();
    world.receiver_answers(500);
    for (name, events) in [("a", 2), ("b", 1)] {
        let merchant = world.merchant(name).await;
        let source = world.source(&merchant).await;
        let endpoint = world.endpoint(&merchant, &["*"]).await;
        for number in 0..events {
            world.event(&source, &format!("evt_{number}"), "charge.refunded").await;
        }
        made.push((merchant.id, endpoint));
    }
    world.receiver_answers(200);
    made.try_into().unwrap()
}

fn count(listed: &Value) -> usize {
    listed["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn an_operator_sees_what_was_given_up() {
    let world = World::new();
    let [(a, _), (_, endpoint_of_b)] = two_merchants_with_dead_letters(&world).await;
    let admin = world.admin();
    for (query, expected) in [
        (String::new(), 3),
        (format!("?merchant_id={a}"), 2),
        (format!("?endpoint_id={endpoint_of_b}"), 1),
        (format!("?merchant_id={a}&endpoint_id={endpoint_of_b}"), 0),
        ("?event_type=charge.refunded".to_owned(), 3),
        ("?event_type=charge.failed".to_owned(), 0),
        ("?since=2026-09-21T14:13:20Z&until=2026-09-21T14:13:21Z".to_owned(), 3),
        ("?until=2026-09-21T14:13:20Z".to_owned(), 0),
    ] {
        let listed = admin.get(&format!("/v1/dead-letters{query}")).await.ok(200);
        assert_eq!(count(&listed), expected, "{query}");
        let rows = listed["data"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["state"] == "FAILED"), "{query}");
    }
}

#[tokio::test]
async fn a_redrive_shows_first_and_then_reopens() {
    let world = World::new();
    let [(a, _), _] = two_merchants_with_dead_letters(&world).await;
    let admin = world.admin();
    let path = "/v1/dead-letters/redrive";
    let before = world.received();

    let dry = admin.post(path, json!({"merchant_id": a})).await.ok(200);
    assert_eq!((&dry["matched"], &dry["redriven"]), (&json!(2), &json!(0)));
    assert_eq!(dry["dry_run"], true);
    assert_eq!(dry["delivery_ids"].as_array().unwrap().len(), 2);
    world.work().await;
    assert_eq!(world.received(), before, "a dry run sends nothing");

    let wet = admin.post(path, json!({"merchant_id": a, "dry_run": false})).await.ok(200);
    assert_eq!((&wet["matched"], &wet["redriven"]), (&json!(2), &json!(2)));
    assert_eq!(wet["delivery_ids"], dry["delivery_ids"]);
    world.work().await;
    assert_eq!(world.received(), before + 2);
    assert_eq!(count(&admin.get("/v1/dead-letters").await.ok(200)), 1, "the other merchant's");

    let again = admin.post(path, json!({"merchant_id": a, "dry_run": false})).await.ok(200);
    assert_eq!((&again["matched"], &again["redriven"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_redrive_takes_named_deliveries_and_a_limit() {
    let world = World::new();
    let [(a, _), (b, _)] = two_merchants_with_dead_letters(&world).await;
    let admin = world.admin();
    let path = "/v1/dead-letters/redrive";
    let listed = admin.get("/v1/dead-letters").await.ok(200);
    let ids: Vec<&Value> =
        listed["data"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    let unknown = "dlv_00000000000000000000000000000001";
    for (body, matched) in [
        (json!({"limit": 2}), 2),
        (json!({"delivery_ids": ids}), 3),
        (json!({"delivery_ids": ids, "limit": 1}), 1),
        (json!({"delivery_ids": ids, "merchant_id": a}), 2),
        (json!({"delivery_ids": ids, "merchant_id": b}), 1),
        (json!({"delivery_ids": [unknown]}), 0),
        (json!({"delivery_ids": ids, "event_type": "charge.refunded"}), 3),
        (json!({"delivery_ids": ids, "event_type": "charge.failed"}), 0),
        (json!({"delivery_ids": ids, "since": "2026-09-21T14:13:21Z"}), 0),
        (json!({"delivery_ids": ids, "until": "2026-09-21T14:13:21Z"}), 3),
        (json!({"event_type": "charge.failed"}), 0),
        (json!({"until": "2026-09-21T14:13:21Z"}), 3),
    ] {
        let answer = admin.post(path, body.clone()).await.ok(200);
        assert_eq!((&answer["matched"], &answer["dry_run"]), (&json!(matched), &json!(true)));
    }
    let one = json!({"delivery_ids": [ids[0]], "dry_run": false});
    assert_eq!(admin.post(path, one.clone()).await.ok(200)["redriven"], 1);
    assert_eq!(admin.post(path, one).await.ok(200)["matched"], 0, "it is PENDING now");
    let refused = admin.post(path, json!({"dryrun": false})).await;
    refused.refused(422, "unknown_field");
}
