//! Requests that must take effect once, as rows that stand alone. A begin is one put under the
//! condition that there is nothing, or nothing that still counts; what it means that there is
//! something is for [`Record::read`] to say.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use postback_domain::idempotency::{Fingerprint, Reading, Record, RecordId, ended_before};
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::idempotency::{Begun, Idempotency};

use crate::item::{Damaged, Item, Reader, bytes, number, time};
use crate::keys;
use crate::store::DynamoStore;
use crate::table::{EXPIRES, PK, in_time, unavailable};
use crate::update::Update;

const FINGERPRINT: &str = "fingerprint";
const SEED: &str = "seed";
const BEGUN: &str = "begun";
const HELD_UNTIL: &str = "held_until";
const ANSWER: &str = "answer";

impl Idempotency for DynamoStore {
    async fn begin(&self, record: Record) -> Result<Begun, Unavailable> {
        in_time(self.begin_now(record)).await
    }

    async fn keep_answer(&self, held: &Record, answer: Vec<u8>) -> Result<(), Unavailable> {
        self.update_held(held, Update::default().set(ANSWER, bytes(answer))).await.map(drop)
    }

    async fn let_go(&self, held: &Record) -> Result<(), Unavailable> {
        let over = time(Timestamp::from_millis(0));
        self.update_held(held, Update::default().set(HELD_UNTIL, over)).await.map(drop)
    }

    async fn forget(&self, held: &Record) -> Result<(), Unavailable> {
        let request = self.table.client.delete_item().table_name(&self.table.name);
        let request = request
            .set_key(Some(keys::idempotency(held.id).to_item()))
            .condition_expression("#held_until = :held_until AND attribute_not_exists(#answer)")
            .expression_attribute_names("#held_until", HELD_UNTIL)
            .expression_attribute_names("#answer", ANSWER)
            .expression_attribute_values(":held_until", time(held.held_until));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // Somebody else has it by now, or an earlier request of the SDK did it.
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(unavailable(error)),
            },
        }
    }
}

impl DynamoStore {
    async fn begin_now(&self, record: Record) -> Result<Begun, Unavailable> {
        let now = record.begun_at;
        let Some(there) = self.put_record(&record).await? else { return Ok(Begun::Held(record)) };
        if there.seed == record.seed {
            // Ours: the answer to an earlier request of the SDK was lost.
            return Ok(Begun::Held(record));
        }
        Ok(match there.read(record.fingerprint, now) {
            Reading::OtherRequest => Begun::OtherRequest,
            Reading::Answered => Begun::Answered(there.answer.unwrap_or_default()),
            // One that is over would have been replaced.
            Reading::Running | Reading::Ended => Begun::Running,
            Reading::Abandoned => {
                let again = there.clone().held_again(now);
                let update = Update::default().set(HELD_UNTIL, time(again.held_until));
                if self.update_held(&there, update).await? {
                    Begun::Held(again)
                } else {
                    Begun::Running
                }
            }
        })
    }

    /// Answers with the record that is there instead.
    async fn put_record(&self, record: &Record) -> Result<Option<Record>, Unavailable> {
        let request = self.table.client.put_item().table_name(&self.table.name);
        let request = request
            .set_item(Some(row(record)))
            .condition_expression("attribute_not_exists(#pk) OR #begun <= :ended_before")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#begun", BEGUN)
            .expression_attribute_values(":ended_before", time(ended_before(record.begun_at)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => match &failed.item {
                    Some(there) => Ok(Some(read(record.id, there)?)),
                    None => Err(unavailable(error)),
                },
                _ => Err(unavailable(error)),
            },
        }
    }

    /// Whether `held` still had it.
    async fn update_held(&self, held: &Record, update: Update) -> Result<bool, Unavailable> {
        let update = update.if_is(HELD_UNTIL, time(held.held_until)).if_absent(ANSWER);
        match update.on(&self.table, &keys::idempotency(held.id)).send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(unavailable(error)),
            },
        }
    }
}

fn row(record: &Record) -> Item {
    let mut row = keys::idempotency(record.id).to_item();
    row.insert(FINGERPRINT.to_owned(), bytes(record.fingerprint.0));
    row.insert(SEED.to_owned(), bytes(record.seed.clone()));
    row.insert(BEGUN.to_owned(), time(record.begun_at));
    row.insert(HELD_UNTIL.to_owned(), time(record.held_until));
    if let Some(answer) = &record.answer {
        row.insert(ANSWER.to_owned(), bytes(answer.clone()));
    }
    row.insert(EXPIRES.to_owned(), number(record.ends_at().as_secs()));
    row
}

fn read(id: RecordId, row: &Item) -> Result<Record, Damaged> {
    let row = Reader::new(row)?;
    let fingerprint = row.bytes(FINGERPRINT)?.try_into();
    Ok(Record {
        id,
        fingerprint: Fingerprint(
            fingerprint.map_err(|_| Damaged::new(FINGERPRINT, "not of 32 bytes"))?,
        ),
        seed: row.bytes(SEED)?.to_vec(),
        begun_at: row.time(BEGUN)?,
        held_until: row.time(HELD_UNTIL)?,
        answer: row.optional_bytes(ANSWER)?.map(<[u8]>::to_vec),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_what_was_written() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        let begun = Record::begin(RecordId([1; 32]), Fingerprint([2; 32]), vec![3; 60], now);
        let answered = Record { answer: Some(vec![4; 9]), ..begun.clone() };
        for record in [begun, answered] {
            let row = row(&record);
            assert_eq!(read(record.id, &row).unwrap(), record);
            assert_eq!(row[EXPIRES], number(1_790_086_400));
        }
    }
}
