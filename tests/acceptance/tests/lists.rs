//! How the API lists: pages, order and filters.

use std::collections::HashSet;

use postback_acceptance::api::text;
use postback_acceptance::receiver::{Receiver, Reply};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook::is_utc_time;
use serde_json::{Value, json};

#[test]
fn pages_show_every_row_once() {
    const ROWS: usize = 23;
    let stack = Stack::up();
    let merchant = stack.merchant();
    let receiver = Receiver::always(Reply::status(500));
    let settings = json!({"retry_policy": {"waits_s": []}});
    let endpoint = merchant.endpoint(&receiver, settings.clone());
    let source = merchant.source(Provider::Stripe);
    for number in 0..ROWS {
        source.deliver(&format!("evt_{number}"), "charge.refunded");
    }
    for number in 0..ROWS {
        merchant.wait_for(&format!("evt_{number}"), &endpoint, "FAILED");
        if number > 0 {
            merchant.endpoint_at("https://shop.example/", json!({"event_types": ["never"]}));
            merchant.source(Provider::Stripe);
        }
    }
    let admin = stack.admin();
    let of = format!("?merchant_id={}", merchant.id);
    let keys = format!("/v1/merchants/{}/keys", merchant.id);
    for _ in 1..ROWS {
        admin.post(&keys, &json!({"name": "more"})).ok();
    }
    let lists = [
        (&merchant.api, "/v1/events".to_owned()),
        (&merchant.api, "/v1/deliveries".to_owned()),
        (&merchant.api, "/v1/deliveries?state=FAILED".to_owned()),
        (&merchant.api, "/v1/endpoints".to_owned()),
        (&admin, format!("/v1/sources{of}")),
        (&admin, format!("/v1/dead-letters{of}")),
        (&admin, keys),
    ];
    for (caller, path) in &lists {
        let ids = |rows: &[Value]| rows.iter().map(|row| text(row, "id")).collect::<Vec<_>>();
        let whole = ids(&caller.list(path));
        assert_eq!(whole.len(), ROWS, "{path}");
        for limit in [1, 7, ROWS - 1, ROWS, ROWS + 1] {
            let paged = ids(&caller.list_in_pages_of(limit, path, || {}));
            assert_eq!(paged, whole, "{path} in pages of {limit}");
        }
    }
    // Newest first, and what comes in between does not shift the pages.
    let mut late = 0;
    let whole = merchant.api.list("/v1/events");
    let first = text(&whole[0], "provider_event_id");
    assert_eq!(first, format!("evt_{}", ROWS - 1));
    let rows = merchant.api.list_in_pages_of(5, "/v1/events", || {
        source.deliver(&format!("evt_late_{late}"), "charge.refunded");
        late += 1;
    });
    let seen: HashSet<String> = rows.iter().map(|row| text(row, "id")).collect();
    for row in &whole {
        assert!(seen.contains(&text(row, "id")), "{row} was skipped");
    }
}

#[test]
fn lists_are_narrowed_by_what_is_asked() {
    let stack = Stack::up();
    let merchant = stack.merchant();
    let (good, bad) = (Receiver::accepting(), Receiver::always(Reply::status(500)));
    let good = (merchant.endpoint(&good, json!({})), good);
    let settings = json!({"event_types": ["charge.*"], "retry_policy": {"waits_s": []}});
    let bad = (merchant.endpoint(&bad, settings), bad);
    let source = merchant.source(Provider::Stripe);
    source.deliver("evt_1", "charge.refunded");
    merchant.wait_for("evt_1", &bad.0, "FAILED");
    merchant.wait_for("evt_1", &good.0, "SUCCESS");
    source.deliver("evt_2", "payout.paid");
    let second = merchant.wait_for("evt_2", &good.0, "SUCCESS");
    let created_at = text(&second, "created_at");
    assert!(is_utc_time(&created_at));
    for (query, count) in [
        (String::new(), 3),
        ("?state=SUCCESS".to_owned(), 2),
        ("?state=FAILED".to_owned(), 1),
        ("?state=PENDING".to_owned(), 0),
        ("?state=NOT_APPLY".to_owned(), 0),
        (format!("?endpoint_id={}", good.0.id), 2),
        (format!("?endpoint_id={}&state=FAILED", good.0.id), 0),
        ("?event_type=charge.refunded".to_owned(), 2),
        ("?event_type=charge".to_owned(), 0),
        (format!("?since={created_at}"), 1),
        (format!("?until={created_at}"), 2),
        ("?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z".to_owned(), 0),
    ] {
        let rows = merchant.api.list(&format!("/v1/deliveries{query}"));
        assert_eq!(rows.len(), count, "{query}: {rows:#?}");
    }
}
