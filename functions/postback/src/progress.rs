//! A bar for work that takes a while: on a terminal, beside the output, and gone when it is done.

use indicatif::{ProgressBar, ProgressStyle};

/// So many of so many.
pub(crate) fn counted(all: u64, what: &'static str) -> ProgressBar {
    bar(all, "{bar:30} {pos} of {len} {msg}", what)
}

/// How much of a span of time is done with, in thousandths; the message says what was found.
pub(crate) fn of_a_span() -> ProgressBar {
    bar(SPAN, "{bar:30} {percent}% {msg}", "")
}

/// The whole of a span.
pub(crate) const SPAN: u64 = 1000;

fn bar(length: u64, template: &str, message: &'static str) -> ProgressBar {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style.progress_chars("=> ")).with_message(message)
}
