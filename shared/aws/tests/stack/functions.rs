//! The stack's functions from outside: invoked, read from, killed.
//!
//! Lambda and CloudWatch Logs are called without an SDK, because nothing of the product calls them.
//! The emulator takes the root key's word and checks no signature of it, so none is made.

use std::fs;

use postback_acceptance::api::text;
use postback_acceptance::client::{Answer, Client, Request};
use postback_acceptance::clock::eventually;
use postback_domain::time::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::queue::Queue;

/// Which function reads which queue.
const MAPPINGS: &str = "/2015-03-31/event-source-mappings/";

pub(crate) struct Functions {
    client: Client,
    endpoint: String,
    region: String,
    access_key: String,
    deliver: String,
    sweep: String,
}

/// A function reads nothing of a queue, until this is dropped.
pub(crate) struct Pause<'a> {
    functions: &'a Functions,
    mapping: String,
}

impl Functions {
    pub(crate) fn new(stack: &Value) -> Self {
        let endpoint = text(stack, "endpoint");
        let client = Client::new(&endpoint, None).unwrap_or_else(|error| panic!("{error}"));
        Self {
            client,
            endpoint,
            region: text(stack, "region"),
            access_key: text(stack, "access_key"),
            deliver: text(&stack["outputs"], "DeliverFunctionName"),
            sweep: text(&stack["outputs"], "SweepFunctionName"),
        }
    }

    /// Sweeps once, and answers with its report when it has ended.
    pub(crate) fn sweep(&self) -> Value {
        let path = format!("/2015-03-31/functions/{}/invocations", self.sweep);
        let answer = eventually("sweep may run", || {
            let answer = self.call("lambda", Request::new("POST", &path).body("{}"));
            // The schedule's own sweep is running, and there is never a second one beside it.
            if answer.status == 429 { Err(format!("{answer:?}")) } else { Ok(answer) }
        });
        assert_eq!(answer.headers.get("x-amz-function-error"), None, "{answer:?}");
        answer.expect(200).json()
    }

    /// Has deliver read no more of a queue, until what this answers with is dropped. What it has
    /// begun it ends.
    pub(crate) fn pause(&self, queue: &Queue) -> Pause<'_> {
        let (function, queue) = (&self.deliver, queue.arn());
        let query = format!("?FunctionName={function}&EventSourceArn={queue}");
        let found = self.call("lambda", Request::new("GET", &format!("{MAPPINGS}{query}")));
        let found = found.expect(200).json();
        let mapping = text(&found["EventSourceMappings"][0], "UUID");
        let pause = Pause { functions: self, mapping };
        let answer = pause.set_enabled(false);
        assert!(answer.status < 300, "{answer:?}");
        pause
    }

    /// The lines with metrics that sweeps since then have logged.
    pub(crate) fn sweep_metrics(&self, since: Timestamp) -> Vec<Value> {
        let group = format!("/aws/lambda/{}", self.sweep);
        let filter = json!({"logGroupName": group, "startTime": since.as_millis()});
        let request = Request::new("POST", "/")
            .header("x-amz-target", "Logs_20140328.FilterLogEvents")
            .header("content-type", "application/x-amz-json-1.1")
            .body(filter.to_string());
        let found = self.call("logs", request).expect(200).json();
        let events = found["events"].as_array().unwrap_or_else(|| panic!("no events in {found}"));
        let texts: Vec<String> = events.iter().map(|event| text(event, "message")).collect();
        let lines = texts.iter().flat_map(|text| text.lines());
        let objects = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let is_metric =
            |line: &Value| line["_aws"]["Timestamp"].as_i64() >= Some(since.as_millis());
        objects.filter(is_metric).collect()
    }

    /// Kills every worker of deliver, whatever it is doing; `false` where processes cannot be
    /// told apart.
    pub(crate) fn kill_deliver(&self) -> bool {
        let Ok(processes) = fs::read_dir("/proc") else { return false };
        let name = format!("AWS_LAMBDA_FUNCTION_NAME={}", self.deliver);
        // Another stack's function may have the same name, but not at the same emulator.
        let endpoint = format!("AWS_ENDPOINT_URL={}", self.endpoint);
        let mut killed = 0;
        for process in processes.flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let Ok(environment) = fs::read(process.path().join("environ")) else { continue };
            let has = |variable: &str| {
                environment.split(|byte| *byte == 0).any(|own| own == variable.as_bytes())
            };
            if has(&name) && has(&endpoint) {
                let pid = Pid::from_raw(pid).expect("a process has an id");
                kill_process(pid, Signal::KILL).expect("a worker can be killed");
                killed += 1;
            }
        }
        assert!(killed > 0, "no worker of {} runs", self.deliver);
        true
    }

    fn call(&self, service: &str, request: Request) -> Answer {
        let Self { region, access_key, .. } = self;
        let scope = format!("{access_key}/20260101/{region}/{service}/aws4_request");
        let value =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
        self.client.send(&request.header("authorization", value))
    }
}

impl Pause<'_> {
    fn set_enabled(&self, is_enabled: bool) -> Answer {
        let request = Request::new("PUT", &format!("{MAPPINGS}{}", self.mapping));
        self.functions.call("lambda", request.body(json!({"Enabled": is_enabled}).to_string()))
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        let answer = self.set_enabled(true);
        if answer.status >= 300 {
            eprintln!("a queue stays unread: {answer:?}");
        }
    }
}
