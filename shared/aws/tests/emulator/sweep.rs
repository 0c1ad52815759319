//! A purged queue: every delivery that waits comes back within one sweep, from all shards.

use postback_contract::world::{MERCHANT, endpoint, event, merchant};
use postback_domain::merchant::Merchant;
use postback_engine::ports::catalog::Catalog as _;
use postback_engine::take_in::FirstTries;

use crate::world::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_queue_is_filled_again_by_one_sweep() {
    let backlog = std::env::var("POSTBACK_BACKLOG").map_or(700, |text| text.parse().unwrap());
    let stage = Stage::new().await;
    let engine = std::sync::Arc::new(stage.patient_engine());
    let store = &engine.ports().store;
    store.create_merchant(Merchant { id: MERCHANT, ..merchant(0) }).await.unwrap();
    store.create_endpoint(endpoint(1)).await.unwrap();
    let filling = (0..16).map(|part| {
        let engine = std::sync::Arc::clone(&engine);
        tokio::spawn(async move {
            for number in (part..backlog).step_by(16) {
                let event = event(&format!("evt {number}"));
                while engine.take_in(&event, FirstTries::Queued).await.is_err() {}
            }
        })
    });
    for part in filling.collect::<Vec<_>>() {
        part.await.unwrap();
    }
    engine.ports().queue.take();

    stage.clock.advance_secs(31);
    let began = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let swept = engine.sweep().await;
    println!("{backlog} deliveries swept in {:?}", {
        let ended = std::time::SystemTime::UNIX_EPOCH.elapsed();
        ended.unwrap_or_default().saturating_sub(began.unwrap_or_default())
    });
    assert_eq!((swept.sent, swept.cut_short, swept.shards_failed), (backlog, false, 0));
    assert_eq!(swept.oldest_overdue.unwrap().as_secs(), 31);
    let mut ids: Vec<_> =
        engine.ports().queue.take().iter().map(|sent| sent.message.delivery).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), backlog);
    assert_eq!(engine.sweep().await.sent, 0);
}
