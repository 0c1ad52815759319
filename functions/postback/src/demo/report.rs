//! What the demo says: chapters and lines for a person, one object for a machine, and for both a
//! list of claims, each of them checked.

use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use postback_domain::time::Timestamp;
use postback_engine::ports::Clock as _;
use postback_engine::ports::clock::SystemClock;
use serde_json::{Value, json};

use crate::terminal::{BAD, BOLD, DIM, GOOD, TITLE};

/// Prints and counts.
pub(super) struct Report {
    machine: bool,
    began_at: Timestamp,
    claims: Vec<Claim>,
    steps: Vec<Value>,
}

struct Claim {
    text: String,
    held: bool,
    detail: String,
}

impl Report {
    pub(super) fn new(machine: bool) -> Self {
        Self { machine, began_at: SystemClock.now(), claims: Vec::new(), steps: Vec::new() }
    }

    /// A new part of the story.
    pub(super) fn chapter(&mut self, title: &str, why: &str) {
        if !self.machine {
            println!();
            println!("{TITLE}{title}{TITLE:#}  {DIM}{why}{DIM:#}");
        }
    }

    /// Something that happened: `text` for a person, `step` for a machine.
    pub(super) fn step(&mut self, text: &str, step: Value) {
        let elapsed = self.elapsed();
        if self.machine {
            let mut step = step;
            step["at_s"] = json!(elapsed.as_secs_f64());
            self.steps.push(step);
        } else {
            println!("  {DIM}{:>7.2} s{DIM:#}  {text}", elapsed.as_secs_f64());
        }
    }

    /// Something the product promises, and whether it held just now. `detail` is what was seen.
    pub(super) fn claim(&mut self, text: &str, held: bool, detail: impl Into<String>) {
        let claim = Claim { text: text.to_owned(), held, detail: detail.into() };
        if !self.machine {
            let (style, mark) = if held { (GOOD, "✓") } else { (BAD, "✗") };
            let detail = &claim.detail;
            println!("             {style}{mark}{style:#} {text}  {DIM}{detail}{DIM:#}");
        }
        self.claims.push(claim);
    }

    /// The last words, and success only if every claim held.
    pub(super) fn end(self) -> ExitCode {
        let held = self.claims.iter().filter(|claim| claim.held).count();
        let all = self.claims.len();
        let ok = held == all && all > 0;
        let seconds = self.elapsed().as_secs_f64();
        if self.machine {
            let checks = self.claims.iter().map(
                |claim| json!({ "claim": claim.text, "held": claim.held, "detail": claim.detail }),
            );
            let checks: Vec<_> = checks.collect();
            println!("{:#}", json!({ "ok": ok, "checks": checks, "steps": self.steps }));
        } else if ok {
            println!();
            println!(
                "{GOOD}{BOLD}All {all} claims were checked and held{BOLD:#}{GOOD:#}  {DIM}in {seconds:.1} s{DIM:#}"
            );
            println!("{DIM}Next: `postback serve`, and the README.{DIM:#}");
        } else {
            println!();
            println!("{BAD}{BOLD}{} of {all} claims did not hold:{BOLD:#}{BAD:#}", all - held);
            for claim in self.claims.iter().filter(|claim| !claim.held) {
                println!("  {BAD}✗{BAD:#} {}  {DIM}{}{DIM:#}", claim.text, claim.detail);
            }
        }
        if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn elapsed(&self) -> Duration {
        SystemClock.now().since(self.began_at)
    }
}
