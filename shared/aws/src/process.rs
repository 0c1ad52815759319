//! The life of a function's process.

use std::error::Error;
use std::process::ExitCode;

use postback_domain::time::Timestamp;

use crate::logging;

/// Runs a function until Lambda ends it. `function` reads the environment, makes what lives as long
/// as the process, and serves invocations; it only answers when it could not start or go on, which
/// is logged once, here.
///
/// One thread: below 1769 MB of memory Lambda gives less than one processor, so a second thread
/// would add switches and no speed. What waits (calls, attempts) waits side by side all the same,
/// and names are resolved on threads of their own.
pub fn run(function: impl Future<Output = Result<(), Box<dyn Error + Send + Sync>>>) -> ExitCode {
    logging::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(function),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = error.as_ref() as &dyn Error, "function cannot run");
            ExitCode::FAILURE
        }
    }
}

/// When Lambda ends an invocation, as it says so: in milliseconds since 1970.
pub fn deadline(unix_ms: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(unix_ms).unwrap_or(i64::MAX))
}
