//! Receivers that answer as told, and see what a receiver sees: every request, and whether two for
//! one delivery were open at once.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use postback_domain::delivery::verdict::Outcome;
use postback_domain::ids::{DeliveryId, EndpointId};
use postback_engine::ports::Sender;
use postback_engine::ports::sender::{Answer, Request};
use tokio::sync::Notify;

use super::stage::{Stage, Witness};

/// See the module's head. All clones are one sender.
#[derive(Clone)]
pub(crate) struct ScriptedSender {
    state: Arc<Mutex<State>>,
    /// Rung when a request is held.
    held: Arc<Notify>,
    stage: Stage,
    witness: Arc<Witness>,
}

#[derive(Default)]
struct State {
    scripts: BTreeMap<EndpointId, Script>,
    requests: Vec<Request>,
    open: Vec<Open>,
    overlaps: usize,
    after_success: usize,
}

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    afterwards: Option<Reply>,
}

/// What a receiver does with a request, written as `200`, `503 retry-after=90`, `timed_out`,
/// `connect_failed`, `not_sent`, or `held`: no answer until the test gives one.
#[derive(Debug, Clone)]
enum Reply {
    Answer(Answer),
    Held,
}

struct Open {
    /// Its place among all requests.
    number: usize,
    delivery: DeliveryId,
    actor: u64,
    answer: Option<Answer>,
    waker: Option<Waker>,
}

impl ScriptedSender {
    pub(super) fn new(stage: Stage, witness: Arc<Witness>) -> Self {
        Self { state: Arc::default(), held: Arc::default(), stage, witness }
    }

    pub(super) fn script(&self, endpoint: EndpointId, replies: &[&str]) {
        let replies = replies.iter().map(|reply| Reply::parse(reply));
        self.state().scripts.entry(endpoint).or_default().replies.extend(replies);
    }

    pub(super) fn afterwards(&self, endpoint: EndpointId, reply: &str) {
        self.state().scripts.entry(endpoint).or_default().afterwards = Some(Reply::parse(reply));
    }

    /// Waits until a request is held that was not waited for before.
    pub(crate) async fn until_held(&self) {
        self.held.notified().await;
    }

    /// Answers the oldest held request for this delivery.
    pub(crate) fn release(&self, delivery: DeliveryId, reply: &str) {
        assert!(self.answer(|open| open.delivery == delivery, reply), "{delivery} is not held");
    }

    /// Answers the actor's held request, if it has one.
    pub(crate) fn release_actor(&self, actor: u64, reply: &str) -> bool {
        self.answer(|open| open.actor == actor, reply)
    }

    fn answer(&self, which: impl Fn(&Open) -> bool, reply: &str) -> bool {
        let Reply::Answer(answer) = Reply::parse(reply) else { panic!("`{reply}` is no answer") };
        let mut state = self.state();
        let mut held = state.open.iter_mut().filter(|open| open.answer.is_none());
        let Some(open) = held.find(|open| which(open)) else { return false };
        open.answer = Some(answer);
        if let Some(waker) = open.waker.take() {
            waker.wake();
        }
        true
    }

    pub(crate) fn requests_to(&self, endpoint: EndpointId) -> Vec<Request> {
        let requests = &self.state().requests;
        requests.iter().filter(|request| request.endpoint.id == endpoint).cloned().collect()
    }

    /// Requests that came while another for the same delivery was open.
    pub(crate) fn overlaps(&self) -> usize {
        self.state().overlaps
    }

    /// Requests for a delivery that had been recorded as SUCCESS.
    pub(crate) fn after_success(&self) -> usize {
        self.state().after_success
    }

    fn begin(&self, request: &Request) -> (Connection, Reply) {
        let has_succeeded = self.witness.has_succeeded(request.delivery);
        let mut state = self.state();
        let overlaps = state.open.iter().any(|open| open.delivery == request.delivery);
        state.overlaps += usize::from(overlaps);
        state.after_success += usize::from(has_succeeded);
        let number = state.requests.len();
        state.requests.push(request.clone());
        state.open.push(Open {
            number,
            delivery: request.delivery,
            actor: self.stage.actor(),
            answer: None,
            waker: None,
        });
        let script = state.scripts.entry(request.endpoint.id).or_default();
        let reply = script.replies.pop_front().or_else(|| script.afterwards.clone());
        let connection = Connection { sender: self.clone(), number };
        (connection, reply.unwrap_or_else(|| Reply::parse("200")))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("unpoisoned")
    }
}

impl Sender for ScriptedSender {
    async fn send(&self, request: Request) -> Answer {
        self.stage.stop().await;
        let (connection, reply) = self.begin(&request);
        let answer = match reply {
            Reply::Answer(answer) => answer,
            Reply::Held => {
                self.held.notify_one();
                connection.answered().await
            }
        };
        self.stage.note_answer();
        answer
    }
}

/// An open request; closed when it is dropped, whether it was answered or its worker died.
struct Connection {
    sender: ScriptedSender,
    number: usize,
}

impl Connection {
    async fn answered(&self) -> Answer {
        poll_fn(|context| {
            let mut state = self.sender.state();
            let open = state.open.iter_mut().find(|open| open.number == self.number);
            let open = open.expect("open until dropped");
            match open.answer.clone() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    open.waker = Some(context.waker().clone());
                    self.sender.stage.note_stop();
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.sender.state().open.retain(|open| open.number != self.number);
    }
}

impl Reply {
    fn parse(text: &str) -> Self {
        let (word, hint) = text.split_once(' ').map_or((text, None), |(a, b)| (a, Some(b)));
        let retry_after = hint.map(|hint| {
            let secs = hint.strip_prefix("retry-after=").expect("the only hint there is");
            Duration::from_secs(secs.parse().expect("seconds"))
        });
        let status: Option<u16> = word.parse().ok();
        let outcome = match (status, word) {
            (Some(status), _) => Outcome::of_status(status),
            (None, "timed_out") => Outcome::TimedOut,
            (None, "connect_failed") => Outcome::ConnectFailed,
            (None, "not_sent") => Outcome::NotSent,
            (None, "held") => return Self::Held,
            (None, _) => panic!("no receiver can do `{text}`"),
        };
        Self::Answer(Answer { outcome, status, retry_after, detail: None, excerpt: None })
    }
}
