//! Colours and errors, as a person sees them. `anstream` drops the colours where there is no
//! terminal or NO_COLOR is set.

use std::error::Error;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const WAITING: Style = AnsiColor::Yellow.on_default();
pub(crate) const TITLE: Style = AnsiColor::Cyan.on_default().bold();

/// Ends the process quietly when its output goes to a reader that has read enough, such as `head`,
/// where printing would panic.
pub(crate) fn end_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str).unwrap_or_default();
        if text.starts_with("failed printing to stdout") && text.contains("Broken pipe") {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

/// Prints an error with its causes, once, at the edge. If it cannot be written, nobody is left to be
/// told so, and the exit code still says that there was one.
pub(crate) fn print_error(error: &dyn Error) {
    let mut to = anstream::stderr();
    let _ = writeln!(to, "{BAD}error:{BAD:#} {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = writeln!(to, "  {DIM}because{DIM:#} {error}");
        cause = error.source();
    }
}
