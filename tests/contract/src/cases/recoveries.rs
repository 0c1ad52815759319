//! Orders to be sent again what was missed, and nobody's event that becomes somebody's.

use std::sync::Arc;

use postback_domain::delivery::{Delivery, Progress, State, WaitsFor};
use postback_domain::event::Event;
use postback_domain::ids::{DeliveryId, MerchantId, RecoveryId};
use postback_domain::recovery::{Counts, Place, Recovery, Standing};
use postback_domain::time::Timestamp;
use postback_engine::ports::catalog::CatalogError;
use postback_engine::ports::history::{DeliveryFilter, PageRequest};
use postback_engine::ports::store::Admission;

use crate::WholeStore;
use crate::world::*;

const OTHER: MerchantId = MerchantId::from_bits(0xb);

pub(super) fn order(number: u128) -> Recovery {
    Recovery {
        id: RecoveryId::from_bits(number),
        merchant_id: MERCHANT,
        endpoint_id: end(1),
        since: NOW,
        until: at(60),
        places: vec![Place::State(State::Failed), Place::Addressed(label("acct_1"))],
        per_second: 50,
        created_at: at(60),
        standing: Standing::Running { place: 0, cursor: None, next_due_at: at(60) },
        counts: Counts::default(),
    }
}

/// A row that says that nobody wanted an event.
async fn nobodys(store: &impl WholeStore, event: &Arc<Event>) -> Delivery {
    store
        .admit(Arc::clone(event), postback_domain::event::Plan(Vec::new()), None, NOW)
        .await
        .unwrap();
    store.read_delivery(DeliveryId::derive(event.id, None)).await.unwrap().unwrap().delivery
}

/// For a merchant that the platform calls so, and that is not here.
fn for_somebody(name: &str, addressee: &str) -> Arc<Event> {
    Arc::new(Event { addressee: Some(label(addressee)), ..(*event(name)).clone() })
}

async fn addressed(
    store: &impl WholeStore,
    addressee: &str,
    since: Timestamp,
    until: Timestamp,
) -> Vec<Delivery> {
    let page = PageRequest { limit: 10, cursor: None };
    store.addressed_to(label(addressee), since, until, page).await.unwrap().rows
}

/// Kept with all it says, once.
pub async fn an_order_is_kept(store: impl WholeStore) {
    store.create_recovery(order(1), act()).await.unwrap();
    let again = store.create_recovery(order(1), act()).await.unwrap_err();
    assert!(matches!(again, CatalogError::IdTaken), "{again}");
    let id = RecoveryId::from_bits(1);
    assert_eq!(store.read_recovery(id).await.unwrap(), Some(order(1)));
    assert_eq!(store.read_recovery(RecoveryId::from_bits(404)).await.unwrap(), None);
    assert_eq!(store.running_recoveries(10).await.unwrap(), [id]);
}

/// Of many who would go on with it one does, until he lets it go or his time is over.
pub async fn one_at_a_time_goes_on(store: impl WholeStore) {
    let id = RecoveryId::from_bits(1);
    store.create_recovery(order(1), act()).await.unwrap();
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.hold_recovery(id, at(61), at(90)).await.unwrap() })
        })
        .collect();
    let mut held = Vec::new();
    for task in tasks {
        held.extend(task.await.unwrap());
    }
    assert_eq!(held, [order(1)]);
    assert_eq!(store.hold_recovery(id, at(89), at(120)).await.unwrap(), None);

    let mut further = order(1);
    further.counts.looked_at = 7;
    further.advance(Some("cursor".to_owned()), at(62));
    assert!(store.keep_recovery(further.clone(), at(90), Some(at(95))).await.unwrap());
    assert!(!store.keep_recovery(order(1), at(90), None).await.unwrap(), "another hold by now");
    assert_eq!(store.read_recovery(id).await.unwrap(), Some(further.clone()));
    assert_eq!(store.hold_recovery(id, at(94), at(120)).await.unwrap(), None);
    assert!(store.keep_recovery(further.clone(), at(95), None).await.unwrap());
    assert_eq!(store.hold_recovery(id, at(63), at(120)).await.unwrap(), Some(further.clone()));
    // He died over it.
    assert_eq!(store.hold_recovery(id, at(120), at(150)).await.unwrap(), Some(further));
}

/// It is nobody's work any more, and can be read.
pub async fn an_order_ends(store: impl WholeStore) {
    let id = RecoveryId::from_bits(1);
    store.create_recovery(order(1), act()).await.unwrap();
    store.hold_recovery(id, at(61), at(90)).await.unwrap().unwrap();
    let done = Recovery { standing: Standing::Done { at: at(62) }, ..order(1) };
    assert!(store.keep_recovery(done.clone(), at(90), None).await.unwrap());
    assert_eq!(store.running_recoveries(10).await.unwrap(), []);
    assert_eq!(store.hold_recovery(id, at(91), at(120)).await.unwrap(), None);
    assert_eq!(store.read_recovery(id).await.unwrap(), Some(done.clone()));
    assert_eq!(store.cancel_recovery(id, at(99), act()).await.unwrap(), Some(done), "too late");
}

