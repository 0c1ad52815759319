//! `Idempotency-Key` on every POST.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use serde_json::json;

use crate::world::World;

/// The endpoint that a test creates, again and again.
const ENDPOINT: &str = "https://shop.example/hooks";

#[tokio::test]
async fn whatever_is_created_is_created_once_and_shown_again() {
    let world = World::new();
    let admin = world.admin();
    let merchant = world.merchant("Shop").await;
    let keys = format!("/v1/merchants/{}/keys", merchant.id);
    let endpoints = format!("/v1/endpoints?merchant_id={}", merchant.id);
    let source = json!({"merchant_id": merchant.id, "preset": "stripe", "secrets": ["sesame"]});
    for (number, (path, list, body)) in [
        ("/v1/merchants", "/v1/merchants", json!({"name": "Other", "external_id": "acct_1"})),
        (keys.as_str(), keys.as_str(), json!({"name": "laptop"})),
        ("/v1/sources", "/v1/sources", source),
        (endpoints.as_str(), endpoints.as_str(), json!({"url": ENDPOINT})),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("order-{number}");
        let before = admin.get(list).await.ok(200)["data"].as_array().unwrap().len();
        let first = admin.post_once(path, body.clone(), &key).await;
        first.ok(201);
        assert_eq!(first.header("idempotent-replayed"), "");
        world.advance_secs(3600);
        let again = admin.post_once(path, body.clone(), &key).await;
        again.ok(201);
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.text, first.text, "secrets and times included");
        for header in ["content-type", "cache-control"] {
            assert_eq!(again.header(header), first.header(header));
        }
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
        let after = admin.get(list).await.ok(200)["data"].as_array().unwrap().len();
        assert_eq!(after, before + 1, "{path}");
    }
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_caller_for_a_day() {
    let world = World::new();
    let (one, two) = (world.merchant("one").await, world.merchant("two").await);
    let body = || json!({"url": ENDPOINT});
    let first = one.client.post_once("/v1/endpoints", body(), "k").await.created();

    let other_body =
        one.client.post_once("/v1/endpoints", json!({"url": "https://b.example"}), "k");
    other_body.await.refused(409, "idempotency_key_reused");
    let path = format!("/v1/endpoints?merchant_id={}", one.id);
    one.client.post_once(&path, body(), "k").await.refused(409, "idempotency_key_reused");
    let other_key = one.client.post_once("/v1/endpoints", body(), "k2").await.created();
    let other_caller = two.client.post_once("/v1/endpoints", body(), "k").await.created();
    assert!(first != other_key && first != other_caller);

    world.advance_secs(24 * 3600 - 1);
    assert_eq!(one.client.post_once("/v1/endpoints", body(), "k").await.created(), first);
    world.advance_secs(1);
    assert_ne!(one.client.post_once("/v1/endpoints", body(), "k").await.created(), first);
}

/// A refusal changed nothing, so the key is free for the request as it should have been.
#[tokio::test]
async fn a_refused_request_may_be_mended_under_its_key() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let client = &merchant.client;
    let wrong = client.post_once("/v1/endpoints", json!({"url": "http://shop.example"}), "k").await;
    wrong.refused(422, "invalid_field");
    let mended = client.post_once("/v1/endpoints", json!({"url": ENDPOINT}), "k").await.created();
    let again = client.post_once("/v1/endpoints", json!({"url": ENDPOINT}), "k").await.created();
    assert_eq!(again, mended);
}

#[tokio::test]
async fn a_key_opens_nothing_and_a_revoked_one_replays_nothing() {
    let world = World::new();
    let admin = world.admin();
    let merchant = world.merchant("Shop").await;
    let body = || json!({"url": ENDPOINT});
    let nobody = world.anonymous().post_once("/v1/endpoints", body(), "k").await;
    nobody.refused(401, "unauthenticated");
    merchant
        .client
        .post_once("/v1/merchants", json!({"name": "x"}), "k")
        .await
        .refused(403, "admin_only");
    for bad in ["", &"k".repeat(256)] {
        let refused = merchant.client.post_once("/v1/endpoints", body(), bad).await;
        assert_eq!(refused.refused(422, "invalid_field")["field"], "idempotency-key");
    }

    merchant.client.post_once("/v1/endpoints", body(), "k").await.ok(201);
    let keys = format!("/v1/merchants/{}/keys", merchant.id);
    let listed = admin.get(&keys).await.ok(200);
    let id = listed["data"][0]["id"].as_str().unwrap();
    admin.delete(&format!("{keys}/{id}")).await.ok(204);
    let revoked = merchant.client.post_once("/v1/endpoints", body(), "k").await;
    revoked.refused(401, "unauthenticated");
}

