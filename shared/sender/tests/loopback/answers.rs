//! What is sent, byte for byte, and what follows from what comes back.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use postback_domain::delivery::verdict::Outcome;
use postback_domain::event::Event;
use postback_domain::limits::RESPONSE_EXCERPT_BYTES_MAX;
use postback_domain::time::Timestamp;
use postback_engine::ports::sender::{Answer, Request, Sender};
use standardwebhooks::Webhook;
use tokio::time::timeout;

use crate::attempt::{AT, BODY, attempt, request, secrets, sender};
use crate::receiver::{Receiver, Step, answer, ok};

#[tokio::test]
async fn the_receiver_gets_the_exact_bytes_and_headers() {
    let receiver = Receiver::start([ok()]).await;
    let request = request(&receiver.url());
    let (event_id, delivery) = (request.event.id.to_string(), request.delivery.to_string());
    let accepted = Answer {
        outcome: Outcome::Accepted,
        status: Some(200),
        retry_after: None,
        detail: None,
        excerpt: None,
    };
    assert_eq!(sender().send(request).await, accepted);

    let [arrived] = &receiver.requests()[..] else { panic!("one request") };
    assert_eq!(arrived.body, BODY);
    assert!(arrived.head.starts_with("POST /hooks?shop=7 HTTP/1.1\r\n"), "{}", arrived.head);
    let signature = secrets().map(|secret| secret.sign(&event_id, AT, BODY)).join(" ");
    let mut headers = arrived.headers();
    headers.sort_unstable();
    assert_eq!(
        headers,
        [
            ("content-length", BODY.len().to_string().as_str()),
            ("content-type", "application/json; charset=utf-8"),
            ("host", receiver.address.to_string().as_str()),
            ("postback-attempt", "3"),
            ("postback-delivery-id", delivery.as_str()),
            ("postback-event-type", "charge.refunded"),
            ("postback-provider-event-id", "evt_1"),
            ("postback-received-at", "2026-11-06T08:49:06.000Z"),
            ("user-agent", concat!("Postback/", env!("CARGO_PKG_VERSION"))),
            ("webhook-id", event_id.as_str()),
            ("webhook-signature", signature.as_str()),
            ("webhook-timestamp", "1793954947"),
            ("x-gateway-key", "hunter2"),
        ]
    );
}

#[tokio::test]
async fn the_reference_library_verifies_what_arrived() {
    let receiver = Receiver::start([ok()]).await;
    #[expect(clippy::disallowed_methods, reason = "the library compares with the system's clock")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let at = Timestamp::from_millis(now.try_into().unwrap());
    // The library takes text only.
    let mut request = Request { at, ..request(&receiver.url()) };
    let event = Event { body: "{\"n\": 1.10}\r\n ".into(), ..(*request.event).clone() };
    request.event = event.into();
    sender().send(request).await;
    let [arrived] = &receiver.requests()[..] else { panic!("one request") };
    let headers: HeaderMap = arrived
        .headers()
        .into_iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect::<HeaderMap<HeaderValue>>();
    for secret in secrets() {
        let webhook = Webhook::new(secret.expose()).unwrap();
        webhook.verify(&arrived.body, &headers).unwrap();
        webhook.verify(b"another body", &headers).unwrap_err();
    }
}

#[tokio::test]
async fn an_empty_body_is_sent_as_one() {
    let receiver = Receiver::start([ok()]).await;
    let mut request = request(&receiver.url());
    let event = Event { body: Bytes::new(), content_type: None, ..(*request.event).clone() };
    request.event = event.into();
    assert_eq!(sender().send(request).await.outcome, Outcome::Accepted);
    let [arrived] = &receiver.requests()[..] else { panic!("one request") };
    assert!(arrived.headers().contains(&("content-length", "0")));
    assert!(arrived.headers().contains(&("content-type", "application/octet-stream")));
}

async fn check(said: Vec<u8>, outcome: Outcome, status: u16, excerpt: Option<&str>) -> Answer {
    let text = said.escape_ascii().to_string();
    let receiver = Receiver::start([Step::SayAndClose(said)]).await;
    let answer = attempt(&sender(), &receiver.url()).await;
    assert_eq!((answer.outcome, answer.status), (outcome, Some(status)), "{text}");
    assert_eq!(answer.excerpt.as_deref(), excerpt, "{text}");
    answer
}

