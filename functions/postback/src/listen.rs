//! `postback listen`: a merchant's own machine fetches what could not be pushed, and hands it to a
//! server there. No tunnel and no public address.

use std::error::Error;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use anstream::println;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{Request, Uri};

use crate::cli::duration;
use crate::remote::Remote;
use crate::send;
use crate::terminal::{BAD, BOLD, DIM, GOOD};

/// How long what was fetched is ours. A server that takes all of its time for each has this long
/// for all of a page.
const LEASE_S: u64 = 300;

/// Deliveries that are fetched at once.
const PAGE_ROWS: u64 = 10;

/// Where to, and for how long.
#[derive(Debug, Args)]
pub(crate) struct ListenArguments {
    /// A server of your own
    #[arg(long, value_name = "URL", value_parser = server)]
    pub(crate) forward_to: String,

    /// How often to look when there was nothing more
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub(crate) every: Duration,

    /// End when there is nothing more
    #[arg(long)]
    pub(crate) once: bool,
}

pub(crate) fn run(
    remote: &Remote,
    arguments: &ListenArguments,
    as_json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let agent = send::agent();
    let mut all_accepted = true;
    let call = |path: &str, body: &Value| {
        if arguments.once {
            return remote.post(path, body);
        }
        remote.patiently(|| remote.post(path, body))
    };
    if !arguments.once && !as_json {
        anstream::eprintln!("{DIM}waiting for what could not be pushed; Ctrl-C ends it{DIM:#}");
    }
    loop {
        let asked = json!({"limit": PAGE_ROWS, "lease_s": LEASE_S});
        let page = call("/v1/failed/claim", &asked)?;
        let items = page["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        for item in items {
            let answer = forward(&agent, &arguments.forward_to, item);
            let accepted = matches!(answer, Ok(200..=299));
            if accepted {
                // One by one: if we die now, what was handed over before is not handed over again.
                call("/v1/failed/ack", &json!({"delivery_ids": [item["delivery_id"]]}))?;
            }
            all_accepted &= accepted;
            show(item, &answer, as_json);
        }
        // What is said to be more and cannot be had is held by somebody else for now.
        if page["has_more"] == true && !items.is_empty() {
            continue;
        }
        if arguments.once {
            return Ok(if all_accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        sleep(arguments.every);
    }
}

/// What cannot be posted to is refused before anything is fetched, which would then be held.
fn server(text: &str) -> Result<String, String> {
    let uri: Option<Uri> = text.parse().ok();
    let is_server = uri.is_some_and(|uri| {
        uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https"))
    });
    let rule = "must be a URL such as http://127.0.0.1:4242/hooks";
    if is_server { Ok(text.to_owned()) } else { Err(rule.to_owned()) }
}

/// Posts an item as a push would have, and answers with the status.
fn forward(agent: &Agent, url: &str, item: &Value) -> Result<u16, Box<dyn Error>> {
    let body = STANDARD.decode(item["body_base64"].as_str().unwrap_or_default())?;
    let mut request = Request::post(url);
    for (name, value) in item["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    Ok(agent.run(request.body(body)?)?.status().as_u16())
}

fn show(item: &Value, answer: &Result<u16, Box<dyn Error>>, as_json: bool) {
    let (status, error) = match answer {
        Ok(status) => (Some(*status), None),
        Err(error) => (None, Some(error.to_string())),
    };
    if as_json {
        let line = json!({
            "delivery_id": item["delivery_id"], "event_id": item["event_id"],
            "event_type": item["event_type"], "status": status, "error": error,
        });
        println!("{line}");
        return;
    }
    let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
    let (kind, id) = (text("event_type"), text("delivery_id"));
    match (status, error) {
        (Some(status @ 200..=299), _) => {
            println!("{GOOD}{status}{GOOD:#}  {BOLD}{kind}{BOLD:#}  {id}");
        }
        (Some(status), _) => println!(
            "{BAD}{status}{BAD:#}  {BOLD}{kind}{BOLD:#}  {id}  {DIM}comes again in {LEASE_S} s{DIM:#}"
        ),
        (None, error) => println!(
            "{BAD}---{BAD:#}  {BOLD}{kind}{BOLD:#}  {id}  {DIM}{}; comes again in {LEASE_S} s{DIM:#}",
            error.unwrap_or_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::server;

    #[test]
    fn only_what_can_be_posted_to() {
        for good in ["http://127.0.0.1:4242/hooks", "https://shop.example", "http://[::1]:1/"] {
            assert_eq!(server(good).as_deref(), Ok(good));
        }
        for bad in ["", "nonsense", "127.0.0.1:4242", "/hooks", "ftp://shop.example", "http://"] {
            assert!(server(bad).is_err(), "{bad:?}");
        }
    }
}
