//! What a scenario cost: CPU and memory of the server, CPU of the harness beside it, and who else
//! used the machine meanwhile.

use std::time::Duration;

use serde::Serialize;

use crate::clock::Moment;
use crate::process::{MachineUsage, ProcessUsage};
use crate::receiver::Receiver;
use crate::report::Rates;
use crate::scenario::Bench;

const MIB: f64 = 1024.0 * 1024.0;

/// All counters, read at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meters {
    at: Moment,
    server: Option<ProcessUsage>,
    receiver: Option<Duration>,
    harness: Option<ProcessUsage>,
    machine: Option<MachineUsage>,
}

/// What was used between two readings. A figure is absent where the kernel does not tell.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cost {
    /// Absent for a server the harness has not started.
    pub(crate) server: Option<ServerCost>,
    /// CPU of the load generator's thread for each event it posted.
    pub(crate) generator_cpu_us_per_event: Option<f64>,
    /// CPU of the receiver's thread for each webhook it took.
    pub(crate) receiver_cpu_us_per_delivery: Option<f64>,
    pub(crate) machine: Option<MachineShare>,
}

/// What the server used.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ServerCost {
    /// User and system time, divided by the events that arrived everywhere they should.
    pub(crate) cpu_ms_per_event: f64,
    pub(crate) cpu_ms_per_delivery: f64,
    pub(crate) cpu_user_ms: f64,
    pub(crate) cpu_system_ms: f64,
    pub(crate) written_bytes_per_event: Option<f64>,
    /// The most that was ever resident, start and warm-up included.
    pub(crate) resident_mib_max: f64,
    pub(crate) resident_mib: f64,
}

/// How the machine's cores were used, in cores: 1.5 means one and a half of them all the time.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct MachineShare {
    pub(crate) seconds: f64,
    pub(crate) cores_busy: f64,
    /// Used neither by the server nor by the harness. Figures taken with much of this are worth
    /// little.
    pub(crate) cores_used_by_others: Option<f64>,
    /// Wanted, and given by the hypervisor to another machine.
    pub(crate) cores_stolen: f64,
}

impl Meters {
    /// Reads every counter now.
    pub(crate) fn read(bench: &Bench<'_>, receiver: &Receiver) -> Self {
        Self {
            at: bench.clock.now(),
            server: bench.target.usage(),
            receiver: receiver.cpu(),
            harness: ProcessUsage::of(std::process::id()),
            machine: MachineUsage::now(),
        }
    }

    /// The same reading, for a server whose process begins only after it.
    pub(crate) fn with_a_new_server(self) -> Self {
        let nothing = ProcessUsage {
            user: Duration::ZERO,
            system: Duration::ZERO,
            resident_bytes_max: 0,
            resident_bytes: 0,
            written_bytes: Some(0),
        };
        Self { server: Some(nothing), ..self }
    }

    /// What was used since `before`, and how much of it for each of the events of `rates`.
    /// `generator` is the CPU time of the generator's thread, which has ended by now.
    pub(crate) fn cost_since(
        &self,
        before: &Self,
        rates: &Rates,
        generator: Option<Duration>,
    ) -> Cost {
        let server = self.server.zip(before.server);
        let receiver = self.receiver.zip(before.receiver).map(|(after, then)| after - then);
        let us_per = |cpu: Duration, count: u64| cpu.as_secs_f64() * 1e6 / at_least_one(count);
        Cost {
            server: server.map(|(after, then)| ServerCost::between(&then, &after, rates)),
            generator_cpu_us_per_event: generator.map(|cpu| us_per(cpu, rates.events_sent)),
            receiver_cpu_us_per_delivery: receiver.map(|cpu| us_per(cpu, rates.deliveries_arrived)),
            machine: self.share_since(before),
        }
    }

