//! `postback verify`.

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

use anstream::println;
use postback_engine::ports::Clock;
use postback_engine::ports::clock::SystemClock;
use postback_verify::{Config, Explanation, Identity, Request, Scheme, Secret, UnixTime, preset};
use serde_json::{Value, json};

use crate::capture::Capture;
use crate::cli::VerifyArguments;
use crate::terminal::{BAD, BOLD, DIM, GOOD, WAITING};

pub(crate) fn run(arguments: &VerifyArguments) -> Result<ExitCode, Box<dyn Error>> {
    let scheme = scheme(arguments)?;
    let capture = match (&arguments.request, &arguments.headers, &arguments.body) {
        (Some(request), _, _) => Capture::of_request(request)?,
        (None, Some(headers), Some(body)) => Capture::of_files(headers, body)?,
        _ => return Err("give --request, or --headers and --body".into()),
    };
    let query = arguments.query.as_deref().unwrap_or(&capture.query);
    let query = query.rsplit_once('?').map_or(query, |(_, query)| query);
    let request = Request { query, headers: &capture.headers, body: &capture.body };
    let secrets = secrets(arguments)?;
    let config: Config = arguments.config.iter().cloned().collect();
    let at = match arguments.at {
        Some(at) => at,
        None => UnixTime::from_millis(u64::try_from(SystemClock.now().as_millis())?),
    };
    let tolerance = arguments.tolerance.unwrap_or_default();
    let explanation = scheme.explain(&request, &secrets, &config, tolerance, at);
    let events = match explanation.outcome {
        Ok(_) => scheme.identify(&request),
        Err(_) => Vec::new(),
    };
    if arguments.json {
        println!("{:#}", view(&explanation, &events));
    } else {
        show(&explanation, &events);
    }
    Ok(if explanation.outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn scheme(arguments: &VerifyArguments) -> Result<Arc<Scheme>, Box<dyn Error>> {
    match (&arguments.preset, &arguments.scheme) {
        (Some(name), _) => {
            let preset = preset(name).ok_or_else(|| {
                format!("preset `{name}` is not known; `postback presets` lists those that are")
            })?;
            Ok(Arc::clone(&preset.scheme))
        }
        (None, Some(path)) => {
            let record = fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            Ok(Arc::new(Scheme::parse(&record)?))
        }
        (None, None) => Err("give --preset or --scheme".into()),
    }
}

/// As given, or from files: a PEM is no argument for a command line.
fn secrets(arguments: &VerifyArguments) -> Result<Vec<Secret>, Box<dyn Error>> {
    let mut secrets: Vec<_> = arguments.secret.iter().map(Secret::new).collect();
    for path in &arguments.secret_file {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        secrets.push(Secret::new(text.trim_end_matches(['\n', '\r'])));
    }
    Ok(secrets)
}

fn show(explanation: &Explanation, events: &[Identity]) {
    let width = explanation.steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
    for step in &explanation.steps {
        let (style, word) = if step.holds { (GOOD, "ok  ") } else { (BAD, "FAIL") };
        println!("{style}{word}{style:#}  {:width$}  {}", step.name, step.detail);
    }
    println!();
    match explanation.outcome {
        Ok(verified) => {
            let secrets: Vec<_> =
                verified.secret_indexes().map(|index| (index + 1).to_string()).collect();
            println!("{GOOD}accepted{GOOD:#}  signed with secret {}", secrets.join(" and "));
        }
        Err(refusal) => {
            println!("{BAD}refused{BAD:#}  {refusal}  {DIM}{}{DIM:#}", refusal.code());
        }
    }
    for event in events {
        let bytes = event.bytes.len();
        println!(
            "  {BOLD}{}{BOLD:#}  {}  {DIM}{bytes} bytes{DIM:#}",
            event.event_type, event.provider_event_id
        );
    }
    for hint in &explanation.hints {
        println!("{WAITING}hint{WAITING:#}  {hint}");
    }
}

fn view(explanation: &Explanation, events: &[Identity]) -> Value {
    let steps = explanation
        .steps
        .iter()
        .map(|step| json!({ "name": step.name, "holds": step.holds, "detail": step.detail }));
    let events = events.iter().map(|event| {
        json!({
            "id": event.provider_event_id,
            "type": event.event_type,
            "bytes": [event.bytes.start, event.bytes.end],
        })
    });
    json!({
        "accepted": explanation.outcome.is_ok(),
        "refusal": explanation.outcome.err().map(|refusal| refusal.code()),
        "secrets": explanation.outcome.map(|v| v.secret_indexes().collect()).unwrap_or(vec![]),
        "steps": steps.collect::<Vec<_>>(),
        "hints": explanation.hints,
        "events": events.collect::<Vec<_>>(),
    })
}
