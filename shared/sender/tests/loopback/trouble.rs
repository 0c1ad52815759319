//! Attempts that end without a complete answer: each has its outcome, and words for the merchant.

use std::time::Duration;

use postback_domain::delivery::verdict::Outcome;
use postback_domain::endpoint::{AttemptTimeout, Destinations};
use postback_engine::ports::sender::Sender;
use postback_sender::{HttpSender, Settings};
use tokio::net::TcpListener;

use crate::attempt::{Always, Never, Silent, attempt, request, sender};
use crate::receiver::{Receiver, Step};

async fn check(step: Step, outcome: Outcome, status: Option<u16>, detail: Option<&str>) {
    let text: String = format!("{step:?}").chars().take(200).collect();
    let receiver = Receiver::start([step]).await;
    let answer = attempt(&sender(), &receiver.url()).await;
    assert_eq!((answer.outcome, answer.status), (outcome, status), "{text}");
    assert_eq!(answer.detail.as_deref(), detail, "{text}");
    assert_eq!(receiver.requests().len(), 1, "{text}: a request is sent once");
}

fn closed(said: &str) -> Step {
    Step::SayAndClose(said.into())
}

fn hung(said: &str) -> Step {
    Step::SayAndHang(said.into())
}

const LOST: Option<&str> = Some("connection closed before the answer was complete");
const NOT_HTTP: Option<&str> = Some("answer is not valid HTTP, or its headers are too large");

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_lost_connection() {
    let lost = Outcome::ConnectionLost;
    check(closed(""), lost, None, LOST).await;
    check(closed("HTTP/1.1 200 OK\r\ncontent-le"), lost, None, LOST).await;
    check(closed("HTTP/1.1 100 Continue\r\n\r\n"), lost, None, LOST).await;
    check(closed("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"), lost, Some(200), LOST).await;
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nok";
    check(closed(chunked), lost, Some(200), LOST).await;
}

#[tokio::test]
async fn a_failure_that_the_receiver_has_named_stays_what_it_is() {
    for said in ["HTTP/1.1 503 Word\r\nretry-after: 9\r\ncontent-length: 99\r\n\r\nbusy"] {
        for step in [closed(said), hung(said)] {
            let receiver = Receiver::start([step]).await;
            let answer = attempt(&sender(), &receiver.url()).await;
            assert_eq!((answer.outcome, answer.status), (Outcome::ServerError, Some(503)));
            assert_eq!(answer.retry_after, Some(Duration::from_secs(9)));
            assert_eq!(answer.excerpt.as_deref(), Some("busy"));
        }
    }
}

#[tokio::test]
async fn a_slow_receiver_is_left_in_time() {
    let late = Outcome::TimedOut;
    check(hung(""), late, None, Some("no answer within 1 s")).await;
    check(hung("HTTP/1.1 200 OK\r\n"), late, None, Some("no answer within 1 s")).await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok";
    check(hung(head), late, Some(200), Some("no complete answer within 1 s")).await;
}

#[tokio::test]
async fn what_is_not_http_is_not_an_answer() {
    let lost = Outcome::ConnectionLost;
    check(closed("SSH-2.0-OpenSSH_9.6\r\n"), lost, None, NOT_HTTP).await;
    check(closed("HTTP/1.1 20 OK\r\n\r\n"), lost, None, NOT_HTTP).await;
    check(closed("HTTP/2.0 200 OK\r\n\r\n"), lost, None, NOT_HTTP).await;
    let long = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "x".repeat(200_000));
    check(hung(&long), lost, None, NOT_HTTP).await;
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-many: 1\r\n".repeat(101));
    check(hung(&many), lost, None, NOT_HTTP).await;
    let line = format!("HTTP/1.1 200 {}", "x".repeat(200_000));
    check(hung(&line), lost, None, NOT_HTTP).await;
}

#[tokio::test]
async fn nobody_there() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let answer = attempt(&sender(), &format!("http://127.0.0.1:{port}/")).await;
    assert_eq!((answer.outcome, answer.status), (Outcome::ConnectFailed, None));
    assert_eq!(answer.detail.as_deref(), Some("connection refused"));
}

#[tokio::test]
async fn names_without_addresses() {
    let settings = || Settings::new(Destinations::AlsoPrivate);
    for settings in [settings().resolver(Never), settings().resolver(Always(&[]))] {
        let answer = attempt(&HttpSender::new(settings), "http://shop.example/").await;
        assert_eq!((answer.outcome, answer.status), (Outcome::NameNotResolved, None));
        assert_eq!(answer.detail.as_deref(), Some("host name has no address"));
    }
}

/// Time stands still but for the timers, so this takes no time; see tokio's `start_paused`.
#[tokio::test(start_paused = true)]
async fn connecting_has_a_timeout_of_its_own_within_the_whole() {
    let settings = Settings::new(Destinations::AlsoPrivate).resolver(Silent);
    let sender = HttpSender::new(settings);
    for (timeout_s, outcome, detail) in [
        (15, Outcome::ConnectFailed, "no connection within 5 s"),
        (4, Outcome::TimedOut, "no answer within 4 s"),
    ] {
        let mut request = request("http://shop.example/");
        let mut endpoint = (*request.endpoint).clone();
        endpoint.timeout = AttemptTimeout::from_secs(timeout_s).unwrap();
        request.endpoint = endpoint.into();
        let answer = sender.send(request).await;
        assert_eq!((answer.outcome, answer.detail.as_deref()), (outcome, Some(detail)));
    }
}