    fn share_since(&self, before: &Self) -> Option<MachineShare> {
        let used = self.machine? - before.machine?;
        let seconds = self.at.since(before.at).as_secs_f64();
        let cpu = |after: Option<ProcessUsage>, then: Option<ProcessUsage>| {
            Some(after?.cpu().saturating_sub(then?.cpu()))
        };
        let own = cpu(self.server, before.server).zip(cpu(self.harness, before.harness));
        let others = own.map(|(server, harness)| used.busy.saturating_sub(server + harness));
        let cores = |time: Duration| time.as_secs_f64() / seconds;
        Some(MachineShare {
            seconds,
            cores_busy: cores(used.busy),
            cores_used_by_others: others.map(cores),
            cores_stolen: cores(used.stolen),
        })
    }
}

impl ServerCost {
    fn between(before: &ProcessUsage, after: &ProcessUsage, rates: &Rates) -> Self {
        let milliseconds =
            |after: Duration, before: Duration| after.saturating_sub(before).as_secs_f64() * 1e3;
        let cpu_ms = milliseconds(after.cpu(), before.cpu());
        let written = after.written_bytes.zip(before.written_bytes);
        let events = at_least_one(rates.events_delivered);
        Self {
            cpu_ms_per_event: cpu_ms / events,
            cpu_ms_per_delivery: cpu_ms / at_least_one(rates.deliveries_arrived),
            cpu_user_ms: milliseconds(after.user, before.user),
            cpu_system_ms: milliseconds(after.system, before.system),
            written_bytes_per_event: written
                .map(|(after, before)| after.saturating_sub(before) as f64 / events),
            resident_mib_max: after.resident_bytes_max as f64 / MIB,
            resident_mib: after.resident_bytes as f64 / MIB,
        }
    }
}

fn at_least_one(count: u64) -> f64 {
    count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meters(at_s: u64, server_ms: u64, harness_ms: u64, busy_ms: u64) -> Meters {
        let usage = |cpu_ms| ProcessUsage {
            user: Duration::from_millis(cpu_ms),
            system: Duration::ZERO,
            resident_bytes_max: 64 << 20,
            resident_bytes: 32 << 20,
            written_bytes: Some(cpu_ms * 100),
        };
        Meters {
            at: Moment::from_duration(Duration::from_secs(at_s)),
            server: Some(usage(server_ms)),
            receiver: Some(Duration::from_millis(harness_ms)),
            harness: Some(usage(harness_ms)),
            machine: Some(MachineUsage {
                busy: Duration::from_millis(busy_ms),
                stolen: Duration::from_millis(busy_ms / 10),
            }),
        }
    }

    #[test]
    fn costs_are_differences_divided_by_what_arrived() {
        let rates = Rates {
            events_sent: 2_000,
            events_delivered: 1_000,
            deliveries_arrived: 4_000,
            ..Rates::default()
        };
        let generator = Some(Duration::from_millis(20));
        let cost =
            meters(20, 700, 90, 12_000).cost_since(&meters(10, 500, 50, 2_000), &rates, generator);
        let server = cost.server.unwrap();
        assert_eq!((server.cpu_ms_per_event, server.cpu_ms_per_delivery), (0.2, 0.05));
        assert_eq!(server.written_bytes_per_event, Some(20.0));
        assert_eq!((server.resident_mib_max, server.resident_mib), (64.0, 32.0));
        assert_eq!(cost.generator_cpu_us_per_event, Some(10.0));
        assert_eq!(cost.receiver_cpu_us_per_delivery, Some(10.0));
        let machine = cost.machine.unwrap();
        assert_eq!((machine.cores_busy, machine.cores_stolen), (1.0, 0.1));
        assert_eq!(machine.cores_used_by_others, Some(0.976));
    }

    #[test]
    fn a_server_of_somebody_else_costs_nothing_that_is_known() {
        let unknown = |meters| Meters { server: None, ..meters };
        let (before, after) = (unknown(meters(1, 0, 0, 0)), unknown(meters(2, 9, 9, 9)));
        let cost = after.cost_since(&before, &Rates::default(), None);
        assert!(cost.server.is_none());
        assert!(cost.machine.unwrap().cores_used_by_others.is_none());
    }
}
