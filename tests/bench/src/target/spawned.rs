//! Starts `postback serve` on an empty directory, and makes sure that it ends.

use std::fs::{self, File};
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Started, Target, leash};
use crate::api::Api;
use crate::clock::Clock;
use crate::error::{Doing, Failure};
use crate::process::ProcessUsage;

/// A server that is not healthy by then has failed to start. Long, because a start may have to
/// recover a large log.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// The server promises to be gone 20 s after SIGTERM; a little more is allowed for a busy machine.
const STOP_PATIENCE: Duration = Duration::from_secs(25);

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How to start the server.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    /// The harness's own program, which becomes the server through [`leash`]; without it the
    /// server outlives a harness that is killed.
    pub(crate) harness: Option<PathBuf>,
    /// Given to `serve` after the harness's own.
    pub(crate) more_arguments: Vec<String>,
    /// Holds one folder for each scenario, with the server's data and log.
    pub(crate) scratch: PathBuf,
    /// Leaves those folders behind, where otherwise each goes when the next scenario begins.
    pub(crate) keep_data: bool,
    pub(crate) clock: Clock,
}

/// A server that is started for each scenario.
pub(crate) struct Spawned {
    launch: Launch,
    admin_key: String,
    scenario: Option<Scenario>,
}

struct Scenario {
    name: String,
    folder: PathBuf,
    process: Option<Process>,
}

/// A child that does not outlive its owner.
struct Process(Child);

impl Spawned {
    /// Starts nothing yet.
    ///
    /// # Errors
    /// Where `launch.program` is no file, or no key can be made up.
    pub(crate) fn new(launch: Launch) -> Result<Self, Failure> {
        if !launch.program.is_file() {
            let path = launch.program.display();
            let advice = "build it with `cargo build --release` or name one with --server";
            return Err(Failure::new(format!("there is no server at {path}; {advice}")));
        }
        Ok(Self { launch, admin_key: random_key()?, scenario: None })
    }

    fn folder_for(&mut self, name: &str) -> Result<PathBuf, Failure> {
        if let Some(scenario) = self.scenario.as_ref().filter(|current| current.name == name) {
            return Ok(scenario.folder.clone());
        }
        self.end_scenario();
        let folder = self.launch.scratch.join(name);
        fs::create_dir_all(&folder).doing(|| format!("cannot create {}", folder.display()))?;
        let (name, folder_too) = (name.to_owned(), folder.clone());
        self.scenario = Some(Scenario { name, folder: folder_too, process: None });
        Ok(folder)
    }

    fn command(
        &self,
        folder: &Path,
        address: SocketAddr,
        sweep_every: Option<Duration>,
    ) -> Command {
        let mut command = match &self.launch.harness {
            None => Command::new(&self.launch.program),
            Some(harness) => {
                let mut command = Command::new(harness);
                command.arg(leash::ARGUMENT).arg(std::process::id().to_string());
                command.arg(&self.launch.program);
                command
            }
        };
        command.arg("serve").arg("--listen").arg(address.to_string());
        command.arg("--data").arg(folder.join("data")).arg("--allow-private-endpoints");
        if let Some(every) = sweep_every {
            command.arg("--sweep-every").arg(format!("{}s", every.as_secs().max(1)));
        }
        command.args(&self.launch.more_arguments);
        command.env("POSTBACK_ADMIN_KEY", &self.admin_key).stdin(Stdio::null());
        command
    }

    fn end_scenario(&mut self) {
        // Dropping the scenario ends its process, which must not write into a removed folder.
        let Some(Scenario { folder, process, .. }) = self.scenario.take() else { return };
        drop(process);
        if !self.launch.keep_data {
            // What cannot be removed is left to the reader of the scratch directory.
            let _removed = fs::remove_dir_all(folder);
        }
    }
}

impl Target for Spawned {
    fn start(&mut self, scenario: &str, sweep_every: Option<Duration>) -> Result<Started, Failure> {
        let folder = self.folder_for(scenario)?;
        let address = free_address()?;
        let log = folder.join("server.log");
        let open = || {
            let file = File::options().create(true).append(true).open(&log)?;
            Ok::<_, std::io::Error>((file.try_clone()?, file))
        };
        let (out, errors) = open().doing(|| format!("cannot write {}", log.display()))?;
        let mut command = self.command(&folder, address, sweep_every);
        command.stdout(out).stderr(errors);

        let clock = self.launch.clock;
        let begun = clock.now();
        let child = command.spawn();
        let child = child.doing(|| format!("cannot start {}", self.launch.program.display()))?;
        let mut process = Process(child);
        while !Api::is_healthy(address) {
            let ended = process.0.try_wait().doing(|| "cannot watch the server".to_owned())?;
            if let Some(status) = ended {
                let tail = tail_of(&log);
                return Err(Failure::new(format!("the server ended at once, {status}:\n{tail}")));
            }
            if clock.now().since(begun) > START_PATIENCE {
                let tail = tail_of(&log);
                return Err(Failure::new(format!("the server is not healthy after 60 s:\n{tail}")));
            }
            sleep(LOOK_AGAIN);
        }
        let took = clock.now().since(begun);
        let scenario = self.scenario.as_mut().expect("folder_for has begun the scenario");
        scenario.process = Some(process);
        Ok(Started { address, took })
    }

