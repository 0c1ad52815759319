//! What has arrived, when, and how often: one slot for each event and endpoint.
//!
//! Only the receiver's thread writes; any thread may read. The counters are independent of each
//! other, so no ordering is needed beyond each being seen in the end.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::clock::Moment;

/// Written into a slot whose webhook was refused and has not been taken since.
const REFUSED: u64 = u64::MAX;

/// The receiver's record of a scenario.
#[derive(Debug)]
pub(crate) struct Ledger {
    endpoints: usize,
    /// The bits of the moment a webhook was first taken; 0 while it never came.
    slots: Box<[AtomicU64]>,
    arrived: AtomicU64,
    refused: AtomicU64,
    refused_distinct: AtomicU64,
    duplicates: AtomicU64,
    mismatched: AtomicU64,
    signatures_checked: AtomicU64,
    signatures_bad: AtomicU64,
}

/// The place of one event at one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(usize);

impl Ledger {
    /// A ledger for event numbers below `events` and endpoint indices below `endpoints`.
    pub(crate) fn new(events: u64, endpoints: usize) -> Self {
        let events = usize::try_from(events).expect("event numbers fit in memory");
        let slots = (0..events * endpoints).map(|_| AtomicU64::new(0)).collect();
        let zero = AtomicU64::default;
        Self {
            endpoints,
            slots,
            arrived: zero(),
            refused: zero(),
            refused_distinct: zero(),
            duplicates: zero(),
            mismatched: zero(),
            signatures_checked: zero(),
            signatures_bad: zero(),
        }
    }

    /// How many endpoints each event goes to.
    pub(crate) fn endpoints(&self) -> usize {
        self.endpoints
    }

    /// The slot of event `number` at `endpoint`; `None` where no such event was ever sent there.
    pub(crate) fn slot(&self, number: u64, endpoint: usize) -> Option<Slot> {
        let index = usize::try_from(number).ok()?.checked_mul(self.endpoints)? + endpoint;
        (endpoint < self.endpoints && index < self.slots.len()).then_some(Slot(index))
    }

    /// When event `number` first arrived at `endpoint`.
    pub(crate) fn arrival(&self, number: u64, endpoint: usize) -> Option<Moment> {
        let Slot(index) = self.slot(number, endpoint)?;
        let bits = self.slots[index].load(Relaxed);
        Moment::from_bits(bits).filter(|_| bits != REFUSED)
    }

    /// A webhook was taken; returns how many different ones have been so far.
    pub(super) fn note_arrival(&self, Slot(index): Slot, now: Moment) -> u64 {
        match self.slots[index].load(Relaxed) {
            0 | REFUSED => {
                self.slots[index].store(now.to_bits(), Relaxed);
                self.arrived.fetch_add(1, Relaxed) + 1
            }
            _ => {
                self.duplicates.fetch_add(1, Relaxed);
                self.arrived()
            }
        }
    }

    /// A webhook was refused with 503.
    pub(super) fn note_refusal(&self, Slot(index): Slot) {
        self.refused.fetch_add(1, Relaxed);
        match self.slots[index].load(Relaxed) {
            0 => {
                self.slots[index].store(REFUSED, Relaxed);
                self.refused_distinct.fetch_add(1, Relaxed);
            }
            REFUSED => {}
            // It was taken before: coming again is a duplicate, whatever it is answered now.
            _ => {
                self.duplicates.fetch_add(1, Relaxed);
            }
        }
    }

    /// A request whose body or path is not one the server should have sent.
    pub(super) fn note_mismatch(&self) {
        self.mismatched.fetch_add(1, Relaxed);
    }

    /// A signature was verified.
    pub(super) fn note_signature(&self, good: bool) {
        self.signatures_checked.fetch_add(1, Relaxed);
        self.signatures_bad.fetch_add(u64::from(!good), Relaxed);
    }

    /// Different webhooks taken.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Relaxed)
    }

    /// Webhooks refused with 503, each time counted.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Different webhooks refused with 503 at least once.
    pub(crate) fn refused_distinct(&self) -> u64 {
        self.refused_distinct.load(Relaxed)
    }

    /// Webhooks that came again after having been taken.
    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates.load(Relaxed)
    }

    /// Requests that were not, byte for byte, an event that was sent to that path.
    pub(crate) fn mismatched(&self) -> u64 {
        self.mismatched.load(Relaxed)
    }

    /// Signatures verified.
    pub(crate) fn signatures_checked(&self) -> u64 {
        self.signatures_checked.load(Relaxed)
    }

    /// Signatures that did not verify.
    pub(crate) fn signatures_bad(&self) -> u64 {
        self.signatures_bad.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(ms: u64) -> Moment {
        Moment::from_duration(Duration::from_millis(ms))
    }

    #[test]
    fn the_first_arrival_stands_and_later_ones_are_duplicates() {
        let ledger = Ledger::new(3, 2);
        let slot = ledger.slot(2, 1).unwrap();
        assert_eq!(ledger.arrival(2, 1), None);
        assert_eq!(ledger.note_arrival(slot, at(5)), 1);
        assert_eq!(ledger.note_arrival(slot, at(9)), 1);
        assert_eq!(ledger.arrival(2, 1), Some(at(5)));
        assert_eq!((ledger.arrived(), ledger.duplicates()), (1, 1));
    }

    #[test]
    fn a_refusal_is_not_an_arrival_and_does_not_hide_one() {
        let ledger = Ledger::new(1, 1);
        let slot = ledger.slot(0, 0).unwrap();
        ledger.note_refusal(slot);
        ledger.note_refusal(slot);
        assert_eq!((ledger.refused(), ledger.refused_distinct()), (2, 1));
        assert_eq!((ledger.arrival(0, 0), ledger.arrived()), (None, 0));
        ledger.note_arrival(slot, at(1));
        assert_eq!((ledger.arrival(0, 0), ledger.duplicates()), (Some(at(1)), 0));
        ledger.note_refusal(slot);
        assert_eq!((ledger.arrival(0, 0), ledger.duplicates()), (Some(at(1)), 1));
    }

    #[test]
    fn only_events_that_were_sent_have_a_slot() {
        let ledger = Ledger::new(3, 2);
        let rows = [(0, 0, true), (2, 1, true), (2, 2, false), (3, 0, false), (u64::MAX, 0, false)];
        for (number, endpoint, known) in rows {
            assert_eq!(ledger.slot(number, endpoint).is_some(), known, "{number} at {endpoint}");
        }
    }
}
