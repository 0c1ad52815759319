//! The program as a whole, run as a user would, against servers that are shell scripts.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare itself has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const LOOK_AGAIN: Duration = Duration::from_millis(20);
const LOOKS: usize = 500;

fn bench() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postback-bench"));
    command.env_remove("POSTBACK_ADMIN_KEY").stdin(Stdio::null());
    command
}

fn scratch(name: &str) -> PathBuf {
    let folder = format!("postback-bench-cli-{}-{name}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn script(folder: &Path, text: &str) -> PathBuf {
    let program = folder.join("server.sh");
    fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// Polls until `found` gives something, for ten seconds at most.
#[track_caller]
fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS {
        if let Some(found) = found() {
            return found;
        }
        sleep(LOOK_AGAIN);
    }
    panic!("{what} did not happen")
}

#[test]
fn help_lists_the_scenarios_and_examples() {
    let output = bench().arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for part in ["closed", "open", "closed-2k", "closed-20k", "fanout", "backlog", "Examples:"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[test]
fn a_server_that_does_not_start_is_a_failed_scenario_in_the_json() {
    let folder = scratch("fails");
    let server = script(&folder, "echo out of luck >&2; exit 9");
    let mut command = bench();
    command.arg("closed").arg("--scratch").arg(&folder).arg("--server").arg(server);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["scenarios"][0]["name"], "closed");
    assert_eq!(json["scenarios"][0]["outcome"], "failed");
    let reason = json["scenarios"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("exit status: 9") && reason.contains("out of luck"), "{reason}");
    assert!(json["machine"]["fdatasync_ms"]["samples"] == 100, "{}", json["machine"]);
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [folder.join("server.sh")], "the run's own folder is removed");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let output = bench().args(["closed", "--server", "/nowhere/postback"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("there is no server at /nowhere/postback"), "{text}");
    assert!(output.stdout.is_empty());
}

#[test]
fn the_server_does_not_outlive_a_killed_harness() {
    let folder = scratch("killed");
    let pid_file = folder.join("pid");
    let server = script(&folder, &format!("echo $$ > '{}'; exec sleep 60", pid_file.display()));
    let mut harness = bench()
        .arg("closed")
        .arg("--scratch")
        .arg(&folder)
        .arg("--server")
        .arg(server)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = wait_for("the start of the server", || {
        fs::read_to_string(&pid_file).ok().filter(|text| text.ends_with('\n'))
    });
    let process = PathBuf::from(format!("/proc/{}", pid.trim()));
    assert!(process.exists());
    harness.kill().unwrap();
    harness.wait().unwrap();
    // Its new parent may take a moment to collect it; a zombie has no memory map any more.
    wait_for("the end of the server", || {
        let map = fs::read_to_string(process.join("maps")).unwrap_or_default();
        map.is_empty().then_some(())
    });
    fs::remove_dir_all(folder).unwrap();
}
