//! A merchant that administers itself: keys of the scope `admin`, portal tokens, and the audit of
//! what was done.

use postback_acceptance::api::{Caller, text};
use postback_acceptance::receiver::Receiver;
use postback_acceptance::stack::Stack;
use serde_json::{Value, json};

/// A key of a merchant that administers it.
fn steward(stack: &Stack, merchant: &str) -> Caller {
    let keys = format!("/v1/merchants/{merchant}/keys");
    let key = json!({"name": "administrator", "scopes": ["admin"]});
    let key = stack.admin().post(&keys, &key).expect(201).json();
    stack.caller(Some(&text(&key, "key")))
}

#[test]
fn a_portal_token_opens_one_merchant_until_it_is_revoked() {
    let stack = Stack::up();
    let (own, other) = (stack.merchant(), stack.merchant());
    let receiver = Receiver::accepting();
    let endpoint = own.endpoint(&receiver, json!({}));
    let theirs = other.endpoint(&receiver, json!({}));
    let steward = steward(&stack, &own.id);
    let tokens = format!("/v1/merchants/{}/portal-tokens", own.id);
    let token = steward.post(&tokens, &json!({"ttl_s": 600})).expect(201).json();
    let visitor = stack.caller(Some(&text(&token, "token")));
    let path = format!("/v1/endpoints/{}", endpoint.id);
    visitor.get(&path).expect(200);
    visitor.patch(&path, &json!({"description": "seen in the portal"})).expect(200);
    assert_eq!(visitor.get(&format!("/v1/endpoints/{}", theirs.id)).problem(404), "not_found");
    assert_eq!(visitor.post(&tokens, &json!({})).problem(403), "scope_missing");
    assert_eq!(visitor.get("/v1/audit").problem(403), "scope_missing");

    let one = format!("{tokens}/{}", text(&token, "id"));
    assert_eq!(other.api.delete(&one).problem(403), "scope_missing");
    steward.delete(&one).expect(204);
    assert_eq!(visitor.get(&path).problem(401), "unauthenticated");

    let change = steward.list("/v1/audit").into_iter().find(|record| {
        record["action"] == "endpoint.updated" && record["object_id"] == json!(endpoint.id)
    });
    let change = change.expect("the change is recorded");
    assert_eq!(change["actor"], json!({"kind": "portal", "id": token["id"]}));
    assert_eq!(change["before"]["description"], Value::Null);
    assert_eq!(change["after"]["description"], "seen in the portal");
    assert!(change["from"]["ip"].is_string(), "{change}");
}

/// Newest first, of one merchant, a page at a time, and nothing twice.
#[test]
fn what_is_done_is_on_record() {
    let stack = Stack::up();
    let (own, other) = (stack.merchant(), stack.merchant());
    let receiver = Receiver::accepting();
    let endpoint = own.endpoint(&receiver, json!({}));
    other.endpoint(&receiver, json!({}));
    let path = format!("/v1/endpoints/{}", endpoint.id);
    for number in 0..4 {
        own.api.patch(&path, &json!({"description": format!("change {number}")})).expect(200);
    }
    assert_eq!(own.api.patch(&path, &json!({"url": "nowhere"})).problem(422), "invalid_field");
    own.api.delete(&path).expect(204);

    let audit = format!("/v1/audit?object_id={}", endpoint.id);
    let records = stack.admin().list(&audit);
    let actions: Vec<_> = records.iter().map(|record| text(record, "action")).collect();
    let updated = "endpoint.updated";
    let expected = ["endpoint.deleted", updated, updated, updated, updated, "endpoint.created"];
    assert_eq!(actions, expected);
    for pair in records.windows(2).filter(|pair| !pair[0]["before"].is_null()) {
        assert_eq!(pair[0]["before"], pair[1]["after"], "each goes on where the last ended");
    }

    let steward = steward(&stack, &own.id);
    let all = steward.list("/v1/audit");
    assert!(all.iter().all(|record| record["merchant_id"] == json!(own.id)), "{all:?}");
    assert_eq!(steward.list_in_pages_of(2, "/v1/audit", || {}), all);
    let others = format!("/v1/audit?merchant_id={}", other.id);
    assert_eq!(steward.get(&others).problem(404), "not_found");
}
