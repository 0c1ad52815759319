//! What happens, chapter by chapter.

use std::error::Error;

use postback_domain::time::Timestamp;
use postback_engine::ports::Entropy as _;
use postback_engine::ports::clock::SystemEntropy;
use postback_verify::{Config, Secret, Signed, preset};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::runtime::Runtime;

use super::SWEEP_GRACE;
use super::client::{Client, text};
use super::receiver::Receiver;
use super::report::Report;
use super::watch::Watch;
use crate::node::Node;
use crate::send;
use crate::terminal::{BOLD, DIM};

/// One of the merchant's endpoints.
struct Shop {
    name: &'static str,
    id: String,
    secret: String,
    server: Receiver,
}

/// An event as the provider sent it.
struct Sent {
    kind: &'static str,
    provider_event_id: String,
    signed: Signed,
}

const KINDS: [&str; 3] = ["payment_intent.succeeded", "charge.refunded", "charge.dispute.created"];

/// Plays the whole story against a running node.
pub(super) fn tell(
    runtime: &Runtime,
    node: Node,
    admin_key: &Secret,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let base = format!("http://{}", node.address);
    let operator = Client::new(&base, admin_key);
    report.chapter("A merchant", "one Stripe source, three endpoints");
    let (merchant, merchant_id) = open_shop(&operator, report)?;
    let (ingest_url, stripe_secret) = connect_stripe(&operator, &merchant_id, report)?;
    let mut shops = endpoints(runtime, &merchant, report)?;

    report.chapter("Events come in", "each signed by Stripe's scheme over its exact bytes");
    let sent = send_events(&ingest_url, &stripe_secret, report)?;
    try_to_cheat(&ingest_url, &sent, report)?;
    repeat(&ingest_url, &sent, &merchant, report)?;

    report.chapter("Deliveries", "states as the API shows them; one host fails twice, one is down");
    let names = shops.iter().map(|shop| (shop.id.clone(), shop.name));
    let mut watch = Watch::new(names.collect::<Vec<_>>());
    let flaky = shops[1].id.clone();
    let failed_once = |all: &[Value]| of(all, &flaky).filter(|d| d["attempts"] == 1).count() == 2;
    let waiting = watch.until(&merchant, report, failed_once)?;
    let lost = node.queue.purge();
    let text = format!("{BOLD}the queue loses its {lost} messages{BOLD:#}, {DIM}on purpose{DIM:#}");
    report.step(&text, json!({ "lost_messages": lost }));
    let ended = watch.until(&merchant, report, |all| {
        all.len() == 6 && all.iter().all(|delivery| delivery["state"] != "PENDING")
    })?;
    check_sweep(&waiting, &ended, &flaky, lost, report);
    check_ends(&ended, &shops, report);

    report.chapter("The dead-letter list", "the host is back; an operator redrives");
    redrive(runtime, &operator, &mut shops[2], report)?;
    let last = watch.until(&merchant, report, |all| all.iter().all(|d| d["state"] == "SUCCESS"))?;
    let reopened = last.iter().filter(|delivery| delivery["round"] == 2).count();
    report.claim("the redriven delivery got a fresh round and ended SUCCESS", reopened == 1, "");

    report.chapter("What the merchant got", "every body compared, every signature verified");
    verify(&shops, &sent, report)?;

    report.chapter("Stop", "as on SIGTERM");
    let stopped = runtime.block_on(node.stop());
    report.claim("it stopped in time with nothing left in flight", stopped, "");
    Ok(())
}

fn open_shop(operator: &Client, report: &mut Report) -> Result<(Client, String), Box<dyn Error>> {
    let merchant = operator.post("/v1/merchants", &json!({ "name": "Café Zürich" }))?;
    let id = text(&merchant, "id")?.to_owned();
    let path = format!("/v1/merchants/{id}/keys");
    let key = operator.post(&path, &json!({ "name": "demo" }))?;
    report.step(&format!("merchant  {BOLD}{id}{BOLD:#}"), json!({ "merchant": id }));
    Ok((operator.with_key(&Secret::new(text(&key, "key")?)), id))
}

fn connect_stripe(
    operator: &Client,
    merchant: &str,
    report: &mut Report,
) -> Result<(String, Secret), Box<dyn Error>> {
    let stripe = preset("stripe").ok_or("there is no preset `stripe`")?;
    let secret = stripe.scheme.make_secret(&SystemEntropy.key_bytes());
    let secret = secret.expect("Stripe signs with a shared secret");
    let source = json!({
        "merchant_id": merchant, "preset": "stripe", "secrets": [secret.expose()],
    });
    let source = operator.post("/v1/sources", &source)?;
    let url = text(&source, "ingest_url")?.to_owned();
    report.step(&format!("source    {BOLD}{url}{BOLD:#}"), json!({ "ingest_url": url }));
    let hidden = !source.to_string().contains(secret.expose());
    report.claim("the source's secret does not come back", hidden, "");
    Ok((url, secret))
}

