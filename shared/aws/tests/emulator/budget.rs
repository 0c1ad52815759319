//! What an event costs in calls and capacity units, counted on the wire. Fails above the budget
//! that the design sets: for one event of two kilobytes to one endpoint, six write units and one
//! and a half read units.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use postback_contract::world::{MERCHANT, act, endpoint, event_with, merchant, source};
use postback_domain::event::Event;
use postback_domain::merchant::Merchant;
use postback_engine::Engine;
use postback_engine::ports::catalog::Catalog as _;
use postback_engine::take_in::FirstTries;

use crate::wire::Meter;
use crate::world::{Stage, Worker};

const EVENTS: usize = 10;

/// A worker that has seen this merchant before, as all but the first few events meet it.
async fn warm_worker(stage: &Stage) -> Engine<Worker> {
    let engine = stage.engine();
    let store = &engine.ports().store;
    store.create_merchant(Merchant { id: MERCHANT, ..merchant(0) }, act()).await.unwrap();
    store.create_source(source(5), act()).await.unwrap();
    store.create_endpoint(endpoint(1), act()).await.unwrap();
    work(&engine, &payment(0)).await;
    stage.wire.reset();
    engine
}

/// An event as Stripe sends it, 2,177 bytes, each with ids of its own.
fn payment(number: usize) -> Arc<Event> {
    let body = include_str!("../../src/packing/payment-intent.json");
    let own = format!("evt_{number:024}");
    let (from, to) = body.match_indices('"').nth(2).zip(body.match_indices('"').nth(3)).unwrap();
    let body = format!("{}{own}{}", &body[..=from.0], &body[to.0..]);
    let event = event_with(MERCHANT, &own, "payment_intent.succeeded", body.as_bytes());
    Arc::new(Event {
        content_type: Some("application/json; charset=utf-8".to_owned()),
        body: Bytes::from(body),
        ..Arc::unwrap_or_clone(event)
    })
}

async fn work(engine: &Engine<Worker>, event: &Arc<Event>) {
    let taken = engine.take_in(event, FirstTries::Mine).await.unwrap();
    for (claim, endpoint) in taken.claims {
        engine.attempt(event, claim, endpoint, None).await.unwrap();
    }
}

fn an_event(meter: &Meter) -> (f64, f64, usize) {
    let events = EVENTS as f64;
    let calls: usize = meter.calls.values().sum();
    (meter.write_units / events, meter.read_units / events, calls / EVENTS)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_taken_at_once_stays_within_the_budget() {
    let stage = Stage::new().await;
    let engine = warm_worker(&stage).await;
    for number in 1..=EVENTS {
        work(&engine, &payment(number)).await;
    }
    let meter = stage.wire.meter();
    let (write_units, read_units, calls) = an_event(&meter);
    println!(
        "happy path, an event: {write_units} write units, {read_units} read units, {calls} calls"
    );
    assert!(write_units <= 6.0 && read_units <= 1.5 && calls == 3, "{meter:?}");
    assert_eq!(engine.ports().sender.requests.load(Ordering::SeqCst), EVENTS + 1);
}

/// One failure first: the second try has a message, a claim and a read of the event of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_tried_twice_costs_little_more() {
    let stage = Stage::new().await;
    let engine = warm_worker(&stage).await;
    engine.ports().sender.failures_left.store(EVENTS, Ordering::SeqCst);
    for number in 1..=EVENTS {
        work(&engine, &payment(number)).await;
    }
    stage.clock.advance_secs(60);
    let messages = engine.ports().queue.take();
    assert_eq!(messages.len(), EVENTS);
    for scheduled in messages {
        engine.deliver(scheduled.message, None).await.unwrap();
    }
    let meter = stage.wire.meter();
    let (write_units, read_units, calls) = an_event(&meter);
    println!(
        "one retry, an event: {write_units} write units, {read_units} read units, {calls} calls"
    );
    assert!(write_units <= 12.0 && read_units <= 2.5 && calls <= 7, "{meter:?}");
    assert_eq!(engine.ports().sender.requests.load(Ordering::SeqCst), 2 * EVENTS + 1);
}

/// A provider that sends everything twice is asked for little.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_costs_two_refused_writes() {
    let stage = Stage::new().await;
    let engine = warm_worker(&stage).await;
    for _ in 0..EVENTS {
        work(&engine, &payment(0)).await;
    }
    let meter = stage.wire.meter();
    let (write_units, read_units, calls) = an_event(&meter);
    println!("repeat, an event: {write_units} write units, {read_units} read units, {calls} calls");
    assert!(write_units <= 4.0 && read_units == 0.0 && calls == 2, "{meter:?}");
    assert_eq!(engine.ports().sender.requests.load(Ordering::SeqCst), 1);
}
