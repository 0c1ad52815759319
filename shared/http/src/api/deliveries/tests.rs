use super::*;
use postback_domain::delivery::Lease;
use serde_json::{Value, json};

fn shown(progress: Progress) -> Value {
    let delivery = Delivery {
        id: DeliveryId::from_bits(1),
        event_id: EventId::from_bits(2),
        merchant_id: MerchantId::from_bits(3),
        endpoint_id: Some(EndpointId::from_bits(4)),
        event_type: EventType::new("charge.refunded"),
        created_at: Timestamp::from_millis(0),
        round: 1,
        tries: 2,
        progress,
    };
    serde_json::to_value(DeliveryView::of(&delivery)).unwrap()
}

#[test]
fn each_state_shows_what_only_it_has() {
    let at = Timestamp::from_millis(5_000);
    let (lease, due_at) = (Some(Lease { until: at }), at);
    let when = json!("1970-01-01T00:00:05.000Z");
    let null = Value::Null;
    let pending = |lease, fetched_until: Option<Timestamp>| Progress::Pending {
        due_at,
        lease,
        waits_for: fetched_until.map_or(WaitsFor::Try, WaitsFor::Fetch),
    };
    let failed = Progress::Failed { at, reason: FailedReason::TriesUsed, ended_by: None };
    for (progress, state, next, finished, via, reason) in [
        (pending(None, None), "PENDING", &when, &null, &null, &null),
        (pending(lease, None), "PENDING", &null, &null, &null, &null),
        (pending(None, Some(due_at)), "PENDING", &null, &null, &null, &null),
        (Progress::Success { at, via: Via::Push }, "SUCCESS", &null, &when, &json!("push"), &null),
        (failed, "FAILED", &null, &when, &null, &json!("tries_used")),
        (Progress::NotApply { at, addressee: None }, "NOT_APPLY", &null, &when, &null, &null),
    ] {
        let view = shown(progress.clone());
        let got = [
            &view["state"],
            &view["next_attempt_at"],
            &view["finished_at"],
            &view["via"],
            &view["failed_reason"],
        ];
        assert_eq!(got, [&json!(state), next, finished, via, reason], "{progress:?}");
        assert_eq!((&view["attempts"], &view["round"]), (&json!(2), &json!(1)), "{progress:?}");
        assert!(view.get("attempt_log").is_none(), "{progress:?}");
    }
}

#[test]
fn it_is_said_why_nobody_wanted_it() {
    let at = Timestamp::from_millis(0);
    for (addressee, reason) in [(None, "no_endpoint"), (Some("acct_1"), "merchant_unknown")] {
        let label = addressee.map(|text| Label::parse(text).unwrap());
        let shown = shown(Progress::NotApply { at, addressee: label });
        assert_eq!(shown["not_apply_reason"], reason);
        assert_eq!(shown["addressee"], json!(addressee));
    }
}
