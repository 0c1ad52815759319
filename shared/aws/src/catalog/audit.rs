//! Records of administrative acts: a row each, and an entry in up to three lists. An entry has what
//! can be asked for, so that a page of a narrow question reads few rows and no snapshots.
//!
//! The list of all records is one partition. That is a thousand acts a second, of which people make
//! a few a day; a platform that mints a portal token at every visit makes some more.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use postback_domain::audit::{Action, Actor, Object, Origin, Record, Snapshot};
use postback_domain::ids::{AuditId, MerchantId};
use postback_domain::limits::AUDIT_KEPT;
use postback_engine::ports::Unavailable;
use postback_engine::ports::audit::{Audit, AuditFilter};
use postback_engine::ports::catalog::CatalogError;
use postback_engine::ports::history::{Page, PageRequest};

use super::lists::{self, List};
use super::noun::{Attributes, MERCHANT, Noun, place};
use super::write::{Refusal, Together};
use crate::item::{Damaged, Item, Reader, number, text, time};
use crate::keys;
use crate::store::DynamoStore;
use crate::table::{EXPIRES, PK, SK, Table, in_time, unavailable};

const AT: &str = "at";
const ACTOR: &str = "actor";
const ACTION: &str = "action";
/// Absent where it was no single thing.
const OBJECT: &str = "object";
const IP: &str = "ip";
const USER_AGENT: &str = "user_agent";
const REQUEST: &str = "request";
const BEFORE: &str = "before";
const AFTER: &str = "after";

/// Pages of a megabyte of entries that one call looks through. Some ten thousand entries.
const PAGES_MAX: usize = 3;

impl Audit for DynamoStore {
    async fn record(&self, record: Record) -> Result<(), Unavailable> {
        match in_time(Together::on(&self.table, &record).commit()).await {
            // The request was sent again.
            Ok(()) | Err(CatalogError::IdTaken) => Ok(()),
            Err(CatalogError::Unavailable(error)) => Err(error),
            Err(other) => Err(Unavailable::new("the table", other)),
        }
    }

    async fn list_audit(
        &self,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<Record>, Unavailable> {
        in_time(list(&self.table, &filter, &page)).await
    }
}

/// Adds a record to what is written together.
pub(super) fn add(together: &mut Together<'_>, record: &Record) {
    together.put_new(place(record.id), record.attributes(), Refusal::IdTaken);
    let merchant = record.merchant_id.map(List::audit_of_merchant);
    let object = record.object.map(List::audit_of_object);
    for list in [Some(List::audit()), merchant, object].into_iter().flatten() {
        together.put_with(list.entry(record.at, record.id), entry(record));
    }
}

fn entry(record: &Record) -> Item {
    Attributes::default()
        .with_some(MERCHANT, record.merchant_id.map(|id| text(id.to_string())))
        .with(ACTOR, text(record.actor.to_string()))
        .with(ACTION, text(record.action.as_str()))
        .with(EXPIRES, expires(record))
        .item()
}

fn expires(record: &Record) -> AttributeValue {
    number(record.at.plus(AUDIT_KEPT).as_secs())
}

async fn list(
    table: &Table,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<Record>, Unavailable> {
    let question = Question::of(filter);
    let nothing = || Page { rows: Vec::new(), next: None };
    let seen_to = match page.cursor.as_ref().map(lists::order_of::<Record>) {
        None => None,
        Some(Some(order)) => Some(order),
        Some(None) => return Ok(nothing()),
    };
    let high = seen_to.as_ref().map_or(&question.high, |seen_to| seen_to.min(&question.high));
    if question.low > *high {
        return Ok(nothing());
    }
    let (mut orders, mut start, mut next) = (Vec::new(), None, None);
    for pages in 1.. {
        let request = question.request(table, high, page.limit).set_exclusive_start_key(start);
        let answer = request.send().await.map_err(unavailable)?;
        for entry in answer.items.iter().flatten() {
            let order = Reader::new(entry)?.text(SK)?;
            if seen_to.as_deref() != Some(order) {
                orders.push(order.to_owned());
            }
        }
        start = answer.last_evaluated_key;
        if orders.len() > page.limit {
            orders.truncate(page.limit);
            next = orders.last().map(|order| lists::cursor_of(order));
            break;
        }
        let Some(last) = &start else { break };
        if pages == PAGES_MAX {
            next = Some(lists::cursor_of(Reader::new(last)?.text(SK)?));
            break;
        }
    }
    Ok(Page { rows: lists::nouns(table, &orders).await?, next })
}

/// Which list to read, from where to where, and what its entries must have.
struct Question {
    list: List,
    low: String,
    /// The time alone sorts before the time with an id, so this leaves out what happened at it.
    high: String,
    /// An attribute, and what it must be.
    conditions: Vec<(&'static str, String)>,
}

impl Question {
    /// The shortest list that has all of it.
    fn of(filter: &AuditFilter) -> Self {
        let list = match (filter.object, filter.merchant) {
            (Some(object), _) => List::audit_of_object(object),
            (None, Some(merchant)) => List::audit_of_merchant(merchant),
            (None, None) => List::audit(),
        };
        let mut conditions = Vec::new();
        if let (Some(_), Some(merchant)) = (filter.object, filter.merchant) {
            conditions.push((MERCHANT, merchant.to_string()));
        }
        if let Some(actor) = filter.actor {
            conditions.push((ACTOR, actor.to_string()));
        }
        if let Some(action) = filter.action {
            conditions.push((ACTION, action.to_string()));
        }
        let low = filter.since.map_or_else(|| "0".to_owned(), keys::order_of);
        let high = filter.until.map_or_else(|| "~".to_owned(), keys::order_of);
        Self { list, low, high, conditions }
    }

    fn request(&self, table: &Table, high: &str, limit: usize) -> QueryFluentBuilder {
        let request = table.client.query().table_name(&table.name).consistent_read(true);
        let mut request = request
            .key_condition_expression("#pk = :list AND #sk BETWEEN :low AND :high")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":list", text(self.list.name()))
            .expression_attribute_values(":low", text(&self.low))
            .expression_attribute_values(":high", text(high))
            .scan_index_forward(false);
        if self.conditions.is_empty() {
            // One more tells that there is a next page, and the first may have been seen.
            return request.limit(i32::try_from(limit.saturating_add(2)).unwrap_or(i32::MAX));
        }
        // A limit would count what the conditions drop.
        let held = self.conditions.iter().map(|(name, _)| format!("#{name} = :{name}"));
        request = request.filter_expression(held.collect::<Vec<_>>().join(" AND "));
        for (name, value) in &self.conditions {
            request = request
                .expression_attribute_names(format!("#{name}"), *name)
                .expression_attribute_values(format!(":{name}"), text(value));
        }
        request
    }
}

impl Noun for Record {
    type Id = AuditId;

    fn id(&self) -> AuditId {
        self.id
    }

    fn attributes(&self) -> Item {
        let snapshot = |snapshot: &Snapshot| text(snapshot.as_json());
        Attributes::default()
            .with(AT, time(self.at))
            .with(ACTOR, text(self.actor.to_string()))
            .with(ACTION, text(self.action.as_str()))
            .with_some(MERCHANT, self.merchant_id.map(|id| text(id.to_string())))
            .with_some(OBJECT, self.object.map(|object| text(object.to_string())))
            .with_some(IP, self.origin.ip.map(|ip| text(ip.to_string())))
            .with_some(USER_AGENT, self.origin.user_agent.as_deref().map(text))
            .with(REQUEST, text(&self.request_id))
            .with_some(BEFORE, self.before.as_ref().map(snapshot))
            .with_some(AFTER, self.after.as_ref().map(snapshot))
            .with(EXPIRES, expires(self))
            .item()
    }

    fn of(id: AuditId, row: Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            id,
            at: row.time(AT)?,
            actor: row.parsed::<Actor>(ACTOR)?,
            action: row.parsed::<Action>(ACTION)?,
            merchant_id: row.optional_parsed::<MerchantId>(MERCHANT)?,
            object: row.optional_parsed::<Object>(OBJECT)?,
            origin: Origin {
                ip: row.optional_parsed(IP)?,
                user_agent: row.optional_text(USER_AGENT)?.map(str::to_owned),
            },
            request_id: row.text(REQUEST)?.to_owned(),
            before: snapshot(row, BEFORE)?,
            after: snapshot(row, AFTER)?,
        })
    }
}

