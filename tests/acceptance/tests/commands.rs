//! The commands that show and change what a server has, as a person types them.

use std::path::Path;
use std::process::{Command, Stdio};

use postback_acceptance::api::text;
use postback_acceptance::binary;
use postback_acceptance::clock::eventually;
use postback_acceptance::receiver::{Receiver, Reply};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::webhook;
use serde_json::{Value, json};

/// What a command printed and how it ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A person with profiles of its own.
struct Person<'s> {
    stack: &'s Stack,
    profiles: &'s Path,
}

impl Person<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary::path());
        command.args(arguments).env("POSTBACK_CONFIG", self.profiles);
        for variable in ["POSTBACK_KEY", "POSTBACK_URL", "POSTBACK_PROFILE"] {
            command.env_remove(variable);
        }
        command
    }

    fn runs(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().expect("postback runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ended {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// With `--json`, at the test's server and as its operator.
    #[track_caller]
    fn asks(&self, arguments: &[&str]) -> Value {
        let url = format!("http://{}", self.stack.client().address());
        let more = ["--json", "--url", &url, "--key", self.stack.admin_key()];
        let ended = self.runs(&[arguments, &more].concat());
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap_or(Value::Null)
    }
}

/// From an empty server to a delivery that is retried, by command alone.
#[test]
fn a_shop_is_set_up_and_watched_by_command() {
    let Some(stack) = Stack::own() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let person = Person { stack: &stack, profiles: &folder.path().join("profiles.json") };
    let merchant = text(&person.asks(&["merchants", "create", "Shop"]), "id");
    let source = person.asks(&[
        "sources",
        "create",
        "--merchant",
        &merchant,
        "--preset",
        "stripe",
        "--secret",
        "whsec_one",
    ]);
    let (source_id, url) = (text(&source, "id"), text(&source, "ingest_url"));
    let receiver = Receiver::in_turn([Reply::status(200), Reply::status(200), Reply::status(200)]);
    let endpoint = person.asks(&[
        "endpoints",
        "create",
        &receiver.url(),
        "--event-types",
        "charge.*",
        "--merchant",
        &merchant,
    ]);
    let endpoint_id = text(&endpoint, "id");
    let tested = person.asks(&["endpoints", "test", &endpoint_id, "--merchant", &merchant]);
    assert_eq!(tested["accepted"], true, "{tested}");

    let sent = person.runs(&[
        "send",
        "--preset",
        "stripe",
        "--type",
        "charge.refunded",
        "--secret",
        "whsec_one",
        &url,
    ]);
    assert_eq!(sent.code, Some(0), "{}{}", sent.stdout, sent.stderr);
    let receipt = receiver.wait_for(2).remove(1);
    webhook::verify(&receipt, &text(&endpoint, "secret"));
    let delivery = eventually("the delivery has ended", || {
        let ended = person.asks(&["deliveries", "list", "--state", "SUCCESS"]);
        ended[0]["id"].as_str().map(str::to_owned).ok_or(ended.to_string())
    });
    person.asks(&["deliveries", "retry", &delivery]);
    receiver.wait_for(3);
    let shown = person.asks(&["deliveries", "get", &delivery]);
    assert_eq!(shown["round"], 2, "{shown}");

    let rotated = person.asks(&["sources", "rotate", &source_id, "--secret", "whsec_two"]);
    let secrets = person.asks(&["sources", "secrets", &source_id]);
    assert_eq!((secrets.as_array().map(Vec::len), &secrets[0]["id"]), (Some(2), &rotated["id"]));
    let old = text(&secrets[1], "id");
    person.asks(&["sources", "drop-secret", &source_id, &old]);
    assert_eq!(person.asks(&["sources", "secrets", &source_id]).as_array().map(Vec::len), Some(1));
    person.asks(&["endpoints", "rotate", &endpoint_id, "--merchant", &merchant]);
    let off = person.asks(&["endpoints", "disable", &endpoint_id, "--merchant", &merchant]);
    assert_eq!(off["enabled"], false);

    let event = text(&person.asks(&["events", "list", "--type", "charge.refunded"])[0], "id");
    let url = format!("http://{}", stack.client().address());
    let body = person
        .command(&["events", "get", &event, "--body", "--url", &url, "--key", stack.admin_key()])
        .output()
        .expect("postback runs");
    assert_eq!(body.stdout, receipt.body, "the exact bytes and nothing else");
    let key = person.asks(&["merchants", "add-key", &merchant, "laptop", "--scopes", "read"]);
    assert_eq!(key["scopes"], json!(["read"]));
    person.asks(&["merchants", "delete-key", &merchant, &text(&key, "id")]);
    let token = person.asks(&["merchants", "portal-token", &merchant, "--ttl", "2h"]);
    assert!(text(&token, "token").starts_with("pbp_"), "{token}");
    person.asks(&["merchants", "revoke-portal-token", &merchant, &text(&token, "id")]);
    let acts = person.asks(&["audit", "--merchant", &merchant, "--limit", "3"]);
    let actions: Vec<_> = (0..3).map(|number| text(&acts[number], "action")).collect();
    assert_eq!(actions, ["portal_token.deleted", "portal_token.created", "key.deleted"]);
    let acts = person.asks(&["audit", "--object", &endpoint_id, "--action", "endpoint.updated"]);
    assert_eq!(
        (&acts[0]["before"]["enabled"], &acts[0]["after"]["enabled"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(person.asks(&["merchants", "keys", &merchant]), json!([]));
    person.asks(&["endpoints", "delete", &endpoint_id, "--merchant", &merchant]);
    person.asks(&["sources", "delete", &source_id]);
    assert_eq!(person.asks(&["sources", "list"]), json!([]));
}

/// The key is in a file of the person's own, and in nothing that is printed.
#[test]
fn profiles_keep_servers() {
    let Some(stack) = Stack::own() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let profiles = folder.path().join("deep/profiles.json");
    let person = Person { stack: &stack, profiles: &profiles };
    let url = format!("http://{}", stack.client().address());
    let add = |name: &str, url: &str| {
        let mut adding = person
            .command(&["profile", "add", name, "--url", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("postback runs");
        let mut input = adding.stdin.take().expect("its input");
        std::io::Write::write_all(&mut input, stack.admin_key().as_bytes()).expect("written");
        drop(input);
        assert!(adding.wait().expect("it ends").success());
    };
    add("here", &url);
    add("nowhere", "http://127.0.0.1:1");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&profiles).expect("the file").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let listed = person.runs(&["profile", "list"]).stdout;
    assert!(listed.contains("here") && listed.contains("nowhere"), "{listed}");
    assert!(!listed.contains(stack.admin_key()), "{listed}");

    // The first one is in use; another one is named, or put into use.
    let list = |more: &[&str]| person.runs(&[&["merchants", "list"], more].concat());
    assert_eq!(list(&[]).code, Some(0));
    let elsewhere = list(&["--profile", "nowhere"]);
    assert_eq!(elsewhere.code, Some(1));
    assert!(elsewhere.stderr.contains("nobody answers at http://127.0.0.1:1"));
    assert_eq!(person.runs(&["profile", "use", "nowhere"]).code, Some(0));
    assert_eq!(list(&[]).code, Some(1));
    assert_eq!(list(&["--url", &url]).code, Some(0));
    assert_eq!(person.runs(&["profile", "remove", "nowhere"]).code, Some(0));
    assert!(list(&[]).stderr.contains("no key: give --key"));
    assert!(list(&["--profile", "nowhere"]).stderr.contains("no profile `nowhere`"));
}

#[test]
fn what_goes_wrong_is_told_with_what_to_do() {
    let Some(stack) = Stack::own() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let person = Person { stack: &stack, profiles: &folder.path().join("profiles.json") };
    let url = format!("http://{}", stack.client().address());
    let receiver = Receiver::accepting();
    for (arguments, told) in [
        (vec!["merchants", "list", "--key", "wrong", "--url", &url], "profile list"),
        (vec!["endpoints", "list", "--key", stack.admin_key(), "--url", &url], "--merchant mch_"),
        (vec!["merchants", "get", "mch_1", "--key", stack.admin_key(), "--url", &url], "no such"),
        (vec!["merchants", "list", "--key", "k", "--url", &receiver.url()], "right URL"),
        (
            vec!["sources", "create", "--preset", "stripe", "--secret", "s", "--key", "k"],
            "--merchant",
        ),
    ] {
        let ended = person.runs(&arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}");
        assert!(ended.stderr.contains(told), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{arguments:?}: {}", ended.stdout);
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(person.runs(&["completions", shell]).stdout.contains("deliveries"), "{shell}");
    }
}

/// What was given up is shown, pushed again at a pace, or fetched by the merchant's own machine.
#[test]
fn dead_letters_are_redriven_or_fetched_by_command() {
    let Some(stack) = Stack::own() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let person = Person { stack: &stack, profiles: &folder.path().join("profiles.json") };
    let merchant = stack.merchant();
    let shop = Receiver::always(Reply::status(503));
    let endpoint = merchant.endpoint(&shop, json!({"retry_policy": {"waits_s": []}}));
    let source = merchant.source(Provider::Stripe);
    for id in ["evt_1", "evt_2", "evt_3"] {
        source.deliver(id, "charge.refunded");
        merchant.wait_for(id, &endpoint, "FAILED");
    }
    let seen = person.asks(&["redrive", "--merchant", &merchant.id]);
    assert_eq!((&seen["matched"], &seen["redriven"]), (&json!(3), &json!(0)), "{seen}");
    assert_eq!(shop.count(), 3, "without --execute nothing is sent");

    shop.reply_from_now_on(Reply::status(200));
    let execute = ["redrive", "--endpoint", &endpoint.id, "--limit", "2", "--execute"];
    let done = person.asks(&[&execute[..], &["--pace", "1"]].concat());
    assert_eq!((&done["matched"], &done["redriven"]), (&json!(2), &json!(2)), "{done}");
    shop.wait_for(5);

    // The third one is fetched.
    let laptop = Receiver::always(Reply::status(200));
    let forward = laptop.url();
    let listen =
        ["listen", "--once", "--forward-to", &forward, "--merchant", &merchant.id, "--json"];
    let url = format!("http://{}", stack.client().address());
    let server = ["--url", &url, "--key", stack.admin_key()];
    let ended = person.runs(&[&listen[..], &server].concat());
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let receipts = laptop.receipts();
    assert_eq!(receipts.len(), 1);
    let webhook = webhook::verify(&receipts[0], &endpoint.secret);
    let delivery = merchant.read_delivery(&webhook.delivery_id);
    assert_eq!((&delivery["state"], &delivery["via"]), (&json!("SUCCESS"), &json!("pull")));
    let line: Value = serde_json::from_str(&ended.stdout).expect("one line of JSON");
    assert_eq!((&line["delivery_id"], &line["status"]), (&delivery["id"], &json!(200)));

    // What was given up meanwhile is sent again by one order.
    shop.reply_from_now_on(Reply::status(503));
    source.deliver("evt_5", "charge.refunded");
    merchant.wait_for("evt_5", &endpoint, "FAILED");
    shop.reply_from_now_on(Reply::status(200));
    let recover = ["deliveries", "recover", &endpoint.id, "--since", "2h", "--states", "FAILED"];
    let order = person.asks(&[&recover[..], &["--merchant", &merchant.id]].concat());
    assert_eq!((&order["status"], &order["recovered"]), (&json!("done"), &json!(1)), "{order}");
    merchant.wait_for("evt_5", &endpoint, "SUCCESS");
    let late = person.asks(&["deliveries", "cancel", &text(&order, "id")]);
    assert_eq!(late["status"], "done");

    // Nobody takes it: the command says so, and nothing is acknowledged.
    shop.reply_from_now_on(Reply::status(503));
    source.deliver("evt_4", "charge.refunded");
    let failed = merchant.wait_for("evt_4", &endpoint, "FAILED");
    laptop.reply_from_now_on(Reply::status(500));
    let ended = person.runs(&[&listen[..], &server].concat());
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(merchant.read_delivery(&text(&failed, "id"))["state"], "FAILED");
}
