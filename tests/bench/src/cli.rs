//! The command line.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, builder::PossibleValuesParser};

use crate::error::{Doing, Failure};
use crate::generator::Pace;
use crate::scenario::{ALL, Scenario, Settings, Story};

const EXAMPLES: &str = "\
Examples:
  cargo build --release && cargo run --release -p postback-bench > figures.json
      Every scenario against target/release/postback; tables on stderr, JSON in the file.

  cargo run --release -p postback-bench -- closed open
      Two scenarios.

  cargo run --release -p postback-bench -- --quick
      A tenth of the work, in about a minute: does everything hold together?

  cargo run --release -p postback-bench -- open --rate 1000 --seconds 30
      An open loop at another rate.

  POSTBACK_ADMIN_KEY=... cargo run --release -p postback-bench -- --url http://127.0.0.1:8080 closed
      A server that runs already (on this machine, with --allow-private-endpoints).

The exit status is 1 if anything was lost, duplicated or changed, and never because of a time.";

/// Measures a Postback server: throughput, latency, CPU and memory for each event.
///
/// Starts the server for each scenario on an empty data directory, posts signed events to it, and
/// takes the webhooks it sends. JSON goes to stdout; progress and tables go to stderr.
#[derive(Debug, Parser)]
#[command(name = "postback-bench", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Scenarios to run; `all` by default
    #[arg(value_name = "SCENARIO", value_parser = names())]
    scenarios: Vec<String>,

    /// The same, as an option
    #[arg(long, value_name = "SCENARIO", value_parser = names())]
    only: Vec<String>,

    /// The server to start [default: `postback` beside this program, else target/release/postback]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,

    /// One more argument for `postback serve`; may be given again
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    server_arg: Vec<String>,

    /// Measure the server at this URL instead of starting one; its CPU and memory stay unknown
    #[arg(long, value_name = "URL", requires = "admin_key")]
    #[arg(conflicts_with_all = ["server", "server_arg"])]
    url: Option<String>,

    /// The admin key of the server at --url
    #[arg(long, value_name = "KEY", env = "POSTBACK_ADMIN_KEY", hide_env_values = true)]
    admin_key: Option<AdminKey>,

    /// Where the server keeps its data while it is measured [default: a folder in the system's
    /// temporary directory]. Name a folder on the disk whose speed matters
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,

    /// Leave data and log of the server behind
    #[arg(long)]
    keep_data: bool,

    /// A tenth of the events and of the time
    #[arg(long)]
    quick: bool,

    /// Measure at most so many events in each scenario
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=2_000_000))]
    events: Option<u64>,

    /// Send for at most so many seconds in each scenario (signatures are good for 300)
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=240))]
    seconds: Option<u64>,

    /// Events a second of the open loop
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,

    /// Connections to the server, each with at most one event in flight
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,

    /// Verify one webhook signature in so many; 0 verifies none
    #[arg(long, value_name = "N", default_value_t = 64)]
    verify_every: u64,
}

/// A key that is not printed by accident.
#[derive(Clone)]
struct AdminKey(String);

/// Which server is measured.
pub(crate) enum Server {
    /// Started by the harness.
    Start { program: PathBuf, more_arguments: Vec<String> },
    /// Running already.
    Use { address: SocketAddr, admin_key: String },
}

