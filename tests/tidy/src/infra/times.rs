//! Timeouts and their like against the limits of `postback-domain`.

use std::collections::BTreeMap;

use postback_domain::limits::{
    API_TIMEOUT, BATCH_TIMEOUT, BODY_BYTES_MAX, DELIVERIES_RECEIVES_MAX, EVENTS_RECEIVES_MAX,
    INGEST_TIMEOUT, MESSAGE_HIDDEN, SWEEP_EVERY, SWEEP_TIMEOUT,
};

use super::template::{FUNCTIONS, function, number, properties, resources, target, the_one};

/// How long API Gateway waits for a function at most.
const GATEWAY_MILLIS_MAX: u64 = 30_000;

#[test]
fn functions_have_the_time_that_the_code_counts_on() {
    let given: BTreeMap<_, _> = FUNCTIONS
        .iter()
        .map(|function| (function.folder, number(&function.properties["Timeout"])))
        .collect();
    let counted_on = [
        ("ingest", INGEST_TIMEOUT),
        ("deliver", BATCH_TIMEOUT),
        ("sweep", SWEEP_TIMEOUT),
        ("api", API_TIMEOUT),
    ];
    assert_eq!(given, counted_on.map(|(folder, timeout)| (folder, timeout.as_secs())).into());
}

/// Or the caller is answered 503 while the function still works, and comes again.
#[test]
fn functions_end_before_the_gateway_gives_up() {
    for (id, integration) in resources("AWS::ApiGatewayV2::Integration") {
        let function = properties(target(&integration["IntegrationUri"]).expect("a function"));
        let waits_millis = number(&integration["TimeoutInMillis"]);
        assert!(waits_millis <= GATEWAY_MILLIS_MAX, "{id} waits longer than API Gateway can");
        assert!(number(&function["Timeout"]) * 1000 < waits_millis, "{id} gives up too early");
    }
}

/// The dead-letter queues hide nothing: nobody works them.
#[test]
fn queues_hide_and_give_up_messages_as_the_code_counts_on() {
    let receives =
        [("EventsQueue", EVENTS_RECEIVES_MAX), ("DeliveriesQueue", DELIVERIES_RECEIVES_MAX)];
    for (id, receives_max) in receives {
        let queue = properties(id);
        assert_eq!(number(&queue["VisibilityTimeout"]), MESSAGE_HIDDEN.as_secs(), "{id}");
        let given = number(&queue["RedrivePolicy"]["maxReceiveCount"]);
        assert_eq!(given, u64::from(receives_max), "{id}");
    }
    let with_redrive =
        resources("AWS::SQS::Queue").filter(|(_, queue)| !queue["RedrivePolicy"].is_null()).count();
    assert_eq!(with_redrive, receives.len(), "every queue that is worked has its limits here");
}

#[test]
fn the_largest_event_fits_into_a_message_wherever_it_goes() {
    let base64_bytes = BODY_BYTES_MAX.div_ceil(3) as u64 * 4;
    for id in ["EventsQueue", "EventsDeadLetters"] {
        assert!(number(&properties(id)["MaximumMessageSize"]) > base64_bytes, "{id}");
    }
}

#[test]
fn the_sweep_runs_as_often_as_the_code_counts_on() {
    let schedule = the_one("AWS::Scheduler::Schedule");
    let minutes = SWEEP_EVERY.as_secs() / 60;
    assert_eq!(schedule["ScheduleExpression"], format!("rate({minutes} minutes)"));
    assert_eq!(schedule["FlexibleTimeWindow"]["Mode"], "OFF");

    // A start that is kept longer meets the next one.
    let sweep = function("sweep");
    assert_eq!(target(&schedule["Target"]["Arn"]), Some(sweep.id));
    let retries = &schedule["Target"]["RetryPolicy"];
    assert!(number(&retries["MaximumRetryAttempts"]) <= 1);
    for kept in [retries, &sweep.properties["EventInvokeConfig"]] {
        assert!(number(&kept["MaximumEventAgeInSeconds"]) < SWEEP_EVERY.as_secs());
    }
}

/// A worker that dies hides its messages once; an alarm on that would cry wolf.
#[test]
fn the_age_alarm_outwaits_one_visibility_timeout() {
    let alarm = properties("EventsAgeAlarm");
    assert_eq!(alarm["MetricName"], "ApproximateAgeOfOldestMessage");
    assert!(number(&alarm["Threshold"]) > MESSAGE_HIDDEN.as_secs());
}
