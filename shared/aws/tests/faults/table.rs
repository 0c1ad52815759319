//! The table in trouble: what passes is waited out, by the SDK or by us, and what does not is told
//! at once.

use std::sync::Arc;
use std::time::Duration;

use postback_aws::DynamoStore;
use postback_aws::clients::Patience;
use postback_contract::world::{MERCHANT, NOW, end};
use postback_domain::delivery::{Claim, Lease, Next, Settlement};
use postback_domain::ids::DeliveryId;
use postback_engine::ports::Configuration as _;
use postback_engine::ports::Deliveries as _;
use postback_engine::ports::clock::SystemClock;
use postback_engine::ports::store::Settled;
use serde_json::json;

use crate::connector::{Reply, Script};
use crate::{clients, timed};

fn store(script: &Script) -> DynamoStore {
    let client = clients(script, Patience::BEHIND).dynamodb();
    DynamoStore::new(client, "table", Duration::from_secs(86_400), Arc::new(SystemClock))
}

/// An attempt that was accepted.
fn success() -> Settlement {
    let lease = Lease { until: NOW.plus(Duration::from_secs(60)) };
    let parked = Claim::won(DeliveryId::from_bits(7), 1, 0, lease).park(NOW);
    Settlement { tries: 1, next: Next::Success { at: NOW }, ..parked }
}

/// The receiver has said 200, and must not be called again because somebody between us and the
/// table had a bad moment.
#[tokio::test(start_paused = true)]
async fn an_outcome_is_recorded_through_any_passing_trouble() {
    for trouble in [
        Reply::Answer(503, "<html>busy</html>".to_owned()),
        Reply::Answer(502, String::new()),
        Reply::refused(500, "InternalFailure", ""),
        Reply::refused(500, "InternalServerError", ""),
        Reply::refused(400, "ThrottlingException", ""),
        Reply::refused(400, "ProvisionedThroughputExceededException", ""),
        Reply::refused(400, "TransactionConflictException", ""),
        Reply::Answer(200, "half an ans".to_owned()),
        Reply::Broken,
        Reply::Never,
    ] {
        let script = Script::new([trouble.clone(), trouble.clone(), Reply::ok(&json!({}))]);
        let settled = store(&script).settle(success(), None).await;
        assert_eq!(settled.unwrap(), Settled::Recorded, "{trouble:?}");
        assert_eq!(script.count(), 3, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_told_at_once() {
    for code in ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"] {
        let script = Script::new([Reply::refused(400, code, "")]);
        store(&script).settle(success(), None).await.unwrap_err();
        assert_eq!(script.count(), 1, "{code}");
    }
}

/// Part of a batch that is throttled comes back as left over, in an answer of 200 that the SDK is
/// content with.
#[tokio::test(start_paused = true)]
async fn what_a_batch_leaves_over_is_asked_for_again_after_a_pause() {
    let entry = json!({"sk": {"S": format!("0#{}", end(1))}});
    let listed = Reply::ok(&json!({"Items": [entry], "Count": 1}));
    let key = json!({"pk": {"S": end(1).to_string()}, "sk": {"S": "it"}});
    let left = json!({"table": {"Keys": [key]}});
    let left = Reply::ok(&json!({"Responses": {}, "UnprocessedKeys": left}));
    let done = Reply::ok(&json!({"Responses": {}, "UnprocessedKeys": {}}));
    let script = Script::new([listed, left.clone(), left.clone(), left, done]);

    let (endpoints, took) = timed(store(&script).endpoints_of(MERCHANT)).await;

    assert!(endpoints.unwrap().is_empty(), "deleted meanwhile");
    assert_eq!(script.count(), 5);
    assert_eq!(took, Duration::from_millis(50 + 100 + 200));
}