fn endpoints(
    runtime: &Runtime,
    merchant: &Client,
    report: &mut Report,
) -> Result<Vec<Shop>, Box<dyn Error>> {
    let handle = runtime.handle();
    let plan = [
        ("healthy", Receiver::start(handle, 0)?, json!(["*"]), json!([5, 60, 600])),
        ("flaky", Receiver::start(handle, 2)?, json!(["charge.*"]), json!([1.5, 0.8, 0.8, 0.8])),
        (
            "down",
            Receiver::down(0)?,
            json!(["charge.dispute.created"]),
            json!([0.2, 0.2, 0.2, 0.2, 0.2, 0.2]),
        ),
    ];
    let mut shops = Vec::new();
    for (name, server, event_types, waits_s) in plan {
        let endpoint = json!({
            "url": server.url(), "event_types": event_types, "description": name,
            "retry_policy": { "waits_s": waits_s },
        });
        let endpoint = merchant.post("/v1/endpoints", &endpoint)?;
        let (id, secret) =
            (text(&endpoint, "id")?.to_owned(), text(&endpoint, "secret")?.to_owned());
        let line = format!(
            "endpoint  {BOLD}{name:<8}{BOLD:#} {} {DIM}wants {event_types}{DIM:#}",
            server.url()
        );
        report.step(&line, json!({ "endpoint": id, "name": name }));
        shops.push(Shop { name, id, secret, server });
    }
    Ok(shops)
}

fn send_events(
    ingest_url: &str,
    secret: &Secret,
    report: &mut Report,
) -> Result<Vec<Sent>, Box<dyn Error>> {
    let stripe = preset("stripe").ok_or("there is no preset `stripe`")?;
    let agent = send::agent();
    let mut sent = Vec::new();
    for kind in KINDS {
        let sample = stripe.sample(Some(kind)).ok_or("the preset has no such sample")?;
        let id = send::fresh_id();
        let provider_event_id = send::provider_event_id(sample, &id)?;
        let signed = send::sign(stripe, sample, &id, secret, &Config::default())?;
        let (status, _) = send::post(&agent, ingest_url, signed.clone())?;
        let bytes = signed.body.len();
        let line =
            format!("{status}  {kind:<24} {DIM}{provider_event_id}  {bytes:>5} bytes{DIM:#}");
        report.step(&line, json!({ "sent": kind, "status": status, "bytes": bytes }));
        report.claim("accepted: durable before the answer", status == 200, "");
        sent.push(Sent { kind, provider_event_id, signed });
    }
    Ok(sent)
}

fn try_to_cheat(
    ingest_url: &str,
    sent: &[Sent],
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let mut forged = sent[1].signed.clone();
    let body = String::from_utf8(forged.body)?;
    // One digit of the amount, under the signature of the true one.
    let tampered = body.replacen("\"amount_refunded\": ", "\"amount_refunded\": 9", 1);
    let changed = tampered != body;
    forged.body = tampered.into_bytes();
    let (status, answer) = send::post(&send::agent(), ingest_url, forged)?;
    report.step(
        &format!("{status}  {:<24} {DIM}one digit of the amount changed{DIM:#}", sent[1].kind),
        json!({ "tampered": sent[1].kind, "status": status }),
    );
    report.claim("a tampered event is refused", changed && status == 401, "");
    let terse = !answer.contains("mismatch") && !answer.contains("v1");
    report.claim("and the answer does not help the forger", terse, "");
    Ok(())
}

fn repeat(
    ingest_url: &str,
    sent: &[Sent],
    merchant: &Client,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let before = merchant.get("/v1/deliveries?limit=100")?;
    let (status, _) = send::post(&send::agent(), ingest_url, sent[0].signed.clone())?;
    let line = format!("{status}  {:<24} {DIM}the same again{DIM:#}", sent[0].kind);
    report.step(&line, json!({ "repeated": sent[0].kind, "status": status }));
    let count = |list: &Value| list["data"].as_array().map_or(0, Vec::len);
    let after = merchant.get("/v1/deliveries?limit=100")?;
    let events = count(&merchant.get("/v1/events?limit=100")?);
    let same = count(&before) == 6 && count(&after) == 6 && events == 3;
    let detail = format!("{events} events, {} deliveries, as before", count(&after));
    report.claim("a repeat is acknowledged and not delivered again", status == 200 && same, detail);
    Ok(())
}

