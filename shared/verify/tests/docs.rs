//! `shared/docs/presets.md` is made of the presets, and this test keeps it so. After a change:
//! `POSTBACK_WRITE_DOCS=1 cargo test -p postback-verify --test docs`.

use std::path::Path;

use postback_verify::{Preset, presets};
use serde_json::Value;

#[test]
fn the_page_of_presets_is_in_step() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/presets.md");
    let page = page();
    if std::env::var_os("POSTBACK_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let line = (1..).zip(written.lines().zip(page.lines())).find(|(_, (old, new))| old != new);
    assert!(
        written == page,
        "shared/docs/presets.md is out of step at {line:?}; the head of this test says how to \
         write it anew"
    );
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    page += "| preset | signature | algorithm | body | tolerance | event id | event type |\n";
    page += "|---|---|---|---|---|---|---|\n";
    for preset in presets() {
        let record = record(preset);
        page += &format!(
            "| [`{name}`](#{name}) | {} | {} | {} | {} | {} | {} |\n",
            places(&record),
            algorithm(&record),
            if preset.covers_body { "covered" } else { "**not covered**" },
            tolerance(&record),
            selector(&record["id"], "SHA-256 of the event"),
            selector(&record["type"], "`unknown`"),
            name = preset.name,
        );
    }
    for preset in presets() {
        page += &section(preset);
    }
    page
}

const HEAD: &str = "\
# The presets

Made from `shared/verify/presets/` by `shared/verify/tests/docs.rs`; not edited by hand. The words are those of the vocabulary in `shared/verify/README.md`. `GET /v1/presets` and `postback presets` say the same.

- **signature**: where it stands. **algorithm**: how it is made; what is in braces is signed.
- **body**: whether the signature binds all of it. If not, whatever it does not bind may have been changed on the way, and the event should be confirmed with the provider.
- **tolerance**: how far a signed time may be from the clock unless a source says otherwise. Without one, a replay is recognised by the event id alone.
- **confidence**, three letters, for signature, id and type, answer and retries: V read in or run against an official library, D official documentation, O source of a payment orchestrator, S secondary sources, ? not known.

";

fn section(preset: &Preset) -> String {
    let record = record(preset);
    let mut text = format!(
        "\n## {}\n\n{} · [documentation]({}) · confidence {}\n\n",
        preset.name, preset.title, preset.docs, preset.confidence
    );
    text += &format!("- Signed text: {}\n", signed_text(&record));
    if !preset.scheme.config_names().is_empty() {
        text += &format!("- Config: `{}`\n", preset.scheme.config_names().join("`, `"));
    }
    if preset.scheme.is_batch() {
        let place = [&record["each"], &record["item"]].map(|part| part.as_str().unwrap_or(""));
        text +=
            &format!("- A request may be several events: those at `{}/n{}`\n", place[0], place[1]);
    }
    for handshake in record["handshakes"].as_array().into_iter().flatten() {
        text += &format!("- Answered without an event: {}\n", conditions(handshake));
    }
    let ack = preset.ack();
    if !ack.body.is_empty() {
        text += &format!("- Answer: {} with `{}`\n", ack.status, ack.body);
    }
    text += &format!("- The provider expects: {}\n", preset.expects);
    for caveat in &preset.caveats {
        text += &format!("- {caveat}\n");
    }
    text
}

