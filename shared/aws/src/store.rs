//! The store: one table and what this process remembers of it.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use postback_engine::ports::Clock;

use crate::cache::{AGE_MAX, Cache};
use crate::table::Table;

/// The engine's store and the API's, on one DynamoDB table.
#[derive(Clone)]
pub struct DynamoStore {
    pub(crate) table: Table,
    pub(crate) retention: Duration,
    pub(crate) cache: Arc<Cache>,
}

impl DynamoStore {
    /// A store on an existing table. Events, and deliveries once they have ended, may be removed
    /// when they are older than `retention`. `clock` tells how old a remembered answer is.
    pub fn new(
        client: Client,
        table_name: impl Into<String>,
        retention: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let table = Table { client, name: table_name.into() };
        Self { table, retention, cache: Arc::new(Cache::new(clock, AGE_MAX)) }
    }

    /// Sees other workers' changes of configuration after `memory` at the latest, where it would
    /// be a minute; zero reads everything every time.
    #[must_use]
    pub fn remembering(self, memory: Duration) -> Self {
        Self { cache: Arc::new(self.cache.emptied(memory)), ..self }
    }
}

impl std::fmt::Debug for DynamoStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DynamoStore").field("table", &self.table.name).finish_non_exhaustive()
    }
}
