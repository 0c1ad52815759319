//! `postback deliveries`: what is owed to whom, and how each attempt went.

use std::error::Error;
use std::process::ExitCode;

use anstream::println;
use clap::Subcommand;
use serde_json::{Value, json};

use super::recoveries::{self, RecoverArguments};
use super::{ROWS, show_object, show_rows};
use crate::remote::Remote;
use crate::table::{Table, cell};

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub(crate) enum DeliveriesCommand {
    /// List them, newest first
    List {
        /// Only in this state: PENDING, SUCCESS, FAILED, NOT_APPLY
        #[arg(long)]
        state: Option<String>,
        /// Only to this endpoint
        #[arg(long, value_name = "ENDPOINT_ID")]
        endpoint: Option<String>,
        /// Only of events of this type
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
        /// Only of events since this time, RFC 3339
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only of events before this time
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// How many
        #[arg(long, default_value_t = ROWS)]
        limit: u32,
    },
    /// Show one, with its attempts
    Get {
        /// Its id
        id: String,
    },
    /// Send an endpoint again what it missed in a span of time
    Recover(RecoverArguments),
    /// Stop a recovery; what it has made due stays due
    Cancel {
        /// Its id
        id: String,
    },
    /// Have one that has ended tried again, in a fresh round
    Retry {
        /// Its id
        id: String,
    },
}

pub(crate) fn run(
    remote: &Remote,
    command: &DeliveriesCommand,
    as_json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        DeliveriesCommand::List { state, endpoint, event_type, since, until, limit } => {
            let filters = [
                ("state", state.as_deref()),
                ("endpoint_id", endpoint.as_deref()),
                ("event_type", event_type.as_deref()),
                ("since", since.as_deref()),
                ("until", until.as_deref()),
            ];
            let rows = remote.list("/v1/deliveries", &filters, *limit)?;
            let columns = [
                ("ID", "id"),
                ("STATE", "state"),
                ("TYPE", "event_type"),
                ("ENDPOINT", "endpoint_id"),
                ("TRIES", "attempts"),
                ("NEXT", "next_attempt_at"),
                ("CREATED", "created_at"),
            ];
            Ok(show_rows(&rows, &columns, as_json))
        }
        DeliveriesCommand::Get { id } => {
            let delivery = remote.get(&format!("/v1/deliveries/{id}"))?;
            show_object(&delivery, as_json);
            if !as_json {
                show_attempts(&delivery);
            }
            Ok(ExitCode::SUCCESS)
        }
        DeliveriesCommand::Recover(arguments) => recoveries::run(remote, arguments, as_json),
        DeliveriesCommand::Cancel { id } => recoveries::cancel(remote, id, as_json),
        DeliveriesCommand::Retry { id } => {
            let reopened = remote.post(&format!("/v1/deliveries/{id}/retry"), &json!({}))?;
            Ok(show_object(&reopened, as_json))
        }
    }
}

fn show_attempts(delivery: &Value) {
    let mut table = Table::new(&["ROUND", "TRY", "AT", "OUTCOME", "STATUS", "MS", "DETAIL"]);
    for attempt in delivery["attempt_log"].as_array().into_iter().flatten() {
        let fields = ["round", "number", "at", "outcome", "status", "duration_ms", "detail"];
        table.row(fields.map(|field| cell(attempt, field)));
    }
    println!();
    table.print();
}
