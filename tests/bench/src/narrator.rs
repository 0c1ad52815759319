//! Says on stderr what is going on: one line that is rewritten on a terminal, a line every few
//! seconds elsewhere.

use std::cell::Cell;
use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use crate::clock::{Clock, Moment};
use crate::report::table::grouped;

const TERMINAL_EVERY: Duration = Duration::from_millis(200);
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Tells the reader of stderr how far the run has come.
pub(crate) struct Narrator {
    clock: Clock,
    voice: Voice,
    last: Cell<Option<Moment>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Voice {
    Terminal,
    Log,
    #[cfg(test)]
    Silent,
}

impl Narrator {
    /// A narrator for this process's stderr.
    pub(crate) fn on_stderr(clock: Clock) -> Self {
        let voice = if stderr().is_terminal() { Voice::Terminal } else { Voice::Log };
        Self { clock, voice, last: Cell::new(None) }
    }

    /// A narrator that says nothing.
    #[cfg(test)]
    pub(crate) fn silent(clock: Clock) -> Self {
        Self { clock, voice: Voice::Silent, last: Cell::new(None) }
    }

    /// A line of its own.
    pub(crate) fn line(&self, text: &str) {
        match self.voice {
            Voice::Terminal => self.write(&format!("\r\x1b[K{text}\n")),
            Voice::Log => self.write(&format!("{text}\n")),
            #[cfg(test)]
            Voice::Silent => {}
        }
        // In a log the next count has something to say only after a while.
        self.last.set((self.voice == Voice::Log).then(|| self.clock.now()));
    }

    /// Where a phase stands; most calls say nothing, because the last is not long ago.
    pub(crate) fn counts(&self, phase: &str, counts: &[(&str, u64)]) {
        let (every, begin, end) = match self.voice {
            Voice::Terminal => (TERMINAL_EVERY, "\r\x1b[K", ""),
            Voice::Log => (LOG_EVERY, "", "\n"),
            #[cfg(test)]
            Voice::Silent => return,
        };
        let now = self.clock.now();
        if self.last.get().is_some_and(|last| now.since(last) < every) {
            return;
        }
        self.last.set(Some(now));
        let counts: Vec<String> = counts
            .iter()
            .map(|(what, count)| format!("{what} {:>9}", grouped(*count as f64)))
            .collect();
        self.write(&format!("{begin}  {phase:<12} {}{end}", counts.join("  ")));
    }

    fn write(&self, text: &str) {
        // Nobody may be listening; the figures are what counts.
        let _written = stderr().write_all(text.as_bytes());
    }
}
