//! The whole product, running: store, engine, worker, sweep and HTTP, started and stopped as one.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postback_domain::endpoint::Destinations;
use postback_domain::key::TokenDigest;
use postback_embedded::queue::MemoryQueue;
use postback_embedded::{EmbeddedStore, OpenError};
use postback_engine::ports::clock::{SystemClock, SystemEntropy};
use postback_engine::ports::{Clock, Entropy, Ports as _, Queue, Unavailable};
use postback_engine::{Engine, Settings};
use postback_http::api::Api;
use postback_http::ingest::Ingest;
use postback_http::{api, ingest};
use postback_sender::HttpSender;
use postback_verify::Secret;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ports::Local;
use crate::worker::Worker;

/// How long stopping may take before attempts are cut off. They are made again at the next start,
/// because their leases end with this process.
const STOP_TIMEOUT: Duration = Duration::from_secs(18);

/// Between a sweep that stopped at a full queue and the next.
const SWEEP_AGAIN: Duration = Duration::from_secs(1);

/// Between two looks at the orders to be sent again what was missed. Each goes on for as long.
const RECOVER_EVERY: Duration = Duration::from_secs(1);

/// The setting that keeps the digest of a generated admin key.
const ADMIN_KEY_DIGEST: &str = "admin_key_digest";

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) data: PathBuf,
    pub(crate) sweep_every: Duration,
    pub(crate) requests_per_minute: u32,
    pub(crate) public_url: Option<String>,
    pub(crate) destinations: Destinations,
    pub(crate) admin_key: Option<Secret>,
    pub(crate) settings: Settings,
}

/// The product, running.
pub(crate) struct Node {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where its admin key came from.
    pub(crate) admin_key: AdminKey,
    /// Its queue of wake-ups.
    pub(crate) queue: MemoryQueue,
    worker: Worker<Local>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// Where the operator's key came from.
#[derive(Debug)]
pub(crate) enum AdminKey {
    /// The operator brought it.
    Given,
    /// It was generated at an earlier start; only its digest is kept.
    Kept,
    /// Just now; this is the only time it can be shown.
    Generated(Secret),
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("cannot open the store")]
    Store(#[from] OpenError),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot read the store")]
    Unavailable(#[from] Unavailable),
    #[error("admin key must have at least 16 characters")]
    WeakAdminKey,
}

impl Node {
    pub(crate) async fn start(options: Options) -> Result<Self, StartError> {
        let (clock, entropy) = (SystemClock, SystemEntropy);
        let store = EmbeddedStore::open(&options.data, clock.now())?;
        let (admin_key, digest) = admin_key(&store, options.admin_key, &entropy).await?;
        let (listener, address) = listen(options.listen).await?;
        let queue = MemoryQueue::new();
        let sender = HttpSender::new(postback_sender::Settings::new(options.destinations));
        let ports = Local { store, queue: queue.clone(), sender, clock, entropy };
        let engine = Arc::new(Engine::new(ports, options.settings));
        let restored = engine.restore().await?;
        if restored > 0 {
            tracing::info!(messages = restored, "took up {restored} waiting deliveries");
        }
        let worker = Worker::new(Arc::clone(&engine));
        let api = Api::new(
            Arc::clone(&engine),
            api::Settings {
                admin_key: digest,
                destinations: options.destinations,
                requests_per_minute: options.requests_per_minute,
                public_base_url: options.public_url.unwrap_or_else(|| format!("http://{address}")),
            },
        );
        let ingest = Ingest::new(Arc::clone(&engine), worker.clone());
        let app = postback_http::app(api::router(api), ingest::router(ingest));
        let stop = CancellationToken::new();
        let tasks = vec![
            tokio::spawn(crate::listener::serve(listener, app, stop.clone())),
            tokio::spawn(worker.clone().run(queue.clone(), stop.clone())),
            tokio::spawn(recover(Arc::clone(&engine), stop.clone())),
            tokio::spawn(sweep(engine, options.sweep_every, queue.room() == 0, stop.clone())),
        ];
        Ok(Self { address, admin_key, queue, worker, stop, tasks })
    }

    /// Takes no more requests, lets attempts end, and answers whether they did in time.
    pub(crate) async fn stop(self) -> bool {
        self.stop.cancel();
        let ended = async {
            for task in self.tasks {
                let _ = task.await;
            }
            self.worker.finish().await;
        };
        tokio::time::timeout(STOP_TIMEOUT, ended).await.is_ok()
    }
}

async fn admin_key(
    store: &EmbeddedStore,
    given: Option<Secret>,
    entropy: &SystemEntropy,
) -> Result<(AdminKey, TokenDigest), StartError> {
    if let Some(key) = given {
        if key.expose().len() < 16 {
            return Err(StartError::WeakAdminKey);
        }
        return Ok((AdminKey::Given, TokenDigest::of(key.expose())));
    }
    let kept = store.setting(ADMIN_KEY_DIGEST).await?;
    if let Some(digest) = kept.and_then(|digest| digest.try_into().ok()) {
        return Ok((AdminKey::Kept, TokenDigest(digest)));
    }
    let random = entropy.key_bytes().map(|byte| format!("{byte:02x}"));
    let key = Secret::new(format!("pba_{}", random.concat()));
    let digest = TokenDigest::of(key.expose());
    store.keep_setting(ADMIN_KEY_DIGEST, digest.0.to_vec()).await?;
    Ok((AdminKey::Generated(key), digest))
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Goes on with orders to be sent again what was missed, as long as they have something to make due.
async fn recover(engine: Arc<Engine<Local>>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RECOVER_EVERY) => {}
            () = stop.cancelled() => return,
        }
        let until = engine.ports().clock().now().plus(RECOVER_EVERY);
        if let Err(error) = engine.recover_all(until).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the orders to recover could not be read"
            );
        }
    }
}

/// Sweeps at every interval, and sooner while there is more than the queue has room for.
async fn sweep(
    engine: Arc<Engine<Local>>,
    every: Duration,
    cut_short: bool,
    stop: CancellationToken,
) {
    let mut pause = if cut_short { SWEEP_AGAIN } else { every };
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        pause = if engine.sweep().await.cut_short { SWEEP_AGAIN } else { every };
    }
}
