//! A role holds what its function uses, on the very resources, and nothing else. What a function
//! uses of the adapter cannot be read off the adapter, so it is written down here once more.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::calls;
use super::template::{FUNCTIONS, TEMPLATE, each, properties, resources, target, the_one};
use crate::repository::keeps;

/// What Lambda does in a function's name with its log group.
const LOGGING: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];

/// What Lambda does in a function's name with the queue of a mapping.
const POLLING: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// What each function's code does, on what.
const USED: [(&str, &str, &[&str]); 9] = [
    ("ingest", "Table", &["dynamodb:GetItem"]),
    ("ingest", "EventsQueue", &["sqs:SendMessage"]),
    (
        "deliver",
        "Table",
        &[
            "dynamodb:BatchGetItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
    ),
    ("deliver", "DeliveriesQueue", &["sqs:SendMessage"]),
    (
        "sweep",
        "Table",
        &[
            "dynamodb:BatchGetItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
    ),
    ("sweep", "DeliveriesQueue", &["sqs:SendMessage"]),
    (
        "api",
        "Table",
        &[
            "dynamodb:BatchGetItem",
            "dynamodb:ConditionCheckItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
    ),
    ("api", "DeliveriesQueue", &["sqs:SendMessage"]),
    ("api", "AdminKey", &["secretsmanager:GetSecretValue"]),
];

struct Grant {
    role: &'static str,
    action: &'static str,
    resource: &'static Value,
}

/// Every action on every resource of every role.
fn grants() -> Vec<Grant> {
    let mut grants = Vec::new();
    for (role, properties) in resources("AWS::IAM::Role") {
        for policy in each(&properties["Policies"]) {
            for statement in each(&policy["PolicyDocument"]["Statement"]) {
                assert_eq!(statement["Effect"], "Allow", "{role} refuses something");
                for action in each(&statement["Action"]) {
                    let action = action.as_str().expect("an action");
                    let on = each(&statement["Resource"]);
                    grants.extend(on.map(|resource| Grant { role, action, resource }));
                }
            }
        }
    }
    assert!(!grants.is_empty(), "the template grants nothing");
    grants
}

/// A function's role.
fn role(function: &Value) -> &str {
    target(&function["Role"]).expect("a function names its role")
}

#[test]
fn every_function_has_a_role_of_its_own() {
    let roles: BTreeSet<_> = FUNCTIONS.iter().map(|function| role(function.properties)).collect();
    assert_eq!(roles.len(), FUNCTIONS.len());
    // The schedule's role is the one besides.
    assert_eq!(resources("AWS::IAM::Role").count(), FUNCTIONS.len() + 1);
}

#[test]
fn policies_are_written_here_and_nowhere_else() {
    let managed = resources("AWS::IAM::Role")
        .filter(|(_, role)| !role["ManagedPolicyArns"].is_null())
        .map(|(id, _)| id);
    let of_sam = FUNCTIONS.iter().filter(|f| !f.properties["Policies"].is_null()).map(|f| f.id);
    let global = &TEMPLATE["Globals"]["Function"]["Policies"];
    assert!(global.is_null(), "policies for every function");
    let apart = ["AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy"];
    let apart = apart.into_iter().flat_map(resources).map(|(id, _)| id);
    let breaches = managed.chain(of_sam).chain(apart).collect();
    keeps("a role's permissions stand in its own block", breaches);
}

#[test]
fn nothing_is_granted_by_wildcard() {
    let breaches = grants()
        .iter()
        .filter(|grant| grant.action.contains('*') || grant.resource.to_string().contains('*'))
        .map(|grant| format!("{}: {} on {}", grant.role, grant.action, grant.resource))
        .collect();
    keeps("a grant names its actions and resources", breaches);
}

/// A resource of this template, so that nothing outside the stack is within reach.
#[test]
fn grants_reach_only_what_the_stack_owns() {
    let breaches = grants()
        .iter()
        .filter(|grant| target(grant.resource).is_none())
        .map(|grant| format!("{}: {} on {}", grant.role, grant.action, grant.resource))
        .collect();
    keeps("a grant is on a resource of the template", breaches);
}

#[test]
fn actions_used_in_code_are_granted_and_no_others() {
    let used = calls::used();
    let by_wiring = wiring();
    let mut granted: BTreeMap<&str, &str> = BTreeMap::new();
    for grant in grants() {
        let resource = target(grant.resource).expect("a resource of the template");
        if !by_wiring.contains(&(grant.role, grant.action, resource)) {
            granted.insert(grant.action, grant.role);
        }
    }
    let idle = granted.iter().filter(|(action, _)| !used.contains_key(*action));
    let missing = used.iter().filter(|(action, _)| !granted.contains_key(*action));
    let breaches = idle
        .map(|(action, role)| format!("{role} may {action}, which no code does"))
        .chain(missing.map(|(action, file)| format!("{file} needs {action}, which no role may")))
        .collect();
    keeps("the actions granted are those that the code uses", breaches);
}

/// Function by function, so that what one of them needs is no permission of another.
#[test]
fn a_function_may_do_what_it_does_and_nothing_else() {
    let by_wiring = wiring();
    let role_of = |folder| role(super::template::function(folder).properties);
    let used: BTreeSet<_> = USED
        .iter()
        .flat_map(|(folder, resource, actions)| {
            actions.iter().map(|action| (role_of(folder), *action, *resource))
        })
        .collect();
    let granted: BTreeSet<_> = grants()
        .iter()
        .filter_map(|grant| Some((grant.role, grant.action, target(grant.resource)?)))
        .filter(|grant| !by_wiring.contains(grant))
        .collect();
    let tell = |what: &str, (role, action, resource): &(&str, &str, &str)| {
        format!("{role}: {action} on {resource} {what}")
    };
    let idle = granted.difference(&used).map(|grant| tell("is granted and not used", grant));
    let missing = used.difference(&granted).map(|grant| tell("is used and not granted", grant));
    keeps("a role has its function's permissions", idle.chain(missing).collect());
}

/// Or Secrets Manager wants a character of a kind that it may not take.
#[test]
fn the_admin_key_can_be_generated() {
    let generated = &the_one("AWS::SecretsManager::Secret")["GenerateSecretString"];
    assert_eq!(generated["ExcludePunctuation"], true);
    let excluded = generated["ExcludeCharacters"].as_str().expect("a text");
    assert!((b'!'..=b'~').filter(u8::is_ascii_punctuation).all(|c| excluded.contains(c as char)));
    assert!(!excluded.contains(|c: char| c.is_ascii_alphanumeric()));
}

#[test]
fn what_aws_does_in_our_name_is_granted() {
    let granted: BTreeSet<_> = grants()
        .iter()
        .filter_map(|grant| Some((grant.role, grant.action, target(grant.resource)?)))
        .collect();
    let breaches = wiring()
        .difference(&granted)
        .map(|(role, action, resource)| format!("{role}: {action} on {resource}"))
        .collect();
    keeps("logs, mappings and the schedule have their permissions", breaches);
}

/// What the template's own wiring needs: role, action, resource.
fn wiring() -> BTreeSet<(&'static str, &'static str, &'static str)> {
    let mut needed = BTreeSet::new();
    for function in FUNCTIONS.iter() {
        let log = target(&function.properties["LoggingConfig"]["LogGroup"]).expect("a log group");
        needed.extend(LOGGING.map(|action| (role(function.properties), action, log)));
    }
    for (_, mapping) in resources("AWS::Lambda::EventSourceMapping") {
        let function = properties(target(&mapping["FunctionName"]).expect("a function"));
        let queue = target(&mapping["EventSourceArn"]).expect("a queue");
        needed.extend(POLLING.map(|action| (role(function), action, queue)));
    }
    let schedule = &the_one("AWS::Scheduler::Schedule")["Target"];
    let starter = target(&schedule["RoleArn"]).expect("the schedule's role");
    let started = target(&schedule["Arn"]).expect("the schedule's function");
    needed.insert((starter, "lambda:InvokeFunction", started));
    needed
}
