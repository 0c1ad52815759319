//! `postback-bench`: posts events to a Postback server, takes its webhooks, and prints what that
//! cost and how long it took.
//!
//! A harness, not a test: times are printed and never judged. Only a lost, doubled or changed
//! event makes it exit with 1. Load generator and receiver share the machine with the server, so
//! both are one thread over epoll each with hand-made requests ([`generator`], [`receiver`],
//! [`wire`]); `README.md` says what they cost themselves and what the figures do not show.

mod api;
mod cli;
mod clock;
mod cost;
mod error;
mod events;
#[cfg(test)]
mod fake;
mod generator;
mod machine;
mod narrator;
mod percentiles;
mod process;
mod receiver;
mod report;
mod scenario;
mod schedule;
mod scratch;
mod target;
mod wire;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Server};
use clock::Clock;
use error::{Doing, Failure};
use machine::Machine;
use narrator::Narrator;
use report::{Report, ScenarioReport};
use scenario::Bench;
use scratch::Scratch;
use target::{Launch, Running, Spawned, Target, leash};

fn main() -> ExitCode {
    if let Some(code) = leash::become_server(std::env::args_os().skip(1)) {
        return code;
    }
    let cli = Cli::parse();
    let clock = Clock::start();
    let narrator = Narrator::on_stderr(clock);
    match measure(&cli, clock, &narrator).and_then(|report| print(&report, &narrator)) {
        Ok(code) => code,
        Err(failure) => {
            narrator.line(&format!("postback-bench: {}", failure.chain()));
            ExitCode::FAILURE
        }
    }
}

fn measure(cli: &Cli, clock: Clock, narrator: &Narrator) -> Result<Report, Failure> {
    // Declared before the target, and so removed after it: the server must not lose its data first.
    let scratch = Scratch::create(cli.scratch(), cli.keep_data())?;
    let machine = Machine::look(scratch.path(), &clock)?;
    let mut target: Box<dyn Target> = match cli.server()? {
        Server::Start { program, more_arguments } => Box::new(Spawned::new(Launch {
            program,
            harness: std::env::current_exe().ok(),
            more_arguments,
            scratch: scratch.path().to_owned(),
            keep_data: cli.keep_data(),
            clock,
        })?),
        Server::Use { address, admin_key } => Box::new(Running::new(address, admin_key)),
    };
    let mut scenarios = Vec::new();
    for scenario in cli.scenarios() {
        narrator.line(&format!("{}: {}", scenario.name, scenario.about));
        let settings = cli.settings();
        let mut bench = Bench { target: &mut *target, clock, settings, narrator };
        let outcome = scenario.run(&mut bench);
        scenarios.push(ScenarioReport { name: scenario.name, about: scenario.about, outcome });
    }
    Ok(Report { server: target.describe(), machine, scenarios })
}

fn print(report: &Report, narrator: &Narrator) -> Result<ExitCode, Failure> {
    narrator.line(&report::table::render(report));
    let json = serde_json::to_string_pretty(report).doing(|| "cannot write JSON".to_owned())?;
    writeln!(std::io::stdout(), "{json}").doing(|| "cannot write to stdout".to_owned())?;
    Ok(if report.faults().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
