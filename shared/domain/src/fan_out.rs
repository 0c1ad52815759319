//! WHO IS OWED AN EVENT? Decides, once per event, which of the merchant's endpoints want it.

use std::borrow::Borrow;

use crate::endpoint::Endpoint;
use crate::event::{EventType, Plan};

/// The endpoints whose filter takes the type, disabled ones included: an endpoint that is switched
/// off for an hour is still owed what came in that hour, and its deliveries wait.
///
/// An empty plan means that the event ends as NOT_APPLY.
pub fn plan<E: Borrow<Endpoint>>(event_type: &EventType, endpoints: &[E]) -> Plan {
    Plan(
        endpoints
            .iter()
            .map(Borrow::borrow)
            .filter(|endpoint| endpoint.wants(event_type))
            .map(|endpoint| endpoint.id)
            .collect(),
    )
}
