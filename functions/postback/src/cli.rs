//! The command line, as clap reads it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Makes sure that payment events reach the merchants they are for.
#[derive(Debug, Parser)]
#[command(name = "postback", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  postback demo                        the whole story in one terminal, in half a minute
  postback serve                       on 127.0.0.1:8080, data in ./postback-data
  postback send --preset stripe --secret whsec_… http://127.0.0.1:8080/in/src_…";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole product at work, on a fresh store and a loopback port, and check every claim
    Demo(DemoArguments),
    /// Run ingest, delivery, sweep and API in one process
    Serve(ServeArguments),
    /// Send a correctly signed sample event to a source's URL
    Send(SendArguments),
    /// List the providers whose signatures are known
    Presets(PresetsArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  postback demo
  postback demo --json | jq .checks

Exits with 0 only if every claim was checked and held.")]
pub(crate) struct DemoArguments {
    /// Print one JSON object instead of the story
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  postback serve
  postback serve --listen 0.0.0.0:8080 --data /var/lib/postback --public-url https://hooks.example.com
  POSTBACK_ADMIN_KEY=… postback serve --allow-private-endpoints

Stops on SIGTERM and Ctrl-C: takes no more requests, finishes attempts, exits within 20 seconds.
POSTBACK_LOG sets what is logged to standard error (default: info).")]
pub(crate) struct ServeArguments {
    /// Address to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Directory of the database; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "postback-data")]
    pub(crate) data: PathBuf,

    /// How often to look for deliveries that nobody is coming for
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub(crate) sweep_every: Duration,

    /// Where providers reach this server, if not at its own address
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,

    /// Let endpoints be plain http and on private addresses: for a laptop or an inner network
    #[arg(long)]
    pub(crate) allow_private_endpoints: bool,

    /// The operator's key; generated and printed once if neither given nor kept
    #[arg(long, env = "POSTBACK_ADMIN_KEY", hide_env_values = true, hide = true)]
    pub(crate) admin_key: Option<String>,

    /// Print one JSON object when ready, instead of the greeting
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  postback send --preset stripe --secret whsec_… http://127.0.0.1:8080/in/src_…
  postback send --preset shopify --type orders/paid --count 10 --secret … URL
  postback send --preset square --config url=https://hooks.example.com/in/src_… --secret … URL")]
pub(crate) struct SendArguments {
    /// The source's URL
    pub(crate) url: String,

    /// The provider to sign as; `postback presets` lists them
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: String,

    /// The source's secret, as the provider would show it
    #[arg(long, env = "POSTBACK_SOURCE_SECRET", hide_env_values = true)]
    pub(crate) secret: String,

    /// Which of the preset's sample events; the first if not given
    #[arg(long = "type", value_name = "EVENT_TYPE")]
    pub(crate) event_type: Option<String>,

    /// The distinguishing part of the provider's event id; a fresh one if not given. Repeat one to
    /// see it deduplicated
    #[arg(long, value_name = "ID", conflicts_with = "count")]
    pub(crate) id: Option<String>,

    /// How many events to send, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) count: u32,

    /// A named input that the scheme needs, such as url=…
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) config: Vec<(String, String)>,

    /// Print one JSON object for each event
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  postback presets
  postback presets stripe
  postback presets --json | jq '.[].name'")]
pub(crate) struct PresetsArguments {
    /// Say everything about one preset
    pub(crate) name: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads `5m`, `90s`, `1h 30m`; from one second to one day.
fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| "must be a duration such as 30s or 5m".to_owned())?;
    let duration = Duration::try_from(span).map_err(|_| "must not be negative".to_owned())?;
    let range = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
    if range.contains(&duration) { Ok(duration) } else { Err("must be from 1s to 24h".to_owned()) }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn durations() {
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        for bad in ["", "5", "0s", "-5m", "500ms", "25h", "soon"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }
}
