//! `postback demo`: the whole product in one terminal, ending by itself. It starts the real thing
//! on a fresh store and a loopback port, plays provider, merchants and operator over HTTP, and
//! checks every claim it makes. Only the bad luck is arranged: a receiver that fails twice, one
//! that is down, a forger, and a queue that loses its messages.
//!
//! Reading order: [`story`] is what happens; [`client`] is everybody who calls the API;
//! [`receiver`] is the merchants' servers; [`watch`] shows deliveries as they change; [`report`]
//! prints, counts and decides the exit code.

mod client;
mod receiver;
mod report;
mod story;
mod watch;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use postback_domain::endpoint::Destinations;
use postback_domain::limits::API_REQUESTS_PER_MINUTE;
use postback_engine::Settings;
use postback_engine::ports::Entropy as _;
use postback_engine::ports::clock::SystemEntropy;
use postback_verify::Secret;

use crate::cli::DemoArguments;
use crate::logging;
use crate::node::{Node, Options};
use report::Report;

/// Seconds instead of minutes, so that nobody has to wait for the story to end.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
const SWEEP_GRACE: Duration = Duration::from_secs(1);
const SWEEP_PUSH: Duration = Duration::from_secs(10);

pub(crate) fn run(arguments: &DemoArguments) -> Result<ExitCode, Box<dyn Error>> {
    // The failures are part of the story; only what is not expected is logged.
    logging::start("off");
    let data = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let admin_key = Secret::new(format!("pba_{:032x}", SystemEntropy.id_bits()));
    let node = runtime.block_on(Node::start(options(data.path(), &admin_key)))?;
    let mut report = Report::new(arguments.json);
    story::tell(&runtime, node, &admin_key, &mut report)?;
    Ok(report.end())
}

fn options(data: &Path, admin_key: &Secret) -> Options {
    Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        data: data.to_owned(),
        sweep_every: SWEEP_EVERY,
        requests_per_minute: API_REQUESTS_PER_MINUTE,
        public_url: None,
        destinations: Destinations::AlsoPrivate,
        admin_key: Some(admin_key.clone()),
        settings: Settings {
            sweep_grace: SWEEP_GRACE,
            sweep_push: SWEEP_PUSH,
            ..Settings::default()
        },
    }
}
