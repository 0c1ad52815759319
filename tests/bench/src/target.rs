//! The server under measurement: one this harness starts, or one that runs already.

pub(crate) mod leash;
mod spawned;

use std::net::SocketAddr;
use std::time::Duration;

use crate::api::Api;
use crate::error::Failure;
use crate::process::ProcessUsage;

pub(crate) use spawned::{Launch, Spawned};

/// What a scenario asks of the server's surroundings. Dropping a target stops what it started.
pub(crate) trait Target {
    /// Starts the server for `scenario`, on data that is empty for the first start of a scenario
    /// and is what the last [`Target::stop`] left behind for a later one.
    fn start(&mut self, scenario: &str, sweep_every: Option<Duration>) -> Result<Started, Failure>;

    /// Asks the server to stop, and waits until it has.
    fn stop(&mut self) -> Result<(), Failure>;

    /// Its counters; `None` where its process is not known.
    fn usage(&self) -> Option<ProcessUsage>;

    /// Whether a scenario may stop it and start it again.
    fn can_restart(&self) -> bool;

    /// What is measured, for the report.
    fn describe(&self) -> String;

    /// The key for the admin's part of the API.
    fn admin_key(&self) -> &str;
}

/// A server that has said it is healthy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first healthy answer.
    pub(crate) took: Duration,
}

/// A server somebody else runs. It is neither stopped nor looked into.
pub(crate) struct Running {
    address: SocketAddr,
    admin_key: String,
}

impl Running {
    /// The server at `address`.
    pub(crate) fn new(address: SocketAddr, admin_key: String) -> Self {
        Self { address, admin_key }
    }
}

impl Target for Running {
    fn start(&mut self, _scenario: &str, _: Option<Duration>) -> Result<Started, Failure> {
        if Api::is_healthy(self.address) {
            Ok(Started { address: self.address, took: Duration::ZERO })
        } else {
            Err(Failure::new(format!("no healthy server answers at {}", self.address)))
        }
    }

    fn stop(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn usage(&self) -> Option<ProcessUsage> {
        None
    }

    fn can_restart(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        format!("http://{}", self.address)
    }

    fn admin_key(&self) -> &str {
        &self.admin_key
    }
}
