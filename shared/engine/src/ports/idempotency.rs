//! Requests that must take effect once, as the API keeps them. What a record means is
//! [`postback_domain::idempotency`]'s to say.

use std::future::Future;

use postback_domain::idempotency::Record;

use super::Unavailable;

/// What came of beginning a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The caller has it: carry it out, with the seed of this record, which may be older than the
    /// one that was offered.
    Held(Record),
    /// It was carried out; its answer.
    Answered(Vec<u8>),
    /// Somebody is at it.
    Running,
    /// The id belongs to another request.
    OtherRequest,
}

/// The records of requests. A record whose time is over is as good as gone, whether it is removed
/// or not.
pub trait Idempotency: Send + Sync {
    /// Keeps `record` if there is none under its id, begins an abandoned one again, and otherwise
    /// says what there is. "Now" is when `record` was begun. Of those who begin one request side
    /// by side, one holds it.
    fn begin(&self, record: Record) -> impl Future<Output = Result<Begun, Unavailable>> + Send;

    /// Keeps the answer of a request that `held` has, unless somebody else has it by now.
    fn keep_answer(
        &self,
        held: &Record,
        answer: Vec<u8>,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Lets go of a request that `held` has and that may have had an effect, so that it can be
    /// begun again at once.
    fn let_go(&self, held: &Record) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Removes a request that `held` has and that had no effect, so that its id is free for any.
    fn forget(&self, held: &Record) -> impl Future<Output = Result<(), Unavailable>> + Send;
}
