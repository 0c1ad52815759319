//! A table that tells every call to come later, once: slower, and otherwise as always.

use std::sync::atomic::Ordering;

use postback_contract::world::{MERCHANT, act, endpoint, event, merchant, source};
use postback_domain::delivery::State;
use postback_domain::merchant::Merchant;
use postback_engine::ports::catalog::Catalog as _;
use postback_engine::ports::history::{DeliveryFilter, History as _, PageRequest};
use postback_engine::take_in::FirstTries;

use crate::world::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttling_table_changes_nothing_but_the_time_it_takes() {
    let stage = Stage::new().await;
    stage.wire.throttle_what_is_new();
    let engine = stage.patient_engine();
    let store = &engine.ports().store;
    store.create_merchant(Merchant { id: MERCHANT, ..merchant(0) }, act()).await.unwrap();
    store.create_source(source(5), act()).await.unwrap();
    store.create_endpoint(endpoint(1), act()).await.unwrap();
    store.create_endpoint(endpoint(2), act()).await.unwrap();

    // One is taken at once, one fails first, one is left to the sweep.
    engine.ports().sender.failures_left.store(1, Ordering::SeqCst);
    let first = event("first");
    let taken = engine.take_in(&first, FirstTries::Mine).await.unwrap();
    assert_eq!(taken.claims.len(), 2);
    for (claim, endpoint) in taken.claims {
        engine.attempt(&first, claim, endpoint, None).await.unwrap();
    }
    engine.take_in(&event("second"), FirstTries::Queued).await.unwrap();
    engine.ports().queue.take();
    stage.clock.advance_secs(60);
    let swept = engine.sweep().await;
    assert_eq!((swept.sent, swept.shards_failed), (3, 0));
    for scheduled in engine.ports().queue.take() {
        engine.deliver(scheduled.message, None).await.unwrap();
    }

    let filter = DeliveryFilter { merchant: Some(MERCHANT), ..DeliveryFilter::default() };
    let page = PageRequest { limit: 10, cursor: None };
    let listed = store.list_deliveries(filter, page).await.unwrap();
    let mut states: Vec<_> = listed.rows.iter().map(|row| (row.state(), row.tries)).collect();
    states.sort_by_key(|(_, tries)| *tries);
    let success = State::Success;
    assert_eq!(states, [(success, 1), (success, 1), (success, 1), (success, 2)]);
    assert_eq!(engine.ports().sender.requests.load(Ordering::SeqCst), 5);
    assert!(stage.wire.throttled() >= 15, "{} were throttled", stage.wire.throttled());
}
