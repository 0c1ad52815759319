//! The table and the queues: names that the adapter uses, and what guards their data.

use super::source::{ADAPTER, sources};
use super::template::{TEMPLATE, each, properties, resources, target, the_one};
use crate::repository::keeps;

#[test]
fn keys_and_indexes_have_the_names_that_the_adapter_uses() {
    let table = the_one("AWS::DynamoDB::Table");
    let mut names: Vec<_> =
        each(&table["AttributeDefinitions"]).map(|defined| &defined["AttributeName"]).collect();
    names.push(&table["TimeToLiveSpecification"]["AttributeName"]);
    for index in each(&table["GlobalSecondaryIndexes"]) {
        names.push(&index["IndexName"]);
        names.extend(each(&index["Projection"]["NonKeyAttributes"]));
    }
    let code: String = sources(ADAPTER).map(|(_, text)| text).collect();
    let is_unknown = |name: &&&serde_json::Value| !code.contains(&name.to_string());
    let breaches = names.iter().filter(is_unknown).collect();
    keeps(&format!("a name in the table is a text in {ADAPTER}"), breaches);
}

#[test]
fn the_table_is_guarded() {
    let table = the_one("AWS::DynamoDB::Table");
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(table["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(TEMPLATE["Parameters"]["DeletionProtection"]["Default"], "true");
    assert!(!table["DeletionProtectionEnabled"].is_null());
    // While the table refuses to go, the queues stay too.
    let first_to_go = &TEMPLATE["Resources"]["Table"]["DependsOn"];
    let breaches = resources("AWS::SQS::Queue")
        .filter(|(id, _)| !each(first_to_go).any(|named| named == id))
        .map(|(id, _)| id)
        .collect();
    keeps("a queue is deleted after the table", breaches);
}

#[test]
fn queues_are_encrypted_and_keep_messages_for_14_days() {
    let days_14 = 14 * 24 * 60 * 60;
    let breaches = resources("AWS::SQS::Queue")
        .filter(|(_, queue)| {
            queue["SqsManagedSseEnabled"] != true || queue["MessageRetentionPeriod"] != days_14
        })
        .map(|(id, _)| id)
        .collect();
    keeps("a queue is encrypted and keeps messages for 14 days", breaches);
}

/// Or any queue of the account could move its messages in among ours.
#[test]
fn dead_letters_come_from_their_own_queue_only() {
    for (id, queue) in resources("AWS::SQS::Queue") {
        let Some(dead_letters) = target(&queue["RedrivePolicy"]["deadLetterTargetArn"]) else {
            continue;
        };
        let allowed = &properties(dead_letters)["RedriveAllowPolicy"];
        assert_eq!(allowed["redrivePermission"], "byQueue", "{dead_letters}");
        let sources: Vec<_> = each(&allowed["sourceQueueArns"]).collect();
        let name = queue["QueueName"]["Fn::Sub"].as_str().expect("a name by stack");
        let arn = sources.first().and_then(|arn| arn["Fn::Sub"].as_str()).expect("an ARN");
        assert!(sources.len() == 1 && arn.ends_with(&format!(":{name}")), "{dead_letters}: {id}");
    }
}