    fn stop(&mut self) -> Result<(), Failure> {
        let Some(scenario) = self.scenario.as_mut() else { return Ok(()) };
        let Some(process) = scenario.process.take() else { return Ok(()) };
        let status = process.terminate(STOP_PATIENCE, &self.launch.clock)?;
        if status.success() {
            return Ok(());
        }
        let tail = tail_of(&scenario.folder.join("server.log"));
        Err(Failure::new(format!("the server did not stop cleanly on SIGTERM, {status}:\n{tail}")))
    }

    fn usage(&self) -> Option<ProcessUsage> {
        ProcessUsage::of(self.scenario.as_ref()?.process.as_ref()?.0.id())
    }

    fn can_restart(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        let program = self.launch.program.display().to_string();
        [&[program], &self.launch.more_arguments[..]].concat().join(" ")
    }

    fn admin_key(&self) -> &str {
        &self.admin_key
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        self.end_scenario();
    }
}

impl Process {
    /// Sends SIGTERM to this child alone, by its id, and waits for it.
    fn terminate(mut self, patience: Duration, clock: &Clock) -> Result<ExitStatus, Failure> {
        let doing = || "cannot stop the server".to_owned();
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Failure::new("the server has no process id"))?;
        let asked = clock.now();
        kill_process(pid, Signal::TERM).doing(doing)?;
        loop {
            if let Some(status) = self.0.try_wait().doing(doing)? {
                return Ok(status);
            }
            if clock.now().since(asked) > patience {
                let rule = format!("the server still runs {} s after SIGTERM", patience.as_secs());
                return Err(Failure::new(rule));
            }
            sleep(LOOK_AGAIN);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that has ended and been waited for.
        let _killed = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// A port that was free a moment ago.
fn free_address() -> Result<SocketAddr, Failure> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .doing(|| "cannot find a free port on 127.0.0.1".to_owned())
}

fn random_key() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .doing(|| "cannot read /dev/urandom".to_owned())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The last lines of the server's log, for the message of a failure.
fn tail_of(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let lines = lines[lines.len().saturating_sub(20)..].iter();
    lines.map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn scratch(name: &str) -> PathBuf {
        let folder = format!("postback-bench-test-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn script(folder: &Path, text: &str) -> Launch {
        let program = folder.join("server.sh");
        fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Launch {
            program,
            harness: None,
            more_arguments: vec!["--more".to_owned()],
            scratch: folder.join("scratch"),
            keep_data: false,
            clock: Clock::start(),
        }
    }

    fn process(text: &str) -> Process {
        Process(Command::new("sh").arg("-c").arg(text).spawn().unwrap())
    }

    #[test]
    fn a_server_that_ends_at_once_is_reported_with_its_log_and_arguments() {
        let folder = scratch("ends");
        let mut server =
            Spawned::new(script(&folder, "echo \"$@\"; echo sorry >&2; exit 3")).unwrap();
        let sweep_every = Some(Duration::from_secs(5));
        let failure = server.start("closed", sweep_every).unwrap_err().chain();
        for part in
            ["sorry", "exit status: 3", "serve --listen 127.0.0.1:", "--sweep-every 5s --more"]
        {
            assert!(failure.contains(part), "{failure}");
        }
        drop(server);
        assert!(!folder.join("scratch/closed").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_missing_server_is_named() {
        let folder = scratch("missing");
        let launch = Launch { program: folder.join("none"), ..script(&folder, "") };
        let failure = Spawned::new(launch).err().unwrap().chain();
        assert!(failure.contains("there is no server at"), "{failure}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_child_that_heeds_sigterm_gives_its_status() {
        let clock = Clock::start();
        let child = process("trap 'exit 7' TERM; while :; do sleep 0.02; done");
        sleep(Duration::from_millis(200));
        let status = child.terminate(Duration::from_secs(10), &clock).unwrap();
        assert_eq!(status.code(), Some(7));
    }

    #[test]
    fn a_child_that_ignores_sigterm_is_killed_and_reported() {
        let clock = Clock::start();
        let child = process("trap '' TERM; while :; do sleep 0.02; done");
        let pid = child.0.id();
        sleep(Duration::from_millis(200));
        let failure = child.terminate(Duration::from_millis(100), &clock).unwrap_err().chain();
        assert!(failure.contains("still runs"), "{failure}");
        assert_eq!(ProcessUsage::of(pid), None);
    }
}
