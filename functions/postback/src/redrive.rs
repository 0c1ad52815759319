//! `postback redrive`: the operator's way back for what was given up.

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
use crate::terminal::{BOLD, GOOD};

const PATH: &str = "/v1/dead-letters/redrive";

/// Which, and whether for real.
#[derive(Debug, Args)]
pub(crate) struct RedriveArguments {
    /// Only of this endpoint
    #[arg(long, value_name = "ENDPOINT_ID")]
    pub(crate) endpoint: Option<String>,

    /// Only of events of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) event_type: Option<String>,

    /// Only of what was created since: a time, or how long ago, such as 2h or 3d
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) since: Option<Timestamp>,

    /// And before: a time, or how long ago
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) until: Option<Timestamp>,

    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,

    /// Reopen them
    #[arg(long)]
    pub(crate) execute: bool,

    /// How many a second; all at once if not given
    #[arg(long, value_name = "N", requires = "execute", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) pace: Option<u32>,
}

pub(crate) fn run(
    remote: &Remote,
    arguments: &RedriveArguments,
    as_json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let wanted = body(&[
        ("merchant_id", remote.merchant().map(|id| json!(id))),
        ("endpoint_id", arguments.endpoint.as_ref().map(|id| json!(id))),
        ("event_type", arguments.event_type.as_ref().map(|kind| json!(kind))),
        ("since", arguments.since.map(|since| json!(since))),
        ("until", arguments.until.map(|until| json!(until))),
        ("limit", Some(json!(arguments.limit))),
        ("dry_run", Some(json!(true))),
    ]);
    // All are found before the first is reopened: what fails again meanwhile is not taken twice.
    let found = remote.post(PATH, &wanted)?;
    let ids = found["delivery_ids"].as_array().cloned().unwrap_or_default();
    let mut reopened: Vec<Value> = Vec::new();
    if arguments.execute {
        let bar = progress::counted(
            ids.len() as u64,
            "reopened; stop it with Ctrl-C, go on by running it again",
        );
        let at_once = arguments.pace.unwrap_or(arguments.limit);
        for (number, some) in ids.chunks(usize::try_from(at_once)?).enumerate() {
            if number > 0 {
                sleep(Duration::from_secs(1));
            }
            let these = json!({"delivery_ids": some, "dry_run": false});
            let answer = remote.post(PATH, &these).map_err(|error| {
                let (done, all) = (reopened.len(), ids.len());
                format!("{error}\n  {done} of {all} were reopened; run it again for the others")
            })?;
            reopened.extend(answer["delivery_ids"].as_array().cloned().unwrap_or_default());
            bar.set_position(reopened.len() as u64);
        }
        bar.finish_and_clear();
    }
    if as_json {
        let shown = if arguments.execute { &reopened } else { &ids };
        let answer = json!({
            "matched": ids.len(), "redriven": reopened.len(), "delivery_ids": shown,
            "dry_run": !arguments.execute,
        });
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let more = ids.len() as u64 >= u64::from(arguments.limit);
    let more = if more { "; there may be more, see --limit" } else { "" };
    if arguments.execute {
        println!("{GOOD}{}{GOOD:#} of {} were reopened{more}", reopened.len(), ids.len());
    } else {
        for id in &ids {
            println!("{}", id.as_str().unwrap_or_default());
        }
        println!("{BOLD}{}{BOLD:#} would be reopened{more}; --execute does it", ids.len());
    }
    Ok(ExitCode::SUCCESS)
}
