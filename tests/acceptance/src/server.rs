//! Starts the real `postback serve`, stops it in every way a machine does, and keeps what it said.
//!
//! What the process prints goes to files, so that nothing is lost however it ends and no pipe can
//! fill up. A server that a test leaves running is killed on drop.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::binary;
use crate::clock::{self, DEADLINE};

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// `--data`.
    pub data: PathBuf,
    /// `--listen`.
    pub listen: SocketAddr,
    /// `POSTBACK_ADMIN_KEY`; without one the server makes its own.
    pub admin_key: Option<String>,
    /// Whether it prints JSON.
    pub json: bool,
    /// Where its output goes.
    pub logs: PathBuf,
    /// Where its log goes instead, when it is not to be read.
    pub log: Option<PathBuf>,
}

/// A server that has been started.
#[derive(Debug)]
pub struct Server {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// How a server ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed, on both streams.
    pub output: String,
    /// How long it took to end.
    pub took: Duration,
}

impl Launch {
    /// A server on this data directory and any free port.
    pub fn new(data: &Path, logs: &Path, admin_key: &str) -> Self {
        Self {
            data: data.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin_key: Some(admin_key.to_owned()),
            json: true,
            logs: logs.to_owned(),
            log: None,
        }
    }

    /// Starts it and does not wait for anything.
    ///
    /// # Panics
    /// When the binary cannot be run.
    pub fn spawn(&self) -> Server {
        let name = clock::unique();
        let stdout = self.logs.join(format!("{name}.out"));
        let stderr = self.logs.join(format!("{name}.err"));
        let create = |path: &Path| File::create(path).expect("logs can be opened");
        let mut command = Command::new(binary::path());
        command
            .arg("serve")
            .args(["--listen", &self.listen.to_string(), "--sweep-every", "2s"])
            .arg("--allow-private-endpoints")
            .arg("--data")
            .arg(&self.data)
            .args(self.json.then_some("--json"))
            .stdin(Stdio::null())
            .stdout(create(&stdout))
            .stderr(create(self.log.as_ref().unwrap_or(&stderr)));
        // The environment of a developer must not decide what a test sees.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("POSTBACK_") {
                command.env_remove(name);
            }
        }
        command.env("POSTBACK_LOG", "debug");
        if let Some(key) = &self.admin_key {
            command.env("POSTBACK_ADMIN_KEY", key);
        }
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", binary::path().display()));
        Server { child, stdout, stderr }
    }

    /// Starts it and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it ends instead, or says nothing before the deadline.
    #[track_caller]
    pub fn start(&self) -> (Server, Value) {
        assert!(self.json, "only JSON says reliably when it is ready");
        let mut server = self.spawn();
        let ready = clock::eventually("the server is ready", || {
            if let Some(status) = server.child.try_wait().expect("a child can be waited for") {
                panic!("the server ended with {status} at once:\n{}", server.output());
            }
            let stdout = server.stdout();
            let mut lines = stdout.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let ready = lines.find_map(|line| {
                let line: Value = serde_json::from_str(line).ok()?;
                line["url"].is_string().then_some(line)
            });
            ready.ok_or_else(|| server.output())
        });
        (server, ready)
    }

    /// Starts it where it should not be able to run, and waits for it to end by itself.
    ///
    /// # Panics
    /// When it runs on.
    #[track_caller]
    pub fn run_to_end(&self) -> Ended {
        self.spawn().wait(DEADLINE)
    }
}

impl Server {
    /// Ends it at once (SIGKILL), and waits until it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop (SIGTERM).
    ///
    /// # Panics
    /// When it is gone already.
    pub fn ask_to_stop(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to stop as Ctrl-C does (SIGINT).
    ///
    /// # Panics
    /// When it is gone already.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child has a process id"), signal)
            .expect("a child that was not waited for can be signalled");
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// When it still runs after `patience`; it is killed then.
    #[track_caller]
    pub fn wait(mut self, patience: Duration) -> Ended {
        let begun = clock::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return Ended { status, output: self.output(), took: begun.elapsed() };
            }
            if begun.elapsed() > patience {
                let output = self.output();
                self.end();
                panic!("the server still runs after {} s:\n{output}", patience.as_secs());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has printed on its standard output so far.
    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// What it has printed so far.
    pub fn output(&self) -> String {
        read(&self.stdout) + &read(&self.stderr)
    }

    fn end(&mut self) {
        // Both fail only for a child that has ended and been waited for.
        let _killed: io::Result<()> = self.child.kill();
        let _ended: io::Result<ExitStatus> = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            eprintln!("the server's last words:\n{}", last_lines(&self.output(), 40));
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_lines_are_the_last() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }
}
