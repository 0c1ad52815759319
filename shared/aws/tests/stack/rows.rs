//! Deliveries as rows of the table, for what the API does not show, and to let time pass: a test
//! writes that something has happened earlier than it has.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use postback_domain::time::Timestamp;

use crate::stage::{now, wait};

pub(crate) struct Rows {
    client: Client,
    table: String,
}

impl Rows {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// One attribute of a delivery, if it has it.
    pub(crate) fn attribute(&self, delivery: &str, name: &str) -> Option<AttributeValue> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = wait(request.set_key(Some(key(delivery))).send()).expect("a row can be read");
        let mut row = answer.item.unwrap_or_else(|| panic!("{delivery} has no row"));
        row.remove(name)
    }

    /// Replaces an attribute that the delivery has.
    pub(crate) fn rewrite(&self, delivery: &str, name: &str, value: AttributeValue) {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(delivery)))
            .update_expression("SET #name = :value")
            .condition_expression("attribute_exists(#name)")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", value);
        let written = wait(request.send());
        written.unwrap_or_else(|error| panic!("`{name}` of {delivery}: {error:?}"));
    }

    /// Has a delivery that has ended have ended so long ago.
    pub(crate) fn ended(&self, delivery: &str, ago: Duration) {
        self.rewrite(delivery, "finished", number(now().minus(ago).as_millis()));
    }

    /// Has a delivery that is owed have been due so long ago.
    pub(crate) fn due(&self, delivery: &str, ago: Duration) {
        let order = format!("{:013}", now().minus(ago).as_millis());
        self.rewrite(delivery, "work_order", AttributeValue::S(order));
    }

    /// Has the lease on a delivery have ended so long ago.
    pub(crate) fn lease_ended(&self, delivery: &str, ago: Duration) {
        self.rewrite(delivery, "lease", number(now().minus(ago).as_millis()));
        self.due(delivery, ago);
    }

    /// Until when somebody holds the delivery.
    pub(crate) fn lease(&self, delivery: &str) -> Option<Timestamp> {
        let lease = self.attribute(delivery, "lease")?;
        let millis = lease.as_n().expect("a lease is a number").parse().expect("in milliseconds");
        Some(Timestamp::from_millis(millis))
    }
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A delivery is found by what its id has in common with its event's.
fn key(delivery: &str) -> HashMap<String, AttributeValue> {
    let place = delivery.get(4..20).unwrap_or_else(|| panic!("`{delivery}` is no id"));
    let text = |text: String| AttributeValue::S(text);
    HashMap::from([
        ("pk".to_owned(), text(format!("ev#{place}"))),
        ("sk".to_owned(), text(delivery.to_owned())),
    ])
}
