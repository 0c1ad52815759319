//! A timer finer than the millisecond that epoll's own timeout is rounded up to.
//!
//! At 200 events a second a millisecond's lateness would be a fifth of what is being measured, and
//! spinning until an event is due would take from the server the core it needs.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

#[derive(Debug)]
pub(super) struct Timer {
    descriptor: OwnedFd,
}

impl Timer {
    /// A timer that wakes `registry`'s poll with `token`; not set yet.
    pub(super) fn register(registry: &Registry, token: Token) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let mut source = SourceFd(&descriptor.as_raw_fd());
        registry.register(&mut source, token, Interest::READABLE)?;
        Ok(Self { descriptor })
    }

    /// Wakes the poll once after `wait`; replaces what was set before.
    pub(super) fn wake_after(&self, wait: Duration) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        // All zero would switch the timer off instead of waking at once.
        let wait = wait.max(Duration::from_nanos(1));
        let it_value = Timespec::try_from(wait).map_err(io::Error::other)?;
        let once = Itimerspec { it_interval: zero, it_value };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// Takes note of a wake-up. An error means that there was none to take note of.
    pub(super) fn clear(&self) {
        let _nothing_due = rustix::io::read(&self.descriptor, &mut [0; 8]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use mio::{Events, Poll};

    #[test]
    fn wakes_once_and_not_early() {
        let mut poll = Poll::new().unwrap();
        let timer = Timer::register(poll.registry(), Token(1)).unwrap();
        let mut events = Events::with_capacity(4);
        let clock = Clock::start();
        let before = clock.now();
        timer.wake_after(Duration::from_micros(1500)).unwrap();
        poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
        assert!(clock.now().since(before) >= Duration::from_micros(1500));
        assert_eq!(events.iter().count(), 1);
        timer.clear();
        poll.poll(&mut events, Some(Duration::from_millis(5))).unwrap();
        assert_eq!(events.iter().count(), 0);
    }
}
