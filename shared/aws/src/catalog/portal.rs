//! Portal tokens as rows; of the token itself only the digest. In no list, and removed by the table
//! some time after they have expired.

use postback_domain::audit::Record;
use postback_domain::ids::{MerchantId, PortalTokenId};
use postback_domain::key::TokenDigest;
use postback_domain::portal::PortalToken;

use super::Written;
use super::noun::{self, Attributes, CREATED, MERCHANT, Noun, place};
use super::write::Together;
use crate::item::{Damaged, Item, Reader, bytes, number, text, time};
use crate::table::{EXPIRES, Table};

const DIGEST: &str = "digest";
/// To the millisecond, which is when it ends; [`EXPIRES`] is when the row may go.
const EXPIRES_AT: &str = "expires_at";

pub(super) async fn create(table: &Table, token: &PortalToken, record: &Record) -> Written {
    let mut together = Together::on(table, record);
    together.check_there(place(token.merchant_id));
    together.create(token);
    together.commit().await
}

pub(super) async fn delete(
    table: &Table,
    merchant: MerchantId,
    id: PortalTokenId,
    record: &Record,
) -> Written {
    let mut together = Together::on(table, record);
    together.delete_owned(place(id), merchant);
    together.commit().await
}

impl Noun for PortalToken {
    type Id = PortalTokenId;

    fn id(&self) -> PortalTokenId {
        self.id
    }

    fn attributes(&self) -> Item {
        Attributes::default()
            .with(MERCHANT, text(self.merchant_id.to_string()))
            .with(DIGEST, bytes(self.digest.0))
            .with(CREATED, time(self.created_at))
            .with(EXPIRES_AT, time(self.expires_at))
            .with(EXPIRES, number(self.expires_at.as_secs() + 1))
            .item()
    }

    fn of(id: PortalTokenId, row: Reader<'_>) -> Result<Self, Damaged> {
        let digest = row.bytes(DIGEST)?.try_into();
        Ok(Self {
            id,
            merchant_id: noun::merchant(row)?,
            digest: TokenDigest(digest.map_err(|_| Damaged::new(DIGEST, "not of 32 bytes"))?),
            created_at: row.time(CREATED)?,
            expires_at: row.time(EXPIRES_AT)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use postback_contract::world::portal_token;

    use super::*;

    #[test]
    fn the_row_may_go_when_the_token_has_ended_and_not_before() {
        let token = portal_token(1);
        let row = token.attributes();
        let expires: i64 = row[EXPIRES].as_n().unwrap().parse().unwrap();
        assert!(expires * 1000 >= token.expires_at.as_millis());
        assert_eq!(row[DIGEST], bytes(token.digest.0));
        assert_eq!(row.len(), 5);
    }
}
