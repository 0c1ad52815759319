//! `postback merchants`: the tenants, and their keys.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use serde_json::json;

use super::{ROWS, show_object, show_rows};
use crate::cli::duration;
use crate::remote::{Remote, body};

/// What to do with merchants.
#[derive(Debug, Subcommand)]
pub(crate) enum MerchantsCommand {
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
    /// Add one
    Create {
        /// Its name, for people
        name: String,
        /// What your own system calls it
        #[arg(long, value_name = "ID")]
        external_id: Option<String>,
    },
    /// List the keys of one
    Keys {
        /// Its id
        id: String,
        /// How many
        #[arg(long, default_value_t = ROWS)]
        limit: u32,
    },
    /// Add a key; it is shown once
    AddKey {
        /// The merchant's id
        id: String,
        /// What the key is for
        name: String,
        /// What it may do: read, write, pull, admin; read and write if not given
        #[arg(long, value_delimiter = ',')]
        scopes: Vec<String>,
        /// Until when it is good, RFC 3339
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// Delete a key; it opens nothing from then on
    DeleteKey {
        /// The merchant's id
        id: String,
        /// The key's id
        key: String,
    },
    /// Mint a token that lets the people of one into the portal; it is shown once
    PortalToken {
        /// The merchant's id
        id: String,
        /// How long it is good, from 1m to 24h; an hour if not given
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        ttl: Option<Duration>,
    },
    /// Revoke a portal token; it opens nothing from then on
    RevokePortalToken {
        /// The merchant's id
        id: String,
        /// The token's id, which is no secret
        token: String,
    },
}

pub(crate) fn run(
    remote: &Remote,
    command: &MerchantsCommand,
    as_json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        MerchantsCommand::List { limit } => {
            let rows = remote.list("/v1/merchants", &[], *limit)?;
            let columns = [
                ("ID", "id"),
                ("NAME", "name"),
                ("EXTERNAL ID", "external_id"),
                ("CREATED", "created_at"),
            ];
            Ok(show_rows(&rows, &columns, as_json))
        }
        MerchantsCommand::Get { id } => {
            Ok(show_object(&remote.get(&format!("/v1/merchants/{id}"))?, as_json))
        }
        MerchantsCommand::Create { name, external_id } => {
            let fields = [
                ("name", Some(json!(name))),
                ("external_id", external_id.as_ref().map(|id| json!(id))),
            ];
            Ok(show_object(&remote.post("/v1/merchants", &body(&fields))?, as_json))
        }
        MerchantsCommand::Keys { id, limit } => {
            let rows = remote.list(&format!("/v1/merchants/{id}/keys"), &[], *limit)?;
            let columns = [
                ("ID", "id"),
                ("NAME", "name"),
                ("SCOPES", "scopes"),
                ("EXPIRES", "expires_at"),
                ("LAST USED", "last_used_at"),
            ];
            Ok(show_rows(&rows, &columns, as_json))
        }
        MerchantsCommand::AddKey { id, name, scopes, expires_at } => {
            let fields = [
                ("name", Some(json!(name))),
                ("scopes", (!scopes.is_empty()).then(|| json!(scopes))),
                ("expires_at", expires_at.as_ref().map(|time| json!(time))),
            ];
            let path = format!("/v1/merchants/{id}/keys");
            Ok(show_object(&remote.post(&path, &body(&fields))?, as_json))
        }
        MerchantsCommand::DeleteKey { id, key } => {
            remote.delete(&format!("/v1/merchants/{id}/keys/{key}"))?;
            Ok(ExitCode::SUCCESS)
        }
        MerchantsCommand::PortalToken { id, ttl } => {
            let fields = [("ttl_s", ttl.map(|ttl| json!(ttl.as_secs())))];
            let path = format!("/v1/merchants/{id}/portal-tokens");
            Ok(show_object(&remote.post(&path, &body(&fields))?, as_json))
        }
        MerchantsCommand::RevokePortalToken { id, token } => {
            remote.delete(&format!("/v1/merchants/{id}/portal-tokens/{token}"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
