//! How many requests a key may make, and how it is told.

use crate::world::{QUOTA, World};

#[tokio::test]
async fn a_key_has_so_many_requests_a_minute() {
    let world = World::new();
    let (shop, other) = (world.merchant("Shop").await, world.merchant("Other").await);
    for left in (0..QUOTA).rev() {
        let answer = shop.client.get("/v1/account").await;
        answer.ok(200);
        assert_eq!(answer.header("ratelimit"), format!("\"default\";r={left};t=60"));
        assert_eq!(answer.header("ratelimit-policy"), format!("\"default\";q={QUOTA};w=60"));
    }
    world.advance_secs(20);
    let answer = shop.client.get("/v1/account").await;
    answer.refused(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), "40");
    assert_eq!(answer.header("ratelimit"), "\"default\";r=0;t=40");
    other.client.get("/v1/account").await.ok(200);
    let operators = world.admin().get("/v1/merchants").await;
    operators.ok(200);
    assert_eq!(operators.header("ratelimit"), "", "nobody counts them");
    world.anonymous().get("/v1/account").await.refused(401, "unauthenticated");
    world.advance_secs(40);
    shop.client.get("/v1/account").await.ok(200);
}

/// One that is carried out once asks twice who calls, and counts once.
#[tokio::test]
async fn a_request_counts_once() {
    let world = World::new();
    let shop = world.merchant("Shop").await;
    let body = serde_json::json!({"limit": 1});
    let answer = shop.client.post_once("/v1/failed/claim", body, "key").await;
    answer.ok(200);
    assert_eq!(answer.header("ratelimit"), format!("\"default\";r={};t=60", QUOTA - 1));
}
