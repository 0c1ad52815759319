//! Where each row of the flow lives, and under what it is found. The rows of people's
//! configuration are `catalog`'s.
//!
//! | row | `pk` | `sk` |
//! |---|---|---|
//! | event | place | its id |
//! | delivery | place | its id |
//! | conflict | place | `conflict#`, the event's id, its number |
//! | entry of what is for an unknown merchant | `addressed#`, its external id | opened, id |
//! | line of an endpoint that takes turns | `line#`, its id | `it` |
//! | request with an `Idempotency-Key` | `idempotency#`, its record's id | `it` |
//!
//! The place is what an event's id and its deliveries' ids have in common, so a delivery is found
//! by its id alone, and an event stands beside its deliveries.
//!
//! Two indexes, both sparse and sharded:
//!
//! | index | partition | order | holds |
//! |---|---|---|---|
//! | `work` | `due#` shard | due time | PENDING deliveries, FAILED ones that no message has come for: the sweep acts |
//! | `work` | `failed#` shard | opened, id | FAILED deliveries: the operator acts |
//! | `listed` | merchant `#` shard | opened, id | events of a merchant |
//! | `listed` | merchant `#failed#` shard | opened, id | its FAILED deliveries |
//! | `listed` | merchant `#shelf#` shard | opened, id | its PENDING deliveries that wait to be fetched |
//! | `listed` | merchant `#not_apply#` shard | opened, id | its NOT_APPLY rows |
//!
//! A partition takes 1,000 write units a second, so nothing that grows with traffic is one.

use postback_domain::delivery::{Delivery, Progress, State, WaitsFor};
use postback_domain::idempotency::RecordId;
use postback_domain::ids::{DeliveryId, EndpointId, EventId, MerchantId};
use postback_domain::text::Label;
use postback_domain::time::Timestamp;

use crate::table::Key;

/// The index of what somebody must still act on.
pub(crate) const WORK: &str = "work";
/// Its partition key.
pub(crate) const WORK_SHARD: &str = "work_shard";
/// Its sort key.
pub(crate) const WORK_ORDER: &str = "work_order";

/// The index of events and ended deliveries by merchant and time.
pub(crate) const LISTED: &str = "listed";
/// Its partition key.
pub(crate) const LIST: &str = "list";
/// Its sort key.
pub(crate) const LIST_ORDER: &str = "list_order";

/// Sort key of a row that stands alone in its partition.
pub(crate) const ALONE: &str = "it";

/// Shards of the due index, and of the FAILED deliveries beside it.
pub(crate) const WORK_SHARDS: u16 = 16;

/// Shards of one merchant's events: eight thousand of them a second.
pub(crate) const LIST_SHARDS: u8 = 8;

pub(crate) fn event(id: EventId) -> Key {
    Key { pk: place(id.as_bytes()), sk: id.to_string() }
}

pub(crate) fn delivery(id: DeliveryId) -> Key {
    Key { pk: place(id.as_bytes()), sk: id.to_string() }
}

pub(crate) fn conflict(event: EventId, number: u32) -> Key {
    Key { pk: place(event.as_bytes()), sk: format!("conflict#{event}#{number}") }
}

/// The entry of a NOT_APPLY row among all that is for the merchant that the platform calls so.
pub(crate) fn addressed(addressee: &Label, delivery: &Delivery) -> Key {
    let sk = order_with(delivery.created_at, &delivery.id.to_string());
    Key { pk: addressed_list(addressee), sk }
}

pub(crate) fn addressed_list(addressee: &Label) -> String {
    format!("addressed#{}", addressee.as_str())
}

/// Where it is kept from when on the next turn at an endpoint is free.
pub(crate) fn line(endpoint: EndpointId) -> Key {
    Key { pk: format!("line#{endpoint}"), sk: ALONE.to_owned() }
}

pub(crate) fn idempotency(id: RecordId) -> Key {
    let digits = id.0.iter().map(|byte| format!("{byte:02x}"));
    Key { pk: format!("idempotency#{}", digits.collect::<String>()), sk: ALONE.to_owned() }
}

