//! A delivery as a row. Its place in the `work` index is part of its state: while it is PENDING,
//! `work_order` is its due time; once it is FAILED, it is where the operator finds it. One that
//! failed outside of the queue stays due until a message for it has come, or nothing would put it
//! into the dead-letter queue.

use postback_domain::delivery::log::Attempt;
use postback_domain::delivery::message::{Message, MessageId};
use postback_domain::delivery::{Delivery, Lease, Progress, State, WaitsFor};
use postback_domain::event::EventType;
use postback_domain::time::Timestamp;
use postback_engine::ports::store::Due;

use crate::item::{Damaged, Item, Reader, number, text, time, word};
use crate::keys::{self, LIST, LIST_ORDER, WORK_ORDER, WORK_SHARD};
use crate::table::{EXPIRES, SK};

pub(crate) const MERCHANT: &str = "merchant";
pub(crate) const ENDPOINT: &str = "endpoint";
pub(crate) const STATE: &str = "state";
pub(crate) const ROUND: &str = "round";
pub(crate) const TRIES: &str = "tries";
pub(crate) const LEASE: &str = "lease";
pub(crate) const FINISHED: &str = "finished";
pub(crate) const VIA: &str = "via";
pub(crate) const REASON: &str = "reason";
pub(crate) const ENDED_BY: &str = "ended_by";
pub(crate) const LOG: &str = "log";
/// When its turn comes, of one that waits for it.
pub(crate) const TURN: &str = "turn";
/// Of a NOT_APPLY row: whom the event was for, where no merchant was known by that.
pub(crate) const ADDRESSEE: &str = "addressee";
/// Until when one whose endpoint is not called waits to be fetched.
pub(crate) const SHELVED: &str = "shelved";
/// Until when the merchant that fetches one has it to itself. Not of a state: what is told about an
/// end later does not touch it.
pub(crate) const HELD: &str = "held";

const EVENT: &str = "event";
const TYPE: &str = "type";
const CREATED: &str = "created";

/// Every attribute that a change of state may set or remove.
pub(crate) const CHANGING: [&str; 17] = [
    STATE, ROUND, TRIES, LEASE, SHELVED, TURN, ADDRESSEE, FINISHED, VIA, REASON, ENDED_BY,
    WORK_SHARD, WORK_ORDER, LIST, LIST_ORDER, EXPIRES, LOG,
];

/// The whole row of a delivery without attempts.
pub(crate) fn row(delivery: &Delivery, expires: Timestamp) -> Item {
    let mut row = keys::delivery(delivery.id).to_item();
    row.insert(EVENT.to_owned(), text(delivery.event_id.to_string()));
    row.insert(MERCHANT.to_owned(), text(delivery.merchant_id.to_string()));
    if let Some(endpoint) = delivery.endpoint_id {
        row.insert(ENDPOINT.to_owned(), text(endpoint.to_string()));
    }
    row.insert(TYPE.to_owned(), text(delivery.event_type.as_str()));
    row.insert(CREATED.to_owned(), time(delivery.created_at));
    row.extend(changing(delivery, expires));
    row
}

