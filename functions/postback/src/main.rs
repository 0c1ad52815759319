//! Postback in one process, and its command line.

mod capture;
mod cli;
mod demo;
mod listen;
mod listener;
mod logging;
mod node;
mod nouns;
mod ports;
mod presets;
mod progress;
mod redrive;
mod remote;
mod send;
mod serve;
mod table;
mod tail;
mod terminal;
mod verify;
mod worker;

use std::error::Error;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use remote::{Remote, RemoteArguments};

fn main() -> ExitCode {
    terminal::end_when_nobody_reads();
    let cli = cli::Cli::parse();
    let outcome = match cli.command {
        cli::Command::Serve(arguments) => serve::run(arguments),
        cli::Command::Demo(arguments) => demo::run(&arguments),
        cli::Command::Send(arguments) => send::run(&arguments),
        cli::Command::Verify(arguments) => verify::run(&arguments),
        cli::Command::Presets(arguments) => presets::run(&arguments),
        cli::Command::Merchants { command, remote } => {
            with(&remote, |there| nouns::merchants::run(there, &command, remote.json))
        }
        cli::Command::Sources { command, remote } => {
            with(&remote, |there| nouns::sources::run(there, &command, remote.json))
        }
        cli::Command::Endpoints { command, remote } => {
            with(&remote, |there| nouns::endpoints::run(there, &command, remote.json))
        }
        cli::Command::Events { command, remote } => {
            with(&remote, |there| nouns::events::run(there, &command, remote.json))
        }
        cli::Command::Deliveries { command, remote } => {
            with(&remote, |there| nouns::deliveries::run(there, &command, remote.json))
        }
        cli::Command::Audit { arguments, remote } => {
            with(&remote, |there| nouns::audit::run(there, &arguments, remote.json))
        }
        cli::Command::Tail { arguments, remote } => {
            with(&remote, |there| tail::run(there, &arguments, remote.json))
        }
        cli::Command::Redrive { arguments, remote } => {
            with(&remote, |there| redrive::run(there, &arguments, remote.json))
        }
        cli::Command::Listen { arguments, remote } => {
            with(&remote, |there| listen::run(there, &arguments, remote.json))
        }
        cli::Command::Profile { command } => remote::run_profile(&command),
        cli::Command::Completions { shell } => {
            let mut command = cli::Cli::command();
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, "postback", &mut script);
            anstream::print!("{}", String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            terminal::print_error(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// Does something at the server that the arguments name.
fn with(
    arguments: &RemoteArguments,
    command: impl FnOnce(&Remote) -> Result<ExitCode, Box<dyn Error>>,
) -> Result<ExitCode, Box<dyn Error>> {
    command(&Remote::new(arguments)?)
}