#[tokio::test]
async fn the_status_decides() {
    for (status, outcome) in [
        (200, Outcome::Accepted),
        (201, Outcome::Accepted),
        (202, Outcome::Accepted),
        (299, Outcome::Accepted),
        (300, Outcome::Redirected),
        (302, Outcome::Redirected),
        (308, Outcome::Redirected),
        (400, Outcome::ClientError),
        (401, Outcome::ClientError),
        (404, Outcome::ClientError),
        (408, Outcome::ClientError),
        (410, Outcome::Gone),
        (429, Outcome::RateLimited),
        (500, Outcome::ServerError),
        (503, Outcome::ServerError),
        (999, Outcome::ServerError),
    ] {
        let excerpt = (outcome != Outcome::Accepted).then_some("some words");
        check(answer(status, "", b"some words"), outcome, status, excerpt).await;
    }
    // These have no body, whatever their headers say.
    check(b"HTTP/1.1 204 No Content\r\n\r\n".into(), Outcome::Accepted, 204, None).await;
    check(
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n".into(),
        Outcome::Redirected,
        304,
        None,
    )
    .await;
}

#[tokio::test]
async fn every_way_to_end_a_body_is_understood() {
    let chunked = b"HTTP/1.1 500 Word\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = b"4\r\nsome\r\n6;x=y\r\n words\r\n0\r\nx-trailer: 1\r\n\r\n";
    let excerpt = Some("some words");
    check([&chunked[..], chunks].concat(), Outcome::ServerError, 500, excerpt).await;
    let closed = b"HTTP/1.1 500 Word\r\nconnection: close\r\n\r\nsome words";
    check(closed.into(), Outcome::ServerError, 500, excerpt).await;
    check(b"HTTP/1.0 200 OK\r\n\r\nsome words".into(), Outcome::Accepted, 200, None).await;
    let early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    check(early.into(), Outcome::Accepted, 200, None).await;
}

#[tokio::test]
async fn retry_after_is_read_from_failures_only() {
    for (status, text, expected_s) in [
        (503, "120", Some(120)),
        (429, "1", Some(1)),
        (400, "7", Some(7)),
        // Against the time of the attempt, 08:49:07.250.
        (503, "Fri, 06 Nov 2026 08:49:37 GMT", Some(29)),
        (503, "Fri, 06 Nov 2026 08:00:00 GMT", Some(0)),
        (503, "soon", None),
        (503, "\u{e9}", None),
        (200, "120", None),
    ] {
        let said = answer(status, &format!("retry-after: {text}\r\n"), b"");
        let answer = check(said, Outcome::of_status(status), status, None).await;
        assert_eq!(answer.retry_after.map(|wait| wait.as_secs()), expected_s, "{status} {text}");
        assert!(answer.retry_after.is_none_or(|wait| wait < Duration::from_secs(121)));
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Receiver::start([ok()]).await;
    for status in [301, 302, 303, 307, 308] {
        let headers = format!("location: {}\r\n", elsewhere.url());
        let answer = check(answer(status, &headers, b""), Outcome::Redirected, status, None).await;
        assert!(answer.detail.unwrap().contains("not followed"));
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn no_more_of_a_body_is_read_than_is_kept() {
    for (status, outcome) in [(200, Outcome::Accepted), (500, Outcome::ServerError)] {
        for (framing, again) in [
            ("content-length: 99999999999", b"x".repeat(1000)),
            ("transfer-encoding: chunked", [b"3e8\r\n", &b"x".repeat(1000)[..], b"\r\n"].concat()),
            ("connection: close", b"x".repeat(1000)),
        ] {
            let head = format!("HTTP/1.1 {status} Word\r\n{framing}\r\n\r\n");
            let endless = Step::SayForever(head.into(), again);
            let receiver = Receiver::start([endless]).await;
            let sender = sender();
            let answer = attempt(&sender, &receiver.url()).await;
            assert_eq!(answer.outcome, outcome, "{status} {framing}");
            let excerpt = (status == 500).then(|| "x".repeat(RESPONSE_EXCERPT_BYTES_MAX));
            assert_eq!(answer.excerpt, excerpt, "{status} {framing}");

            let hung_up = timeout(Duration::from_secs(2), receiver.hung_up_on()).await;
            hung_up.expect("the connection is closed under an endless answer");
        }
    }
}