/// At any time; whoever is at it finds out.
pub async fn an_order_is_cancelled(store: impl WholeStore) {
    let id = RecoveryId::from_bits(1);
    assert_eq!(store.cancel_recovery(id, NOW, act()).await.unwrap(), None);
    store.create_recovery(order(1), act()).await.unwrap();
    store.hold_recovery(id, at(61), at(90)).await.unwrap().unwrap();
    let cancelled = Recovery { standing: Standing::Cancelled { at: at(62) }, ..order(1) };
    assert_eq!(store.cancel_recovery(id, at(62), act()).await.unwrap(), Some(cancelled.clone()));
    assert!(!store.keep_recovery(order(1), at(90), Some(at(99))).await.unwrap());
    assert_eq!(store.read_recovery(id).await.unwrap(), Some(cancelled));
    assert_eq!(store.running_recoveries(10).await.unwrap(), []);
}

/// The delivery is in its place, once, and where people look for it.
pub async fn nobodys_event_becomes_somebodys(store: impl WholeStore) {
    let event = event("a");
    let row = nobodys(&store, &event).await;
    let owed = store.owe(row.clone(), MERCHANT, end(1), at(5)).await.unwrap().unwrap();
    assert_eq!(owed.delivery, DeliveryId::derive(event.id, Some(end(1))));
    assert_eq!(store.owe(row.clone(), MERCHANT, end(1), at(6)).await.unwrap(), None, "once");
    let delivery = store.read_delivery(owed.delivery).await.unwrap().unwrap().delivery;
    let due = Progress::Pending { due_at: at(5), lease: None, waits_for: WaitsFor::Try };
    assert_eq!((delivery.progress, delivery.created_at), (due, row.created_at));
    assert_eq!(store.read_delivery(row.id).await.unwrap(), None);
    let (summary, _) = store.read_event(event.id).await.unwrap().unwrap();
    let ids: Vec<_> = summary.deliveries.iter().map(|delivery| delivery.id).collect();
    assert_eq!(ids, [owed.delivery]);
    claimed(&store, owed, at(5)).await;

    // A provider's repeat opens nothing besides.
    let repeat = store.admit(event, postback_domain::event::Plan(Vec::new()), None, at(7)).await;
    let repeat = repeat.unwrap();
    assert_eq!((repeat.admission, repeat.claims.len()), (Admission::Repeat, 0));
    let nobodys = DeliveryFilter {
        merchant: Some(MERCHANT),
        state: Some(State::NotApply),
        ..DeliveryFilter::default()
    };
    let page = PageRequest { limit: 10, cursor: None };
    assert_eq!(store.list_deliveries(nobodys, page).await.unwrap().rows, []);
}

/// Filed with the merchant of the source until then, and found by what the platform calls the other.
pub async fn an_event_for_an_unknown_merchant_is_found_by_its_name(store: impl WholeStore) {
    let event = for_somebody("a", "acct_1");
    let row = nobodys(&store, &event).await;
    assert_eq!(row.progress, Progress::NotApply { at: NOW, addressee: Some(label("acct_1")) });
    nobodys(&store, &for_somebody("b", "acct_2")).await;
    nobodys(&store, &crate::world::event("c")).await;
    // A provider's repeat, later.
    let plan = postback_domain::event::Plan(Vec::new());
    store.admit(Arc::clone(&event), plan, None, at(1)).await.unwrap();
    let kept = store.event(event.id).await.unwrap().unwrap();
    assert_eq!((kept.merchant_id, &kept.addressee), (MERCHANT, &Some(label("acct_1"))));

    assert_eq!(addressed(&store, "acct_1", NOW, at(9)).await, std::slice::from_ref(&row));
    assert_eq!(addressed(&store, "acct_1", at(1), at(9)).await, []);
    assert_eq!(addressed(&store, "acct_1", Timestamp::from_millis(0), NOW).await, []);
    assert_eq!(addressed(&store, "acct", NOW, at(1)).await, []);

    let owed = store.owe(row, OTHER, end(2), at(5)).await.unwrap().unwrap();
    assert_eq!(owed.merchant, OTHER);
    assert_eq!(addressed(&store, "acct_1", NOW, at(1)).await, []);
    let (summary, kept) = store.read_event(event.id).await.unwrap().unwrap();
    assert_eq!((summary.merchant_id, kept.merchant_id), (OTHER, OTHER));
    assert_eq!((&kept.addressee, summary.deliveries.len()), (&None, 1));
    let delivery = store.read_delivery(owed.delivery).await.unwrap().unwrap().delivery;
    assert_eq!((delivery.merchant_id, delivery.endpoint_id), (OTHER, Some(end(2))));
}

/// Page by page, newest first, each once.
pub async fn what_is_addressed_comes_in_pages(store: impl WholeStore) {
    let mut expected = Vec::new();
    for number in 0..7_u64 {
        let event = for_somebody(&format!("evt_{number}"), "acct_1");
        let plan = postback_domain::event::Plan(Vec::new());
        store.admit(Arc::clone(&event), plan, None, at(number)).await.unwrap();
        expected.insert(0, DeliveryId::derive(event.id, None));
    }
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: 3, cursor };
        let page = store.addressed_to(label("acct_1"), NOW, at(60), page).await.unwrap();
        found.extend(page.rows.iter().map(|row| row.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, expected);
}
