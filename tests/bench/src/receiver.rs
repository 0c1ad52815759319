//! The merchant: one thread that takes webhooks, notes when each arrived, and answers.
//!
//! Every body is compared byte for byte with the event that was sent; one signature in so many is
//! verified, because verifying all would cost more than everything else the receiver does. What
//! it saw is in the [`Ledger`], which other threads read while it works.

mod connection;
mod ledger;
mod signature;

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::clock::Clock;
use crate::error::{Doing, Failure};
use crate::events::EventTemplate;
use crate::process::ThreadMeter;
use crate::wire::Head;

use connection::{Connection, Step};
pub(crate) use ledger::Ledger;
pub(crate) use signature::EndpointSecret;

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CONNECTION: usize = 2;

const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const REFUSED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

/// A receiver that has an address and does not serve yet: endpoints are created with the address,
/// and only then are their secrets known.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: StdTcpListener,
    address: SocketAddr,
}

/// What a receiver is to expect.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) template: EventTemplate,
    /// Event numbers are below this.
    pub(crate) events: u64,
    /// One for each endpoint, in the order of their indices.
    pub(crate) secrets: Vec<EndpointSecret>,
    /// One signature in so many is verified; 0 means none.
    pub(crate) verify_every: u64,
}

/// A receiver at work. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Receiver {
    ledger: Arc<Ledger>,
    switches: Arc<Switches>,
    waker: Waker,
    meter: ThreadMeter,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug, Default)]
struct Switches {
    stop: AtomicBool,
    refusing: AtomicBool,
}

impl Bound {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn bind() -> Result<Self, Failure> {
        let bind = || {
            let listener = StdTcpListener::bind("127.0.0.1:0")?;
            listener.set_nonblocking(true)?;
            Ok::<_, io::Error>((listener.local_addr()?, listener))
        };
        let (address, listener) = bind().doing(|| "cannot listen on 127.0.0.1".to_owned())?;
        Ok(Self { listener, address })
    }

    /// The URL of the endpoint at `index`. The index is in the path, so that one receiver can
    /// stand for many endpoints.
    pub(crate) fn endpoint_url(&self, index: usize) -> String {
        format!("http://{}/e/{index}", self.address)
    }

    /// Begins to serve on a thread of its own.
    ///
    /// # Errors
    /// Where epoll or a thread is not to be had.
    pub(crate) fn serve(self, expected: Expected, clock: Clock) -> Result<Receiver, Failure> {
        let ledger = Arc::new(Ledger::new(expected.events, expected.secrets.len()));
        let switches = Arc::new(Switches::default());
        let (shared, switched) = (Arc::clone(&ledger), Arc::clone(&switches));
        let begin = || {
            let poll = Poll::new()?;
            let waker = Waker::new(poll.registry(), WAKER)?;
            let mut listener = TcpListener::from_std(self.listener);
            poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
            let merchant = Merchant { expected, ledger: shared, clock };
            let (meters, meter) = std::sync::mpsc::channel();
            let mut serving =
                Serving { poll, listener, connections: Vec::new(), merchant, switches: switched };
            let thread = std::thread::Builder::new().name("receiver".into()).spawn(move || {
                let _receiver_is_waiting = meters.send(ThreadMeter::of_this_thread());
                serving.run()
            })?;
            Ok::<_, io::Error>((thread, waker, meter.recv().map_err(io::Error::other)?))
        };
        let (thread, waker, meter) = begin().doing(|| "cannot start the receiver".to_owned())?;
        Ok(Receiver { ledger, switches, waker, meter, thread: Some(thread) })
    }
}

impl Receiver {
    /// What has arrived so far.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// From now on every webhook is refused with 503 (`true`), or taken with 200 (`false`).
    pub(crate) fn refuse(&self, refusing: bool) {
        self.switches.refusing.store(refusing, Relaxed);
    }

    /// CPU time the receiver's thread has used so far, where the kernel says.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        self.meter.cpu()
    }

    /// Stops it and waits for its thread.
    ///
    /// # Errors
    /// What ended the thread before its time.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        self.end().doing(|| "the receiver broke off".to_owned())
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        self.switches.stop.store(true, Relaxed);
        self.waker.wake()?;
        thread.join().map_err(|_| io::Error::other("its thread panicked"))?
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // An error here has no reader: the scenario has failed already.
        let _ended = self.end();
    }
}

/// Decides about one webhook.
struct Merchant {
    expected: Expected,
    ledger: Arc<Ledger>,
    clock: Clock,
}

struct Serving {
    poll: Poll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    merchant: Merchant,
    switches: Arc<Switches>,
}

impl Merchant {
    fn take(&self, head: &Head<'_>, body: &[u8], refusing: bool) -> &'static [u8] {
        let number = self.expected.template.number_in(body);
        let endpoint = head.path().and_then(|path| path.strip_prefix(b"/e/"));
        let endpoint = endpoint.and_then(|index| std::str::from_utf8(index).ok()?.parse().ok());
        let slot = number.zip(endpoint).and_then(|(n, e)| self.ledger.slot(n, e));
        let Some(slot) = slot else {
            self.ledger.note_mismatch();
            return TAKEN;
        };
        if refusing {
            self.ledger.note_refusal(slot);
            return REFUSED;
        }
        let arrived = self.ledger.note_arrival(slot, self.clock.now());
        let every = self.expected.verify_every;
        if every > 0 && arrived.is_multiple_of(every) {
            let secret = &self.expected.secrets[endpoint.expect("a slot has an endpoint")];
            self.ledger.note_signature(secret.signed(head, body));
        }
        TAKEN
    }
}

impl Serving {
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        while !self.switches.stop.load(Relaxed) {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            let refusing = self.switches.refusing.load(Relaxed);
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    WAKER => {}
                    Token(token) => self.turn(token - FIRST_CONNECTION, refusing),
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let free = self.connections.iter().position(Option::is_none);
            let index = free.unwrap_or(self.connections.len());
            let token = Token(index + FIRST_CONNECTION);
            self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
            let connection = Connection::new(stream, self.merchant.expected.template.body_bytes());
            match free {
                Some(index) => self.connections[index] = Some(connection),
                None => self.connections.push(Some(connection)),
            }
        }
    }

    fn turn(&mut self, index: usize, refusing: bool) {
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        let merchant = &self.merchant;
        match connection.turn(|head, body| merchant.take(head, body, refusing)) {
            Step::Open => {}
            Step::Closed => self.connections[index] = None,
            Step::NotUnderstood => {
                merchant.ledger.note_mismatch();
                self.connections[index] = None;
            }
        }
    }
}