fn snapshot(row: Reader<'_>, name: &str) -> Result<Option<Snapshot>, Damaged> {
    Ok(row.optional_text(name)?.map(str::to_owned).map(Snapshot::kept))
}

#[cfg(test)]
mod tests {
    use postback_contract::world::{MERCHANT as SHOP, act, at, end};
    use postback_domain::ids::KeyId;

    use super::*;
    use crate::catalog::noun::tests::{read_back, row};

    #[test]
    fn rows_are_what_was_written() {
        let rich = Record {
            actor: Actor::Key(KeyId::from_bits(3)),
            object: Some(end(7).into()),
            origin: Origin { ip: "2001:db8::1".parse().ok(), user_agent: Some("curl".to_owned()) },
            before: Snapshot::new("{}".to_owned()),
            after: Snapshot::new("{\"url\":\"é\"}".to_owned()),
            ..act()
        };
        for record in [rich, Record { merchant_id: None, ..act() }] {
            assert_eq!(read_back(record.id, &row(&record)).as_ref(), Ok(&record));
        }
    }

    /// Whatever is not known of a record must go on time as well.
    #[test]
    fn every_row_expires_and_no_entry_has_a_snapshot() {
        let record = Record { after: Snapshot::new("{}".to_owned()), ..act() };
        let ends = number(record.at.plus(AUDIT_KEPT).as_secs());
        assert_eq!(record.attributes()[EXPIRES], ends);
        assert_eq!(entry(&record)[EXPIRES], ends);
        assert!(!entry(&record).contains_key(AFTER));
    }

    #[test]
    fn a_question_is_put_to_the_shortest_list() {
        let of = |filter| Question::of(&filter);
        let all = of(AuditFilter::default());
        assert_eq!(all.list, List::audit());
        assert!(all.conditions.is_empty() && all.low < all.high);
        let merchants = AuditFilter { merchant: Some(SHOP), ..AuditFilter::default() };
        assert_eq!(of(merchants.clone()).list, List::audit_of_merchant(SHOP));
        assert!(of(merchants.clone()).conditions.is_empty());
        let objects = AuditFilter { object: Some(end(1).into()), ..merchants };
        assert_eq!(of(objects.clone()).list, List::audit_of_object(end(1).into()));
        // Another merchant's object is not in it.
        assert_eq!(of(objects).conditions.len(), 1);
        let none = AuditFilter { since: Some(at(9)), until: Some(at(8)), ..AuditFilter::default() };
        assert!(of(none.clone()).low > of(none).high);
    }
}
