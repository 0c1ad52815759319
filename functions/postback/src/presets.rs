//! `postback presets`.

use std::error::Error;
use std::process::ExitCode;

use anstream::println;
use postback_verify::{Preset, preset, presets};
use serde_json::{Value, json};

use crate::cli::PresetsArguments;
use crate::terminal::{BOLD, DIM, GOOD, WAITING};

pub(crate) fn run(arguments: &PresetsArguments) -> Result<ExitCode, Box<dyn Error>> {
    match &arguments.name {
        Some(name) => {
            let preset = preset(name).ok_or_else(|| {
                format!("preset `{name}` is not known; `postback presets` lists those that are")
            })?;
            if arguments.json { println!("{:#}", view(preset)) } else { show(preset) }
        }
        None if arguments.json => {
            println!("{:#}", Value::Array(presets().iter().map(view).collect()));
        }
        None => list(),
    }
    Ok(ExitCode::SUCCESS)
}

fn list() {
    let width = |column: fn(&Preset) -> &str| presets().iter().map(|p| column(p).len()).max();
    let name_width = width(|preset| &preset.name).unwrap_or(0).max("PRESET".len());
    let title_width = width(|preset| &preset.title).unwrap_or(0).max("PROVIDER".len());
    println!(
        "{BOLD}{:name_width$}  {:title_width$}  BODY COVERED  REPLAY REFUSED  SAMPLE EVENTS{BOLD:#}",
        "PRESET", "PROVIDER"
    );
    for preset in presets() {
        let types: Vec<_> = preset.samples.iter().map(|s| s.event_type.as_str()).collect();
        let (body, replay) = (mark(preset.covers_body), mark(preset.replay_protection));
        println!(
            "{GOOD}{:name_width$}{GOOD:#}  {:title_width$}  {body}  {replay}  {DIM}{}{DIM:#}",
            preset.name,
            preset.title,
            types.join(" ")
        );
    }
}

/// `yes` or `no`, padded by hand: colour codes would count as width.
fn mark(yes: bool) -> String {
    let (style, word) = if yes { (GOOD, "yes") } else { (WAITING, "no ") };
    format!("{style}{word}{style:#}{:9}", "")
}

fn show(preset: &Preset) {
    println!("{BOLD}{}{BOLD:#}  {}", preset.name, preset.title);
    println!("  documentation    {}", preset.docs);
    println!("  confidence       {}", preset.confidence);
    println!("  body covered     {}", preset.covers_body);
    println!("  replay refused   {}", preset.replay_protection);
    println!("  expects          {}", preset.expects);
    println!("  config           {}", preset.scheme.config_names().join(" "));
    for sample in &preset.samples {
        println!("  sample event     {}", sample.event_type);
    }
    for caveat in &preset.caveats {
        println!("  caveat           {caveat}");
    }
    println!("  scheme           {}", preset.scheme.as_json());
}

fn view(preset: &Preset) -> Value {
    json!({
        "name": preset.name,
        "title": preset.title,
        "docs": preset.docs,
        "confidence": preset.confidence,
        "covers_body": preset.covers_body,
        "replay_protection": preset.replay_protection,
        "expects": preset.expects,
        "batch": preset.scheme.is_batch(),
        "public_key": preset.scheme.takes_public_key(),
        "config": preset.scheme.config_names(),
        "caveats": preset.caveats,
        "event_types": preset.samples.iter().map(|sample| &sample.event_type).collect::<Vec<_>>(),
    })
}
