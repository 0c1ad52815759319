//! The load generator: one thread, one epoll, one request in flight on each connection.
//!
//! Closed loop: a connection sends its next event as soon as the last was answered, so the server
//! is always exactly as busy as it can be. Open loop: events are sent when a [`Schedule`] says,
//! whether or not the server keeps up. No event is ever sent twice: a POST without an answer is
//! counted, not repeated, because a repeat would hide what the server did with the first.

mod connection;
mod timer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use mio::{Events, Poll, Token};

use crate::clock::{Clock, Moment};
use crate::error::{Doing, Failure};
use crate::events::SignedRequests;
use crate::process::ThreadMeter;
use crate::schedule::Schedule;

use connection::{Connection, Turn};
use timer::Timer;

const TIMER: Token = Token(usize::MAX);

/// With no answer at all for so long the server is taken to have stalled, and the run ends.
const STALL: Duration = Duration::from_secs(30);

/// How the generator is woken to look at its limits when nothing else happens.
const LOOK_UP: Duration = Duration::from_millis(100);

/// What to post, where and how fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) requests: &'a SignedRequests,
    pub(crate) pace: Pace,
    pub(crate) connections: usize,
    /// No event is begun after this; those under way are still waited for.
    pub(crate) time_limit: Duration,
}

/// What decides when the next event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Every connection sends again once it was answered.
    Closed,
    /// Events are sent by the clock.
    Open { events_per_second: u32 },
}

/// What happened to one event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posted {
    pub(crate) number: u64,
    /// When it should have been sent. In a closed loop: when it was.
    pub(crate) due: Moment,
    /// When its first byte was written.
    pub(crate) sent: Moment,
    /// When its answer was complete, with the status; `None` where there never was one.
    pub(crate) answer: Option<(Moment, u16)>,
}

/// What happened to all events of a run.
#[derive(Debug, Default)]
pub(crate) struct LoadLog {
    /// In the order they were sent.
    pub(crate) posted: Vec<Posted>,
    /// CPU time of the generator's thread, where the kernel says.
    pub(crate) cpu: Option<Duration>,
}

/// Counters another thread may read while the load runs.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    answered: AtomicU64,
}

impl Posted {
    /// The server answered 200, so the event is the server's to keep from here on. Other 2xx do
    /// not count: several providers take none but 200 for an answer.
    pub(crate) fn accepted(&self) -> bool {
        matches!(self.answer, Some((_, 200)))
    }
}

impl LoadLog {
    /// How often each status other than 200 was answered.
    pub(crate) fn refused(&self) -> BTreeMap<u16, u64> {
        let mut counts = BTreeMap::new();
        let statuses = self.posted.iter().filter_map(|event| event.answer);
        for (_, status) in statuses.filter(|(_, status)| *status != 200) {
            *counts.entry(status).or_insert(0) += 1;
        }
        counts
    }

    /// Events the server never answered: the connection broke, or the server stalled.
    pub(crate) fn unanswered(&self) -> u64 {
        self.posted.iter().map(|event| u64::from(event.answer.is_none())).sum()
    }
}

impl Progress {
    /// How many events have been answered so far.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }
}

/// Posts the events of `load` and returns once each was answered or given up. Blocks; meant for a
/// thread of its own.
///
/// # Errors
/// Where the server cannot be connected to, or answers what is not HTTP.
pub(crate) fn run(load: &Load<'_>, clock: &Clock, progress: &Progress) -> Result<LoadLog, Failure> {
    let generator = Generator::start(load, clock, progress)?;
    let meter = ThreadMeter::of_this_thread();
    let before = meter.cpu();
    let mut log = generator.drive()?;
    log.cpu = before.and_then(|before| meter.cpu()?.checked_sub(before));
    Ok(log)
}

struct Generator<'a> {
    load: &'a Load<'a>,
    clock: &'a Clock,
    progress: &'a Progress,
    poll: Poll,
    timer: Timer,
    timer_set_for: Option<Moment>,
    connections: Vec<Connection>,
    idle: Vec<usize>,
    next_number: u64,
    started: Moment,
    schedule: Option<Schedule>,
    last_answer: Moment,
    posted: Vec<Posted>,
}