fn record(preset: &Preset) -> Value {
    serde_json::from_str(preset.scheme.as_json()).expect("JSON")
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Fit for a cell of a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn places(record: &Value) -> String {
    let places = record["sig"].as_array().into_iter().flatten().map(|place| {
        let text = |name: &str| place[name].as_str();
        let (kind, name) = text("from").and_then(|from| from.split_once(':')).expect("a place");
        let place_name = match kind {
            "header" => code(name),
            "json" => format!("{} in the body", code(name)),
            other => format!("{other} {}", code(name)),
        };
        let keys = texts(&place["kv"]);
        let separator = text("kvsep").unwrap_or("=");
        let form = if keys.is_empty() {
            text("prefix").map(|prefix| format!(" {}", code(&format!("{prefix}…"))))
        } else {
            let singles = texts(&place["single"]);
            let parts: Vec<_> =
                singles.into_iter().chain(keys).map(|key| format!("{key}{separator}…")).collect();
            Some(format!(" {}", code(&parts.join(text("split").unwrap_or(" ")))))
        };
        format!("{place_name}{}", form.unwrap_or_default())
    });
    places.collect::<Vec<_>>().join("<br>")
}

fn algorithm(record: &Value) -> String {
    let hash = record["hash"].as_str().unwrap_or_default().to_uppercase().replace("SHA", "SHA-");
    let enc = record["sig"][0]["enc"].as_str().unwrap_or_default();
    let key = match record["key"]["enc"].as_str() {
        Some("base64") => ", key base64",
        Some("hex") => ", key hex",
        _ => "",
    };
    match record["kind"].as_str() {
        Some("hmac") => format!("HMAC-{}{key}; {enc}", hash.replace('-', "")),
        Some("digest") => format!("{hash} with the secret inside; {enc}"),
        Some("rsa") => format!("RSA with {hash}; {enc}"),
        Some("basic") => "HTTP Basic".to_owned(),
        _ => "fixed token".to_owned(),
    }
}

fn signed_text(record: &Value) -> String {
    let text = |name: &str| record[name].as_str();
    match (text("msg"), text("msg_alt")) {
        (Some(text), None) => code(text),
        (Some(text), Some(other)) => {
            format!("{} or {}", code(text), code(&other.escape_default().to_string()))
        }
        (None, _) => "none: the credential is all there is".to_owned(),
    }
}

fn tolerance(record: &Value) -> String {
    let time = &record["ts"];
    match time["tol"].as_u64() {
        Some(secs) => format!("{secs} s"),
        None if time["opaque"] == true => "signed, not read".to_owned(),
        None if time.is_object() => "not checked".to_owned(),
        None => "–".to_owned(),
    }
}

fn selector(parts: &Value, without: &str) -> String {
    let parts = texts(parts);
    if parts.is_empty() {
        return without.to_owned();
    }
    let shown = parts.into_iter().map(|part| match part.split_once(':') {
        _ if part.starts_with('=') => code(&part[1..]),
        Some(("json", pointer)) => code(pointer),
        Some((kind, name)) => format!("{kind} {}", code(name)),
        None => code(part),
    });
    shown.collect::<Vec<_>>().join(" + ")
}

fn conditions(handshake: &Value) -> String {
    let method = handshake["method"].as_str().unwrap_or("POST");
    let signed = if handshake["unsigned"] == true { "" } else { "signed " };
    let when = handshake["when"].as_array().into_iter().flatten().map(|condition| {
        let from = condition["from"].as_str().unwrap_or_default();
        let subject = match from.split_once(':') {
            None => "body".to_owned(),
            Some(("json", pointer)) => format!("{} of the body", code(pointer)),
            Some((kind, name)) => format!("{kind} {}", code(name)),
        };
        let is = |name: &str| condition[name].as_str();
        match (is("is"), is("digits_after"), &condition["present"]) {
            (Some(""), _, _) => format!("an empty {subject}"),
            (Some(text), _, _) => format!("{subject} {}", code(text)),
            (_, Some(text), _) => format!("{subject} {} and digits", code(text)),
            (_, _, Value::Bool(true)) => format!("{subject} there"),
            (_, _, Value::Bool(false)) => format!("{subject} not there"),
            _ => format!(
                "{subject} of {} to {} hexadecimal digits",
                condition["hex"][0], condition["hex"][1]
            ),
        }
    });
    format!("{signed}{method} with {}", when.collect::<Vec<_>>().join(", "))
}
