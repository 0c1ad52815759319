//! Metrics as a log line in CloudWatch's embedded metric format: no call, no permission, and the
//! numbers stand in the log beside what else the sweep said.
//!
//! One dimension, the function's name, so that two stacks in one account are told apart. A sweep is
//! one per stack, so it makes no metric more.

use postback_domain::time::Timestamp;
use postback_engine::sweep::Swept;
use serde_json::json;

/// Where an operator finds them.
const NAMESPACE: &str = "Postback";

/// What a sweep of this function found, as one line.
pub fn line(swept: &Swept, now: Timestamp, function: &str) -> String {
    let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    let line = json!({
        "_aws": {
            "Timestamp": now.as_millis(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["FunctionName"]],
                "Metrics": [
                    metric("SweepReenqueued", "Count"),
                    metric("SweepOldestOverdue", "Seconds"),
                    metric("SweepCutShort", "Count"),
                    metric("SweepShardsFailed", "Count"),
                ],
            }],
        },
        "FunctionName": function,
        "SweepReenqueued": swept.sent,
        "SweepOldestOverdue": swept.oldest_overdue.unwrap_or_default().as_secs(),
        "SweepCutShort": u8::from(swept.cut_short),
        "SweepShardsFailed": swept.shards_failed,
    });
    line.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;

    /// What CloudWatch requires of such a line: every metric that is announced is there, with a
    /// number, and the unit is one of its own.
    #[test]
    fn every_metric_that_is_announced_has_its_number() {
        let swept = Swept {
            sent: 3,
            oldest_overdue: Some(Duration::from_millis(61_999)),
            cut_short: true,
            shards_failed: 2,
        };
        let now = Timestamp::from_millis(1_790_000_000_123);
        let text = line(&swept, now, "postback-sweep");
        assert!(!text.contains('\n'), "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["_aws"]["Timestamp"], 1_790_000_000_123_i64);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["FunctionName"]]));
        assert_eq!(line["FunctionName"], "postback-sweep");
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        let numbers: Vec<_> = metrics
            .iter()
            .map(|metric| {
                assert!(metric["Unit"] == "Count" || metric["Unit"] == "Seconds", "{metric}");
                line[metric["Name"].as_str().unwrap()].as_u64().unwrap()
            })
            .collect();
        assert_eq!(numbers, [3, 61, 1, 2]);
    }
}
