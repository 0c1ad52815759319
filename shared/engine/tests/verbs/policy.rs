//! Whose retry policy counts: the endpoint's, else the merchant's, else the default.

use crate::world::{World, policy};

async fn check(endpoint: Option<&[f64]>, merchant: Option<&[f64]>, state: &str) {
    let world = World::new().await;
    world.change_merchant(|change| change.retry_policy = merchant.map(policy)).await;
    world.endpoint_with("shop", |change| change.retry_policy = endpoint.map(policy)).await;
    world.always("shop", "500");
    world.event("evt_1").await;
    assert_eq!(world.state("shop").await, state, "endpoint {endpoint:?}, merchant {merchant:?}");
}

#[tokio::test]
async fn the_nearest_policy_counts() {
    check(None, None, "PENDING round 1 tries 1 due in 5s").await;
    check(None, Some(&[20.0]), "PENDING round 1 tries 1 due in 20s").await;
    check(Some(&[30.0]), None, "PENDING round 1 tries 1 due in 30s").await;
    check(Some(&[30.0]), Some(&[20.0]), "PENDING round 1 tries 1 due in 30s").await;
    check(Some(&[]), Some(&[20.0]), "FAILED round 1 tries 1 tries_used").await;
    check(None, Some(&[]), "FAILED round 1 tries 1 tries_used").await;
}

#[tokio::test]
async fn a_changed_policy_counts_from_the_next_failure() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.always("shop", "500");
    world.event("evt_1").await;
    world.next_try("shop").await;
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 2 due in 60s");

    world.change_endpoint("shop", |endpoint| endpoint.retry_policy = Some(policy(&[1.0]))).await;
    world.next_try("shop").await;

    assert_eq!(world.state("shop").await, "FAILED round 1 tries 3 tries_used");
}
