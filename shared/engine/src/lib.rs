//! The verbs of Postback over narrow ports that it owns. Every decision is `postback-domain`'s;
//! this crate puts them in an order in which a crash between any two port calls loses nothing.
//!
//! Reading order: [`ports`] is what the engine needs from the world; [`accept`] verifies a
//! provider's request; [`take_in`] makes it an event with its deliveries; [`deliver`] makes one
//! attempt and records it; [`sweep`] finds what was lost; [`redrive`] reopens what was given up;
//! [`recover`] does so for all that an endpoint missed; [`pull`] hands it to its merchant.
//!
//! There is no word of a table, a queue URL or a row here, and no `if aws`: what differs between
//! the embedded store and AWS is an adapter, and every adapter passes one contract suite.

pub mod accept;
pub mod deliver;
mod note_use;
pub mod ports;
pub mod pull;
pub mod recover;
pub mod redrive;
pub mod sweep;
pub mod take_in;
mod trial;

use std::time::Duration;

use ports::Ports;
use postback_domain::limits::{LEASE, SWEEP_GRACE, SWEEP_PUSH};

/// The engine over one set of ports.
#[derive(Debug)]
pub struct Engine<P> {
    ports: P,
    settings: Settings,
    noted: note_use::Noted,
}

/// What an installation may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a claim holds a delivery.
    pub lease: Duration,
    /// How long past its due time the sweep leaves a delivery to the message on its way.
    pub sweep_grace: Duration,
    /// How far the sweep pushes a due time forward when it sends a message.
    pub sweep_push: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { lease: LEASE, sweep_grace: SWEEP_GRACE, sweep_push: SWEEP_PUSH }
    }
}

impl<P: Ports> Engine<P> {
    /// An engine over these ports.
    pub fn new(ports: P, settings: Settings) -> Self {
        Self { ports, settings, noted: note_use::Noted::default() }
    }

    /// The ports, for the layers that only read.
    pub fn ports(&self) -> &P {
        &self.ports
    }
}
