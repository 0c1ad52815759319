//! Admitting events.

use std::collections::HashSet;
use std::sync::Arc;

use postback_domain::delivery::{Delivery, Lease, State};
use postback_domain::event::Plan;
use postback_engine::ports::store::{Admission, Claiming};

use crate::WholeStore;
use crate::world::*;

/// The caller of a first admission may start at once; nobody else may.
pub async fn opens_the_plan_leased_to_the_caller(store: impl WholeStore) {
    let admitted = admit(&store, &event("e"), &[1, 2, 3]).await;
    assert_eq!((admitted.admission, admitted.unclaimed.len()), (Admission::New, 0));
    let endpoints: Vec<_> = admitted.claims.iter().map(|(_, endpoint)| *endpoint).collect();
    assert_eq!(endpoints, [end(1), end(2), end(3)]);
    let ids: HashSet<_> = admitted.claims.iter().map(|(claim, _)| claim.delivery()).collect();
    assert_eq!(ids.len(), 3);
    for (claim, _) in &admitted.claims {
        assert_eq!((claim.round(), claim.number()), (1, 1));
        let message = postback_domain::delivery::message::Message {
            merchant: MERCHANT,
            delivery: claim.delivery(),
            round: 1,
            tries: 0,
        };
        assert_eq!(self::claim(&store, message, NOW).await, Claiming::InFlight);
    }
}

/// A busy caller opens deliveries for whoever gets the message.
pub async fn opens_without_a_lease_when_the_caller_has_none(store: impl WholeStore) {
    let admitted = admit_at(&store, &event("e"), &[1, 2], None).await;
    assert_eq!((admitted.admission, admitted.claims.len()), (Admission::New, 0));
    assert_eq!(admitted.unclaimed.len(), 2);
    for message in admitted.unclaimed {
        claimed(&store, message, NOW).await;
    }
}

/// `no_second_fan_out`.
pub async fn a_repeat_opens_nothing(store: impl WholeStore) {
    admit(&store, &event("e"), &[1]).await;
    let again = admit(&store, &event("e"), &[1]).await;
    assert_eq!(again.admission, Admission::Repeat);
    assert!(again.claims.is_empty() && again.unclaimed.is_empty());
}

/// An endpoint that was added between an event and its repeat is not owed it.
pub async fn a_repeat_keeps_the_first_plan(store: impl WholeStore) {
    let event = event("e");
    admit(&store, &event, &[1]).await;
    let again = admit(&store, &event, &[1, 2]).await;
    assert!(again.claims.is_empty() && again.unclaimed.is_empty());
    let (summary, _) = store.read_event(event.id).await.unwrap().unwrap();
    let endpoints: Vec<_> =
        summary.deliveries.iter().map(|delivery| delivery.endpoint_id).collect();
    assert_eq!(endpoints, [Some(end(1))]);
}

/// Conflicts are counted and change nothing.
pub async fn other_bytes_are_a_conflict_and_the_first_stand(store: impl WholeStore) {
    let first = event_with(MERCHANT, "e", "charge.refunded", b"first");
    let other = event_with(MERCHANT, "e", "charge.refunded", b"other");
    admit(&store, &first, &[1]).await;
    for _ in 0..9 {
        let again = admit(&store, &other, &[1]).await;
        assert_eq!(again.admission, Admission::Conflict);
        assert!(again.claims.is_empty() && again.unclaimed.is_empty());
    }
    let (summary, kept) = store.read_event(first.id).await.unwrap().unwrap();
    assert_eq!((summary.conflicts, &kept.body[..]), (9, &b"first"[..]));
}

/// NOT_APPLY is a row of its own, so that the event can be recovered later.
pub async fn an_event_nobody_wants_does_not_apply(store: impl WholeStore) {
    let event = event("e");
    let admitted = admit(&store, &event, &[]).await;
    assert_eq!(admitted.admission, Admission::New);
    assert!(admitted.claims.is_empty() && admitted.unclaimed.is_empty());
    let (summary, _) = store.read_event(event.id).await.unwrap().unwrap();
    let rows: Vec<_> =
        summary.deliveries.iter().map(|row| (row.endpoint_id, row.state())).collect();
    assert_eq!(rows, [(None, State::NotApply)]);
}

/// A provider that sends one event on many connections at once gets one fan-out.
pub async fn one_of_many_admissions_is_new(store: impl WholeStore) {
    let (store, event) = (Arc::new(store), event("e"));
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, event) = (Arc::clone(&store), Arc::clone(&event));
            tokio::spawn(async move { admit(&*store, &event, &[1, 2]).await })
        })
        .collect();
    let (mut new, mut claims) = (0, 0);
    for task in tasks {
        let admitted = task.await.unwrap();
        new += usize::from(admitted.admission == Admission::New);
        claims += admitted.claims.len();
    }
    assert_eq!((new, claims), (1, 2));
}

/// `bytes_are_exact`: whatever the bytes, and however many.
pub async fn bytes_are_exact(store: impl WholeStore) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let large = vec![0xfe; postback_domain::limits::BODY_BYTES_MAX];
    for (name, body) in [("empty", &b""[..]), ("every", &every_byte), ("large", &large)] {
        let event = event_with(MERCHANT, name, "t", body);
        let lease: Option<Lease> = None;
        store.admit(Arc::clone(&event), Plan(vec![end(1)]), lease, NOW).await.unwrap();
        let kept = store.event(event.id).await.unwrap().unwrap();
        assert_eq!(kept, event, "{name}");
    }
    let unknown = Delivery::open(&event("e"), &Plan(vec![]), NOW, None)[0].event_id;
    assert_eq!(store.event(unknown).await.unwrap(), None);
}
