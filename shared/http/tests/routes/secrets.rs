//! `/v1/sources/{id}/secrets`

use serde_json::{Value, json};

use crate::world::{Merchant, Source, World};

async fn world() -> (World, Merchant, Source, String) {
    let world = World::new();
    let merchant = world.merchant("Shop").await;
    let source = world.source(&merchant).await;
    let path = format!("/v1/sources/{}/secrets", source.id);
    (world, merchant, source, path)
}

async fn secrets(world: &World, path: &str) -> Vec<Value> {
    let listed = world.admin().get(path).await.ok(200);
    assert_eq!(listed["next"], Value::Null);
    listed["data"].as_array().unwrap().clone()
}

/// The whole story of a rotation: both verify, the operator sees the old one fall silent, it ends.
#[tokio::test]
async fn a_rotation_overlaps_is_watched_and_ends() {
    let (world, _, old, path) = world().await;
    world.ingest(&old, br#"{"id":"evt_1"}"#).await.ok(200);
    let body = json!({"secret": "whsec_new", "overlap_s": 7200});
    let created = world.admin().post(&path, body).await.ok(201);
    assert_eq!(
        created,
        json!({
            "id": created["id"], "created_at": "2026-09-21T14:13:20.000Z",
            "expires_at": null, "last_used_at": null,
        })
    );
    assert!(created["id"].as_str().is_some_and(|id| id.starts_with("sec_")), "{created}");

    let new = Source { secret: "whsec_new".to_owned(), ..old.clone() };
    world.advance_secs(3599);
    world.ingest(&new, br#"{"id":"evt_2"}"#).await.ok(200);
    // Noted an hour ago all but a second, so not once more.
    world.ingest(&old, br#"{"id":"evt_3"}"#).await.ok(200);
    let [first, second] = secrets(&world, &path).await.try_into().unwrap();
    assert_eq!((&first["id"], &first["expires_at"]), (&created["id"], &Value::Null));
    assert_eq!(first["last_used_at"], "2026-09-21T15:13:19.000Z");
    assert_eq!(second["expires_at"], "2026-09-21T16:13:20.000Z");
    assert_eq!(second["last_used_at"], "2026-09-21T14:13:20.000Z");
    world.advance_secs(1);
    world.ingest(&old, br#"{"id":"evt_4"}"#).await.ok(200);
    assert_eq!(secrets(&world, &path).await[1]["last_used_at"], "2026-09-21T15:13:20.000Z");

    world.advance_secs(3600);
    world.ingest(&old, br#"{"id":"evt_5"}"#).await.refused(401, "signature_refused");
    world.ingest(&new, br#"{"id":"evt_5"}"#).await.ok(200);
    let source = world.admin().get(&format!("/v1/sources/{}", old.id)).await.ok(200);
    assert_eq!(source["secrets_count"], 2, "one of them has expired and is still shown");
    world.admin().post(&path, json!({"secret": "whsec_newer"})).await.ok(201);
    assert_eq!(secrets(&world, &path).await.len(), 2, "and goes with the next rotation");
}

#[tokio::test]
async fn the_overlap_is_three_days_unless_said_otherwise() {
    let (world, _, _, path) = world().await;
    for (body, expires_at) in [
        (json!({"secret": "a", "overlap_s": null}), Value::Null),
        (json!({"secret": "b"}), json!("2026-09-24T14:13:20.000Z")),
        // What ends sooner goes on to end sooner.
        (json!({"secret": "c", "overlap_s": 2_592_000}), json!("2026-09-24T14:13:20.000Z")),
    ] {
        world.admin().post(&path, body.clone()).await.ok(201);
        let oldest = secrets(&world, &path).await.pop().unwrap();
        assert_eq!(oldest["expires_at"], expires_at, "{body}");
    }
}

#[tokio::test]
async fn secrets_are_deleted_but_for_the_last() {
    let (world, _, old, path) = world().await;
    let [first] = secrets(&world, &path).await.try_into().unwrap();
    let first = format!("{path}/{}", first["id"].as_str().unwrap());
    let admin = world.admin();
    admin.delete(&first).await.refused(409, "last_secret");
    let second = admin.post(&path, json!({"secret": "whsec_new"})).await.created();
    // The first one expires in three days.
    admin.delete(&format!("{path}/{second}")).await.refused(409, "last_secret");
    admin.delete(&first).await.ok(204);
    admin.delete(&first).await.refused(404, "not_found");
    world.ingest(&old, b"{}").await.refused(401, "signature_refused");
    let new = Source { secret: "whsec_new".to_owned(), ..old };
    world.ingest(&new, b"{}").await.ok(200);
}

#[tokio::test]
async fn what_cannot_work_is_refused_by_its_field() {
    let (world, merchant, source, path) = world().await;
    let admin = world.admin();
    for (body, field) in [
        (json!({}), "secret"),
        (json!({"secret": ""}), "secret"),
        (json!({"secret": "hidden "}), "secret"),
        (json!({"secret": 1}), "secret"),
        (json!({"secret": "a", "overlap_s": -1}), "overlap_s"),
        (json!({"secret": "a", "overlap_s": 2_592_001}), "overlap_s"),
        (json!({"secret": "a", "until": "x"}), "until"),
    ] {
        let answer = admin.post(&path, body.clone()).await;
        assert_eq!(answer.status, 422, "{body}");
        assert_eq!(answer.ok(422)["field"], field, "{body}");
    }
    admin.post(&path, json!({"secret": source.secret})).await.refused(409, "secret_known");
    for number in 0..4 {
        admin.post(&path, json!({"secret": format!("s{number}")})).await.ok(201);
    }
    admin.post(&path, json!({"secret": "one too many"})).await.refused(409, "limit_reached");
    let nobody = "/v1/sources/src_00000000000000000000000000000001/secrets";
    admin.get(nobody).await.refused(404, "not_found");
    admin.post(nobody, json!({"secret": "a"})).await.refused(404, "not_found");
    for caller in [&merchant.client, &world.anonymous()] {
        assert!(!caller.get(&path).await.status.is_success());
        assert!(!caller.post(&path, json!({"secret": "a"})).await.status.is_success());
    }
}

/// By what form it lacks, and never by what it is.
#[tokio::test]
async fn a_secret_must_have_the_form_of_its_scheme() {
    let (world, merchant, ..) = world().await;
    for (preset, secret, rule) in [
        ("svix", "whsec_hidden!", "base64"),
        ("adyen", "abcdefabc", "odd number of hexadecimal digits"),
        ("adyen", "hidden", "hexadecimal digits only"),
        ("chargebee", "hidden", "user:password"),
        ("wise", "hidden", "public key in PEM"),
        ("wise", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "private key"),
    ] {
        let body = json!({"merchant_id": merchant.id, "preset": preset, "secrets": [secret]});
        let problem = world.admin().post("/v1/sources", body).await.refused(422, "invalid_field");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(rule), "{preset}: {detail}");
        assert_eq!(problem["field"], "secrets");
    }
}

/// A worker that died before it answered has done its work.
#[tokio::test]
async fn a_rotation_under_an_idempotency_key_happens_once() {
    let (world, _, _, path) = world().await;
    let body = json!({"secret": "whsec_new"});
    let first = world.admin().post_once(&path, body.clone(), "rotate-1").await.ok(201);
    let again = world.admin().post_once(&path, body, "rotate-1").await.ok(201);
    assert_eq!(first, again);
    assert_eq!(secrets(&world, &path).await.len(), 2);
}
