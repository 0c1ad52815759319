//! Where jobs are handed over to threads that own a connection, and how those threads end: when
//! the desk is dropped they finish what was handed over, close their connections, and are waited
//! for, so that a store that was dropped has let go of its files.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::{fmt, io};

use postback_engine::ports::Unavailable;

/// Jobs go in; threads take them out.
pub(crate) struct Desk<J> {
    /// Taken on drop: the threads end when nobody can hand anything over any more.
    jobs: Option<mpsc::Sender<J>>,
    threads: Vec<JoinHandle<()>>,
}

impl<J> Desk<J> {
    pub(crate) fn new(jobs: mpsc::Sender<J>) -> Self {
        Self { jobs: Some(jobs), threads: Vec::new() }
    }

    /// Starts a thread that takes jobs until there are no more to come.
    pub(crate) fn employ(
        &mut self,
        name: String,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        self.threads.push(thread::Builder::new().name(name).spawn(work)?);
        Ok(())
    }

    pub(crate) fn hand_over(&self, job: J) -> Result<(), Unavailable> {
        let jobs = self.jobs.as_ref().expect("jobs are taken on drop alone");
        jobs.send(job).map_err(|_| Unavailable::new("store", "its threads have died"))
    }
}

impl<J> fmt::Debug for Desk<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("threads", &self.threads).finish_non_exhaustive()
    }
}

impl<J> Drop for Desk<J> {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that has panicked has said so; there is nothing to wait for.
            let _ = thread.join();
        }
    }
}
