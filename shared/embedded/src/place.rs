//! Where deliveries lie. An event's deliveries have neighbouring places, so that opening them
//! touches no index at a random position: at thousands of events a second, every such position is
//! a page that must be logged, synced and moved.

use postback_domain::ids::{DeliveryId, EventId};
use postback_domain::limits::ENDPOINTS_PER_MERCHANT_MAX;
use rusqlite::{Connection, OptionalExtension, Result, params};

/// Places that each event has. More than the endpoints of a merchant, because endpoints come and
/// go, and later ones may be owed an old event too.
const PER_EVENT: i64 = 1024;

const _: () = assert!(ENDPOINTS_PER_MERCHANT_MAX < PER_EVENT as usize);

/// A plus keeps the planner from building an index over all deliveries for one look-up.
const DELIVERY_PLACE: &str = "
    SELECT deliveries.seq FROM events
    CROSS JOIN deliveries ON deliveries.seq BETWEEN events.seq * ?4 AND events.seq * ?4 + ?4 - 1
    WHERE events.id BETWEEN ?1 AND ?2 AND +deliveries.id = ?3";

/// The place of an event's `number`th delivery, counted from 0.
pub(crate) fn of_new(event_seq: i64, number: i64) -> i64 {
    event_seq * PER_EVENT + number
}

/// The places of an event's deliveries, first and last.
pub(crate) fn of_event(event_seq: i64) -> (i64, i64) {
    (of_new(event_seq, 0), of_new(event_seq, PER_EVENT - 1))
}

/// The place of a delivery, found through its event: see [`DeliveryId::derive`].
pub(crate) fn of_delivery(connection: &Connection, id: DeliveryId) -> Result<Option<i64>> {
    let (mut first, mut last) = ([0; 16], [0xff; 16]);
    first[..8].copy_from_slice(&id.as_bytes()[..8]);
    last[..8].copy_from_slice(&id.as_bytes()[..8]);
    connection
        .prepare_cached(DELIVERY_PLACE)?
        .query_row(params![first, last, id.as_bytes(), PER_EVENT], |row| row.get(0))
        .optional()
}

/// The place of an event.
pub(crate) fn of_event_id(connection: &Connection, id: EventId) -> Result<Option<i64>> {
    connection
        .prepare_cached("SELECT seq FROM events WHERE id = ?1")?
        .query_row(params![id.as_bytes()], |row| row.get(0))
        .optional()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look-up that walks a table would pass every other test, and cost seconds on a large one.
    #[test]
    fn a_delivery_is_found_without_a_scan() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection).unwrap();
        let mut explain =
            connection.prepare(&format!("EXPLAIN QUERY PLAN {DELIVERY_PLACE}")).unwrap();
        let unbound = [None::<i64>; 4];
        let plan = explain.query_map(unbound, |row| row.get("detail")).unwrap();
        let plan: Vec<String> = plan.map(Result::unwrap).collect();
        assert_eq!(plan.len(), 2, "{plan:?}");
        assert!(plan[0].contains("events_by_id (id>? AND id<?)"), "{plan:?}");
        assert!(plan[1].contains("INTEGER PRIMARY KEY (rowid>? AND rowid<?)"), "{plan:?}");
    }
}
