//! The harness against a fake server: that it counts what happened, and notices what must not.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::fake::{Fake, Fault};
use crate::scratch::Scratch;
use crate::target::{Launch, Spawned};

/// Small enough for a moment, large enough that every connection is used several times.
fn small(scenario: Scenario) -> Scenario {
    let time_limit = Duration::from_secs(20);
    Scenario { warm_up_events: 32, events: 300, time_limit, ..scenario }
}

fn settings() -> Settings {
    Settings {
        connections: 8,
        verify_every: 1,
        backlog_wait: Some(Duration::from_secs(1)),
        patience: Duration::from_millis(500),
        quiet: Duration::from_millis(50),
        ..Settings::default()
    }
}

#[track_caller]
fn measure(scenario: Scenario, fault: Fault) -> Measured {
    let mut target = Fake::new(fault);
    let clock = Clock::start();
    let narrator = Narrator::silent(clock);
    let settings = settings();
    let mut bench = Bench { target: &mut target, clock, settings, narrator: &narrator };
    match scenario.run(&mut bench) {
        Outcome::Measured(measured) => *measured,
        outcome => panic!("{outcome:?}"),
    }
}

#[track_caller]
fn check(fault: Fault, faults: &[&str]) {
    assert_eq!(measure(small(CLOSED), fault).correctness.faults(), faults);
}

// 332 events are posted, the warm-up of 32 included; every 100th is hit, so three are.

#[test]
fn a_good_server_has_no_fault() {
    check(Fault::None, &[]);
}

#[test]
fn a_lost_event_is_noticed() {
    check(Fault::Drop(100), &["3 accepted and never arrived"]);
}

#[test]
fn a_second_delivery_is_noticed() {
    check(Fault::Repeat(100), &["3 arrived again after a 200"]);
}

#[test]
fn a_changed_byte_is_noticed() {
    check(
        Fault::ChangeByte(100),
        &["3 accepted and never arrived", "3 did not match what was sent"],
    );
}

#[test]
fn a_bad_signature_is_noticed() {
    check(Fault::SignBadly(100), &["3 had a signature that does not verify"]);
}

#[test]
fn a_refusal_is_noticed_unless_the_server_says_that_it_is_busy() {
    check(Fault::Answer(100, 401), &["3 were answered 401"]);
    check(Fault::Answer(100, 202), &["3 were answered 202"]);
    check(Fault::Answer(100, 503), &[]);
}

#[test]
fn a_missing_answer_is_noticed_and_the_connection_replaced() {
    check(Fault::HangUp(100), &["3 were never answered"]);
}

#[test]
fn a_record_that_does_not_agree_is_noticed() {
    check(Fault::Forget, &["the API still lists a delivery as PENDING"]);
}

#[test]
fn a_closed_loop_counts_every_event_once() {
    let measured = measure(small(CLOSED), Fault::None);
    let rates = measured.rates;
    assert_eq!((measured.warm_up_events, rates.events_sent), (32, 300));
    assert_eq!((rates.events_accepted, rates.events_delivered), (300, 300));
    assert_eq!(rates.deliveries_arrived, 300);
    assert!(rates.delivered_events_per_s > 0.0 && rates.accepted_events_per_s > 0.0);
    let (ack, end) =
        (measured.latencies.ack_ms.unwrap(), measured.latencies.end_to_end_ms.unwrap());
    assert_eq!((ack.samples, end.samples), (300, 300));
    assert!(ack.p50 > 0.0 && end.p50 > 0.0 && measured.latencies.send_lateness_ms.is_none());
    assert_eq!(measured.correctness.signatures_checked, 332);
}

#[test]
fn large_bodies_survive_partial_reads_and_writes() {
    let scenario = Scenario { body_bytes: 200 * 1024, ..small(CLOSED) };
    let measured = measure(scenario, Fault::None);
    assert_eq!(measured.correctness.faults(), [""; 0]);
    assert_eq!(measured.rates.events_delivered, 300);
}

#[test]
fn a_fan_out_counts_each_endpoint() {
    let scenario = Scenario { endpoints: 3, ..small(CLOSED) };
    let measured = measure(scenario, Fault::None);
    assert_eq!((measured.rates.events_delivered, measured.rates.deliveries_arrived), (300, 900));
    assert_eq!(measured.latencies.end_to_end_ms.unwrap().samples, 900);
    let lossy = measure(scenario, Fault::Drop(100)).correctness;
    assert_eq!(lossy.faults(), ["9 accepted and never arrived"]);
}

#[test]
fn an_open_loop_keeps_to_its_schedule() {
    let pace = Pace::Open { events_per_second: 500 };
    let scenario = Scenario { pace, ..small(CLOSED) };
    let measured = measure(scenario, Fault::None);
    assert_eq!(measured.rates.events_delivered, 300);
    // 300 events at 500 a second: the last one is due after 598 ms.
    assert!(measured.rates.seconds >= 0.598, "{}", measured.rates.seconds);
    assert!(measured.latencies.send_lateness_ms.is_some());
}