impl Cli {
    /// The scenarios asked for, in their own order, with the numbers that were changed.
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        let mut asked = self.scenarios.iter().chain(&self.only).peekable();
        let all = asked.peek().is_none();
        let asked: Vec<&String> = asked.collect();
        let wanted =
            |name: &str| all || asked.iter().any(|asked| *asked == name || *asked == "all");
        ALL.into_iter()
            .filter(|scenario| wanted(scenario.name))
            .map(|one| self.adjust(one))
            .collect()
    }

    /// How all of them are run.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            connections: usize::from(self.connections),
            verify_every: self.verify_every,
            ..Settings::default()
        }
    }

    /// Which server is measured.
    ///
    /// # Errors
    /// Where `--url` is not one this harness can reach.
    pub(crate) fn server(&self) -> Result<Server, Failure> {
        if let (Some(url), Some(AdminKey(admin_key))) = (&self.url, &self.admin_key) {
            return Ok(Server::Use { address: address_of(url)?, admin_key: admin_key.clone() });
        }
        let program = self.server.clone().unwrap_or_else(default_server);
        Ok(Server::Start { program, more_arguments: self.server_arg.clone() })
    }

    /// The folder under which the server keeps its data.
    pub(crate) fn scratch(&self) -> PathBuf {
        let base = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        base.join(format!("postback-bench-{}", std::process::id()))
    }

    /// Whether that folder is left behind.
    pub(crate) fn keep_data(&self) -> bool {
        self.keep_data
    }

    fn adjust(&self, scenario: Scenario) -> Scenario {
        let mut one = if self.quick { scenario.quick() } else { scenario };
        if let Pace::Open { events_per_second } = &mut one.pace {
            *events_per_second = self.rate.unwrap_or(*events_per_second);
            let seconds = self.seconds.unwrap_or(one.time_limit.as_secs().max(1));
            one.events = u64::from(*events_per_second) * seconds;
        }
        one.events = self.events.unwrap_or(one.events);
        // A backlog has to be there before it can be swept, however long that takes.
        if one.story != Story::Backlog {
            one.time_limit = self.seconds.map_or(one.time_limit, Duration::from_secs);
        }
        one
    }
}

impl std::str::FromStr for AdminKey {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminKey(..)")
    }
}

fn names() -> PossibleValuesParser {
    ALL.iter().map(|scenario| scenario.name).chain(["all"]).collect::<Vec<_>>().into()
}

/// `postback` beside this program, which is where cargo puts both; else the workspace's release
/// build.
fn default_server() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|program| program.with_file_name("postback"));
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/release/postback");
    beside.filter(|program| program.is_file()).unwrap_or(workspace)
}

fn address_of(url: &str) -> Result<SocketAddr, Failure> {
    let rest = url.strip_prefix("http://");
    let rest = rest.ok_or_else(|| Failure::new(format!("url `{url}` must begin with http://")))?;
    let authority = rest.split('/').next().unwrap_or_default();
    let with_port =
        if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let mut found =
        with_port.to_socket_addrs().doing(|| format!("cannot resolve `{with_port}`"))?;
    found.next().ok_or_else(|| Failure::new(format!("`{with_port}` has no address")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Cli {
        let words = std::iter::once("postback-bench").chain(line.split_whitespace());
        Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let names: Vec<_> = parse(line).scenarios().iter().map(|one| one.name).collect();
        assert_eq!(names, expected, "{line}");
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn scenarios_are_named_either_way_and_run_in_their_own_order() {
        let all = ALL.map(|scenario| scenario.name);
        check("", &all);
        check("all", &all);
        check("fanout closed", &["closed", "fanout"]);
        check("--only open", &["open"]);
        check("open --only closed-2k", &["open", "closed-2k"]);
    }

    #[test]
    fn numbers_can_be_changed() {
        let open = parse("open --rate 1000 --seconds 30").scenarios()[0];
        assert_eq!(open.pace, Pace::Open { events_per_second: 1000 });
        assert_eq!((open.events, open.time_limit), (30_000, Duration::from_secs(30)));
        let backlog = parse("backlog --events 500 --seconds 1").scenarios()[0];
        assert_eq!((backlog.events, backlog.time_limit), (500, Duration::from_secs(120)));
        let quick = parse("closed --quick").scenarios()[0];
        assert_eq!((quick.events, quick.time_limit), (10_000, Duration::from_millis(1500)));
        let quick = parse("open --quick").scenarios()[0];
        assert_eq!((quick.events, quick.time_limit), (400, Duration::from_secs(2)));
    }

    #[test]
    fn a_key_is_not_shown() {
        let cli = parse("--url http://127.0.0.1:8080 --admin-key sesame");
        assert!(!format!("{cli:?}").contains("sesame"));
    }

    #[test]
    fn a_url_must_be_plain_http() {
        assert_eq!(address_of("http://127.0.0.1:8080/").unwrap().to_string(), "127.0.0.1:8080");
        assert_eq!(address_of("http://127.0.0.1").unwrap().port(), 80);
        assert!(address_of("https://127.0.0.1").is_err());
        assert!(address_of("127.0.0.1:80").is_err());
    }
}
