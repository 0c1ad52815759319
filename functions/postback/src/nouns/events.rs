//! `postback events`: what providers told us.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;

use super::{ROWS, show_object, show_rows};
use crate::remote::Remote;

/// What to do with events.
#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List them, newest first
    List {
        /// Only of this type
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
        /// Only of this source
        #[arg(long, value_name = "SOURCE_ID")]
        source: Option<String>,
        /// How many
        #[arg(long, default_value_t = ROWS)]
        limit: u32,
    },
    /// Show one
    Get {
        /// Its id
        id: String,
        /// Write its exact bytes to standard output, and nothing else
        #[arg(long)]
        body: bool,
    },
}

pub(crate) fn run(
    remote: &Remote,
    command: &EventsCommand,
    as_json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        EventsCommand::List { event_type, source, limit } => {
            let filters = [("type", event_type.as_deref()), ("source_id", source.as_deref())];
            let rows = remote.list("/v1/events", &filters, *limit)?;
            let columns = [
                ("ID", "id"),
                ("STATE", "state"),
                ("TYPE", "type"),
                ("PROVIDER'S ID", "provider_event_id"),
                ("BYTES", "size_bytes"),
                ("RECEIVED", "received_at"),
            ];
            Ok(show_rows(&rows, &columns, as_json))
        }
        EventsCommand::Get { id, body: false } => {
            Ok(show_object(&remote.get(&format!("/v1/events/{id}"))?, as_json))
        }
        EventsCommand::Get { id, body: true } => {
            let event = remote.get(&format!("/v1/events/{id}?include=body"))?;
            let body = STANDARD.decode(event["body_base64"].as_str().unwrap_or_default())?;
            std::io::stdout().write_all(&body)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
