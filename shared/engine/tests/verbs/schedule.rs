//! When the next try is: the default schedule to the millisecond, its jitter, and Retry-After.

use std::time::Duration;

use postback_domain::delivery::Progress;

use crate::world::World;

const STEPS_S: [u64; 6] = [5, 60, 600, 3600, 6 * 3600, 24 * 3600];

/// How long the delivery waits after each of the six failures that leave a try.
async fn waits(world: &World) -> Vec<Duration> {
    world.endpoint("shop").await;
    world.always("shop", "500");
    world.event("evt_1").await;
    let mut waits = Vec::new();
    for _ in STEPS_S {
        let Progress::Pending { due_at, .. } = world.record("shop").await.delivery.progress else {
            panic!("gave up after {waits:?}");
        };
        waits.push(due_at.since(world.now()));
        world.next_try("shop").await;
    }
    assert_eq!(world.state("shop").await, "FAILED round 1 tries 7 tries_used");
    waits
}

async fn check_jitter(bits: u32, percent: u64) {
    let world = World::new().await;
    world.entropy().next_bits(&[bits; 7]);
    let expected = STEPS_S.map(|step_s| Duration::from_millis(step_s * 10 * percent));
    assert_eq!(waits(&world).await, expected, "jitter {bits:#x}");
}

#[tokio::test]
async fn the_default_schedule_is_exact_but_for_jitter() {
    check_jitter(0, 80).await;
    check_jitter(0x8000_0000, 100).await;
    check_jitter(u32::MAX, 120).await;
}

#[tokio::test]
async fn every_jitter_stays_within_a_fifth_of_the_step() {
    for seed in 1..20_u32 {
        let world = World::new().await;
        let bits: Vec<_> = (0..7).map(|n| seed.wrapping_mul(0x9e37_79b9).rotate_left(n)).collect();
        world.entropy().next_bits(&bits);
        for (wait, step_s) in waits(&world).await.into_iter().zip(STEPS_S) {
            let (low, high) = (step_s * 800, step_s * 1200);
            let wait_ms = u64::try_from(wait.as_millis()).unwrap();
            assert!((low..=high).contains(&wait_ms), "{wait:?} for {step_s} s, bits {bits:x?}");
        }
    }
}

/// What waits longer than a message can carry is left to the sweep.
#[tokio::test]
async fn only_short_waits_travel_as_messages() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.always("shop", "500");
    world.event("evt_1").await;
    for _ in 0..3 {
        world.next_try("shop").await;
    }
    let waits: Vec<_> = world.queue().sent().iter().map(|sent| sent.wait.as_secs()).collect();
    assert_eq!(waits, [5, 60, 600]);
    assert_eq!(world.state("shop").await, "PENDING round 1 tries 4 due in 3600s");
    assert_eq!(world.queue().waiting(), 0);
    assert_eq!(world.sweep().await.sent, 0, "it is not due yet");
}

async fn check_retry_after(replies: &[&str], due: &str) {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", replies);
    world.event("evt_1").await;
    for _ in 1..replies.len() {
        world.next_try("shop").await;
    }
    let expected = format!("PENDING round 1 tries {} due in {due}", replies.len());
    assert_eq!(world.state("shop").await, expected, "{replies:?}");
}

#[tokio::test]
async fn retry_after_is_heard_between_the_step_and_twice_the_step() {
    check_retry_after(&["503 retry-after=0"], "5s").await;
    check_retry_after(&["503 retry-after=7"], "7s").await;
    check_retry_after(&["429 retry-after=7"], "7s").await;
    check_retry_after(&["503 retry-after=90"], "10s").await;
    check_retry_after(&["503", "503 retry-after=90"], "90s").await;
    check_retry_after(&["503", "429 retry-after=31536000"], "120s").await;
    check_retry_after(&["503", "503", "503 retry-after=31536000"], "1200s").await;
}

/// Twice ten minutes is more than a message can wait.
#[tokio::test]
async fn a_retry_after_beyond_the_longest_message_is_left_to_the_sweep() {
    let world = World::new().await;
    world.endpoint("shop").await;
    world.answers("shop", &["503", "503", "503 retry-after=1000"]);
    world.event("evt_1").await;
    for _ in 0..3 {
        world.next_try("shop").await;
    }
    assert_eq!(world.state("shop").await, "SUCCESS round 1 tries 4 by push");
    let waits: Vec<_> = world.queue().sent().iter().map(|sent| sent.wait.as_secs()).collect();
    assert_eq!(waits, [5, 60, 0], "the last one is the sweep's");
}
