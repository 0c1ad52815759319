//! Who did what, as the API shows it. A change of configuration takes its record along, in one write
//! ([`super::catalog`]); what is more than one write is recorded here before it is done.

use std::future::Future;

use postback_domain::audit::{Action, Actor, Object, Record};
use postback_domain::ids::MerchantId;
use postback_domain::time::Timestamp;

use super::Unavailable;
use super::history::{Page, PageRequest};

/// Which records. Every field narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// That concern this merchant alone; all for an operator.
    pub merchant: Option<MerchantId>,
    /// Of what came with this key.
    pub actor: Option<Actor>,
    /// Of this action.
    pub action: Option<Action>,
    /// Of what was done to this.
    pub object: Option<Object>,
    /// Of this time or later.
    pub since: Option<Timestamp>,
    /// Of before this time.
    pub until: Option<Timestamp>,
}

/// The records of administrative acts. They are never changed, and never removed by anybody; a store
/// may let those go that are older than [`postback_domain::limits::AUDIT_KEPT`].
pub trait Audit: Send + Sync {
    /// Keeps a record of what is about to be done, unless there is one under its id: then the
    /// request was sent again, and the first one stands.
    fn record(&self, record: Record) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Records as they are now, newest first. A page may be shorter than asked for and still not be
    /// the last: the cursor says.
    fn list_audit(
        &self,
        filter: AuditFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Record>, Unavailable>> + Send;
}
