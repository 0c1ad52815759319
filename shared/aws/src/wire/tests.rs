use bytes::Bytes;
use postback_domain::limits::SECRETS_PER_SOURCE_MAX;

use super::*;

fn an_event() -> Event {
    let provider_event_id = ProviderEventId::new("evt_1");
    let source_id = SourceId::from_bits(1);
    Event {
        id: EventId::derive(source_id, &provider_event_id),
        source_id,
        merchant_id: MerchantId::from_bits(2),
        addressee: None,
        provider_event_id,
        event_type: EventType::new("charge.refunded"),
        received_at: Timestamp::from_millis(1_790_000_000_123),
        content_type: Some("application/json".to_owned()),
        body: Bytes::from_static(b"{\"id\": \"evt_1\"}"),
    }
}

/// Of a platform: for whoever it calls so.
fn addressed(addressee: &str) -> Event {
    Event { addressee: Label::parse(addressee).ok(), ..an_event() }
}

fn a_message() -> Message {
    Message {
        merchant: MerchantId::from_bits(2),
        delivery: postback_domain::ids::DeliveryId::from_bits(3),
        round: 1,
        tries: 6,
    }
}

#[track_caller]
fn survives(sent: &Event) {
    for secrets in [vec![], vec![SecretId::from_bits(5), SecretId::from_bits(6)]] {
        let line = event(sent, &secrets);
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
        assert_eq!(read(&line), Ok(Work::Event(sent.clone(), secrets)), "{line}");
    }
}

#[test]
fn events_survive() {
    survives(&an_event());
    let every_byte: Vec<u8> = (0..=255).cycle().take(1000).collect();
    for body in [Vec::new(), vec![0], every_byte] {
        survives(&Event { body: body.into(), ..an_event() });
    }
    for content_type in [None, Some(""), Some("text/plain; charset=\"utf-8\"; x=\\")] {
        survives(&Event { content_type: content_type.map(str::to_owned), ..an_event() });
    }
    survives(&Event { received_at: Timestamp::from_millis(i64::MIN), ..an_event() });
    survives(&addressed("acct_1"));
    survives(&addressed("caf\u{e9} \u{1f4b6}"));
    for odd in ["\"\\/", "é\u{fffe}\u{ffff}", "\u{2028}\u{10ffff}", "\u{1f4b6}\u{301}"] {
        let provider_event_id = ProviderEventId::new(odd);
        let id = EventId::derive(SourceId::from_bits(1), &provider_event_id);
        let event_type = EventType::new(odd);
        survives(&Event { id, provider_event_id, event_type, ..an_event() });
    }
}

#[test]
fn deliveries_survive() {
    for (round, tries) in [(0, 0), (1, 6), (u32::MAX, u8::MAX)] {
        let message = Message { round, tries, ..a_message() };
        assert_eq!(read(&delivery(message)), Ok(Work::Delivery(message)));
    }
}

#[test]
fn the_longest_event_fits_into_a_message() {
    // The characters that grow most when escaped, each as often as its limit allows.
    let longest = Event {
        provider_event_id: ProviderEventId::new(&"\u{e9}".repeat(127)),
        event_type: EventType::new(&"\u{10ffff}".repeat(50)),
        addressee: Label::parse(&"\u{10ffff}".repeat(50)).ok(),
        content_type: Some("\"".repeat(10 * 1024)),
        body: vec![0xff; BODY_BYTES_MAX].into(),
        received_at: Timestamp::from_millis(i64::MIN),
        ..an_event()
    };
    let bytes = event(&longest, &[SecretId::from_bits(u128::MAX); SECRETS_PER_SOURCE_MAX]).len();
    assert!(bytes <= BODY_BASE64_BYTES_MAX + ENVELOPE_BYTES_MAX, "{bytes}");
}

/// What is in a queue today must be readable by the code of tomorrow. Never change these files;
/// add others beside them.
#[test]
fn stored_messages_of_version_1_stay_readable() {
    assert_eq!(read(include_str!("fixtures/event.v1.json")), Ok(Work::Event(an_event(), vec![])));
    assert_eq!(read(include_str!("fixtures/delivery.v1.json")), Ok(Work::Delivery(a_message())));
    let bare = Event { content_type: None, body: Bytes::new(), ..an_event() };
    assert_eq!(read(include_str!("fixtures/event_bare.v1.json")), Ok(Work::Event(bare, vec![])));
    let signed = Work::Event(an_event(), vec![SecretId::from_bits(5)]);
    assert_eq!(read(include_str!("fixtures/event_signed.v1.json")), Ok(signed));
    // As a later deploy may write it.
    let grown = include_str!("fixtures/delivery_grown.v1.json");
    assert_eq!(read(grown), Ok(Work::Delivery(a_message())));
}

#[test]
fn messages_are_written_as_they_are_stored() {
    assert_eq!(event(&an_event(), &[]), include_str!("fixtures/event.v1.json").trim_end());
    let signed = event(&an_event(), &[SecretId::from_bits(5)]);
    assert_eq!(signed, include_str!("fixtures/event_signed.v1.json").trim_end());
    let addressed = event(&addressed("acct_1"), &[]);
    assert_eq!(addressed, include_str!("fixtures/event_addressed.v2.json").trim_end());
    assert_eq!(delivery(a_message()), include_str!("fixtures/delivery.v1.json").trim_end());
}

#[test]
fn what_cannot_be_read_says_why_and_quotes_nothing() {
    let merchant = MerchantId::from_bits(2);
    for (text, expected) in [
        ("", "message has no form that is known (at column 0)"),
        ("hidden", "message has no form that is known (at column 1)"),
        ("{}", "message has no form that is known (at column 2)"),
        (r#"{"v":1}"#, "message must have either `event` or `delivery`"),
        (r#"{"v":3,"delivery":"hidden"}"#, "message has version 3, and 2 is the newest known"),
        (r#"{"v":7,"portion":{}}"#, "message has version 7, and 2 is the newest known"),
        (r#"{"v":1,"delivery":"hidden"}"#, "message has no form that is known (at column 26)"),
        (
            &format!(
                r#"{{"v":1,"event":{{"source":"{}","merchant":"{merchant}","provider_event_id":"a",
                "type":"b","received_at":1,"body":"hidden!"}}}}"#,
                SourceId::from_bits(1)
            ),
            "body of the event is not base64",
        ),
        (
            &format!(
                r#"{{"v":1,"delivery":{{"merchant":"{merchant}","delivery":"dlv_hidden",
                "round":0,"tries":0}}}}"#
            ),
            "message has no form that is known (at column 92)",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
        assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
    }
}