fn place(id: &[u8; 16]) -> String {
    let (place, _) = id.split_first_chunk::<8>().expect("sixteen bytes begin with eight");
    format!("ev#{:016x}", u64::from_be_bytes(*place))
}

/// The partition of the due index that a delivery is in while it is PENDING.
pub(crate) fn due_shard_of(id: DeliveryId) -> String {
    due_shard(shard_of(id))
}

pub(crate) fn due_shard(shard: u16) -> String {
    format!("due#{shard:02}")
}

/// The partition of the operator's list that a delivery is in while it is FAILED.
pub(crate) fn failed_shard_of(id: DeliveryId) -> String {
    failed_shard(shard_of(id))
}

pub(crate) fn failed_shard(shard: u16) -> String {
    format!("failed#{shard:02}")
}

/// By the last byte: the first ones are the event's, and one event's deliveries should spread.
fn shard_of(id: DeliveryId) -> u16 {
    u16::from(id.as_bytes()[15]) % WORK_SHARDS
}

/// The list that an event is in.
pub(crate) fn events_list_of(merchant: MerchantId, id: EventId) -> String {
    events_list(merchant, id.as_bytes()[15] % LIST_SHARDS)
}

pub(crate) fn events_list(merchant: MerchantId, shard: u8) -> String {
    format!("{merchant}#{shard}")
}

/// The merchant of an entry of an events list.
pub(crate) fn merchant_of_list(list: &str) -> Option<MerchantId> {
    list.split('#').next()?.parse().ok()
}

/// The list that a delivery is in as it stands, where there is one.
pub(crate) fn list_of(delivery: &Delivery) -> Option<String> {
    let shard = delivery.id.as_bytes()[15] % LIST_SHARDS;
    match delivery.progress {
        Progress::Pending { waits_for: WaitsFor::Fetch(_), .. } => {
            Some(shelf(delivery.merchant_id, shard))
        }
        _ => ended_list(delivery.merchant_id, delivery.state(), shard),
    }
}

/// The list of what waits for a merchant to fetch it.
pub(crate) fn shelf(merchant: MerchantId, shard: u8) -> String {
    format!("{merchant}#shelf#{shard}")
}

pub(crate) fn ended_list(merchant: MerchantId, state: State, shard: u8) -> Option<String> {
    match state {
        State::Failed => Some(format!("{merchant}#failed#{shard}")),
        State::NotApply => Some(format!("{merchant}#not_apply#{shard}")),
        State::Pending | State::Success => None,
    }
}

/// Milliseconds as a text that sorts like them. What lies before 1970 or after 2286 sorts at the
/// end it lies beyond.
pub(crate) fn order_of(time: Timestamp) -> String {
    format!("{:013}", time.as_millis().clamp(0, 9_999_999_999_999))
}

/// The time, and the id of what happened then, so that no two rows have one place in a list.
pub(crate) fn order_with(time: Timestamp, id: &str) -> String {
    format!("{}#{id}", order_of(time))
}

/// The time that an order begins with.
pub(crate) fn time_of(order: &str) -> Option<Timestamp> {
    order.get(..13)?.parse().ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stands_beside_its_deliveries() {
        let event_id = EventId::from_bits(0x0123_4567_89ab_cdef_0000_0000_0000_0001);
        let delivery_id = DeliveryId::derive(event_id, None);
        assert_eq!(event(event_id).pk, "ev#0123456789abcdef");
        assert_eq!(delivery(delivery_id).pk, event(event_id).pk);
    }

    #[test]
    fn orders_sort_like_times() {
        let orders = [i64::MIN, 0, 999, 1_790_000_000_000, i64::MAX]
            .map(Timestamp::from_millis)
            .map(order_of);
        assert!(orders.is_sorted() && orders.iter().all(|order| order.len() == 13), "{orders:?}");
        let time = Timestamp::from_millis(1_790_000_000_123);
        assert_eq!(time_of(&order_with(time, "evt_1")), Some(time));
        assert_eq!(time_of("?"), None);
    }
}
