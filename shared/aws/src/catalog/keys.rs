//! API keys as rows; of the key itself only the digest.

use postback_domain::audit::Record;
use postback_domain::ids::{KeyId, MerchantId};
use postback_domain::key::{ApiKey, Scope, TokenDigest};
use postback_domain::time::Timestamp;
use postback_engine::ports::Unavailable;
use postback_engine::ports::catalog::CatalogError;

use super::Written;
use super::lists::List;
use super::noun::{self, Attributes, CREATED, MERCHANT, Noun, label, label_text, owner, place};
use super::write::{Together, update_if};
use crate::item::{Damaged, Item, Reader, bytes, text, texts, time};
use crate::table::Table;

const NAME: &str = "name";
const SCOPES: &str = "scopes";
const DIGEST: &str = "digest";
const LAST_USED: &str = "last_used";
/// Not `expires`, which has DynamoDB remove the row: the key stays in its lists until it is deleted.
const EXPIRES_AT: &str = "expires_at";

pub(super) async fn create(table: &Table, key: &ApiKey, record: &Record) -> Written {
    let mut together = Together::on(table, record);
    together.check_there(place(key.merchant_id));
    together.create(key);
    together.put(List::keys_of(key.merchant_id).entry(key.created_at, key.id));
    together.commit().await
}

/// The key may be gone by now, which needs no note.
pub(super) async fn touch(table: &Table, id: KeyId, at: Timestamp) -> Result<(), Unavailable> {
    let values = [(":at", time(at))];
    let there = "attribute_exists(#pk)";
    update_if(table, &place(id), "SET #last_used = :at", there, values).await.map(drop)
}

pub(super) async fn delete(
    table: &Table,
    merchant: MerchantId,
    id: KeyId,
    record: &Record,
) -> Written {
    let (owner, created) = owner(table, id).await?;
    if owner != merchant {
        return Err(CatalogError::NotFound);
    }
    let mut together = Together::on(table, record);
    together.delete_owned(place(id), merchant);
    together.delete(List::keys_of(merchant).entry(created, id));
    together.commit().await
}

impl Noun for ApiKey {
    type Id = KeyId;

    fn id(&self) -> KeyId {
        self.id
    }

    fn attributes(&self) -> Item {
        Attributes::default()
            .with(MERCHANT, text(self.merchant_id.to_string()))
            .with(NAME, label_text(&self.name))
            .with(SCOPES, texts(self.scopes.iter().copied().map(scope_word)))
            .with(DIGEST, bytes(self.digest.0))
            .with(CREATED, time(self.created_at))
            .with_some(EXPIRES_AT, self.expires_at.map(time))
            .with_some(LAST_USED, self.last_used_at.map(time))
            .item()
    }

    fn of(id: KeyId, row: Reader<'_>) -> Result<Self, Damaged> {
        let digest = row.bytes(DIGEST)?.try_into();
        Ok(Self {
            id,
            merchant_id: noun::merchant(row)?,
            name: label(row, NAME)?,
            scopes: row.texts(SCOPES)?.into_iter().map(scope).collect::<Result<_, _>>()?,
            digest: TokenDigest(digest.map_err(|_| Damaged::new(DIGEST, "not of 32 bytes"))?),
            created_at: row.time(CREATED)?,
            expires_at: row.optional_time(EXPIRES_AT)?,
            last_used_at: row.optional_time(LAST_USED)?,
        })
    }
}

fn scope_word(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read",
        Scope::Write => "write",
        Scope::Pull => "pull",
        Scope::Admin => "admin",
    }
}

fn scope(word: &str) -> Result<Scope, Damaged> {
    match word {
        "read" => Ok(Scope::Read),
        "write" => Ok(Scope::Write),
        "pull" => Ok(Scope::Pull),
        "admin" => Ok(Scope::Admin),
        _ => Err(Damaged::new(SCOPES, "not a list of scopes")),
    }
}

#[cfg(test)]
mod tests {
    use postback_contract::world::{at, key};

    use super::*;
    use crate::catalog::noun::tests::check_row;

    #[test]
    fn rows_are_what_was_written() {
        let rich = ApiKey { expires_at: Some(at(8)), last_used_at: Some(at(9)), ..key(1) };
        let scopeless = ApiKey { scopes: Vec::new(), ..key(2) };
        check_row(&rich, &scopeless, &["pk", "sk", MERCHANT, NAME, DIGEST, CREATED]);
    }

    /// What is kept opens nothing.
    #[test]
    fn only_the_digest_is_kept_and_as_bytes() {
        let attributes = key(1).attributes();
        assert_eq!(attributes[DIGEST], bytes(key(1).digest.0));
        assert_eq!(attributes.len(), 5);
    }
}
