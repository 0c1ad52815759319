//! Readers: a few threads with a connection each, so that a slow disk never blocks the executor
//! and a long list never waits for the writer. A job sees every write answered before it began.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use postback_engine::ports::Unavailable;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::OpenError;
use crate::desk::Desk;

/// Enough to keep a look-up from waiting behind a list; each costs a page cache.
const THREADS: usize = 2;

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// A handle to the reader threads. Dropping the last one waits until their connections are closed.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    jobs: Arc<Desk<Job>>,
}

impl Readers {
    pub(crate) fn start(database: &Path) -> Result<Self, OpenError> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        let mut desk = Desk::new(jobs);
        for number in 0..THREADS {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(database, flags)?;
            connection.pragma_update(None, "cache_size", -2 * 1024)?;
            connection.set_prepared_statement_cache_capacity(64);
            let waiting = Arc::clone(&waiting);
            desk.employ(format!("reader-{number}"), move || run(&connection, &waiting))
                .map_err(|source| OpenError::Unusable { directory: database.to_owned(), source })?;
        }
        Ok(Self { jobs: Arc::new(desk) })
    }

    pub(crate) async fn read<R, F>(&self, work: F) -> Result<R, Unavailable>
    where
        R: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<R> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let _ = reply.send(work(connection));
        });
        self.jobs.hand_over(job)?;
        let result = answer.await.map_err(|_| Unavailable::new("store", "the reader has died"))?;
        result.map_err(|error| Unavailable::new("store", error))
    }
}

fn run(connection: &Connection, waiting: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // The lock is held while waiting, by one idle reader at a time, never at work.
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A reader changes nothing, so whatever a panic leaves behind is only memory. Whoever
        // asked is told, because the answer's channel is dropped on the way out.
        let _ = catch_unwind(AssertUnwindSafe(|| job(connection)));
    }
}
