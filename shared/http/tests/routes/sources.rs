//! `/v1/sources`, `/v1/presets`

use serde_json::{Value, json};

use crate::world::{BASE_URL, World};

#[tokio::test]
async fn created_read_listed_changed_and_deleted() {
    let world = World::new();
    let (admin, merchant) = (world.admin(), world.merchant("Shop").await);
    let other = world.merchant("Other").await;
    let body = json!({
        "merchant_id": merchant.id, "preset": "stripe", "name": "Stripe EU",
        "secrets": ["whsec_one", "whsec_two"], "tolerance_s": 600,
    });
    let created = admin.post("/v1/sources", body).await.ok(201);
    let id = created["id"].as_str().unwrap();
    assert!(id.starts_with("src_"));
    assert_eq!(
        created,
        json!({
            "id": id,
            "merchant_id": merchant.id,
            "merchant_from": null,
            "name": "Stripe EU",
            "preset": "stripe",
            "secrets_count": 2,
            "config": {},
            "tolerance_s": 600,
            "ingest_url": format!("{BASE_URL}/in/{id}"),
            "created_at": "2026-09-21T14:13:20.000Z",
        })
    );
    let path = format!("/v1/sources/{id}");
    assert_eq!(admin.get(&path).await.ok(200), created);
    let listed = |merchant: &str| format!("/v1/sources?merchant_id={merchant}");
    assert_eq!(admin.get("/v1/sources").await.ok(200)["data"], json!([created]));
    assert_eq!(admin.get(&listed(&merchant.id)).await.ok(200)["data"], json!([created]));
    assert_eq!(admin.get(&listed(&other.id)).await.ok(200)["data"], json!([]));

    let patched = admin.patch(&path, json!({"tolerance_s": null, "secrets": ["x"]})).await.ok(200);
    assert_eq!(patched.get("tolerance_s"), Some(&Value::Null));
    assert_eq!((&patched["secrets_count"], &patched["name"]), (&json!(1), &json!("Stripe EU")));
    assert_eq!(admin.get(&path).await.ok(200), patched);

    admin.delete(&path).await.ok(204);
    admin.get(&path).await.refused(404, "not_found");
    admin.patch(&path, json!({"name": "x"})).await.refused(404, "not_found");
    admin.delete(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_scheme_of_ones_own_is_shown_as_it_was_given() {
    let world = World::new();
    let (admin, merchant) = (world.admin(), world.merchant("Shop").await);
    let scheme = json!({
        "kind": "hmac", "hash": "sha256", "sig": [{"from": "header:X-Sign", "enc": "hex"}],
        "msg": "{config:url}{body}", "config": ["url"], "id": ["json:/id"],
    });
    let body = json!({
        "merchant_id": merchant.id, "scheme": scheme, "secrets": ["s"], "config": {"url": "u"},
    });
    let created = admin.post("/v1/sources", body).await.ok(201);
    assert_eq!((&created["scheme"], &created["config"]), (&scheme, &json!({"url": "u"})));
    assert!(created.get("preset").is_none() && created.get("tolerance_s").is_none());
}

#[tokio::test]
async fn what_could_never_verify_is_refused() {
    let world = World::new();
    let (admin, merchant) = (world.admin(), world.merchant("Shop").await);
    let nobody = "mch_00000000000000000000000000000001";
    for (changes, status, code) in [
        (json!({"merchant_id": nobody}), 404, "not_found"),
        (json!({"merchant_id": "shop"}), 422, "invalid_field"),
        (json!({"preset": "strype"}), 422, "unknown_preset"),
        (json!({"secrets": []}), 422, "invalid_field"),
        (json!({"config": {"url": "u"}}), 422, "invalid_field"),
        (json!({"scheme": {"kind": "hmac"}}), 422, "invalid_field"),
    ] {
        let mut body = json!({"merchant_id": merchant.id, "preset": "stripe", "secrets": ["s"]});
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        admin.post("/v1/sources", body).await.refused(status, code);
    }
}

/// By the very field of the record.
#[tokio::test]
async fn a_bad_scheme_is_told_by_its_field() {
    let world = World::new();
    let (admin, merchant) = (world.admin(), world.merchant("Shop").await);
    let good = json!({
        "kind": "hmac", "hash": "sha256", "msg": "{body}",
        "sig": [{"from": "header:X-Sign", "enc": "hex"}],
    });
    for (pointer, value, field) in [
        ("/hash", json!("sha3"), "scheme.hash"),
        ("/msg", json!("{cookie:a}"), "scheme.msg"),
        ("/sig/0/from", json!("json:id"), "scheme.sig[0].from"),
        ("/sig/0/enc", json!("base32"), "scheme.sig[0].enc"),
    ] {
        let mut scheme = good.clone();
        *scheme.pointer_mut(pointer).unwrap() = value;
        let body = json!({"merchant_id": merchant.id, "scheme": scheme, "secrets": ["s"]});
        let problem = admin.post("/v1/sources", body).await.refused(422, "invalid_field");
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{problem}");
    }
    let body = json!({"merchant_id": merchant.id, "scheme": "hmac", "secrets": ["s"]});
    let problem = admin.post("/v1/sources", body).await.refused(422, "invalid_field");
    assert_eq!(problem["field"], "scheme");
}

#[tokio::test]
async fn presets_say_what_a_source_needs_and_what_it_is_worth() {
    let world = World::new();
    let presets = world.admin().get("/v1/presets").await.ok(200);
    let presets = presets["data"].as_array().unwrap();
    assert_eq!(presets.len(), 68);
    let of = |name: &str| presets.iter().find(|preset| preset["name"] == name).unwrap();
    let stripe = of("stripe");
    assert_eq!((&stripe["title"], &stripe["config"]), (&json!("Stripe"), &json!([])));
    assert!(stripe["event_types"].as_array().is_some_and(|types| !types.is_empty()));
    let flags = |name: &str| {
        ["covers_body", "replay_protection", "batch", "public_key"]
            .map(|flag| of(name)[flag].as_bool().unwrap())
    };
    assert_eq!(flags("stripe"), [true, true, false, false]);
    assert_eq!(flags("mercadopago"), [false, false, false, false]);
    assert_eq!(flags("adyen"), [false, false, true, false]);
    assert_eq!(flags("gocardless"), [true, false, true, false]);
    assert_eq!(flags("wise"), [true, false, false, true]);
    assert_eq!(of("square")["config"], json!(["url"]));
    for preset in presets {
        let text = |name: &str| preset[name].as_str().is_some_and(|text| !text.is_empty());
        assert!(text("docs") && text("confidence") && text("expects"), "{preset}");
        let caveats = preset["caveats"].as_array().unwrap();
        assert!(preset["covers_body"] == true || !caveats.is_empty(), "{preset}");
    }
}
