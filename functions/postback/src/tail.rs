//! `postback tail`: deliveries as they happen.

use std::collections::HashMap;
use std::error::Error;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use anstream::println;
use clap::Args;
use serde_json::Value;

use crate::cli::duration;
use crate::remote::{Remote, RemoteError};
use crate::terminal::{BAD, BOLD, DIM, GOOD, WAITING};

/// Deliveries that one look takes in. Those that come faster are seen once they have moved on, if
/// at all: this is for people.
const ROWS: u32 = 100;

/// Deliveries that still move and are asked for one by one, once they are out of sight of a list.
const FOLLOWED: usize = 100;

/// What to show.
#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    /// Only of events of this type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,

    /// Only to this endpoint
    #[arg(long, value_name = "ENDPOINT_ID")]
    endpoint: Option<String>,

    /// How many of those before to begin with
    #[arg(long, value_name = "N", default_value_t = 10)]
    lines: u32,

    /// How often to look
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    every: Duration,
}

/// How far each delivery was when it was shown.
#[derive(Debug, Default)]
struct Shown(HashMap<String, (Value, Value, Value)>);

impl Shown {
    /// Whether this says something that has not been shown.
    fn is_news(&mut self, delivery: &Value) -> bool {
        let stand =
            (delivery["state"].clone(), delivery["round"].clone(), delivery["attempts"].clone());
        let id = delivery["id"].as_str().unwrap_or_default().to_owned();
        self.0.insert(id, stand.clone()).is_none_or(|before| before != stand)
    }

    /// Those that still move and are not among these rows.
    fn out_of_sight(&self, rows: &[Value]) -> Vec<String> {
        let is_listed = |id: &str| rows.iter().any(|row| row["id"] == id);
        let moving = self.0.iter().filter(|(id, (state, ..))| state == "PENDING" && !is_listed(id));
        moving.map(|(id, _)| id.clone()).take(FOLLOWED).collect()
    }

    /// Forgets what has ended and is no longer listed.
    fn forget_all_but(&mut self, rows: &[Value]) {
        self.0.retain(|id, (state, ..)| {
            state == "PENDING" || rows.iter().any(|row| row["id"] == id.as_str())
        });
    }
}

pub(crate) fn run(
    remote: &Remote,
    arguments: &TailArguments,
    as_json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let filters = [
        ("event_type", arguments.event_type.as_deref()),
        ("endpoint_id", arguments.endpoint.as_deref()),
    ];
    let list = || remote.list("/v1/deliveries", &filters, ROWS);
    let mut shown = Shown::default();
    let rows = list()?;
    let context = rows.len().saturating_sub(arguments.lines as usize);
    for (number, row) in rows.iter().rev().enumerate() {
        if shown.is_news(row) && number >= context {
            show(row, as_json);
        }
    }
    loop {
        sleep(arguments.every);
        let rows = remote.patiently(list)?;
        for row in rows.iter().rev() {
            if shown.is_news(row) {
                show(row, as_json);
            }
        }
        for id in shown.out_of_sight(&rows) {
            match remote.patiently(|| remote.get(&format!("/v1/deliveries/{id}"))) {
                Ok(row) if shown.is_news(&row) => show(&row, as_json),
                Ok(_) => {}
                // Retention has taken it.
                Err(RemoteError::Refused { .. }) => drop(shown.0.remove(&id)),
                Err(error) => return Err(error.into()),
            }
        }
        shown.forget_all_but(&rows);
    }
}

fn show(delivery: &Value, as_json: bool) {
    if as_json {
        println!("{delivery}");
        return;
    }
    let text = |field: &str| delivery[field].as_str().unwrap_or("-").to_owned();
    let state = text("state");
    let style = match &*state {
        "SUCCESS" => GOOD,
        "FAILED" => BAD,
        "PENDING" => WAITING,
        _ => DIM,
    };
    let at = delivery["finished_at"].as_str().or(delivery["created_at"].as_str());
    let next = match delivery["next_attempt_at"].as_str() {
        Some(time) => format!("  {DIM}next {time}{DIM:#}"),
        None => String::new(),
    };
    println!(
        "{DIM}{}{DIM:#}  {style}{state:<9}{style:#}  {BOLD}{}{BOLD:#}  {}  {}  try {}{next}",
        at.unwrap_or_default(),
        text("event_type"),
        text("id"),
        text("endpoint_id"),
        delivery["attempts"],
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(id: &str, state: &str, attempts: u8) -> Value {
        json!({"id": id, "state": state, "round": 1, "attempts": attempts})
    }

    #[test]
    fn only_what_has_changed_is_news() {
        let mut shown = Shown::default();
        assert!(shown.is_news(&at("dlv_1", "PENDING", 0)));
        assert!(!shown.is_news(&at("dlv_1", "PENDING", 0)));
        assert!(shown.is_news(&at("dlv_1", "PENDING", 1)));
        assert!(shown.is_news(&at("dlv_2", "SUCCESS", 1)));
        assert_eq!(shown.out_of_sight(&[at("dlv_2", "SUCCESS", 1)]), ["dlv_1"]);
        assert!(shown.out_of_sight(&[at("dlv_1", "PENDING", 1)]).is_empty());
        assert!(shown.is_news(&at("dlv_1", "SUCCESS", 2)));
        shown.forget_all_but(&[at("dlv_2", "SUCCESS", 1)]);
        assert!(shown.0.contains_key("dlv_2") && !shown.0.contains_key("dlv_1"));
    }
}
