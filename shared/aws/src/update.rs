//! A conditional update, put together from attributes.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::item::Item;
use crate::table::{Key, PK, Table};

/// Sets and removes attributes of one row under a condition. Every name goes by its own
/// placeholder, `#name`, because many are reserved words; every value to be set by `:set_name`.
#[derive(Debug, Default)]
pub(crate) struct Update {
    set: Vec<String>,
    remove: Vec<String>,
    condition: Vec<String>,
    names: std::collections::HashMap<String, String>,
    values: Item,
}

impl Update {
    pub(crate) fn set(mut self, name: &str, value: AttributeValue) -> Self {
        let placeholder = self.name(name);
        self.set.push(format!("{placeholder} = :set_{name}"));
        self.values.insert(format!(":set_{name}"), value);
        self
    }

    pub(crate) fn set_all(self, attributes: Item) -> Self {
        attributes.into_iter().fold(self, |update, (name, value)| update.set(&name, value))
    }

    /// Adds to the end of a list that may not be there yet.
    pub(crate) fn append(mut self, name: &str, values: AttributeValue) -> Self {
        let placeholder = self.name(name);
        self.set.push(format!(
            "{placeholder} = list_append(if_not_exists({placeholder}, :none), :set_{name})"
        ));
        self.values.insert(":none".to_owned(), AttributeValue::L(Vec::new()));
        self.values.insert(format!(":set_{name}"), values);
        self
    }

    pub(crate) fn remove(mut self, name: &str) -> Self {
        let placeholder = self.name(name);
        self.remove.push(placeholder);
        self
    }

    /// Only if the attribute is this.
    pub(crate) fn if_is(mut self, name: &str, value: AttributeValue) -> Self {
        let placeholder = self.name(name);
        self.condition.push(format!("{placeholder} = :is_{name}"));
        self.values.insert(format!(":is_{name}"), value);
        self
    }

    /// Only if the attribute is not there.
    pub(crate) fn if_absent(mut self, name: &str) -> Self {
        let placeholder = self.name(name);
        self.condition.push(format!("attribute_not_exists({placeholder})"));
        self
    }

    /// Only if the row is there, and its list, which may not be, does not have this value.
    pub(crate) fn if_there_without(mut self, name: &str, value: AttributeValue) -> Self {
        let (list, key) = (self.name(name), self.name(PK));
        self.condition
            .push(format!("attribute_exists({key}) AND NOT contains({list}, :without_{name})"));
        self.values.insert(format!(":without_{name}"), value);
        self
    }

    /// Only if the attribute is this, or another one is there at all.
    pub(crate) fn if_is_or_there(mut self, name: &str, value: AttributeValue, other: &str) -> Self {
        let (name_is, other) = (self.name(name), self.name(other));
        self.condition.push(format!("({name_is} = :or_{name} OR attribute_exists({other}))"));
        self.values.insert(format!(":or_{name}"), value);
        self
    }

    /// Only if the attribute is not there, or is at most this.
    pub(crate) fn if_absent_or_at_most(mut self, name: &str, value: AttributeValue) -> Self {
        let placeholder = self.name(name);
        self.condition.push(format!(
            "(attribute_not_exists({placeholder}) OR {placeholder} <= :most_{name})"
        ));
        self.values.insert(format!(":most_{name}"), value);
        self
    }

    /// The request, to be sent.
    pub(crate) fn on(self, table: &Table, key: &Key) -> UpdateItemFluentBuilder {
        let mut expression = String::new();
        if !self.set.is_empty() {
            expression += &format!("SET {} ", self.set.join(", "));
        }
        if !self.remove.is_empty() {
            expression += &format!("REMOVE {}", self.remove.join(", "));
        }
        let request = table.client.update_item().table_name(&table.name);
        request
            .set_key(Some(key.to_item()))
            .update_expression(expression.trim_end())
            .condition_expression(self.condition.join(" AND "))
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values(Some(self.values))
    }

    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }
}