#[test]
fn a_time_limit_ends_the_load() {
    let pace = Pace::Open { events_per_second: 500 };
    let time_limit = Duration::from_millis(200);
    let measured = measure(Scenario { pace, time_limit, ..small(CLOSED) }, Fault::None);
    // Due at 0, 2, 4 .. 200 ms.
    assert_eq!(measured.rates.events_sent, 101);
}

#[test]
fn a_backlog_is_refused_first_and_delivered_after_a_restart() {
    let backlog = ALL.into_iter().find(|scenario| scenario.story == Story::Backlog).unwrap();
    let scenario = Scenario { warm_up_events: 0, ..small(backlog) };
    let measured = measure(scenario, Fault::None);
    assert_eq!(measured.correctness.faults(), [""; 0]);
    assert_eq!(measured.rates.events_delivered, 300);
    let figures = measured.backlog.unwrap();
    assert_eq!((figures.deliveries_tried_before, figures.tries_before), (300, 300));
    assert!(figures.last_arrival_s >= figures.first_arrival_s && figures.first_arrival_s.is_some());
}

#[test]
fn a_server_that_cannot_be_restarted_has_its_backlog_skipped() {
    let address = "127.0.0.1:9".parse().unwrap();
    let mut target = crate::target::Running::new(address, "key".to_owned());
    let clock = Clock::start();
    let narrator = Narrator::silent(clock);
    let settings = settings();
    let mut bench = Bench { target: &mut target, clock, settings, narrator: &narrator };
    for scenario in ALL {
        let outcome = scenario.run(&mut bench);
        let skipped = matches!(outcome, Outcome::Skipped { .. });
        assert_eq!(skipped, scenario.story == Story::Backlog, "{outcome:?}");
        assert_eq!(matches!(outcome, Outcome::Failed { .. }), !skipped, "{outcome:?}");
    }
}

/// A shell script in front of the fake, because the fake does not heed SIGTERM and a server must.
#[test]
fn a_process_is_started_measured_and_stopped() {
    let name = format!("postback-bench-test-{}-process", std::process::id());
    let folder = Scratch::create(std::env::temp_dir().join(name), false).unwrap();
    let program = folder.path().join("server.sh");
    let script = format!(
        "#!/bin/sh\ntrap 'kill $fake; exit 0' TERM\ntest -n \"$POSTBACK_ADMIN_KEY\" || exit 1\n\
         FAKE_LISTEN=$3 '{}' --ignored --exact fake::as_a_process & fake=$!\nwait\n",
        std::env::current_exe().unwrap().display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();

    let clock = Clock::start();
    let mut target = Spawned::new(Launch {
        program,
        harness: None,
        more_arguments: Vec::new(),
        scratch: folder.path().to_owned(),
        keep_data: false,
        clock,
    })
    .unwrap();
    let narrator = Narrator::silent(clock);
    let settings = settings();
    let mut bench = Bench { target: &mut target, clock, settings, narrator: &narrator };
    let Outcome::Measured(measured) = small(CLOSED).run(&mut bench) else { panic!("not measured") };
    assert_eq!(measured.correctness.faults(), [""; 0]);
    assert_eq!(measured.rates.events_delivered, 300);
    let server = measured.cost.server.unwrap();
    assert!(server.resident_mib > 0.0 && server.resident_mib_max >= server.resident_mib);
    assert!(target.usage().is_none(), "the process is gone");
}

/// What generator and receiver cost themselves. Run with
/// `cargo test --release -p postback-bench -- --ignored --nocapture own_cost`.
#[test]
#[ignore = "a measurement: it takes its time and judges nothing but correctness"]
fn own_cost() {
    for scenario in ALL.into_iter().filter(|scenario| scenario.story == Story::Steady) {
        let mut target = Fake::new(Fault::None);
        let clock = Clock::start();
        let narrator = Narrator::silent(clock);
        let settings = Settings { quiet: Duration::from_millis(50), ..Settings::default() };
        let mut bench = Bench { target: &mut target, clock, settings, narrator: &narrator };
        let Outcome::Measured(measured) = scenario.quick().run(&mut bench) else {
            panic!("{} was not measured", scenario.name);
        };
        assert_eq!(measured.correctness.faults(), [""; 0]);
        let (rates, cost) = (measured.rates, measured.cost);
        println!(
            "{:<12} {:>7} events, {:>6.0} deliveries/s: generator {:>5.1} us an event, \
             receiver {:>5.1} us a delivery; late sends {:?}",
            scenario.name,
            rates.events_sent,
            rates.deliveries_per_s,
            cost.generator_cpu_us_per_event.unwrap_or(f64::NAN),
            cost.receiver_cpu_us_per_delivery.unwrap_or(f64::NAN),
            measured.latencies.send_lateness_ms.map(|late| (late.p50, late.p99)),
        );
    }
}
