//! The actions that the code uses, read off its calls of the SDK.

use std::collections::BTreeMap;

use super::source::{ADAPTER, sources};
use super::template::FUNCTIONS;
use crate::repository::keeps;

/// Methods of the SDK's clients, and the action that each needs.
const METHODS: [(&str, &str); 20] = [
    ("batch_get_item", "dynamodb:BatchGetItem"),
    ("batch_write_item", "dynamodb:BatchWriteItem"),
    ("delete_item", "dynamodb:DeleteItem"),
    ("describe_table", "dynamodb:DescribeTable"),
    ("get_item", "dynamodb:GetItem"),
    ("put_item", "dynamodb:PutItem"),
    ("query", "dynamodb:Query"),
    ("scan", "dynamodb:Scan"),
    ("update_item", "dynamodb:UpdateItem"),
    ("get_secret_value", "secretsmanager:GetSecretValue"),
    ("change_message_visibility", "sqs:ChangeMessageVisibility"),
    ("change_message_visibility_batch", "sqs:ChangeMessageVisibility"),
    ("delete_message", "sqs:DeleteMessage"),
    ("delete_message_batch", "sqs:DeleteMessage"),
    ("get_queue_attributes", "sqs:GetQueueAttributes"),
    ("purge_queue", "sqs:PurgeQueue"),
    ("receive_message", "sqs:ReceiveMessage"),
    ("send_message", "sqs:SendMessage"),
    ("send_message_batch", "sqs:SendMessage"),
    ("start_message_move_task", "sqs:StartMessageMoveTask"),
];

/// A transaction needs what its parts need, and nothing for itself.
const PARTS: [(&str, &str); 5] = [
    ("ConditionCheck", "dynamodb:ConditionCheckItem"),
    ("Delete", "dynamodb:DeleteItem"),
    ("Get", "dynamodb:GetItem"),
    ("Put", "dynamodb:PutItem"),
    ("Update", "dynamodb:UpdateItem"),
];

/// Methods of a client that call nothing by themselves.
const NO_CALL: [&str; 4] = ["clone", "config", "transact_get_items", "transact_write_items"];

/// Every action that the code uses, with the first file that does.
pub(super) fn used() -> BTreeMap<&'static str, &'static str> {
    let mut used = BTreeMap::new();
    for (file, text) in code() {
        for action in actions(&text) {
            used.entry(action).or_insert(file);
        }
    }
    used
}

fn code() -> impl Iterator<Item = (&'static str, String)> {
    let functions = FUNCTIONS.iter().map(|function| format!("functions/{}", function.folder));
    let folders = functions.chain([ADAPTER.to_owned()]);
    folders.flat_map(|folder| sources(&folder).collect::<Vec<_>>())
}

fn actions(text: &str) -> impl Iterator<Item = &'static str> {
    // A call of the SDK begins without arguments; they follow one by one.
    let methods = METHODS.iter().filter(|(name, _)| text.contains(&format!(".{name}()")));
    let parts = PARTS.iter().filter(|(name, _)| {
        let begin = format!("{name}::builder()");
        let mut found = text.match_indices(&begin).map(|(start, _)| &text[..start]);
        found.any(|before| !before.ends_with(|c: char| c.is_alphanumeric()))
    });
    methods.chain(parts).map(|(_, action)| *action).collect::<Vec<_>>().into_iter()
}

/// What is called on something named `client`, whether the tables above know it or not.
fn called_on_clients(text: &str) -> impl Iterator<Item = &str> {
    let after = text.match_indices("client").map(|(start, name)| &text[start + name.len()..]);
    after.filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix('.')?;
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_')?;
        rest[end..].starts_with("()").then_some(&rest[..end])
    })
}

#[test]
fn every_call_of_the_sdk_is_one_whose_action_is_known() {
    let mut breaches = Vec::new();
    for (file, text) in code() {
        let is_known =
            |name: &str| METHODS.iter().any(|(m, _)| *m == name) || NO_CALL.contains(&name);
        let unknown = called_on_clients(&text).filter(|name| !is_known(name));
        breaches.extend(unknown.map(|name| format!("{file}: `{name}`")));
    }
    keeps("the tables of this file name each method called on a client", breaches);
}

#[test]
fn calls_are_told_from_what_looks_like_them() {
    let found = |text| actions(text).collect::<Vec<_>>();
    assert_eq!(found("self.table.client.get_item().key(k)"), ["dynamodb:GetItem"]);
    assert_eq!(found("Put::builder(), types::Update::builder()").len(), 2);
    assert!(found("output.item(), get_item(key), TransactGet::builder(), uri.query(x)").is_empty());
    let on = |text| called_on_clients(text).collect::<Vec<_>>();
    assert_eq!(on("self.client\n    .list_tables()\n    .send()"), ["list_tables"]);
    assert!(on("client.field, clients.iter(), client.call(x)").is_empty());
}
