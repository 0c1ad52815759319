//! What happened, as the API reads it.

use std::collections::HashSet;

use postback_domain::delivery::State;
use postback_domain::delivery::verdict::Outcome;
use postback_domain::event::{EventType, Plan};
use postback_domain::ids::{MerchantId, SourceId};
use postback_domain::merchant::Merchant;
use postback_engine::ports::history::{Cursor, DeliveryFilter, EventFilter, PageRequest};

use crate::WholeStore;
use crate::world::*;

const OTHER: MerchantId = MerchantId::from_bits(0xb);

/// One event in each state for [`MERCHANT`], one PENDING for another merchant.
async fn setup(store: &impl WholeStore) {
    for id in [MERCHANT, OTHER] {
        store.create_merchant(Merchant { id, ..merchant(0) }, act()).await.unwrap();
    }
    let done = admit(store, &event_with(MERCHANT, "done", "charge.refunded", b"1"), &[1]).await;
    for (claim, _) in done.claims {
        store.settle(end_with(claim, Outcome::Accepted, NOW), None).await.unwrap();
    }
    let failed = admit(store, &event_with(MERCHANT, "failed", "charge.failed", b"2"), &[2]).await;
    for (claim, _) in failed.claims {
        store.settle(give_up(claim, NOW), receipt("m-1", NOW)).await.unwrap();
    }
    admit(store, &event_with(MERCHANT, "pending", "payout.paid", b"3"), &[1]).await;
    admit(store, &event_with(MERCHANT, "unwanted", "payout.paid", b"4"), &[]).await;
    admit(store, &event_with(OTHER, "other", "payout.paid", b"5"), &[9]).await;
}

/// Every field narrows, and all together.
pub async fn deliveries_are_filtered(store: impl WholeStore) {
    setup(&store).await;
    let mine = DeliveryFilter { merchant: Some(MERCHANT), ..DeliveryFilter::default() };
    let of_type = |text: &str| Some(EventType::new(text));
    for (why, filter, count) in [
        ("all merchants", DeliveryFilter::default(), 5),
        ("one merchant", mine.clone(), 4),
        ("success", DeliveryFilter { state: Some(State::Success), ..mine.clone() }, 1),
        ("failed", DeliveryFilter { state: Some(State::Failed), ..mine.clone() }, 1),
        ("pending", DeliveryFilter { state: Some(State::Pending), ..mine.clone() }, 1),
        ("not apply", DeliveryFilter { state: Some(State::NotApply), ..mine.clone() }, 1),
        ("failed anywhere", DeliveryFilter { state: Some(State::Failed), ..Default::default() }, 1),
        ("endpoint", DeliveryFilter { endpoint: Some(end(1)), ..mine.clone() }, 2),
        ("another's endpoint", DeliveryFilter { endpoint: Some(end(9)), ..mine.clone() }, 0),
        ("type", DeliveryFilter { event_type: of_type("payout.paid"), ..mine.clone() }, 2),
        ("since now", DeliveryFilter { since: Some(NOW), ..mine.clone() }, 4),
        ("since later", DeliveryFilter { since: Some(at(1)), ..mine.clone() }, 0),
        ("until now", DeliveryFilter { until: Some(NOW), ..mine.clone() }, 0),
        ("until later", DeliveryFilter { until: Some(at(1)), ..mine }, 4),
    ] {
        let page = store.list_deliveries(filter, first(10)).await.unwrap();
        assert_eq!((page.rows.len(), page.next), (count, None), "{why}");
    }
}

/// Every field narrows.
pub async fn events_are_filtered(store: impl WholeStore) {
    setup(&store).await;
    let mine = EventFilter { merchant: Some(MERCHANT), ..EventFilter::default() };
    let of_type = |text: &str| Some(EventType::new(text));
    let nowhere = Some(SourceId::from_bits(404));
    for (why, filter, count) in [
        ("all merchants", EventFilter::default(), 5),
        ("one merchant", mine.clone(), 4),
        ("source", EventFilter { source: Some(SOURCE), ..mine.clone() }, 4),
        ("another source", EventFilter { source: nowhere, ..mine.clone() }, 0),
        ("type", EventFilter { event_type: of_type("payout.paid"), ..mine.clone() }, 2),
        ("since later", EventFilter { since: Some(at(1)), ..mine.clone() }, 0),
        ("until later", EventFilter { until: Some(at(1)), ..mine }, 4),
    ] {
        let page = store.list_events(filter, first(10)).await.unwrap();
        assert_eq!((page.rows.len(), page.next), (count, None), "{why}");
    }
}

/// All of them, and nobody else's.
pub async fn an_event_shows_its_deliveries(store: impl WholeStore) {
    let wanted = event("wanted");
    admit(&store, &wanted, &[1, 2, 3]).await;
    admit(&store, &event("another"), &[1]).await;
    let (summary, kept) = store.read_event(wanted.id).await.unwrap().unwrap();
    assert_eq!(kept, wanted);
    assert_eq!(summary.size_bytes, wanted.body.len() as u64);
    assert_eq!(summary.provider_event_id, wanted.provider_event_id);
    let endpoints: HashSet<_> = summary.deliveries.iter().map(|row| row.endpoint_id).collect();
    assert_eq!(endpoints, [1, 2, 3].map(|number| Some(end(number))).into());
    let mine = EventFilter { merchant: Some(MERCHANT), ..EventFilter::default() };
    let listed = store.list_events(mine, first(10)).await.unwrap();
    assert_eq!(listed.rows.iter().map(|row| row.deliveries.len()).sum::<usize>(), 4);
}

/// A list that is read while it grows shows what was there once and in order.
pub async fn pages_meet_every_row_once_while_rows_are_added(store: impl WholeStore) {
    let admit = async |name: String, second| {
        let plan = Plan(vec![end(1)]);
        store.admit(event(&name), plan, Some(LEASE), at(second)).await.unwrap();
    };
    for number in 0..7 {
        admit(format!("before {number}"), number).await;
    }
    let (mut request, mut seen) = (first(3), Vec::new());
    for round in 0.. {
        let filter = DeliveryFilter { merchant: Some(MERCHANT), ..DeliveryFilter::default() };
        let page = store.list_deliveries(filter, request).await.unwrap();
        seen.extend(page.rows.iter().map(|delivery| delivery.event_id));
        admit(format!("meanwhile {round}"), 100 + round).await;
        match page.next {
            None => break,
            cursor => request = PageRequest { limit: 3, cursor },
        }
    }
    let expected = (0..7).rev().map(|number| event(&format!("before {number}")).id);
    assert_eq!(seen, expected.collect::<Vec<_>>());
}

/// A cursor is the caller's input, and no reason to fail.
pub async fn unreadable_cursors_are_an_empty_page(store: impl WholeStore) {
    setup(&store).await;
    for text in ["", "x", "-1", "' OR 1=1 --", "99999999999999999999"] {
        let request = PageRequest { limit: 3, cursor: Some(Cursor(text.to_owned())) };
        let page = store.list_deliveries(DeliveryFilter::default(), request).await.unwrap();
        assert_eq!((page.rows.len(), page.next), (0, None), "{text:?}");
    }
}
