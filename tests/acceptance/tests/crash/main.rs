//! The server is ended over and over under load, by force and politely, and started again on the
//! same data directory and port. Nothing that was answered 200 may be lost, and nothing may be
//! sent twice but what was in flight when it was ended.
//!
//! The receivers know which life of the server every request came from: a dead server's
//! connections are read to their end before the next life begins.

mod load;

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::Duration;

use postback_acceptance::api::{Endpoint, Merchant, plain_body, text};
use postback_acceptance::clock::{DEADLINE, eventually};
use postback_acceptance::receiver::{Receiver, Reply};
use postback_acceptance::server::Server;
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook;
use serde_json::json;

use load::{AHEAD_MAX, Gate, GivesUpOnPanic, SENDERS, send_events};

/// Events answered 200 before the server is ended again.
const ANSWERED_PER_LIFE: usize = 400;

/// How long the receiver takes to answer, so that attempts are in flight when the server ends.
const RECEIVER_TAKES: Duration = Duration::from_millis(4);

/// A merchant's server and the endpoint that is called there.
struct Shop {
    receiver: Receiver,
    endpoint: Endpoint,
}

/// What a run under load came to.
struct Outcome {
    merchant: Merchant,
    /// Accepts everything.
    steady: Shop,
    /// Refuses every third request.
    moody: Shop,
    /// The provider's ids of all events.
    answered: HashSet<String>,
    /// What the API showed as SUCCESS before each end: the life that ended then, and delivery ids.
    recorded: Vec<(u32, HashSet<String>)>,
    // Ends the server, after everything was looked at.
    _stack: Stack,
}

/// Ends the server so many times under load, and waits until everything has been delivered.
fn run(mut stack: Stack, ends: u32, end: impl Fn(u32, Server)) -> Outcome {
    let merchant = stack.merchant();
    let accept = || Reply::status(200).after(RECEIVER_TAKES);
    let shop = |receiver: Receiver| {
        // So many tries that bad luck never uses them up.
        let settings = json!({"retry_policy": {"waits_s": vec![0.05; 19]}});
        Shop { endpoint: merchant.endpoint(&receiver, settings), receiver }
    };
    let steady = shop(Receiver::always(accept()));
    let moody = shop(Receiver::in_turn([accept(), Reply::status(500), accept()]));
    let source = merchant.source(Provider::Stripe);
    let client = stack.client().clone();
    let gate = Gate::new();
    let mut recorded = Vec::new();

    let answered: HashSet<String> = thread::scope(|scope| {
        let _senders_end = GivesUpOnPanic(&gate);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (gate, source, client) = (&gate, &source, &client);
                let receiver = &steady.receiver;
                scope.spawn(move || send_events(sender, gate, source, client, receiver))
            })
            .collect();
        let wait_for_answers = |life: u32| {
            let goal = ANSWERED_PER_LIFE * life as usize;
            eventually(&format!("{goal} events are answered"), || {
                let count = gate.answered();
                let stopped = senders.iter().any(thread::ScopedJoinHandle::is_finished);
                assert!(!stopped, "a sender gave up");
                if count >= goal { Ok(()) } else { Err(count.to_string()) }
            });
        };
        for life in 1..=ends {
            wait_for_answers(life);
            let successes = merchant.api.list("/v1/deliveries?state=SUCCESS");
            recorded.push((life, successes.iter().map(|row| text(row, "id")).collect()));
            gate.close();
            end(life, stack.take_server());
            for receiver in [&steady.receiver, &moody.receiver] {
                receiver.drain();
                receiver.begin_life();
            }
            stack.restart();
            gate.reopen();
        }
        wait_for_answers(ends + 1);
        gate.end_load();
        let sent = senders.into_iter().map(|sender| sender.join().expect("senders do not panic"));
        sent.flatten().collect()
    });

    eventually("nothing is owed any more", || {
        let pending = merchant.api.get("/v1/deliveries?state=PENDING&limit=1").expect(200).json();
        if pending["data"] == json!([]) { Ok(()) } else { Err(pending.to_string()) }
    });
    Outcome { merchant, steady, moody, answered, recorded, _stack: stack }
}

impl Outcome {
    /// `accepted_events_survive`, `no_second_fan_out`.
    fn check_what_was_kept(&self) {
        let events = self.merchant.api.list("/v1/events");
        let kept: HashSet<String> =
            events.iter().map(|event| text(event, "provider_event_id")).collect();
        assert_eq!(kept.len(), events.len(), "one event for each id");
        let lost: Vec<_> = self.answered.difference(&kept).collect();
        assert!(lost.is_empty(), "answered 200 and lost: {lost:?}");
        assert_eq!(kept.len(), self.answered.len(), "every event was sent until it was answered");
        let deliveries = self.merchant.api.list("/v1/deliveries");
        assert_eq!(deliveries.len(), 2 * events.len(), "one delivery for each event and endpoint");
        for delivery in &deliveries {
            assert_eq!(delivery["state"], "SUCCESS", "{delivery}");
        }
    }

