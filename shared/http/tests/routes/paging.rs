//! Lists: walking the pages of each meets every row once.

use serde_json::json;
use std::collections::HashSet;

use crate::world::{Client, World};

const ROWS: usize = 7;

/// Walks a list by pages of three and checks that it meets `rows` rows, newest first.
async fn walk(client: &Client, path: &str, rows: usize) {
    let separator = if path.contains('?') { '&' } else { '?' };
    let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = client.get(&format!("{path}{separator}limit=3{cursor}")).await.ok(200);
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 3, "{path}");
        seen.extend(data.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        pages += 1;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        assert!(pages <= rows, "{path} does not end");
    }
    let different: HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), different.len()), (rows, rows), "{path}: {seen:?}");
    let whole = client.get(path).await.ok(200);
    let whole = whole["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap());
    assert!(whole.eq(seen.iter().map(String::as_str)), "{path}: pages and the whole list differ");
}

#[tokio::test]
async fn every_list_is_walked_whole() {
    let world = World::new();
    let admin = world.admin();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    world.receiver_answers(500);
    world.endpoint(&merchant, &["*"]).await;
    let keys = format!("/v1/merchants/{}/keys", merchant.id);
    for number in 1..ROWS {
        admin.post("/v1/merchants", json!({"name": format!("m{number}")})).await.ok(201);
        admin.post(&keys, json!({"name": format!("k{number}")})).await.ok(201);
        world.source(&merchant).await;
        world.endpoint(&merchant, &["no.such.type"]).await;
    }
    for number in 0..ROWS {
        world.event(&source, &format!("evt_{number}"), "charge.refunded").await;
    }
    for path in ["/v1/merchants", &keys, "/v1/sources", "/v1/dead-letters"] {
        walk(&admin, path, ROWS).await;
    }
    for path in ["/v1/endpoints", "/v1/events", "/v1/deliveries", "/v1/deliveries?state=FAILED"] {
        walk(&merchant.client, path, ROWS).await;
    }
}

#[tokio::test]
async fn bad_pages_are_refused_and_foreign_cursors_are_empty() {
    let world = World::new();
    let client = world.merchant("Shop").await.client;
    for bad in ["limit=0", "limit=201", "limit=", "limit=x", "limit=-1", "cursor=a&cursor=b"] {
        client.get(&format!("/v1/events?{bad}")).await.refused(422, "invalid_field");
    }
    for cursor in ["", "zzz", "%ff", "-1", "99999999999999999999999"] {
        let page = client.get(&format!("/v1/events?cursor={cursor}")).await.ok(200);
        assert_eq!(page, json!({"data": [], "next": null}), "{cursor}");
    }
}
