//! The command line, as clap reads it.

mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use postback_domain::limits::API_REQUESTS_PER_MINUTE;
use postback_verify::{Tolerance, UnixTime};

use self::values::{moment, tolerance};
use crate::listen::ListenArguments;
use crate::nouns::audit::{self, AuditArguments};
use crate::nouns::deliveries::DeliveriesCommand;
use crate::nouns::endpoints::EndpointsCommand;
use crate::nouns::events::EventsCommand;
use crate::nouns::merchants::MerchantsCommand;
use crate::nouns::sources::SourcesCommand;
use crate::redrive::RedriveArguments;
use crate::remote::{ProfileCommand, RemoteArguments};
use crate::tail::TailArguments;

pub(crate) use self::values::{duration, name_and_value, when};

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
  postback send --preset stripe --secret whsec_… http://127.0.0.1:8080/in/src_…
  postback verify --preset stripe --secret whsec_… --request captured.http";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole product at work, on a fresh store and a loopback port, and check every claim
    Demo(DemoArguments),
    /// Run ingest, delivery, sweep and API in one process
    Serve(ServeArguments),
    /// Send a correctly signed sample event to a source's URL
    Send(SendArguments),
    /// Say why a captured request verifies, or which step fails and what would mend it
    Verify(VerifyArguments),
    /// List the providers whose signatures are known
    Presets(PresetsArguments),
    /// The tenants of a running server, and their keys
    #[command(after_help = MERCHANTS)]
    Merchants {
        #[command(subcommand)]
        command: MerchantsCommand,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Its provider connections, and the rotation of their secrets
    #[command(after_help = SOURCES)]
    Sources {
        #[command(subcommand)]
        command: SourcesCommand,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// A merchant's endpoints
    #[command(after_help = ENDPOINTS)]
    Endpoints {
        #[command(subcommand)]
        command: EndpointsCommand,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// What providers have sent
    #[command(after_help = EVENTS)]
    Events {
        #[command(subcommand)]
        command: EventsCommand,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// What is owed to whom, and how each attempt went
    #[command(after_help = DELIVERIES)]
    Deliveries {
        #[command(subcommand)]
        command: DeliveriesCommand,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Who changed what, and from where
    #[command(after_help = audit::EXAMPLES)]
    Audit {
        #[command(flatten)]
        arguments: AuditArguments,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Show deliveries as they happen
    #[command(after_help = TAIL)]
    Tail {
        #[command(flatten)]
        arguments: TailArguments,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Have what was given up pushed again
    #[command(after_help = REDRIVE)]
    Redrive {
        #[command(flatten)]
        arguments: RedriveArguments,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Fetch what could not be pushed and hand it to a server on this machine
    #[command(after_help = LISTEN)]
    Listen {
        #[command(flatten)]
        arguments: ListenArguments,
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Servers that you use, kept with their keys in a file of yours
    #[command(after_help = PROFILE)]
    Profile {
        #[command(subcommand)]
        command: ProfileCommand,
    },
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

const MERCHANTS: &str = "\
Examples:
  postback merchants create \"First shop\" --external-id shop-1
  postback merchants list
  postback merchants add-key mch_… laptop --scopes read
  postback merchants portal-token mch_… --ttl 1h";

const SOURCES: &str = "\
Examples:
  postback sources create --merchant mch_… --preset stripe --secret whsec_…
  postback sources rotate src_… --secret whsec_… --overlap 86400
  postback sources secrets src_…";

const ENDPOINTS: &str = "\
Examples:
  postback endpoints create https://shop.example/hooks --event-types 'charge.*,payout.paid' --merchant mch_…
  postback endpoints test end_… --event-type charge.refunded
  postback endpoints rotate end_…";

const EVENTS: &str = "\
Examples:
  postback events list --type charge.refunded
  postback events get evt_… --body > event.json";

const DELIVERIES: &str = "\
Examples:
  postback deliveries list --state FAILED --since 2026-09-21T00:00:00Z
  postback deliveries get dlv_…
  postback deliveries retry dlv_…
  postback deliveries recover end_… --since 2h --merchant mch_…";

const TAIL: &str = "\
Examples:
  postback tail
  postback tail --type charge.refunded --merchant mch_…
  postback tail --json | jq -r 'select(.state == \"FAILED\").id'";

const REDRIVE: &str = "\
Examples:
  postback redrive
  postback redrive --merchant mch_… --limit 1000
  postback redrive --endpoint end_… --since 2h --execute --pace 20

Without --execute nothing is sent: it lists what would be. What is reopened gets a fresh round of
tries.";

const LISTEN: &str = "\
Examples:
  postback listen --forward-to http://127.0.0.1:4242/hooks
  postback listen --once --forward-to http://127.0.0.1:4242/hooks --json

Takes what was given up, the oldest first, posts each as a push would have been, and acknowledges
what is answered with 2xx. What is not comes again in five minutes. A key with the scope `pull` is
enough. With --once, exits with 0 only if all were accepted.";

const PROFILE: &str = "\
Examples:
  pass postback/prod | postback profile add prod --url https://hooks.example.com
  postback profile use prod
  postback --help

The file is $POSTBACK_CONFIG, or postback/profiles.json in $XDG_CONFIG_HOME or ~/.config.";

const COMPLETIONS: &str = "\
Examples:
  postback completions bash > ~/.local/share/bash-completion/completions/postback
  postback completions zsh > ~/.zfunc/_postback
  postback completions fish > ~/.config/fish/completions/postback.fish";

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

    /// Requests that a merchant's key may make in a minute; beyond that it is answered 429
    #[arg(long, value_name = "N", default_value_t = API_REQUESTS_PER_MINUTE, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) requests_per_minute: u32,

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
  postback send --preset square --config url=https://hooks.example.com/in/src_… --secret … URL

Signs for every provider that signs with a shared secret or sends a fixed credential. Those that
sign with a private key (RSA) have it for themselves; their requests can be checked with `verify`.")]
pub(crate) struct SendArguments {
    /// The source's URL
    pub(crate) url: String,

    /// The provider to sign as; `postback presets` lists them
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: String,

    /// The source's secret, as the provider would show it
    #[arg(
        long,
        env = "POSTBACK_SOURCE_SECRET",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
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
  postback verify --preset stripe --secret whsec_… --request captured.http
  postback verify --preset github --secret … --headers headers.txt --body body.json
  postback verify --preset mercadopago --secret … --headers h.txt --body b.json --query 'data.id=1&type=payment'
  postback verify --preset wise --secret-file wise.pem --request captured.http --json
  postback verify --scheme own.json --secret … --request captured.http --at 2026-09-21T12:00:00Z

Headers are lines `Name: value`, with or without the request line, as a proxy saves them or `curl -v`
prints them. The body must be the very bytes: one line break more is another body. Nothing is sent
anywhere. Exits with 0 if the request verifies, with 1 if not.")]
pub(crate) struct VerifyArguments {
    /// The provider; `postback presets` lists them
    #[arg(long, value_name = "NAME", required_unless_present = "scheme")]
    pub(crate) preset: Option<String>,

    /// A scheme of your own, as JSON in a file
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub(crate) scheme: Option<PathBuf>,

    /// A secret that may have signed it; may be given several times
    #[arg(
        long,
        env = "POSTBACK_SOURCE_SECRET",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub(crate) secret: Vec<String>,

    /// A file with such a secret, such as a public key in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Vec<PathBuf>,

    /// A named input that the scheme needs, such as url=…
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) config: Vec<(String, String)>,

    /// The whole request: headers, an empty line, the body
    #[arg(long, value_name = "FILE", required_unless_present_all = ["headers", "body"], conflicts_with_all = ["headers", "body"])]
    pub(crate) request: Option<PathBuf>,

    /// Its headers
    #[arg(long, value_name = "FILE", requires = "body")]
    pub(crate) headers: Option<PathBuf>,

    /// Its body
    #[arg(long, value_name = "FILE", requires = "headers")]
    pub(crate) body: Option<PathBuf>,

    /// Its query string or URL, if not in a request line
    #[arg(long, value_name = "QUERY")]
    pub(crate) query: Option<String>,

    /// When it came in, for its age: RFC 3339 or seconds since 1970; now if not given
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<UnixTime>,

    /// How old it may be, such as 5m, or `none`; what the scheme suggests if not given
    #[arg(long, value_name = "DURATION", value_parser = tolerance)]
    pub(crate) tolerance: Option<Tolerance>,

    /// Print JSON
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
