//! Readers: a few threads with a connection each, so that a slow disk never blocks the executor
//! and a long list never waits for the writer. A job sees every write answered before it began.

use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use postback_engine::ports::Unavailable;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

/// Enough to keep a look-up from waiting behind a list; each costs a page cache.
const THREADS: usize = 2;

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// A handle to the reader threads, which end when the last handle is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    jobs: mpsc::Sender<Job>,
}

impl Readers {
    pub(crate) fn start(database: &Path) -> Result<Self, crate::OpenError> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..THREADS {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(database, flags)?;
            connection.pragma_update(None, "cache_size", -2 * 1024)?;
            connection.set_prepared_statement_cache_capacity(64);
            let waiting = Arc::clone(&waiting);
            let work = move || {
                loop {
                    // The lock is held while waiting, by one idle reader at a time, never at work.
                    let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    match job {
                        Ok(job) => job(&connection),
                        Err(mpsc::RecvError) => return,
                    }
                }
            };
            thread::Builder::new().name(format!("reader-{number}")).spawn(work).map_err(
                |source| crate::OpenError::Unusable { directory: database.to_owned(), source },
            )?;
        }
        Ok(Self { jobs })
    }

    pub(crate) async fn read<R, F>(&self, work: F) -> Result<R, Unavailable>
    where
        R: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<R> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let stopped = || Unavailable::new("store", "the readers have stopped");
        let job: Job = Box::new(move |connection| {
            let _ = reply.send(work(connection));
        });
        self.jobs.send(job).map_err(|_| stopped())?;
        let result = answer.await.map_err(|_| stopped())?;
        result.map_err(|error| Unavailable::new("store", error))
    }
}
