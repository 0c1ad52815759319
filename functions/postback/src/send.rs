//! `postback send`.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use postback_engine::ports::clock::{SystemClock, SystemEntropy};
use postback_engine::ports::{Clock, Entropy};
use postback_verify::{Config, Preset, Request, Sample, Secret, Signed, UnixTime, preset};
use serde_json::json;
use ureq::Agent;

use crate::cli::SendArguments;
use crate::terminal::{BAD, BOLD, DIM, GOOD};

/// Shorter than the shortest that providers allow, so that what works here works for them.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn run(arguments: &SendArguments) -> Result<ExitCode, Box<dyn Error>> {
    let name = &arguments.preset;
    let preset = preset(name).ok_or_else(|| {
        format!("preset `{name}` is not known; `postback presets` lists those that are")
    })?;
    let sample = preset.sample(arguments.event_type.as_deref()).ok_or_else(|| {
        let types: Vec<_> = preset.samples.iter().map(|s| s.event_type.as_str()).collect();
        format!("preset `{name}` has no such sample event; it has {}", types.join(", "))
    })?;
    let config: Config = arguments.config.iter().cloned().collect();
    preset.scheme.check_config(&config)?;
    let secret = Secret::new(&arguments.secret);
    let agent = agent();
    let mut all_accepted = true;
    for _ in 0..arguments.count {
        let id = arguments.id.clone().unwrap_or_else(fresh_id);
        let signed = sign(preset, sample, &id, &secret, &config)?;
        let id = provider_event_id(sample, &id)?;
        let (bytes, events) = (signed.body.len(), events_in(preset, &signed));
        let (status, answer) = post(&agent, &arguments.url, signed)?;
        let accepted = status == 200;
        all_accepted &= accepted;
        if arguments.json {
            println!(
                "{}",
                json!({
                    "id": id, "type": sample.event_type, "bytes": bytes, "events": events,
                    "status": status,
                })
            );
            continue;
        }
        let more = if events > 1 { format!(" and {} more", events - 1) } else { String::new() };
        let style = if accepted { GOOD } else { BAD };
        println!(
            "{style}{status}{style:#}  {BOLD}{}{BOLD:#}  {id}{more}  {DIM}{bytes} bytes{DIM:#}",
            sample.event_type
        );
        if !accepted {
            println!("     {}  {DIM}{}{DIM:#}", advice(status), answer.trim());
        }
    }
    Ok(if all_accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many events a request is: one, but for a batch.
fn events_in(preset: &Preset, signed: &Signed) -> usize {
    let request = Request { query: &signed.query, headers: &signed.headers, body: &signed.body };
    preset.scheme.identify(&request).len()
}

/// A client that hands every status over as an answer.
pub(crate) fn agent() -> Agent {
    let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false);
    config.build().into()
}

/// A sample event, signed as the provider would sign it now.
pub(crate) fn sign(
    preset: &Preset,
    sample: &Sample,
    id: &str,
    secret: &Secret,
    config: &Config,
) -> Result<Signed, Box<dyn Error>> {
    let now_ms = u64::try_from(SystemClock.now().as_millis())?;
    Ok(preset.signed_sample(sample, id, secret, config, UnixTime::from_millis(now_ms))?)
}

/// Posts a signed request and answers with status and body.
pub(crate) fn post(
    agent: &Agent,
    url: &str,
    signed: Signed,
) -> Result<(u16, String), Box<dyn Error>> {
    let url =
        if signed.query.is_empty() { url.to_owned() } else { format!("{url}?{}", signed.query) };
    let mut request = agent.post(&url);
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    let mut answer = request.send(&signed.body[..])?;
    Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
}

/// Something to make a sample's event id of that no event had before.
pub(crate) fn fresh_id() -> String {
    format!("{:024x}", SystemEntropy.id_bits() >> 32)
}

/// What the provider's event id will be, with `id` in its place; `id` itself where the provider
/// has none.
pub(crate) fn provider_event_id(sample: &Sample, id: &str) -> Result<String, Box<dyn Error>> {
    let request = sample.request(id, UnixTime::from_millis(0))?;
    Ok(request.provider_event_id.unwrap_or_else(|| id.to_owned()))
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => "the signature was refused: is this the source's secret, and its preset?",
        404 => "there is no such source at this URL",
        413 => "the body is too large",
        503 => "the server could not make it durable; a provider would try again",
        _ => "not accepted",
    }
}
