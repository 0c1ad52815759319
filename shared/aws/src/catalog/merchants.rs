//! Merchants as rows, and their external ids beside them.

use postback_domain::audit::Record;
use postback_domain::ids::MerchantId;
use postback_domain::merchant::Merchant;
use postback_domain::text::Label;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::CatalogError;

use super::Written;
use super::lists::List;
use super::noun::{
    Attributes, CREATED, MERCHANT, Noun, RETRY_POLICY, REVISION, Replaceable, json, label,
    label_text, merchant, optional_label, place, read, retry_policy,
};
use super::write::{Refusal, Together};
use crate::item::{Damaged, Item, Reader, number, text, time};
use crate::table::{Key, Table};

const NAME: &str = "name";
const EXTERNAL_ID: &str = "external_id";

pub(super) async fn create(table: &Table, merchant: &Merchant, record: &Record) -> Written {
    let mut together = Together::on(table, record);
    together.create(merchant);
    if let Some(external_id) = &merchant.external_id {
        put_external_id(&mut together, external_id, merchant.id);
    }
    together.put(List::merchants().entry(merchant.created_at, merchant.id));
    together.commit().await
}

pub(super) async fn replace(table: &Table, merchant: &Merchant, record: &Record) -> Written {
    let before: Option<Merchant> = read(table, merchant.id).await?;
    let before = before.ok_or(CatalogError::NotFound)?;
    let mut together = Together::on(table, record);
    if before.external_id != merchant.external_id {
        // Whose the old one is holds as long as the revision does, which is this transaction's
        // condition.
        if let Some(old) = &before.external_id {
            together.delete(external_id_place(old));
        }
        if let Some(new) = &merchant.external_id {
            put_external_id(&mut together, new, merchant.id);
        }
    }
    together.replace(merchant);
    together.commit().await
}

/// The merchant that the platform calls so.
pub(crate) async fn merchant_called(
    table: &Table,
    external_id: &Label,
) -> Result<Option<MerchantId>, Unavailable> {
    let Some(row) = table.get(&external_id_place(external_id)).await? else { return Ok(None) };
    Ok(Some(merchant(Reader::new(&row)?)?))
}

fn external_id_place(external_id: &Label) -> Key {
    place(format_args!("external#{}", external_id.as_str()))
}

fn put_external_id(together: &mut Together<'_>, external_id: &Label, merchant: MerchantId) {
    let owner = Item::from([(MERCHANT.to_owned(), text(merchant.to_string()))]);
    together.put_new(external_id_place(external_id), owner, Refusal::ExternalIdTaken);
}

impl Noun for Merchant {
    type Id = MerchantId;

    fn id(&self) -> MerchantId {
        self.id
    }

    fn attributes(&self) -> Item {
        Attributes::default()
            .with(NAME, label_text(&self.name))
            .with_some(EXTERNAL_ID, self.external_id.as_ref().map(label_text))
            .with_some(RETRY_POLICY, self.retry_policy.as_ref().map(json))
            .with(CREATED, time(self.created_at))
            .with(REVISION, number(self.revision))
            .item()
    }

    fn of(id: MerchantId, row: Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            id,
            name: label(row, NAME)?,
            external_id: optional_label(row, EXTERNAL_ID)?,
            retry_policy: retry_policy(row)?,
            created_at: row.time(CREATED)?,
            revision: row.number(REVISION)?,
        })
    }
}

impl Replaceable for Merchant {
    const CHANGING: &'static [&'static str] = &[NAME, EXTERNAL_ID, RETRY_POLICY, REVISION];

    fn revision(&self) -> u32 {
        self.revision
    }
}

#[cfg(test)]
mod tests {
    use postback_contract::world::{label, merchant};
    use postback_domain::delivery::retry::RetryPolicy;

    use super::*;
    use crate::catalog::noun::tests::{check_replacement, check_row};

    #[test]
    fn rows_are_what_was_written() {
        let rich = Merchant {
            name: label("Café “Zürich”"),
            external_id: Some(label("acct_1")),
            retry_policy: Some(RetryPolicy::from_secs(&[0.25, 86_400.0]).unwrap()),
            ..merchant(7)
        };
        check_row(&rich, &merchant(8), &["pk", "sk", NAME, CREATED, REVISION]);
        check_replacement(&rich, &[CREATED]);
        // What `endpoints.rs` counts on this row.
        assert!(!Merchant::CHANGING.contains(&"endpoints"));
        let single_try = RetryPolicy::from_secs(&[]).unwrap();
        let once = Merchant { retry_policy: Some(single_try), ..merchant(7) };
        check_row(&once, &merchant(7), &["pk", "sk", NAME, CREATED, REVISION]);
    }
}
