//! A server that ends when the harness does, even where the harness is killed.
//!
//! Only a process itself can ask the kernel for a signal at its parent's death. So the harness
//! starts its own program again with [`ARGUMENT`]; that asks for the signal and then becomes the
//! server, which keeps its process id.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// The first argument of a harness that is to become a server; its own process id and the
/// server's command line follow.
pub(crate) const ARGUMENT: &str = "__become-server-of";

/// Becomes the server of `arguments`, if they ask for that. Returns an exit code only where it
/// was asked to and could not.
pub(crate) fn become_server(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let parent = arguments.next();
    let Some(program) = arguments.next() else {
        eprintln!("{ARGUMENT} needs a process id and a program");
        return Some(ExitCode::FAILURE);
    };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        eprintln!("the server would outlive a killed harness: {error}");
    }
    // A parent that died before the line above is not announced any more.
    let parent_now = getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if parent_now.map(OsString::from) != parent {
        eprintln!("the harness is gone already");
        return Some(ExitCode::FAILURE);
    }
    let error = Command::new(&program).args(arguments).exec();
    eprintln!("cannot start {}: {error}", program.display());
    Some(ExitCode::FAILURE)
}