impl<'a> Generator<'a> {
    fn start(
        load: &'a Load<'a>,
        clock: &'a Clock,
        progress: &'a Progress,
    ) -> Result<Self, Failure> {
        let poll = Poll::new().doing(|| "cannot create an epoll".to_owned())?;
        let timer =
            Timer::register(poll.registry(), TIMER).doing(|| "cannot create a timer".to_owned())?;
        let mut connections = Vec::with_capacity(load.connections);
        for index in 0..load.connections {
            connections.push(open(load, &poll, index)?);
        }
        let numbers = load.requests.numbers();
        let started = clock.now();
        let schedule = match load.pace {
            Pace::Closed => None,
            Pace::Open { events_per_second } => Some(Schedule::new(started, events_per_second)),
        };
        Ok(Self {
            load,
            clock,
            progress,
            poll,
            timer,
            timer_set_for: None,
            idle: (0..connections.len()).rev().collect(),
            connections,
            next_number: numbers.start,
            started,
            schedule,
            last_answer: started,
            posted: Vec::with_capacity(usize::try_from(numbers.end - numbers.start).unwrap_or(0)),
        })
    }

    fn drive(mut self) -> Result<LoadLog, Failure> {
        let mut events = Events::with_capacity(256);
        self.send_what_is_due()?;
        while !self.finished() {
            match self.poll.poll(&mut events, Some(LOOK_UP)) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                result => result.doing(|| "cannot wait for answers".to_owned())?,
            }
            for event in &events {
                match event.token() {
                    TIMER => {
                        self.timer.clear();
                        self.timer_set_for = None;
                    }
                    Token(index) => self.turn(index)?,
                }
            }
            self.send_what_is_due()?;
        }
        Ok(LoadLog { posted: self.posted, cpu: None })
    }

    fn finished(&self) -> bool {
        let in_flight = self.idle.len() < self.connections.len();
        if in_flight {
            return self.clock.now().since(self.last_answer) > STALL;
        }
        self.next_due().is_none()
    }

    /// When the next event is due, or `None` where there is none to send any more. In a closed
    /// loop the next event is always due.
    fn next_due(&self) -> Option<Moment> {
        let numbers = self.load.requests.numbers();
        if self.next_number >= numbers.end {
            return None;
        }
        let due = match self.schedule {
            None => self.clock.now(),
            Some(schedule) => schedule.due(self.next_number - numbers.start),
        };
        (due.since(self.started) <= self.load.time_limit).then_some(due)
    }

    fn send_what_is_due(&mut self) -> Result<(), Failure> {
        while let Some(due) = self.next_due() {
            let now = self.clock.now();
            if due > now {
                return self.wake_at(due, now);
            }
            let Some(index) = self.idle.pop() else { break };
            self.send(index, due)?;
        }
        Ok(())
    }

    fn wake_at(&mut self, due: Moment, now: Moment) -> Result<(), Failure> {
        if self.timer_set_for == Some(due) {
            return Ok(());
        }
        self.timer_set_for = Some(due);
        self.timer.wake_after(due.since(now)).doing(|| "cannot set a timer".to_owned())
    }

    fn send(&mut self, index: usize, due: Moment) -> Result<(), Failure> {
        let number = self.next_number;
        self.next_number += 1;
        let connection = &mut self.connections[index];
        self.load.requests.fill(number, connection.request());
        let sent = self.clock.now();
        let due = if self.schedule.is_some() { due } else { sent };
        self.posted.push(Posted { number, due, sent, answer: None });
        match connection.send(self.posted.len() - 1) {
            Ok(()) => Ok(()),
            Err(_) => self.reopen(index),
        }
    }

    fn turn(&mut self, index: usize) -> Result<(), Failure> {
        match self.connections[index].turn() {
            Ok(Turn::Waiting) => Ok(()),
            Ok(Turn::Answered { posted, status, reusable }) => {
                let now = self.clock.now();
                self.last_answer = now;
                self.posted[posted].answer = Some((now, status));
                self.progress.answered.fetch_add(1, Relaxed);
                if reusable {
                    self.idle.push(index);
                } else {
                    self.reopen(index)?;
                }
                self.send_what_is_due()
            }
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(error).doing(|| "the server's answer is not one to an event".to_owned())
            }
            Err(_) => self.reopen(index),
        }
    }

    /// Replaces a connection the server has closed. Whatever was in flight on it stays without an
    /// answer.
    fn reopen(&mut self, index: usize) -> Result<(), Failure> {
        self.connections[index] = open(self.load, &self.poll, index)?;
        if !self.idle.contains(&index) {
            self.idle.push(index);
        }
        Ok(())
    }
}

fn open(load: &Load<'_>, poll: &Poll, index: usize) -> Result<Connection, Failure> {
    Connection::open(load.address, load.requests.blank(), poll.registry(), Token(index))
        .doing(|| format!("cannot connect to the server at {}", load.address))
}
