//! One block per folder in `functions/`, each wired as its code expects.

use std::collections::BTreeSet;

use super::template::{FILE, FUNCTIONS, function, properties, resources, target};
use crate::manifest::MEMBERS;
use crate::repository::keeps;

/// The one binary in `functions/` that runs without AWS.
const NOT_A_LAMBDA: &str = "postback";

#[test]
fn every_folder_in_functions_has_its_block() {
    let folders: BTreeSet<_> = MEMBERS
        .iter()
        .filter_map(|member| member.folder.strip_prefix("functions/"))
        .filter(|folder| *folder != NOT_A_LAMBDA)
        .collect();
    let blocks: BTreeSet<_> = FUNCTIONS.iter().map(|function| function.folder).collect();
    assert_eq!(blocks, folders, "left: blocks in `{FILE}`, right: folders in `functions/`");
    assert_eq!(blocks.len(), FUNCTIONS.len(), "two blocks run the same binary");
}

/// SAM would build them one by one, each with dependencies of its own.
#[test]
fn cargo_builds_and_sam_only_packs() {
    let breaches = FUNCTIONS.iter().filter(|function| {
        let metadata = &super::template::TEMPLATE["Resources"][function.id]["Metadata"];
        metadata["SkipBuild"] != true
    });
    keeps("a function's metadata says SkipBuild", breaches.map(|found| found.id).collect());
}

#[test]
fn one_failed_message_does_not_bring_back_its_batch() {
    let mappings: Vec<_> = resources("AWS::Lambda::EventSourceMapping").collect();
    let answers_in_part = |types: &serde_json::Value| {
        types.as_array().is_some_and(|types| types.iter().any(|t| t == "ReportBatchItemFailures"))
    };
    let breaches = mappings
        .iter()
        .filter(|(_, mapping)| !answers_in_part(&mapping["FunctionResponseTypes"]))
        .map(|(id, _)| id)
        .collect();
    keeps("a mapping answers message by message", breaches);

    let deliver = function("deliver").id;
    let sources: BTreeSet<_> = mappings
        .iter()
        .filter(|(_, mapping)| target(&mapping["FunctionName"]) == Some(deliver))
        .filter_map(|(_, mapping)| target(&mapping["EventSourceArn"]))
        .collect();
    assert_eq!(sources, BTreeSet::from(["EventsQueue", "DeliveriesQueue"]), "what deliver reads");
}

#[test]
fn only_deliver_may_send_to_what_starts_it() {
    let breaches = FUNCTIONS.iter().filter(|function| {
        let given = function.properties["RecursiveLoop"].as_str().unwrap_or("Terminate");
        given != if function.folder == "deliver" { "Allow" } else { "Terminate" }
    });
    keeps("RecursiveLoop is Allow on deliver only", breaches.map(|found| found.id).collect());
}

#[test]
fn only_the_sweep_reserves_concurrency() {
    for function in FUNCTIONS.iter() {
        let reserved = &function.properties["ReservedConcurrentExecutions"];
        // In an account that is too small for a reservation the stack goes without.
        let reserved = reserved["Fn::If"].get(1).unwrap_or(reserved);
        let expected = if function.folder == "sweep" { 1.into() } else { serde_json::Value::Null };
        assert_eq!(*reserved, expected, "{}", function.id);
    }
}

/// Payload 2.0 joins repeated headers with commas; some signature schemes need them apart.
#[test]
fn routes_reach_their_functions_in_the_payload_they_expect() {
    let routes: BTreeSet<_> = resources("AWS::ApiGatewayV2::Route")
        .map(|(_, route)| {
            let id = route["Target"]["Fn::Sub"].as_str().expect("a text with a reference");
            let id = id.strip_prefix("integrations/${").and_then(|id| id.strip_suffix('}'));
            let integration = properties(id.expect("an integration"));
            let version = integration["PayloadFormatVersion"].as_str().expect("a version");
            (
                route["RouteKey"].as_str().expect("a route"),
                target(&integration["IntegrationUri"]).expect("a function"),
                version,
            )
        })
        .collect();
    let expected = [
        ("$default", function("api").id, "2.0"),
        ("ANY /in/{source}", function("ingest").id, "1.0"),
    ];
    assert_eq!(routes, BTreeSet::from(expected));
}