/// The attributes that depend on where a delivery stands: what is not among them is absent then.
/// `expires` is when the row may go once it has ended; one that is owed stays.
pub(crate) fn changing(delivery: &Delivery, expires: Timestamp) -> Item {
    let mut row = Item::new();
    let mut put = |name: &str, value| row.insert(name.to_owned(), value);
    put(STATE, text(delivery.state().as_str()));
    put(ROUND, number(delivery.round));
    put(TRIES, number(delivery.tries));
    let opened = keys::order_with(delivery.created_at, &delivery.id.to_string());
    match &delivery.progress {
        Progress::Pending { due_at, lease, waits_for } => {
            put(WORK_SHARD, text(keys::due_shard_of(delivery.id)));
            put(WORK_ORDER, text(keys::order_of(*due_at)));
            if let Some(lease) = lease {
                put(LEASE, time(lease.until));
            }
            match waits_for {
                WaitsFor::Try => {}
                WaitsFor::Turn(turn) => drop(put(TURN, time(*turn))),
                WaitsFor::Fetch(until) => drop(put(SHELVED, time(*until))),
            }
        }
        Progress::Success { via, .. } => {
            put(VIA, word(via));
        }
        Progress::Failed { at, reason, ended_by } => {
            put(REASON, word(reason));
            if let Some(message) = ended_by {
                put(ENDED_BY, text(&message.0));
                put(WORK_SHARD, text(keys::failed_shard_of(delivery.id)));
                put(WORK_ORDER, text(&opened));
            } else {
                put(WORK_SHARD, text(keys::due_shard_of(delivery.id)));
                put(WORK_ORDER, text(keys::order_of(*at)));
            }
        }
        Progress::NotApply { addressee, .. } => {
            if let Some(addressee) = addressee {
                put(ADDRESSEE, text(addressee.as_str()));
            }
        }
    }
    if let Some(list) = keys::list_of(delivery) {
        put(LIST, text(list));
        put(LIST_ORDER, text(&opened));
    }
    if let Some(at) = delivery.finished_at() {
        put(FINISHED, time(at));
        put(EXPIRES, number(expires.as_secs()));
    }
    row
}

/// Reads a row.
pub(crate) fn delivery(row: &Item) -> Result<Delivery, Damaged> {
    let row = Reader::new(row)?;
    let finished = || row.time(FINISHED);
    let progress = match row.parsed::<State>(STATE)? {
        State::Pending => Progress::Pending {
            due_at: due_at(row)?,
            lease: row.optional_time(LEASE)?.map(|until| Lease { until }),
            waits_for: match (row.optional_time(SHELVED)?, row.optional_time(TURN)?) {
                (Some(until), _) => WaitsFor::Fetch(until),
                (None, Some(turn)) => WaitsFor::Turn(turn),
                (None, None) => WaitsFor::Try,
            },
        },
        State::Success => Progress::Success { at: finished()?, via: row.word(VIA)? },
        State::Failed => Progress::Failed {
            at: finished()?,
            reason: row.word(REASON)?,
            ended_by: row.optional_text(ENDED_BY)?.map(|id| MessageId(id.to_owned())),
        },
        State::NotApply => {
            Progress::NotApply { at: finished()?, addressee: row.optional_label(ADDRESSEE)? }
        }
    };
    Ok(Delivery {
        id: row.parsed(SK)?,
        event_id: row.parsed(EVENT)?,
        merchant_id: row.parsed(MERCHANT)?,
        endpoint_id: row.optional_parsed(ENDPOINT)?,
        event_type: EventType::new(row.text(TYPE)?),
        created_at: row.time(CREATED)?,
        round: row.number(ROUND)?,
        tries: row.number(TRIES)?,
        progress,
    })
}

/// Reads a row's log, oldest first.
pub(crate) fn log(row: &Item) -> Result<Vec<Attempt>, Damaged> {
    let lines = Reader::new(row)?.texts(LOG)?;
    let attempt = |line| serde_json::from_str(line).map_err(|error| Damaged::new(LOG, error));
    lines.into_iter().map(attempt).collect()
}

/// One line of the log.
pub(crate) fn log_line(attempt: &Attempt) -> String {
    serde_json::to_string(attempt).expect("attempts have text keys and finite numbers")
}

/// Reads an entry of the due index.
pub(crate) fn due(entry: &Item) -> Result<Due, Damaged> {
    let entry = Reader::new(entry)?;
    let message = Message {
        merchant: entry.parsed(MERCHANT)?,
        delivery: entry.parsed(SK)?,
        round: entry.number(ROUND)?,
        tries: entry.number(TRIES)?,
    };
    Ok(Due { message, due_at: due_at(entry)? })
}

