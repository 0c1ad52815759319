//! `ETag` and `If-Match`: a change that is meant for no other revision than the one that was read.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::world::{ADMIN_KEY, Answer, World};

async fn patch(world: &World, path: &str, tags: &[&str]) -> Answer {
    let mut request = Request::patch(path)
        .header("authorization", format!("Bearer {ADMIN_KEY}"))
        .header("content-type", "application/json");
    for tag in tags {
        request = request.header("if-match", *tag);
    }
    let body =
        if path.contains("endpoints") { json!({"description": "x"}) } else { json!({"name": "x"}) };
    world.anonymous().send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_change_may_name_the_revision_it_is_meant_for() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    let endpoint = world.endpoint(&merchant, &["*"]).await;
    for path in [
        format!("/v1/merchants/{}", merchant.id),
        format!("/v1/sources/{}", source.id),
        format!("/v1/endpoints/{endpoint}?merchant_id={}", merchant.id),
    ] {
        let read = world.admin().get(&path).await;
        let first = read.header("etag").to_owned();
        assert!(first.starts_with('"') && first.ends_with('"'), "{path}: {first}");
        let changed = patch(&world, &path, &[&first]).await;
        assert_eq!(changed.status, 200, "{path}");
        let second = changed.header("etag").to_owned();
        assert_ne!(first, second, "{path}");
        for stale in [&[first.as_str()][..], &["W/\"1\""], &["other"], &[&second, &second]] {
            patch(&world, &path, stale).await.refused(412, "precondition_failed");
        }
        assert_eq!(world.admin().get(&path).await.header("etag"), second);
        for fresh in [&[second.as_str()][..]] {
            assert_eq!(patch(&world, &path, fresh).await.status, 200, "{path}");
        }
        for any in [&["*"][..], &[]] {
            assert_eq!(patch(&world, &path, any).await.status, 200, "{path}");
        }
    }
}
