//! `postback deliveries recover`: an endpoint is sent again what it missed. The server does the work
//! and goes on with it whether anybody watches or not.

use std::error::Error;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use anstream::println;
use clap::Args;
use postback_domain::time::Timestamp;
use serde_json::{Value, json};

use crate::cli::when;
use crate::progress;
use crate::remote::{Remote, body};
use crate::table::cell;
use crate::terminal::{BOLD, DIM, GOOD, WAITING};

/// Between two looks at how far it has come.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Which, and how fast.
#[derive(Debug, Args)]
pub(crate) struct RecoverArguments {
    /// The endpoint
    endpoint: String,

    /// What came in since: a time, or how long ago, such as 2h or 3d
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Timestamp,

    /// And before: a time, or how long ago; now if not given
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<Timestamp>,

    /// What to send again; FAILED,NOT_APPLY if not given
    #[arg(long, value_delimiter = ',', value_name = "STATES")]
    states: Vec<String>,

    /// How many a second; 50 if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pace: Option<u32>,

    /// Give the order and do not watch it
    #[arg(long)]
    no_wait: bool,
}

pub(crate) fn run(
    remote: &Remote,
    arguments: &RecoverArguments,
    as_json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let fields = [
        ("since", Some(json!(arguments.since.to_string()))),
        ("until", arguments.until.map(|until| json!(until.to_string()))),
        ("states", (!arguments.states.is_empty()).then(|| json!(arguments.states))),
        ("per_second", arguments.pace.map(|pace| json!(pace))),
    ];
    let path = format!("/v1/endpoints/{}/recover", arguments.endpoint);
    let mut recovery = remote.post(&path, &body(&fields))?;
    if !arguments.no_wait {
        recovery = watch(remote, recovery)?;
    }
    if as_json {
        println!("{recovery:#}");
    } else {
        show(&recovery);
    }
    let is_well = matches!(recovery["status"].as_str(), Some("running" | "done"));
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) fn cancel(remote: &Remote, id: &str, as_json: bool) -> Result<ExitCode, Box<dyn Error>> {
    let recovery = remote.post(&format!("/v1/recoveries/{id}/cancel"), &json!({}))?;
    if as_json {
        println!("{recovery:#}");
    } else {
        show(&recovery);
    }
    Ok(ExitCode::SUCCESS)
}

/// Until it has ended. Who stops watching stops nothing.
fn watch(remote: &Remote, mut recovery: Value) -> Result<Value, Box<dyn Error>> {
    let path = format!("/v1/recoveries/{}", cell(&recovery, "id"));
    let bar = progress::of_a_span();
    while recovery["status"] == "running" {
        bar.set_position(done_of_span(&recovery).unwrap_or_default());
        bar.set_message(format!("{} sent again", cell(&recovery, "recovered")));
        sleep(LOOK_EVERY);
        recovery = remote.patiently(|| remote.get(&path))?;
    }
    bar.finish_and_clear();
    Ok(recovery)
}

/// It goes back in time, so this is how far it has come in the state that it is at.
fn done_of_span(recovery: &Value) -> Option<u64> {
    let at = |field: &str| recovery[field].as_str()?.parse::<Timestamp>().ok();
    let (since, until) = (at("since")?.as_millis(), at("until")?.as_millis());
    let done = until - at("reached_at")?.as_millis();
    u64::try_from(done * i64::try_from(progress::SPAN).ok()? / (until - since).max(1)).ok()
}

fn show(recovery: &Value) {
    let status = cell(recovery, "status");
    let style = match status.as_str() {
        "done" => GOOD,
        "running" => BOLD,
        _ => WAITING,
    };
    println!(
        "{style}{status}{style:#}  {} of {} were sent again  {DIM}{}{DIM:#}",
        cell(recovery, "recovered"),
        cell(recovery, "looked_at"),
        cell(recovery, "id"),
    );
    if status == "running" {
        println!(
            "it goes on by itself; `postback deliveries cancel {}` stops it",
            cell(recovery, "id")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_how_far_back_it_has_come() {
        let reached = |reached_at: Value| {
            done_of_span(&json!({
                "since": "2026-09-21T00:00:00Z", "until": "2026-09-21T10:00:00Z",
                "reached_at": reached_at,
            }))
        };
        assert_eq!(reached(Value::Null), None);
        assert_eq!(reached(json!("2026-09-21T10:00:00Z")), Some(0));
        assert_eq!(reached(json!("2026-09-21T07:30:00Z")), Some(250));
        assert_eq!(reached(json!("2026-09-21T00:00:00Z")), Some(1000));
    }
}
