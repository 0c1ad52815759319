//! The circumstances of a figure: the machine, what else it is doing, and how fast its disk syncs.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::clock::Clock;
use crate::error::{Doing, Failure};
use crate::percentiles::Percentiles;

const SYNCED_APPENDS: usize = 100;
const APPEND_BYTES: usize = 4096;

/// What every figure of this run has to be read with.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) cpu_model: Option<String>,
    pub(crate) kernel: Option<String>,
    pub(crate) memory_mib: Option<u64>,
    /// Load averages over 1, 5 and 15 minutes, before the first scenario.
    pub(crate) load_average_before: Option<[f64; 3]>,
    pub(crate) data_directory: PathBuf,
    /// `tmpfs` here means that a sync costs nothing and that no figure speaks of a disk.
    pub(crate) filesystem: Option<String>,
    /// 100 appends of 4 KiB to one file in the data directory, each with `fdatasync`.
    pub(crate) fdatasync_ms: Percentiles,
}

impl Machine {
    /// Looks at the machine, and at `scratch`, where the server is to keep its data.
    ///
    /// # Errors
    /// Where `scratch` cannot be written to.
    pub(crate) fn look(scratch: &Path, clock: &Clock) -> Result<Self, Failure> {
        let read = |path: &str| fs::read_to_string(path).ok();
        let kernel = read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned());
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu_model: read("/proc/cpuinfo").and_then(|text| colon_field(&text, "model name")),
            kernel,
            memory_mib: read("/proc/meminfo").and_then(|text| {
                let kib = colon_field(&text, "MemTotal")?;
                Some(kib.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
            }),
            load_average_before: read("/proc/loadavg").and_then(|text| load_averages(&text)),
            data_directory: scratch.to_owned(),
            filesystem: read("/proc/mounts")
                .and_then(|mounts| filesystem_of(&mounts, &fs::canonicalize(scratch).ok()?)),
            fdatasync_ms: sync_times(scratch, clock)
                .doing(|| format!("cannot write to {}", scratch.display()))?,
        })
    }
}

fn sync_times(scratch: &Path, clock: &Clock) -> std::io::Result<Percentiles> {
    let path = scratch.join("sync-probe");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(SYNCED_APPENDS);
    for _ in 0..SYNCED_APPENDS {
        let before = clock.now();
        file.write_all(&[0x5a; APPEND_BYTES])?;
        file.sync_data()?;
        times.push(clock.now().since(before));
    }
    fs::remove_file(&path)?;
    Ok(Percentiles::of(times).expect("a hundred samples were taken"))
}

fn colon_field(text: &str, name: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

fn load_averages(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text.split_whitespace().map_while(|n| n.parse().ok());
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

/// The type of the file system mounted deepest above `path`; of two on one mount point, the later.
fn filesystem_of(mounts: &str, path: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (_device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        path.starts_with(point).then_some((point.len(), kind))
    });
    mounts.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_wins() {
        let mounts = "/dev/a / ext4 rw\ntmpfs /tmp tmpfs rw\n/dev/b /tmp/disk xfs rw\n";
        let rows =
            [("/home", "ext4"), ("/tmp/x", "tmpfs"), ("/tmp/disk/y", "xfs"), ("/tmpx", "ext4")];
        for (path, kind) in rows {
            assert_eq!(filesystem_of(mounts, Path::new(path)).as_deref(), Some(kind), "{path}");
        }
    }

    #[test]
    fn reads_the_fields_the_kernel_prints() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU\n";
        assert_eq!(colon_field(cpuinfo, "model name").as_deref(), Some("Some CPU"));
        assert_eq!(colon_field(cpuinfo, "name"), None);
        assert_eq!(load_averages("0.02 0.30 1.00 2/83 34"), Some([0.02, 0.3, 1.0]));
        assert_eq!(load_averages("0.02 x"), None);
    }
}