/// An order that creates nothing is given once as well.
#[tokio::test]
async fn a_retry_that_is_sent_twice_reopens_once() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    world.endpoint(&merchant, &["*"]).await;
    world.receiver_answers(500);
    let event = world.event(&source, "evt_1", "a.b").await;
    let delivery = world.delivery_of(&event).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/deliveries/{delivery}/retry");

    let first = merchant.client.post_once(&path, json!({}), "k").await;
    assert_eq!(first.ok(202)["round"], 2);
    world.work().await;
    assert_eq!(world.delivery_of(&event).await["state"], "FAILED");
    let again = merchant.client.post_once(&path, json!({}), "k").await;
    assert_eq!(again.text, first.text);
    let after = merchant.client.get(&format!("/v1/deliveries/{delivery}")).await.ok(200);
    assert_eq!((&after["state"], &after["round"]), (&json!("FAILED"), &json!(2)), "not reopened");
}

/// Requests that only read, or that say themselves what should be, need no key.
#[tokio::test]
async fn other_methods_take_no_notice() {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let path = "/v1/no-such-route";
    merchant.client.post_once(path, json!({}), "k").await.refused(404, "no_such_route");
    let created = merchant.client.post_once("/v1/endpoints", json!({"url": ENDPOINT}), "k").await;
    created.ok(201);
}

/// A worker may die at any step, before or after its effect. Whoever sends the request again, once
/// the hold of the dead is over, gets what it should have got, and there is one of it.
#[tokio::test]
async fn a_worker_that_dies_at_any_step_leaves_no_second_endpoint() {
    let mut deaths = 0;
    for steps in 0..20 {
        let world = World::new();
        let merchant = world.merchant("Shop").await;
        let body = || json!({"url": ENDPOINT});
        let dying = merchant.client.post_once("/v1/endpoints", body(), "k");
        let lived = dies_after(steps, dying).await;
        deaths += usize::from(lived.is_none());

        world.advance_secs(60);
        let again = merchant.client.post_once("/v1/endpoints", body(), "k").await;
        let (id, secret) = (again.created(), again.ok(201)["secret"].clone());
        if let Some(answer) = lived {
            assert_eq!(answer.text, again.text);
        }
        let listed = merchant.client.get("/v1/endpoints").await.ok(200);
        let ids: Vec<_> = listed["data"].as_array().unwrap().iter().map(|e| &e["id"]).collect();
        assert_eq!(ids, [&json!(id)], "died after {steps} steps");

        let replayed = merchant.client.post_once("/v1/endpoints", body(), "k").await;
        assert_eq!(replayed.ok(201)["secret"], secret);
        assert_eq!(recorded(&world, "endpoint.created").await, 1, "died after {steps} steps");
    }
    // Five calls of the store, most of which it waits for.
    assert!((1..20).contains(&deaths), "{deaths} died");
}

/// The same for an order that reopens: the merchant is sent the event once more, and once only,
/// though the new round has failed as well by the time the order is sent again.
#[tokio::test]
async fn a_worker_that_dies_at_any_step_of_a_retry_or_redrive_reopens_once() {
    let mut deaths = 0;
    for (steps, is_redrive) in (0..12).flat_map(|steps| [(steps, false), (steps, true)]) {
        let world = World::new();
        let merchant = world.merchant("Shop").await;
        let source = world.source(&merchant).await;
        world.endpoint(&merchant, &["*"]).await;
        world.receiver_answers(500);
        let event = world.event(&source, "evt_1", "a.b").await;
        let delivery = world.delivery_of(&event).await["id"].as_str().unwrap().to_owned();
        world.advance_secs(60);
        let order = async || match is_redrive {
            true => {
                let body = json!({"delivery_ids": [delivery], "dry_run": false});
                world.admin().post_once("/v1/dead-letters/redrive", body, "k").await
            }
            false => {
                let path = format!("/v1/deliveries/{delivery}/retry");
                merchant.client.post_once(&path, json!({}), "k").await
            }
        };

        let lived = dies_after(steps, order()).await;
        deaths += usize::from(lived.is_none());
        // The queue of this world has no sweep; what was reopened and not sent stays PENDING.
        world.work().await;
        world.advance_secs(61);
        assert!(order().await.status.is_success(), "{steps} {is_redrive}");
        world.work().await;
        assert!(order().await.status.is_success(), "{steps} {is_redrive}");

        let after = merchant.client.get(&format!("/v1/deliveries/{delivery}")).await.ok(200);
        assert_eq!(after["round"], 2, "died after {steps} steps, redrive: {is_redrive}");
        let action = if is_redrive { "dead_letters.redriven" } else { "delivery.retried" };
        assert_eq!(recorded(&world, action).await, 1, "died after {steps} steps");
    }
    assert!(deaths > 0);
}

/// How many records there are of this action.
async fn recorded(world: &World, action: &str) -> usize {
    let listed = world.admin().get(&format!("/v1/audit?action={action}")).await.ok(200);
    listed["data"].as_array().unwrap().len()
}

/// Drops a future once it has waited so many times and waits again.
pub(crate) async fn dies_after<T>(mut steps: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if steps == 0 => Poll::Ready(None),
        Poll::Pending => {
            steps -= 1;
            Poll::Pending
        }
    })
    .await
}
