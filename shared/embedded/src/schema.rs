//! The shape of the database, as a list of migrations. `user_version` says how many have run; each
//! runs in its own transaction, so a crash in between leaves a version that can go on.

use rusqlite::{Connection, TransactionBehavior};

use crate::directory::OpenError;

/// In order; never edited once released, only added to.
const MIGRATIONS: [&str; 6] = [
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_idempotency.sql"),
    include_str!("migrations/0003_expiry.sql"),
    include_str!("migrations/0004_audit.sql"),
    include_str!("migrations/0005_recovery.sql"),
    include_str!("migrations/0006_turns.sql"),
];

/// Brings the database up to date.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > MIGRATIONS.len() {
        return Err(OpenError::Newer { found, known: MIGRATIONS.len() });
    }
    for (number, migration) in (1..).zip(MIGRATIONS).skip(found) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
