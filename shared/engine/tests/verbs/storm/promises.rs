//! What must be true when the storm is over. Tries are counted by the [`Witness`], requests by the
//! receivers; the store is asked only for what a merchant would see.
//!
//! [`Witness`]: crate::world::Witness

use std::collections::BTreeMap;

use postback_domain::delivery::verdict::Outcome;
use postback_domain::delivery::{FailedReason, Progress, State};
use postback_domain::ids::DeliveryId;
use postback_engine::ports::history::{DeliveryRecord, History};

use super::{ENDPOINTS, Storm};

impl Storm {
    pub(super) async fn check_promises(&self) {
        assert_eq!(self.world.sender().overlaps(), 0, "attempts_never_overlap");
        assert_eq!(self.world.sender().after_success(), 0, "requests after a recorded success");
        let mut reopened = 0;
        for event in &self.promised {
            for (name, waits_s) in ENDPOINTS {
                let id = DeliveryId::derive(*event, Some(self.world.endpoint_id(name)));
                let record = self.world.embedded.read_delivery(id).await.expect("a store");
                let record = record.unwrap_or_else(|| panic!("{id} of {event} to {name} is lost"));
                self.check(&record, waits_s.len() + 1);
                reopened += record.delivery.round - 1;
            }
        }
        let redrives = self.redrives;
        let is_asked_for = !self.is_punctual || reopened <= redrives;
        assert!(is_asked_for, "{reopened} reopened by {redrives} redrives");
    }

    fn check(&self, record: &DeliveryRecord, tries_max: usize) {
        let DeliveryRecord { delivery, attempts } = record;
        assert_ne!(delivery.state(), State::Pending, "accepted_events_survive: {record:#?}");
        assert_eq!(
            attempts.len(),
            self.world.witness.attempts(delivery.id),
            "attempts_are_recorded: {record:#?}"
        );
        let mut tries: BTreeMap<u32, usize> = BTreeMap::new();
        for attempt in attempts.iter().filter(|attempt| attempt.outcome != Outcome::NotSent) {
            *tries.entry(attempt.round).or_default() += 1;
        }
        let is_within_policy = tries.values().all(|tries| *tries <= tries_max);
        assert!(is_within_policy, "tries_stay_within_policy of {tries_max}: {record:#?}");
        let in_last_round = tries.get(&delivery.round).copied().unwrap_or(0);
        assert_eq!(usize::from(delivery.tries), in_last_round, "tries of the round: {record:#?}");
        let last = attempts.last().map(|attempt| attempt.outcome);
        match &delivery.progress {
            Progress::Success { .. } => {
                assert_eq!(last, Some(Outcome::Accepted), "{record:#?}");
            }
            Progress::Failed { reason, .. } => {
                assert_eq!(*reason, FailedReason::TriesUsed, "{record:#?}");
                assert_eq!(in_last_round, tries_max, "FAILED with tries left: {record:#?}");
                assert_ne!(last, Some(Outcome::Accepted), "{record:#?}");
            }
            Progress::Pending { .. } | Progress::NotApply { .. } => panic!("{record:#?}"),
        }
    }
}