fn check_sweep(
    waiting: &[Value],
    ended: &[Value],
    endpoint: &str,
    lost: usize,
    report: &mut Report,
) {
    let mut found = 0;
    let mut delays = Vec::new();
    for before in of(waiting, endpoint) {
        let due: Option<Timestamp> =
            before["next_attempt_at"].as_str().and_then(|t| t.parse().ok());
        let after = of(ended, endpoint).find(|after| after["id"] == before["id"]);
        let second: Option<Timestamp> = after
            .and_then(|after| after["attempt_log"][1]["at"].as_str())
            .and_then(|text| text.parse().ok());
        if let (Some(due), Some(second)) = (due, second) {
            // The lost message would have come at the due time; only the sweep comes this late.
            found += usize::from(second >= due.plus(SWEEP_GRACE));
            delays.push(format!("{:.1} s", second.since(due).as_secs_f64()));
        }
    }
    let held = lost >= 2 && found == 2;
    let detail = format!("found {} after they were due", delays.join(" and "));
    report.claim("the sweep brought back what the queue had lost", held, detail);
}

fn check_ends(ended: &[Value], shops: &[Shop], report: &mut Report) {
    let attempts = |shop: &Shop| {
        of(ended, &shop.id)
            .map(|d| format!("{} after {}", d["state"].as_str().unwrap_or("?"), d["attempts"]))
            .collect::<Vec<_>>()
    };
    let expected: [&[&str]; 3] =
        [&["SUCCESS after 1"; 3], &["SUCCESS after 3"; 2], &["FAILED after 7"]];
    let claims = [
        "the healthy endpoint got its three events at the first attempt",
        "the flaky one got its two at the third",
        "the one that is down used its seven tries and is FAILED",
    ];
    for ((shop, expected), claim) in shops.iter().zip(expected).zip(claims) {
        let seen = attempts(shop);
        report.claim(claim, seen == expected, seen.join(", "));
    }
}

fn redrive(
    runtime: &Runtime,
    operator: &Client,
    shop: &mut Shop,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let listed = operator.get("/v1/dead-letters")?;
    let only = listed["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    for row in only {
        let line = format!(
            "{}  {} {DIM}{}{DIM:#}",
            row["state"].as_str().unwrap_or("?"),
            text(row, "event_type")?,
            text(row, "id")?
        );
        report.step(&line, json!({ "dead_letter": row["id"] }));
    }
    let ours = only.len() == 1 && only[0]["endpoint_id"] == shop.id;
    report.claim("the dead-letter list has the failed delivery and no other", ours, "");
    shop.server.come_up(runtime.handle())?;
    let path = "/v1/dead-letters/redrive";
    let dry = operator.post(path, &json!({ "endpoint_id": shop.id }))?;
    let dry_ok = dry["matched"] == 1 && dry["redriven"] == 0;
    report.claim("a redrive is a dry run unless told otherwise", dry_ok, dry.to_string());
    let wet = operator.post(path, &json!({ "endpoint_id": shop.id, "dry_run": false }))?;
    report.claim("the redrive took it", wet["redriven"] == 1, "");
    Ok(())
}

fn verify(shops: &[Shop], sent: &[Sent], report: &mut Report) -> Result<(), Box<dyn Error>> {
    for (shop, expected) in shops.iter().zip([3, 6, 1]) {
        let requests = shop.server.requests();
        let webhook = Webhook::new(&shop.secret)?;
        let (mut exact, mut signed) = (0, 0);
        for request in &requests {
            let id = request.headers.get("postback-provider-event-id");
            let original = sent.iter().find(|sent| {
                id.is_some_and(|id| id.as_bytes() == sent.provider_event_id.as_bytes())
            });
            exact += usize::from(original.is_some_and(|sent| sent.signed.body == request.body[..]));
            signed += usize::from(webhook.verify(&request.body, &request.headers).is_ok());
        }
        let accepted = requests.iter().filter(|request| request.status.is_success()).count();
        let all = requests.len();
        let detail = format!(
            "{all} requests, {accepted} answered 200, {exact} bodies exact, {signed} signatures valid"
        );
        let claim = format!("{}: byte for byte, and signed", shop.name);
        report.claim(&claim, all == expected && exact == all && signed == all, detail);
    }
    let forged = Webhook::new(&shops[0].secret)?;
    let request = shops[1].server.requests().into_iter().next().ok_or("flaky got nothing")?;
    let refused = forged.verify(&request.body, &request.headers).is_err();
    report.claim("another endpoint's secret does not verify", refused, "");
    Ok(())
}

/// The deliveries to one endpoint.
fn of<'a>(deliveries: &'a [Value], endpoint: &'a str) -> impl Iterator<Item = &'a Value> {
    deliveries.iter().filter(move |delivery| delivery["endpoint_id"] == endpoint)
}
