//! Connections are kept, and keeping them never sends a request twice.

use std::time::Duration;

use postback_domain::delivery::verdict::Outcome;
use postback_domain::endpoint::Destinations;
use postback_domain::limits::RESPONSE_EXCERPT_BYTES_MAX;
use postback_engine::ports::sender::Sender;
use postback_sender::{HttpSender, Settings};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::attempt::{Always, attempt, request, sender};
use crate::receiver::{Receiver, Step, answer, ok};

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let full = vec![b'x'; RESPONSE_EXCERPT_BYTES_MAX];
    for step in [ok(), Step::Say(answer(500, "", &full)), Step::Say(answer(410, "", b"gone"))] {
        let receiver = Receiver::start([step]).await;
        let sender = sender();
        for _ in 0..20 {
            attempt(&sender, &receiver.url()).await;
        }
        assert_eq!((receiver.connections(), receiver.requests().len()), (1, 20));
    }
}

#[tokio::test]
async fn clones_share_connections() {
    let receiver = Receiver::start([ok()]).await;
    let sender = sender();
    attempt(&sender.clone(), &receiver.url()).await;
    attempt(&sender, &receiver.url()).await;
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn an_unused_connection_is_kept_as_long_as_the_settings_say() {
    let receiver = Receiver::start([ok()]).await;
    let idle_timeout = Duration::from_millis(200);
    let settings = Settings::new(Destinations::AlsoPrivate).idle_timeout(idle_timeout);
    let sender = HttpSender::new(settings);
    for (pause, connections) in [(Duration::ZERO, 1), (Duration::ZERO, 1), (2 * idle_timeout, 2)] {
        sleep(pause).await;
        assert_eq!(attempt(&sender, &receiver.url()).await.outcome, Outcome::Accepted);
        assert_eq!(receiver.connections(), connections, "after {pause:?}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced_unnoticed() {
    let close = Step::SayAndClose(answer(200, "", b"ok"));
    let receiver = Receiver::start([close.clone(), close, ok()]).await;
    let sender = sender();
    for _ in 0..3 {
        assert_eq!(attempt(&sender, &receiver.url()).await.outcome, Outcome::Accepted);
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((receiver.connections(), receiver.requests().len()), (3, 3));
}

#[tokio::test]
async fn a_request_that_arrived_is_never_sent_again() {
    let close = Step::SayAndClose(Vec::new());
    let receiver = Receiver::start([ok(), close, ok()]).await;
    let sender = sender();
    assert_eq!(attempt(&sender, &receiver.url()).await.outcome, Outcome::Accepted);
    assert_eq!(attempt(&sender, &receiver.url()).await.outcome, Outcome::ConnectionLost);
    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 2));
}

/// The receiver closes after every answer without saying so, just as the next request leaves: now
/// and then one is lost on the way, but none arrives that was not reported.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_closes_at_the_worst_moment_sees_no_request_twice() {
    let receiver = Receiver::start([Step::SayAndClose(answer(200, "", b"ok"))]).await;
    let sender = sender();
    let mut accepted = 0;
    for _ in 0..300 {
        match attempt(&sender, &receiver.url()).await.outcome {
            Outcome::Accepted => accepted += 1,
            outcome => assert_eq!(outcome, Outcome::ConnectionLost),
        }
    }
    assert_eq!(receiver.requests().len(), accepted);
    assert!(accepted > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_attempts_at_once() {
    let receiver = Receiver::start([ok()]).await;
    let sender = sender();
    let mut attempts = JoinSet::new();
    for _ in 0..100 {
        let (sender, request) = (sender.clone(), request(&receiver.url()));
        attempts.spawn(async move { sender.send(request).await });
    }
    for answer in attempts.join_all().await {
        assert_eq!(answer.outcome, Outcome::Accepted);
    }
    assert_eq!(receiver.requests().len(), 100);
    assert!(receiver.connections() <= 100);
}

#[tokio::test]
async fn a_dead_address_gives_way_to_the_next() {
    let receiver = Receiver::start([ok()]).await;
    // The receiver listens on IPv4 alone.
    let settings = Settings::new(Destinations::AlsoPrivate).resolver(Always(&["::1", "127.0.0.1"]));
    let url = format!("http://shop.example:{}/", receiver.address.port());
    let answer = attempt(&HttpSender::new(settings), &url).await;
    assert_eq!(answer.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn the_system_resolver_finds_this_machine() {
    let receiver = Receiver::start([ok()]).await;
    let url = format!("http://localhost:{}/", receiver.address.port());
    assert_eq!(attempt(&sender(), &url).await.outcome, Outcome::Accepted);
}
