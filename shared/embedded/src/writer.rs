//! The one writer. Whoever has something to write hands over a job; the writer takes all that are
//! waiting, runs them in one transaction, syncs once, and only then answers them all. Under load
//! one sync carries hundreds of events, and an idle system answers after a single one.
//!
//! Claims and outcomes alone do not wait for a sync of their own. They are in the log before they
//! are answered, so they survive the process; a power cut may forget the last moments of them,
//! which costs a repeated attempt and nothing else.
//!
//! A job that fails undoes nobody else's work: the transaction is rolled back and each job runs
//! again in one of its own. Jobs are therefore `FnMut` and keep no state of their own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use postback_engine::ports::Unavailable;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::cache::Cache;
use crate::desk::Desk;

/// Jobs of one transaction at most; bounds its memory and how long the first one waits.
const BATCH_MAX: usize = 512;

/// Pages that the log may grow by before it is moved into the database: 16 MiB. The move is done
/// between two batches, and whoever comes in meanwhile waits some milliseconds. At a quarter of
/// this, one event in a hundred does; four times as much was measured to be no faster.
const CHECKPOINT_PAGES: u32 = 4096;

/// How long the writer waits for more to do before it syncs what is only in the log.
const PAUSE: Duration = Duration::from_millis(200);

/// A handle to the writer thread. Dropping the last one waits until the database is closed.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    jobs: Arc<Desk<Box<dyn Job>>>,
}

/// What a job writes, which says what it must survive before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Events, and what people ask for: must survive a power cut.
    Promise,
    /// Claims, outcomes, sweeps: must survive the process. Synced with the next promise, or as
    /// soon as the writer has nothing to do.
    Progress,
    /// Like a promise, and changes what [`Cache`] holds.
    Configuration,
}

impl Writer {
    /// Takes over the connection.
    pub(crate) fn start(connection: Connection, cache: Arc<Cache>) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel();
        let mut desk = Desk::new(jobs);
        desk.employ("writer".to_owned(), move || run(connection, &waiting, &cache))?;
        Ok(Self { jobs: Arc::new(desk) })
    }

    /// Runs a job and answers once it survives what its kind must survive.
    pub(crate) async fn write<R, F>(&self, kind: Kind, work: F) -> Result<R, Unavailable>
    where
        R: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<R> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task { work, kind, result: None, reply: Some(reply) };
        self.jobs.hand_over(Box::new(task))?;
        let result = answer.await.map_err(|_| Unavailable::new("store", "the writer has died"))?;
        result.map_err(|error| Unavailable::new("store", error))
    }
}

trait Job: Send {
    /// Does the work inside an open transaction, and keeps what it came to.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    fn kind(&self) -> Kind;
    /// Answers with what the work came to; called once it is on disk.
    fn answer(&mut self);
    /// Answers that nothing was written.
    fn refuse(&mut self, error: rusqlite::Error);
}

struct Task<F, R> {
    work: F,
    kind: Kind,
    result: Option<R>,
    reply: Option<oneshot::Sender<rusqlite::Result<R>>>,
}

impl<F, R> Job for Task<F, R>
where
    R: Send,
    F: FnMut(&Connection) -> rusqlite::Result<R> + Send,
{
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.result = Some((self.work)(connection)?);
        Ok(())
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn answer(&mut self) {
        if let (Some(reply), Some(result)) = (self.reply.take(), self.result.take()) {
            // Nobody waits any more when a client has gone; the work is done all the same.
            let _ = reply.send(Ok(result));
        }
    }

    fn refuse(&mut self, error: rusqlite::Error) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(Err(error));
        }
    }
}

fn run(connection: Connection, waiting: &mpsc::Receiver<Box<dyn Job>>, cache: &Cache) {
    let mut log = Log { connection, syncs: true, unsynced: false };
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while let Some(first) = log.next(waiting) {
        batch.push(first);
        batch.extend(waiting.try_iter().take(BATCH_MAX - 1));
        if log.transact(&mut batch, cache).is_err() {
            for job in &mut batch {
                if let Err(error) = log.transact(std::slice::from_mut(job), cache) {
                    job.refuse(error);
                }
            }
        }
        batch.clear();
    }
    // An orderly end leaves one file behind, without a log beside it.
    if let Err((_, error)) = log.connection.close() {
        tracing::warn!(error = &error as &dyn std::error::Error, "database did not close");
    }
}

/// The connection, and what is known of its log.
struct Log {
    connection: Connection,
    /// Whether a commit syncs.
    syncs: bool,
    /// Whether there are commits that were not synced.
    unsynced: bool,
}

impl Log {
    /// The next job. A pause is used to sync what is not.
    fn next(&mut self, waiting: &mpsc::Receiver<Box<dyn Job>>) -> Option<Box<dyn Job>> {
        if self.unsynced {
            match waiting.recv_timeout(PAUSE) {
                Ok(job) => return Some(job),
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(mpsc::RecvTimeoutError::Timeout) => self.checkpoint(),
            }
        }
        waiting.recv().ok()
    }