fn due_at(row: Reader<'_>) -> Result<Timestamp, Damaged> {
    keys::time_of(row.text(WORK_ORDER)?).ok_or_else(|| Damaged::new(WORK_ORDER, "not a time"))
}

#[cfg(test)]
mod tests {
    use postback_domain::delivery::{FailedReason, Via};
    use postback_domain::ids::{DeliveryId, EndpointId, EventId, MerchantId};
    use postback_domain::text::Label;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn standing(progress: Progress) -> Delivery {
        Delivery {
            id: DeliveryId::from_bits(7),
            event_id: EventId::from_bits(1),
            merchant_id: MerchantId::from_bits(2),
            endpoint_id: Some(EndpointId::from_bits(3)),
            event_type: EventType::new("charge.refunded"),
            created_at: NOW,
            round: 2,
            tries: 3,
            progress,
        }
    }

    #[test]
    fn every_state_is_read_as_it_was_written_and_sits_where_it_is_looked_for() {
        let at = Timestamp::from_millis(1_790_000_000_500);
        let failed =
            |ended_by| Progress::Failed { at, reason: FailedReason::EndpointGone, ended_by };
        for (progress, work, list, expires) in [
            (
                Progress::Pending { due_at: at, lease: None, waits_for: WaitsFor::Try },
                Some("due#07"),
                None,
                false,
            ),
            (
                Progress::Pending { due_at: at, lease: None, waits_for: WaitsFor::Turn(at) },
                Some("due#07"),
                None,
                false,
            ),
            (
                Progress::Pending { due_at: at, lease: None, waits_for: WaitsFor::Fetch(at) },
                Some("due#07"),
                Some("#shelf#7"),
                false,
            ),
            (
                Progress::Pending {
                    due_at: at,
                    lease: Some(Lease { until: at }),
                    waits_for: WaitsFor::Try,
                },
                Some("due#07"),
                None,
                false,
            ),
            (Progress::Success { at, via: Via::Pull }, None, None, true),
            (failed(None), Some("due#07"), Some("#failed#7"), true),
            (failed(Some(MessageId("m".into()))), Some("failed#07"), Some("#failed#7"), true),
            (Progress::NotApply { at, addressee: None }, None, Some("#not_apply#7"), true),
            (
                Progress::NotApply { at, addressee: Label::parse("acct_1").ok() },
                None,
                Some("#not_apply#7"),
                true,
            ),
        ] {
            let written = standing(progress);
            let row = row(&written, at);
            assert_eq!(delivery(&row).unwrap(), written);
            let text = |name| row.get(name).map(|value| value.as_s().unwrap().as_str());
            assert_eq!(text(WORK_SHARD), work, "{written:?}");
            let list = list.map(|list| format!("mch_00000000000000000000000000000002{list}"));
            assert_eq!(text(LIST), list.as_deref(), "{written:?}");
            assert_eq!(row.contains_key(EXPIRES), expires, "{written:?}");
            let known = |name: &String| CHANGING.contains(&name.as_str());
            assert!(changing(&written, at).keys().all(known), "{written:?}");
        }
    }

    #[test]
    fn rows_of_another_version_are_told_apart() {
        let mut row = row(
            &standing(Progress::Pending { due_at: NOW, lease: None, waits_for: WaitsFor::Try }),
            NOW,
        );
        row.insert("added_later".to_owned(), text("ignored"));
        row.insert("schema".to_owned(), number(1));
        assert!(delivery(&row).is_ok());
        row.insert("schema".to_owned(), number(2));
        let refused = delivery(&row).unwrap_err().to_string();
        assert_eq!(refused, "attribute `schema` of an item is 2, and 1 is the newest known");
        row.remove("schema");
        row.remove(TRIES);
        let damaged = delivery(&row).unwrap_err().to_string();
        assert_eq!(damaged, "attribute `tries` of an item is missing");
    }
}
