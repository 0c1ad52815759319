//! `postback audit`: who did what.

use std::error::Error;
use std::process::ExitCode;

use clap::Args;

use super::{ROWS, show_rows};
use crate::remote::Remote;

pub(crate) const EXAMPLES: &str = "\
Examples:
  postback audit
  postback audit --merchant mch_… --since 2026-09-21T00:00:00Z
  postback audit --object end_… --json | jq '.[] | {at, actor, before, after}'

With a key of the scope `admin` it is that merchant's own.";

/// Which records, newest first.
#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    /// Of what was done to this, such as end_…
    #[arg(long, value_name = "ID")]
    object: Option<String>,

    /// Of this action, such as endpoint.updated
    #[arg(long, value_name = "NOUN.VERB")]
    action: Option<String>,

    /// Of what this key or portal token did, or `operator`
    #[arg(long, value_name = "ID")]
    actor: Option<String>,

    /// Of this time or later, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Of before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// How many
    #[arg(long, default_value_t = ROWS)]
    limit: u32,
}

pub(crate) fn run(
    remote: &Remote,
    arguments: &AuditArguments,
    as_json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let filters = [
        ("object_id", arguments.object.as_deref()),
        ("action", arguments.action.as_deref()),
        ("actor", arguments.actor.as_deref()),
        ("since", arguments.since.as_deref()),
        ("until", arguments.until.as_deref()),
    ];
    let rows = remote.list("/v1/audit", &filters, arguments.limit)?;
    let mut shown = rows.clone();
    for row in &mut shown {
        // One column says who: the operator has no id.
        let (kind, id) = (row["actor"]["kind"].take(), row["actor"]["id"].take());
        row["actor"] = if id.is_null() { kind } else { id };
        row["ip"] = row["from"]["ip"].take();
    }
    let columns = [
        ("AT", "at"),
        ("ACTION", "action"),
        ("OBJECT", "object_id"),
        ("ACTOR", "actor"),
        ("FROM", "ip"),
        ("MERCHANT", "merchant_id"),
    ];
    Ok(show_rows(if as_json { &rows } else { &shown }, &columns, as_json))
}
