//! The table: its name, its client, and the one place where an SDK error becomes a port's.
//!
//! One table holds everything. Its primary key is `pk` and `sk`; `keys.rs` says where each row
//! lives. Two indexes are sparse: `work` has what somebody must still act on, `listed` has the
//! events of a merchant by time.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use postback_domain::limits::PORT_CALL_MAX;
use postback_engine::ports::Unavailable;

use crate::clients::CallFailed;
use crate::item::{Item, text};

/// Partition key of every row.
pub(crate) const PK: &str = "pk";
/// Sort key of every row.
pub(crate) const SK: &str = "sk";
/// When DynamoDB may remove a row, in seconds since 1970. Retention, never a timer.
pub(crate) const EXPIRES: &str = "expires";

/// Keys that one BatchGetItem may name.
pub(crate) const BATCH_GET_MAX: usize = 100;

/// One table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

/// Where a row lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    /// As the beginning of an item, or as the key of a request.
    pub(crate) fn to_item(&self) -> Item {
        Item::from([(PK.to_owned(), text(&self.pk)), (SK.to_owned(), text(&self.sk))])
    }
}

impl Table {
    /// A row as it is now.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, Unavailable> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key.to_item()));
        let answer = request.consistent_read(true).send().await.map_err(unavailable)?;
        Ok(answer.item)
    }

    /// Rows as they are now, in no order; those that are not there are left out. Asks until it has
    /// heard of all of them, so it belongs into [`in_time`].
    pub(crate) async fn get_all(&self, keys: Vec<Key>) -> Result<Vec<Item>, Unavailable> {
        let batches = keys.chunks(BATCH_GET_MAX).map(|keys| self.get_batch(keys));
        let batches = futures_util::future::try_join_all(batches).await?;
        Ok(batches.into_iter().flatten().collect())
    }

    async fn get_batch(&self, keys: &[Key]) -> Result<Vec<Item>, Unavailable> {
        let mut wanted: Vec<Item> = keys.iter().map(Key::to_item).collect();
        let mut found = Vec::with_capacity(keys.len());
        let mut pause = FIRST_PAUSE;
        loop {
            let keys = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true);
            let keys = keys.build().map_err(|error| Unavailable::new("the table", error))?;
            let request = self.client.batch_get_item().request_items(&self.name, keys);
            let answer = request.send().await.map_err(unavailable)?;
            found.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
            // What did not fit into 16 MB, or was throttled, is asked for again.
            let left = answer.unprocessed_keys.and_then(|mut left| left.remove(&self.name));
            match left {
                Some(left) if !left.keys.is_empty() => wanted = left.keys,
                _ => return Ok(found),
            }
            // The SDK does not see that as throttling. The caller sets the time.
            tokio::time::sleep(pause).await;
            pause = PAUSE_MAX.min(2 * pause);
        }
    }
}

/// Before the second request for the keys that were left out, and twice as long before each
/// further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two requests.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long a port call may take that asks the table more than once, each time with the SDK's own
/// patience. A request of its own ends in time by the timeouts of its client.
const CALL_MAX: Duration = Duration::from_secs(18);

const _: () = assert!(CALL_MAX.as_secs() < PORT_CALL_MAX.as_secs());

/// What a port call of several requests answers, or that it took too long; what it has written by
/// then stays written.
pub(crate) async fn in_time<T, E: From<Unavailable>>(
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(CALL_MAX, call)
        .await
        .unwrap_or_else(|late| Err(Unavailable::new("the table", late).into()))
}

/// What the SDK says when it has given up, in a port's words.
pub(crate) fn unavailable<E>(error: SdkError<E, HttpResponse>) -> Unavailable
where
    E: ProvideErrorMetadata + std::error::Error,
{
    Unavailable::new("the table", CallFailed::of(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_in_time() {
        let never = std::future::pending::<Result<(), Unavailable>>();
        let ended = tokio::time::timeout(PORT_CALL_MAX, in_time(never)).await.unwrap();
        assert!(ended.is_err());
        assert!(in_time(async { Ok::<_, Unavailable>(()) }).await.is_ok());
    }
}
