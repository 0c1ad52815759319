//! Shows deliveries as they change, from what the API says of them.

use std::collections::BTreeMap;
use std::error::Error;
use std::thread;
use std::time::Duration;

use postback_domain::time::Timestamp;
use postback_engine::ports::Clock as _;
use postback_engine::ports::clock::SystemClock;
use serde_json::{Value, json};

use super::client::{Client, text};
use super::report::Report;
use crate::terminal::{BAD, BOLD, DIM, GOOD, WAITING};

/// Often enough that no state goes by unseen by a person.
const POLL: Duration = Duration::from_millis(30);

/// A story that takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// The deliveries of the story, by id.
pub(super) struct Watch {
    /// What each endpoint is called.
    names: BTreeMap<String, &'static str>,
    seen: BTreeMap<String, Seen>,
}

/// What was last shown of a delivery.
#[derive(PartialEq, Clone, Default)]
struct Seen {
    state: String,
    round: u64,
    attempts: u64,
}

impl Watch {
    pub(super) fn new(names: impl IntoIterator<Item = (String, &'static str)>) -> Self {
        Self { names: names.into_iter().collect(), seen: BTreeMap::new() }
    }

    /// Shows every change until `done` says so of all deliveries, and answers with them as they
    /// are then, with their logs.
    pub(super) fn until(
        &mut self,
        merchant: &Client,
        report: &mut Report,
        done: impl Fn(&[Value]) -> bool,
    ) -> Result<Vec<Value>, Box<dyn Error>> {
        let give_up_at = SystemClock.now().plus(PATIENCE);
        loop {
            let list = merchant.get("/v1/deliveries?limit=100")?;
            let mut deliveries = Vec::new();
            for row in list["data"].as_array().into_iter().flatten() {
                deliveries.push(merchant.get(&format!("/v1/deliveries/{}", text(row, "id")?))?);
            }
            // Oldest first: the order of the story.
            deliveries.reverse();
            for delivery in &deliveries {
                self.show(delivery, report)?;
            }
            if done(&deliveries) {
                return Ok(deliveries);
            }
            if SystemClock.now() > give_up_at {
                return Err("the deliveries did not come to where they should in a minute".into());
            }
            thread::sleep(POLL);
        }
    }

    fn show(&mut self, delivery: &Value, report: &mut Report) -> Result<(), Box<dyn Error>> {
        let id = text(delivery, "id")?;
        let now = Seen {
            state: text(delivery, "state")?.to_owned(),
            round: delivery["round"].as_u64().unwrap_or(0),
            attempts: delivery["attempts"].as_u64().unwrap_or(0),
        };
        let before = self.seen.insert(id.to_owned(), now.clone()).unwrap_or_default();
        if before == now {
            return Ok(());
        }
        let endpoint = self.names.get(text(delivery, "endpoint_id")?).copied().unwrap_or("?");
        let line = format!(
            "{:<24} → {BOLD}{endpoint:<9}{BOLD:#} {}  {}",
            text(delivery, "event_type")?,
            coloured(&now.state),
            what_happened(delivery, &before, &now),
        );
        let step = json!({
            "delivery": id, "endpoint": endpoint, "state": now.state,
            "round": now.round, "attempts": now.attempts,
        });
        report.step(&line, step);
        Ok(())
    }
}

/// A state in its colour, padded by hand: colour codes would count as width.
fn coloured(state: &str) -> String {
    let style = match state {
        "SUCCESS" => GOOD,
        "FAILED" => BAD,
        _ => WAITING,
    };
    format!("{style}{state}{style:#}{:width$}", "", width = 9_usize.saturating_sub(state.len()))
}

fn what_happened(delivery: &Value, before: &Seen, now: &Seen) -> String {
    let reopened = before.round != 0 && before.round != now.round;
    let round = if reopened { format!("round {}, ", now.round) } else { String::new() };
    let last = delivery["attempt_log"].as_array().and_then(|log| log.last());
    let Some(attempt) = last.filter(|_| now.attempts > 0) else {
        return format!("{round}{DIM}first attempt under way{DIM:#}");
    };
    let answer = match attempt["status"].as_u64() {
        Some(status) => format!("answered {status}"),
        None => attempt["outcome"].as_str().unwrap_or("?").replace('_', " "),
    };
    let tried = format!("{round}attempt {} {answer}", now.attempts);
    let next = delivery["next_attempt_at"].as_str().and_then(|text| text.parse().ok());
    match next {
        Some(next) if now.state == "PENDING" => {
            format!("{tried}, {DIM}next in {:.1} s{DIM:#}", seconds_until(next))
        }
        _ => tried,
    }
}

fn seconds_until(time: Timestamp) -> f64 {
    time.since(SystemClock.now()).as_secs_f64()
}