    /// Syncs the log and moves it into the database, as far as readers allow.
    fn checkpoint(&mut self) {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(error = &error as &dyn std::error::Error, "log was not moved");
        }
        // Tried once a pause; what could not be synced now is with the next promise.
        self.unsynced = false;
    }

    /// A job that panics is refused like one that fails: it must not take the writer with it.
    fn transact(&mut self, jobs: &mut [Box<dyn Job>], cache: &Cache) -> rusqlite::Result<()> {
        // Unwind safety: the transaction is rolled back on the way out, and a job keeps nothing.
        let transaction = AssertUnwindSafe(|| self.run_and_commit(jobs, cache));
        catch_unwind(transaction).unwrap_or(Err(rusqlite::Error::UnwindingPanic))
    }

    /// Runs the jobs in one transaction and answers them, or changes nothing and answers nobody.
    fn run_and_commit(&mut self, jobs: &mut [Box<dyn Job>], cache: &Cache) -> rusqlite::Result<()> {
        self.sync_commits(jobs.iter().any(|job| job.kind() != Kind::Progress))?;
        let behaviour = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behaviour)?;
        for job in jobs.iter_mut() {
            job.run(&transaction)?;
        }
        transaction.commit()?;
        self.unsynced = !self.syncs;
        if jobs.iter().any(|job| job.kind() == Kind::Configuration) {
            // Before anybody is answered, so that a writer sees its own write.
            cache.clear();
        }
        for job in jobs {
            job.answer();
        }
        Ok(())
    }

    /// In WAL mode FULL syncs the log at every commit, and with it whatever is in it already;
    /// NORMAL leaves that to a later one.
    fn sync_commits(&mut self, sync: bool) -> rusqlite::Result<()> {
        if self.syncs != sync {
            let level = if sync { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.syncs = sync;
        }
        Ok(())
    }
}

/// How every connection of the writer is set up.
pub(crate) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x INTEGER PRIMARY KEY)").unwrap();
        Writer::start(connection, Arc::new(Cache::default())).unwrap()
    }

    async fn insert(writer: &Writer, x: i64) -> Result<usize, Unavailable> {
        writer.write(Kind::Promise, move |c| c.execute("INSERT INTO t VALUES (?1)", [x])).await
    }

    async fn rows(writer: &Writer) -> Vec<i64> {
        let read = |connection: &Connection| {
            let mut select = connection.prepare("SELECT x FROM t ORDER BY x")?;
            select.query_map([], |row| row.get(0))?.collect()
        };
        writer.write(Kind::Promise, read).await.unwrap()
    }

    /// The first job holds the writer until all the others wait, so that they share a transaction.
    #[tokio::test]
    async fn a_job_that_fails_or_panics_undoes_no_neighbour() {
        let writer = writer();
        let (began, has_begun) = sync_channel(1);
        let (go, may_go) = sync_channel::<()>(1);
        let holding = writer.write(Kind::Promise, move |_| {
            began.send(()).unwrap();
            may_go.recv().unwrap();
            Ok(())
        });
        let others = async {
            tokio::task::yield_now().await;
            has_begun.recv().unwrap();
            let panicking = writer.write(Kind::Promise, |c| -> rusqlite::Result<()> {
                c.execute("INSERT INTO t VALUES (9)", [])?;
                panic!("a job that must not take the writer with it")
            });
            let release = async {
                tokio::task::yield_now().await;
                go.send(()).unwrap();
            };
            tokio::join!(
                insert(&writer, 1),
                insert(&writer, 1),
                panicking,
                insert(&writer, 2),
                release
            )
        };
        let (held, (first, twin, panicked, second, ())) = tokio::join!(holding, others);
        held.unwrap();
        assert!(first.is_ok() && second.is_ok());
        assert!(twin.is_err(), "the second 1 breaks the primary key");
        assert!(panicked.is_err());
        assert_eq!(rows(&writer).await, [1, 2]);
    }

    fn writer_of(path: &std::path::Path) -> Writer {
        let connection = Connection::open(path).unwrap();
        configure(&connection).unwrap();
        connection.execute_batch("CREATE TABLE t (x INTEGER PRIMARY KEY)").unwrap();
        Writer::start(connection, Arc::new(Cache::default())).unwrap()
    }

    /// A power cut cannot be had in a test; what SQLite has been told to do about one can.
    #[tokio::test]
    async fn promises_are_synced_and_progress_with_the_next_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let writer = writer_of(&directory.path().join("t.db"));
        let level = |connection: &Connection| {
            let mode: String =
                connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            let level: i64 =
                connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
            Ok((mode, level))
        };
        let (full, normal) = (2, 1);
        for (kind, expected) in [
            (Kind::Promise, full),
            (Kind::Progress, normal),
            (Kind::Configuration, full),
            (Kind::Progress, normal),
            (Kind::Promise, full),
        ] {
            let found = writer.write(kind, level).await.unwrap();
            assert_eq!(found, ("wal".to_owned(), expected), "{kind:?}");
        }
    }

    #[tokio::test]
    async fn what_was_handed_over_is_written_before_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        let writer = writer_of(&path);
        // Handed over, and nobody waits for the answer any more.
        for x in 0..100 {
            let mut write = Box::pin(insert(&writer, x));
            let waker = std::task::Waker::noop();
            let _ = write.as_mut().poll(&mut std::task::Context::from_waker(waker));
        }
        drop(writer);
        let connection = Connection::open(&path).unwrap();
        let count = connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
        assert_eq!(count.unwrap(), 100);
    }
}
