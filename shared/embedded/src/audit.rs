//! Records of administrative acts as rows, in the order in which they were written. None is ever
//! changed or removed.

use postback_domain::audit::{Action, Actor, Object, Origin, Record, Snapshot};
use postback_domain::ids::{AuditId, MerchantId};
use postback_engine::ports::Unavailable;
use postback_engine::ports::audit::{Audit, AuditFilter};
use postback_engine::ports::history::{Page, PageRequest};
use rusqlite::{Connection, Result, Row, params};

use crate::catalog::page;
use crate::history::Narrow;
use crate::rows::{damaged, parsed, time};
use crate::store::EmbeddedStore;
use crate::writer::Kind;

impl Audit for EmbeddedStore {
    async fn record(&self, record: Record) -> Result<(), Unavailable> {
        self.writer.write(Kind::Promise, move |connection| add(connection, &record)).await
    }

    async fn list_audit(
        &self,
        filter: AuditFilter,
        request: PageRequest,
    ) -> Result<Page<Record>, Unavailable> {
        self.readers.read(move |connection| list(connection, &filter, &request)).await
    }
}

/// Within the caller's transaction. The first record of an id stands.
pub(crate) fn add(connection: &Connection, record: &Record) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit (id, at, actor, action, merchant_id, object_id, ip, user_agent,
                                request_id, before, after)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            record.id.as_bytes(),
            record.at.as_millis(),
            record.actor.to_string(),
            record.action.as_str(),
            record.merchant_id.as_ref().map(MerchantId::as_bytes),
            record.object.map(|object| object.to_string()),
            record.origin.ip.map(|ip| ip.to_string()),
            record.origin.user_agent,
            record.request_id,
            record.before.as_ref().map(Snapshot::as_json),
            record.after.as_ref().map(Snapshot::as_json),
        ])
        .map(drop)
}

fn list(
    connection: &Connection,
    filter: &AuditFilter,
    request: &PageRequest,
) -> Result<Page<Record>> {
    let merchant = filter.merchant.as_ref().map(|id| id.as_bytes().as_slice());
    let actor = filter.actor.map(|actor| actor.to_string());
    let action = filter.action.map(Action::as_str);
    let object = filter.object.map(|object| object.to_string());
    let since = filter.since.map(|time| time.as_millis());
    let until = filter.until.map(|time| time.as_millis());
    let mut narrow = Narrow::default();
    narrow.by("merchant_id =", &merchant);
    narrow.by("actor =", &actor);
    narrow.by("action =", &action);
    narrow.by("object_id =", &object);
    narrow.by("at >=", &since);
    narrow.by("at <", &until);
    let sql =
        format!("SELECT * FROM audit WHERE seq < ?1 {} ORDER BY seq DESC LIMIT ?2", narrow.sql);
    page(connection, &sql, request, &narrow.values, record)
}

fn record(row: &Row<'_>) -> Result<Record> {
    Ok(Record {
        id: AuditId::from_bytes(row.get("id")?),
        at: time(row, "at")?,
        actor: parsed::<Actor>(row, "actor")?,
        action: parsed::<Action>(row, "action")?,
        merchant_id: row.get::<_, Option<_>>("merchant_id")?.map(MerchantId::from_bytes),
        object: optional_parsed::<Object>(row, "object_id")?,
        origin: Origin { ip: optional_parsed(row, "ip")?, user_agent: row.get("user_agent")? },
        request_id: row.get("request_id")?,
        before: snapshot(row, "before")?,
        after: snapshot(row, "after")?,
    })
}

fn optional_parsed<T: std::str::FromStr>(row: &Row<'_>, column: &'static str) -> Result<Option<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text = row.get::<_, Option<String>>(column)?;
    text.map(|text| text.parse().map_err(|error: T::Err| damaged(column, error))).transpose()
}

fn snapshot(row: &Row<'_>, column: &'static str) -> Result<Option<Snapshot>> {
    Ok(row.get::<_, Option<String>>(column)?.map(Snapshot::kept))
}
