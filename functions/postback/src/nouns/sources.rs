//! `postback sources`: provider connections and the rotation of their secrets.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{ROWS, show_object, show_rows};
use crate::cli::name_and_value;
use crate::remote::{Remote, body};

/// What to do with sources.
#[derive(Debug, Subcommand)]
pub(crate) enum SourcesCommand {
    /// List them, newest first
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
    /// Add one for the merchant of --merchant; its ingest_url goes into the provider's settings
    Create {
        /// The provider; `postback presets` lists them
        #[arg(long, required_unless_present = "scheme")]
        preset: Option<String>,
        /// A scheme of your own, as JSON in a file
        #[arg(long, value_name = "FILE", conflicts_with = "preset")]
        scheme: Option<PathBuf>,
        /// The provider's secret; may be given several times
        #[arg(long, required = true, allow_hyphen_values = true)]
        secret: Vec<String>,
        /// A named input that the scheme needs, such as url=…
        #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
        config: Vec<(String, String)>,
        /// Where an event says whom it is for, such as json:/account; for a platform's source
        #[arg(long, value_name = "FIELD")]
        merchant_from: Option<String>,
        /// Its name, for people
        #[arg(long)]
        name: Option<String>,
    },
    /// List the secrets of one: when they expire and when they were last used
    Secrets {
        /// The source's id
        id: String,
    },
    /// Add a new secret beside the old ones, which expire when the overlap is over
    Rotate {
        /// The source's id
        id: String,
        /// The new secret
        #[arg(long, allow_hyphen_values = true)]
        secret: String,
        /// For how long the old ones stay good, in seconds; three days if not given
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
    },
    /// Take a secret away at once
    DropSecret {
        /// The source's id
        id: String,
        /// The secret's id
        secret: String,
    },
    /// Delete one; its URL answers 404 from then on, its events stay
    Delete {
        /// Its id
        id: String,
    },
}

pub(crate) fn run(
    remote: &Remote,
    command: &SourcesCommand,
    as_json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        SourcesCommand::List { limit } => {
            let rows = remote.list("/v1/sources", &[], *limit)?;
            let columns = [
                ("ID", "id"),
                ("MERCHANT", "merchant_id"),
                ("PRESET", "preset"),
                ("NAME", "name"),
                ("SECRETS", "secrets_count"),
                ("CREATED", "created_at"),
            ];
            Ok(show_rows(&rows, &columns, as_json))
        }
        SourcesCommand::Get { id } => {
            Ok(show_object(&remote.get(&format!("/v1/sources/{id}"))?, as_json))
        }
        SourcesCommand::Create { preset, scheme, secret, config, merchant_from, name } => {
            let scheme: Option<Value> = match scheme {
                None => None,
                Some(path) => {
                    let text = fs::read_to_string(path)
                        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                    let parsed = serde_json::from_str(&text);
                    Some(parsed.map_err(|error| format!("{}: {error}", path.display()))?)
                }
            };
            let config: BTreeMap<_, _> = config.iter().cloned().collect();
            let merchant = remote.merchant().ok_or("say for which merchant: --merchant mch_…")?;
            let fields = [
                ("merchant_id", Some(json!(merchant))),
                ("preset", preset.as_ref().map(|preset| json!(preset))),
                ("scheme", scheme),
                ("secrets", Some(json!(secret))),
                ("config", (!config.is_empty()).then(|| json!(config))),
                ("merchant_from", merchant_from.as_ref().map(|field| json!(field))),
                ("name", name.as_ref().map(|name| json!(name))),
            ];
            Ok(show_object(&remote.post("/v1/sources", &body(&fields))?, as_json))
        }
        SourcesCommand::Secrets { id } => {
            let answer = remote.get(&format!("/v1/sources/{id}/secrets"))?;
            let rows = answer["data"].as_array().cloned().unwrap_or_default();
            let columns = [
                ("ID", "id"),
                ("SET", "created_at"),
                ("EXPIRES", "expires_at"),
                ("LAST USED", "last_used_at"),
            ];
            Ok(show_rows(&rows, &columns, as_json))
        }
        SourcesCommand::Rotate { id, secret, overlap } => {
            let fields =
                [("secret", Some(json!(secret))), ("overlap_s", overlap.map(|secs| json!(secs)))];
            let path = format!("/v1/sources/{id}/secrets");
            Ok(show_object(&remote.post(&path, &body(&fields))?, as_json))
        }
        SourcesCommand::DropSecret { id, secret } => {
            remote.delete(&format!("/v1/sources/{id}/secrets/{secret}"))?;
            Ok(ExitCode::SUCCESS)
        }
        SourcesCommand::Delete { id } => {
            remote.delete(&format!("/v1/sources/{id}"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