    /// `attempts_never_overlap`, `attempts_are_recorded`, `bytes_are_exact`: all events came to
    /// the shop, no try was made twice in one life, and none after its success was recorded.
    /// Answers with the number of tries that were made again after the server had ended.
    fn check_what_came_to(&self, shop: &Shop) -> usize {
        let mut lives_of: HashMap<(String, u32), Vec<u32>> = HashMap::new();
        let mut last_life_of: HashMap<String, u32> = HashMap::new();
        let mut received = HashSet::new();
        for receipt in shop.receiver.receipts() {
            let webhook = webhook::verify(&receipt, &shop.endpoint.secret);
            let id = webhook.provider_event_id;
            assert_eq!(receipt.body, plain_body(&id, "charge.refunded"));
            let this_try = (webhook.delivery_id.clone(), webhook.attempt);
            lives_of.entry(this_try).or_default().push(receipt.life);
            last_life_of.insert(webhook.delivery_id, receipt.life);
            received.insert(id);
        }
        assert_eq!(received, self.answered, "everything answered 200 was received");
        for (this_try, lives) in &lives_of {
            let once: HashSet<&u32> = lives.iter().collect();
            assert_eq!(once.len(), lives.len(), "{this_try:?} was made in the lives {lives:?}");
        }
        for (life, successes) in &self.recorded {
            for id in successes {
                // The other shop's deliveries never came here.
                let last = last_life_of.get(id).unwrap_or(life);
                assert!(last <= life, "{id} was sent again after the API showed SUCCESS");
            }
        }
        lives_of.values().map(|lives| lives.len() - 1).sum()
    }
}

#[test]
fn nothing_accepted_is_lost_when_the_server_is_killed() {
    const KILLS: u32 = 5;
    let Some(stack) = Stack::own() else { return };
    let outcome = run(stack, KILLS, |_, server| server.kill());
    outcome.check_what_was_kept();
    let repeats = outcome.check_what_came_to(&outcome.steady);
    let moody_repeats = outcome.check_what_came_to(&outcome.moody);
    println!(
        "{} events, {KILLS} kills; made again: {repeats} of {} tries at the steady receiver, \
         {moody_repeats} of {} at the moody one",
        outcome.answered.len(),
        outcome.steady.receiver.count(),
        outcome.moody.receiver.count(),
    );
    let in_flight_max = AHEAD_MAX + SENDERS;
    assert!(repeats <= KILLS as usize * in_flight_max, "{repeats} repeats");
}

#[test]
fn nothing_is_lost_or_repeated_when_the_server_is_stopped() {
    let Some(stack) = Stack::own() else { return };
    let outcome = run(stack, 4, |life, server| {
        if life % 2 == 0 {
            server.interrupt()
        } else {
            server.ask_to_stop()
        }
        let ended = server.wait(DEADLINE);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.output);
    });
    outcome.check_what_was_kept();
    for shop in [&outcome.steady, &outcome.moody] {
        let repeats = outcome.check_what_came_to(shop);
        assert_eq!(repeats, 0, "whatever was in flight was finished and recorded");
    }
}

#[test]
fn a_wait_goes_on_where_a_killed_server_left_it() {
    const WAIT: Duration = Duration::from_secs(2);
    let Some(mut stack) = Stack::own() else { return };
    let merchant = stack.merchant();
    let receiver = Receiver::scripted([Reply::status(500)], Reply::status(200));
    let settings = json!({"retry_policy": {"waits_s": [WAIT.as_secs()]}});
    let endpoint = merchant.endpoint(&receiver, settings);
    merchant.source(Provider::Stripe).deliver("evt_1", "charge.refunded");
    receiver.wait_for(1);
    let id = text(&merchant.delivery("evt_1", &endpoint), "id");
    let before = merchant.wait_for_attempts(&id, 1);
    stack.take_server().kill();
    stack.restart();
    let after = merchant.read_delivery(&id);
    assert_eq!(after["attempt_log"], before["attempt_log"], "what was recorded stays");
    let delivery = merchant.wait_for_state(&id, "SUCCESS");
    assert_eq!(delivery["attempts"], 2, "{delivery}");
    let receipts = receiver.receipts();
    assert_eq!(webhook::verify(&receipts[1], &endpoint.secret).attempt, 2);
    let shortest = WAIT.mul_f64(0.8) - Duration::from_millis(10);
    assert!(receipts[1].at - receipts[0].at >= shortest, "a restart does not cut the wait short");
}
