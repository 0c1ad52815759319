//! What the kernel says about processes and threads: CPU time, memory, bytes written.
//!
//! Everything is read from `/proc`, from outside the server, so that measuring costs it nothing.
//! Each figure is optional: a missing file makes a missing figure, not a failed run.

use std::fs;
use std::ops::Sub;
use std::time::Duration;

/// The counters of one process, all since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessUsage {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// `VmHWM`: the most memory that was ever resident.
    pub(crate) resident_bytes_max: u64,
    /// `VmRSS`: what is resident now.
    pub(crate) resident_bytes: u64,
    /// Bytes the process caused to be written to storage; `None` where the kernel does not count.
    pub(crate) written_bytes: Option<u64>,
}

/// CPU time of the whole machine since it started, summed over its cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MachineUsage {
    /// Time in which a core worked for somebody here.
    pub(crate) busy: Duration,
    /// Time in which a core was wanted and the hypervisor gave it to another machine.
    pub(crate) stolen: Duration,
}

/// Reads the CPU time of one thread of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadMeter {
    thread: i32,
}

impl ProcessUsage {
    /// The counters of process `pid`; `None` where it is gone or the kernel hides them.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
        let (user, system) = cpu_times(&read("stat")?)?;
        let status = read("status")?;
        Some(Self {
            user,
            system,
            resident_bytes_max: field(&status, "VmHWM:")? * 1024,
            resident_bytes: field(&status, "VmRSS:")? * 1024,
            written_bytes: read("io").and_then(|io| field(&io, "write_bytes:")),
        })
    }

    /// User and system time together.
    pub(crate) fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

impl MachineUsage {
    /// The counters now; `None` where `/proc/stat` is not readable.
    pub(crate) fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// The first line: `cpu user nice system idle iowait irq softirq steal ...`.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|n| n.parse().ok()).collect();
        let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks[..] else {
            return None;
        };
        Some(Self {
            busy: from_ticks(user + nice + system + irq + softirq),
            stolen: from_ticks(steal),
        })
    }
}

impl Sub for MachineUsage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            busy: self.busy.saturating_sub(earlier.busy),
            stolen: self.stolen.saturating_sub(earlier.stolen),
        }
    }
}

impl ThreadMeter {
    /// A meter for the thread that calls this.
    pub(crate) fn of_this_thread() -> Self {
        Self { thread: rustix::thread::gettid().as_raw_nonzero().get() }
    }

    /// CPU time of the thread so far, to the nanosecond when it sleeps and to a scheduler tick
    /// (some milliseconds) when it runs. `None` once it has ended.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let path = format!("/proc/self/task/{}/schedstat", self.thread);
        let on_cpu_ns = fs::read_to_string(path).ok()?.split(' ').next()?.parse().ok()?;
        Some(Duration::from_nanos(on_cpu_ns))
    }
}

/// User and system time out of `/proc/PID/stat`. The name of the program is in brackets and may
/// hold anything, so fields are counted from the last bracket: `utime` is the 12th after it.
fn cpu_times(stat: &str) -> Option<(Duration, Duration)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user = fields.next()?.parse().ok()?;
    let system = fields.next()?.parse().ok()?;
    Some((from_ticks(user), from_ticks(system)))
}

/// The number behind `name` in a file of `name value` lines.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn from_ticks(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_from_the_last_bracket() {
        let ticks_ms = 1000 / rustix::param::clock_ticks_per_second();
        let stat = "71 (a) b (c) S 1 71 71 0 -1 4194304 9 0 0 0 150 25 3 4 20 0 1 0 77";
        let expected =
            (Duration::from_millis(150 * ticks_ms), Duration::from_millis(25 * ticks_ms));
        assert_eq!(cpu_times(stat), Some(expected));
        assert_eq!(cpu_times("71 (short) S 1"), None);
        assert_eq!(cpu_times(""), None);
    }

    #[test]
    fn machine_time_leaves_idle_and_waiting_out() {
        let ticks_ms = 1000 / rustix::param::clock_ticks_per_second();
        let usage = MachineUsage::parse("cpu  1 2 3 1000 2000 4 5 6 0 0\ncpu0 9 9").unwrap();
        assert_eq!(usage.busy, Duration::from_millis(15 * ticks_ms));
        assert_eq!(usage.stolen, Duration::from_millis(6 * ticks_ms));
        assert_eq!(MachineUsage::parse("cpu  1 2 3"), None);
        assert_eq!(MachineUsage::parse("intr 1"), None);
    }

    #[test]
    fn this_process_is_there_and_a_gone_one_is_not() {
        let usage = ProcessUsage::of(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 0 && usage.resident_bytes <= usage.resident_bytes_max);
        assert_eq!(ProcessUsage::of(u32::MAX), None);
        assert!(ThreadMeter::of_this_thread().cpu().is_some());
    }
}
