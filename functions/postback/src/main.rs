//! Postback in one process, and its command line.

mod capture;
mod cli;
mod demo;
mod listener;
mod logging;
mod node;
mod ports;
mod presets;
mod send;
mod serve;
mod terminal;
mod verify;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let outcome = match cli.command {
        cli::Command::Serve(arguments) => serve::run(arguments),
        cli::Command::Demo(arguments) => demo::run(&arguments),
        cli::Command::Send(arguments) => send::run(&arguments),
        cli::Command::Verify(arguments) => verify::run(&arguments),
        cli::Command::Presets(arguments) => presets::run(&arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            terminal::print_error(error.as_ref());
            ExitCode::FAILURE
        }
    }
}
