//! `postback serve`.

use std::error::Error;
use std::process::ExitCode;

use anstream::println;
use postback_domain::endpoint::Destinations;
use postback_engine::Settings;
use postback_verify::Secret;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::ServeArguments;
use crate::logging;
use crate::node::{AdminKey, Node, Options};
use crate::terminal::{BOLD, DIM, GOOD};

pub(crate) fn run(arguments: ServeArguments) -> Result<ExitCode, Box<dyn Error>> {
    logging::start("info");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: ServeArguments) -> Result<ExitCode, Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let destinations = if arguments.allow_private_endpoints {
        Destinations::AlsoPrivate
    } else {
        Destinations::PublicHttps
    };
    let node = Node::start(Options {
        listen: arguments.listen,
        data: arguments.data.clone(),
        sweep_every: arguments.sweep_every,
        requests_per_minute: arguments.requests_per_minute,
        public_url: arguments.public_url.clone(),
        destinations,
        admin_key: arguments.admin_key.clone().map(Secret::new),
        settings: Settings::default(),
    })
    .await?;
    if arguments.json {
        greet_machine(&node);
    } else {
        greet_person(&node, &arguments);
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: no more requests, finishing attempts");
    if !node.stop().await {
        tracing::warn!("some attempts did not end in time; they are made again at the next start");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn greet_machine(node: &Node) {
    let admin_key = match &node.admin_key {
        AdminKey::Generated(key) => Some(key.expose()),
        AdminKey::Given | AdminKey::Kept => None,
    };
    println!("{}", json!({ "url": format!("http://{}", node.address), "admin_key": admin_key }));
}

fn greet_person(node: &Node, arguments: &ServeArguments) {
    let url = format!("http://{}", node.address);
    println!("{BOLD}postback {}{BOLD:#}", env!("CARGO_PKG_VERSION"));
    println!();
    println!("  api      {GOOD}{url}/v1{GOOD:#}");
    println!("  docs     {GOOD}{url}/docs{GOOD:#}");
    println!("  ingest   {GOOD}{url}/in/{{source_id}}{GOOD:#}");
    println!("  data     {}", arguments.data.display());
    let key = match &node.admin_key {
        AdminKey::Generated(key) => {
            println!("  key      {BOLD}{}{BOLD:#}", key.expose());
            println!("           {DIM}the admin key, shown this once; keep it{DIM:#}");
            key.expose()
        }
        AdminKey::Given => {
            println!("  key      {DIM}from POSTBACK_ADMIN_KEY{DIM:#}");
            "$POSTBACK_ADMIN_KEY"
        }
        AdminKey::Kept => {
            println!(
                "  key      {DIM}the one printed at the first start; put it into POSTBACK_ADMIN_KEY{DIM:#}"
            );
            "$POSTBACK_ADMIN_KEY"
        }
    };
    println!();
    println!("{DIM}Is it up? Which providers are known? And a first merchant:{DIM:#}");
    println!();
    println!("  curl -sS {url}/healthz");
    println!("  curl -sS -H \"Authorization: Bearer {key}\" {url}/v1/presets");
    println!(
        "  curl -sS -H \"Authorization: Bearer {key}\" -H 'Content-Type: application/json' \
         -d '{{\"name\":\"First shop\"}}' {url}/v1/merchants"
    );
    println!();
}
