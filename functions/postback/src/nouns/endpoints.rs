//! `postback endpoints`: where a merchant gets its events.

use std::error::Error;
use std::process::ExitCode;

use anstream::println;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{ROWS, show_object, show_rows};
use crate::remote::{Remote, body};
use crate::table::cell;
use crate::terminal::{BAD, BOLD, DIM, GOOD};

/// What to do with endpoints.
#[derive(Debug, Subcommand)]
pub(crate) enum EndpointsCommand {
    /// List those of a merchant, newest first
    List {
        /// How many
        #[arg(long, default_value_t = ROWS)]
        limit: u32,
    },
    /// Show one
    Get {
        /// Its id
        id: String,
    },
    /// Add one; its signing secret is shown once
    Create {
        /// Where events are posted
        #[arg(required_unless_present = "pull")]
        url: Option<String>,
        /// Call nobody: the merchant fetches what it is owed, as `postback listen` does
        #[arg(long, conflicts_with = "url")]
        pull: bool,
        /// Which events it wants, such as charge.*; every one if not given
        #[arg(long, value_delimiter = ',', value_name = "TYPES")]
        event_types: Vec<String>,
        /// How often to call it in a second at most; as often as there is something if not given
        #[arg(long, value_name = "N", conflicts_with = "pull")]
        rate_limit: Option<f64>,
        /// For people
        #[arg(long)]
        description: Option<String>,
    },
    /// Send one signed request to it and say how it was answered; exits with 1 if it was refused
    Test {
        /// Its id
        id: String,
        /// What the event says it is
        #[arg(long, value_name = "TYPE")]
        event_type: Option<String>,
    },
    /// Have it called again, beginning with what has waited
    Enable {
        /// Its id
        id: String,
    },
    /// Have it not called; its deliveries wait without using tries
    Disable {
        /// Its id
        id: String,
    },
    /// Give it a new signing secret, shown once; the old one signs beside it for a while
    Rotate {
        /// Its id
        id: String,
        /// For how long, in seconds; a day if not given
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
    },
    /// Delete it; what it is owed ends as FAILED
    Delete {
        /// Its id
        id: String,
    },
}

pub(crate) fn run(
    remote: &Remote,
    command: &EndpointsCommand,
    as_json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let path = |id: &str| format!("/v1/endpoints/{id}");
    match command {
        EndpointsCommand::List { limit } => {
            let mut rows = remote.list("/v1/endpoints", &[], *limit)?;
            for row in &mut rows {
                row["status"] = row["health"]["status"].clone();
                if row["kind"] == "pull" {
                    row["status"] = json!("pull");
                }
            }
            let columns = [
                ("ID", "id"),
                ("STATUS", "status"),
                ("URL", "url"),
                ("EVENT TYPES", "event_types"),
                ("DESCRIPTION", "description"),
            ];
            Ok(show_rows(&rows, &columns, as_json))
        }
        EndpointsCommand::Get { id } => Ok(show_object(&remote.get(&path(id))?, as_json)),
        EndpointsCommand::Create { url, pull, event_types, rate_limit, description } => {
            let fields = [
                ("url", url.as_ref().map(|url| json!(url))),
                ("kind", pull.then(|| json!("pull"))),
                ("event_types", (!event_types.is_empty()).then(|| json!(event_types))),
                ("rate_limit_per_s", rate_limit.map(|rate| json!(rate))),
                ("description", description.as_ref().map(|text| json!(text))),
            ];
            Ok(show_object(&remote.post("/v1/endpoints", &body(&fields))?, as_json))
        }
        EndpointsCommand::Test { id, event_type } => {
            let fields = [("event_type", event_type.as_ref().map(|kind| json!(kind)))];
            let tested = remote.post(&format!("{}/test", path(id)), &body(&fields))?;
            if as_json {
                println!("{tested:#}");
            } else {
                show_test(&tested);
            }
            let accepted = tested["accepted"] == true;
            Ok(if accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        EndpointsCommand::Enable { id } => {
            Ok(show_object(&remote.patch(&path(id), &json!({"enabled": true}))?, as_json))
        }
        EndpointsCommand::Disable { id } => {
            Ok(show_object(&remote.patch(&path(id), &json!({"enabled": false}))?, as_json))
        }
        EndpointsCommand::Rotate { id, overlap } => {
            let fields = [("overlap_s", overlap.map(|secs| json!(secs)))];
            let path = format!("{}/secret/rotate", path(id));
            Ok(show_object(&remote.post(&path, &body(&fields))?, as_json))
        }
        EndpointsCommand::Delete { id } => {
            remote.delete(&path(id))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn show_test(tested: &Value) {
    let attempt = &tested["attempt"];
    let (style, outcome) = if tested["accepted"] == true {
        (GOOD, "accepted".to_owned())
    } else {
        (BAD, cell(attempt, "outcome"))
    };
    println!(
        "{style}{outcome}{style:#}  {BOLD}{}{BOLD:#}  {}  {DIM}{} ms{DIM:#}",
        cell(tested, "event_type"),
        cell(attempt, "status"),
        cell(attempt, "duration_ms"),
    );
    for field in ["detail", "response_excerpt"] {
        if attempt[field].is_string() {
            println!("  {}", cell(attempt, field));
        }
    }
}
