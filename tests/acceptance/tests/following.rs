//! The commands that run on and on: they show what happens as it happens, and outlive a server that
//! goes away.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use postback_acceptance::api::text;
use postback_acceptance::clock::eventually;
use postback_acceptance::receiver::{Receiver, Reply};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::Stack;
use postback_acceptance::{binary, webhook};
use serde_json::{Value, json};

/// A command that runs until it is dropped, and what it prints.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(stack: &Stack, arguments: &[&str]) -> Self {
        let url = format!("http://{}", stack.client().address());
        let mut command = Command::new(binary::path());
        command.args(arguments).args(["--url", &url, "--key", stack.admin_key(), "--json"]);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("postback runs");
        let stdout = child.stdout.take().expect("it is piped");
        let (said, lines) = mpsc::channel();
        // Ends with the command, or with the test that no longer listens.
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.map(|line| said.send(line)).take_while(Result::is_ok).count()
        });
        Self { child, lines }
    }

    /// What it prints next.
    #[track_caller]
    fn says(&self) -> Value {
        let line = eventually("it says something", || {
            self.lines.try_recv().map_err(|error| error.to_string())
        });
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }
}

#[test]
fn tail_shows_each_step_of_a_delivery() {
    let Some(stack) = Stack::own() else { return };
    let merchant = stack.merchant();
    let receiver = Receiver::in_turn([Reply::status(200), Reply::status(503), Reply::status(200)]);
    let endpoint = merchant.endpoint(&receiver, json!({"retry_policy": {"waits_s": []}}));
    let source = merchant.source(Provider::Stripe);
    source.deliver("evt_1", "charge.refunded");
    let before = merchant.wait_for("evt_1", &endpoint, "SUCCESS");
    let tail = Running::start(&stack, &["tail", "--lines", "1", "--every", "1s"]);
    assert_eq!(tail.says()["id"], before["id"], "begins with what was last");

    // Whatever it has seen on the way, it ends with how things stand.
    source.deliver("evt_2", "charge.refunded");
    let failed = until(&tail, "FAILED");
    assert_ne!(failed["id"], before["id"]);
    assert_eq!((&failed["round"], &failed["attempts"]), (&json!(1), &json!(1)));
    stack.admin().post(&format!("/v1/deliveries/{}/retry", text(&failed, "id")), &json!({})).ok();
    let done = until(&tail, "SUCCESS");
    assert_eq!((&done["id"], &done["round"]), (&failed["id"], &json!(2)));
}

/// What it says of the first delivery that is in this state.
fn until(tail: &Running, state: &str) -> Value {
    loop {
        let step = tail.says();
        if step["state"] == state {
            return step;
        }
    }
}

/// A server that goes away is waited for.
#[test]
fn listen_outlives_the_server() {
    let Some(mut stack) = Stack::own() else { return };
    let merchant = stack.merchant();
    let shop = Receiver::always(Reply::status(503));
    let endpoint = merchant.endpoint(&shop, json!({"retry_policy": {"waits_s": []}}));
    let source = merchant.source(Provider::Stripe);
    let laptop = Receiver::always(Reply::status(200));
    let forward = laptop.url();
    let listen = ["listen", "--forward-to", &forward, "--merchant", &merchant.id, "--every", "1s"];
    let listen = Running::start(&stack, &listen);
    for (event, must_go_away) in [("evt_1", true), ("evt_2", false)] {
        source.deliver(event, "charge.refunded");
        let said = listen.says();
        assert_eq!(said["status"], 200, "{said}");
        let receipt = laptop.receipts().pop().expect("it was forwarded");
        let webhook = webhook::verify(&receipt, &endpoint.secret);
        assert_eq!(webhook.provider_event_id, event);
        let delivery = merchant.wait_for_state(&webhook.delivery_id, "SUCCESS");
        assert_eq!(delivery["via"], "pull");
        if must_go_away {
            stack.take_server().kill();
            stack.restart();
        }
    }
}
