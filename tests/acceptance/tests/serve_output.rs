//! What `postback serve` prints is true: the commands work as printed, and the key opens the API.

use std::path::Path;
use std::process::Command;

use postback_acceptance::api::{Caller, text};
use postback_acceptance::client::Client;
use postback_acceptance::clock::eventually;
use postback_acceptance::server::{Launch, Server};
use postback_acceptance::stack::{may_start_servers, scratch_folder};
use serde_json::{Value, json};

/// The `curl` commands in a text, with the lines that they go on over, once they are complete.
fn curl_commands(text: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        if goes_on {
            commands.last_mut().expect("a command goes on").push_str(line);
        } else if line.trim_start().starts_with("curl ") {
            commands.push(line.to_owned());
        } else {
            continue;
        }
        goes_on = line.trim_end().ends_with('\\');
    }
    if goes_on {
        commands.pop();
    }
    commands
}

/// Starts a server for people, and answers with what it greets them with.
fn greeted(launch: &Launch) -> (Server, String) {
    let mut server = launch.spawn();
    let greeting = eventually("three commands are printed", || {
        assert!(server.is_running(), "it ended:\n{}", server.output());
        let stdout = server.stdout();
        if curl_commands(&stdout).len() >= 3 { Ok(stdout) } else { Err(stdout) }
    });
    (server, greeting)
}

/// Runs every command of a greeting as it stands; `key` is what the reader was told to keep in
/// the environment, if anything.
fn check_commands(greeting: &str, key: Option<&str>) {
    assert!(!greeting.contains('\x1b'), "colours are for terminals: {greeting:?}");
    let commands = curl_commands(greeting);
    assert_eq!(commands.len(), 3, "{greeting}");
    let mut answers = Vec::new();
    for command in &commands {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).env_remove("POSTBACK_ADMIN_KEY");
        if let Some(key) = key {
            shell.env("POSTBACK_ADMIN_KEY", key);
        }
        let output = shell.output().expect("a shell can be run");
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{command}{stdout}{stderr}");
        let answer: Value = serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{command}{stdout}{stderr}: {error}"));
        // Problems have a code; curl itself is content with any answer.
        assert!(answer.get("code").is_none(), "{command}{answer}");
        answers.push(answer);
    }
    let created = answers.iter().filter_map(|answer| answer["id"].as_str());
    assert_eq!(created.filter(|id| id.starts_with("mch_")).count(), 1, "a merchant was created");
}

fn curl_is_here() -> bool {
    let here = Command::new("curl").arg("--version").output().is_ok();
    if !here {
        eprintln!("skipped: there is no curl on this machine");
    }
    here
}

/// The one word of a greeting that looks like a generated key: long, and not part of a command.
fn generated_key(greeting: &str) -> &str {
    let line = greeting.lines().find(|line| line.trim_start().starts_with("key"));
    let key = line.and_then(|line| line.split_whitespace().nth(1)).expect("the key is shown");
    assert!(key.len() >= 32, "`{key}` can be guessed");
    key
}

fn launch(folder: &Path) -> Launch {
    let launch = Launch::new(&folder.join("data"), folder, "");
    Launch { admin_key: None, json: false, ..launch }
}

#[test]
fn the_printed_commands_work_as_printed() {
    if !may_start_servers() || !curl_is_here() {
        return;
    }
    let folder = scratch_folder();
    let launch = launch(folder.path());
    let (server, first) = greeted(&launch);
    let key = generated_key(&first).to_owned();
    check_commands(&first, None);
    server.kill();

    // The key is shown once; from then on the reader has it in the environment.
    let (server, second) = greeted(&launch);
    assert!(!second.contains(&key), "the key is shown again");
    check_commands(&second, Some(&key));
    server.kill();

    let given = "a-key-that-the-operator-has-chosen-0123456789";
    let (server, third) = greeted(&Launch { admin_key: Some(given.to_owned()), ..launch });
    assert!(!server.output().contains(given), "a key that was given is not shown");
    check_commands(&third, Some(given));
}

fn caller(ready: &Value, key: &str) -> Caller {
    let url = ready["url"].as_str().expect("the url is a text");
    Caller::new(&Client::new(url, None).expect("the url is an origin"), Some(key))
}

/// What a list of merchants is answered with.
fn merchants(ready: &Value, key: &str) -> u16 {
    caller(ready, key).get("/v1/merchants").status
}

#[test]
fn machines_get_one_line_with_the_url_and_the_key() {
    if !may_start_servers() {
        return;
    }
    let folder = scratch_folder();
    let launch = Launch { json: true, ..launch(folder.path()) };
    let (server, ready) = launch.start();
    assert_eq!(server.stdout().lines().count(), 1, "{}", server.stdout());
    let key = ready["admin_key"].as_str().expect("a generated key is shown").to_owned();
    assert_eq!(merchants(&ready, &key), 200);
    assert_eq!(merchants(&ready, "another"), 401);
    server.kill();

    let (_server, ready) = launch.start();
    assert_eq!(ready["admin_key"], Value::Null, "it is shown once");
    assert_eq!(merchants(&ready, &key), 200, "and kept");
}

/// As on a disk that is full, or with a reader of the log that has gone.
#[test]
#[cfg(target_os = "linux")]
fn a_log_that_cannot_be_written_stops_nothing() {
    if !may_start_servers() {
        return;
    }
    let folder = scratch_folder();
    let launch = Launch::new(&folder.path().join("data"), folder.path(), "the-operators-key");
    let (mut server, ready) = Launch { log: Some("/dev/full".into()), ..launch }.start();
    let operator = caller(&ready, "the-operators-key");
    let merchant = operator.post("/v1/merchants", &json!({"name": "Shop"})).json();
    let source = json!({"merchant_id": merchant["id"], "preset": "stripe", "secrets": ["whsec_s"]});
    let source = operator.post("/v1/sources", &source).json();
    // A forged event leaves a line in the log.
    let ingest = format!("/in/{}", text(&source, "id"));
    for _ in 0..3 {
        assert_eq!(operator.post(&ingest, &json!({"id": "evt_1"})).status, 401);
    }
    assert!(server.is_running());
}

#[test]
fn commands_are_found_in_a_greeting() {
    let greeting = "hello\n  curl a \\\n    -d b\n\ncurl c\nno curl\n curl cut \\\n";
    assert_eq!(curl_commands(greeting), ["  curl a \\\n    -d b\n", "curl c\n"]);
}
