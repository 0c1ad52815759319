//! Log lines go to standard error, so that standard output stays what a command promises.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Names what is logged, such as `info` or `postback_engine=debug`.
const VARIABLE: &str = "POSTBACK_LOG";

/// Starts logging at `level`, unless POSTBACK_LOG says otherwise.
pub(crate) fn start(level: &str) {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A log that cannot be written (a full disk, a closed pipe) is not the end of a request, or
        // of the thread that was to report why: telling of it on standard error would panic.
        .log_internal_errors(false)
        .init();
}
