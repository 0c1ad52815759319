//! Why a request verifies or does not, step by step, for whoever holds the request and the secret
//! and is up at three in the morning. Made of the same pieces as [`Scheme::verify`], which has the
//! last word; nothing of it belongs into an answer over HTTP.

mod hints;

use std::borrow::Borrow;

use crate::config::Config;
use crate::digest::Tag;
use crate::input::{Input, Inputs};
use crate::refusal::Refusal;
use crate::request::{Request, trim};
use crate::scheme::Scheme;
use crate::scheme::record::{Algorithm, Kind, SignaturePlace, TimeSource, TimeUnit};
use crate::secret::Secret;
use crate::signature::Claims;
use crate::template::Filling;
use crate::time::{Tolerance, UnixTime};
use crate::verify::Verified;

/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 240;

/// What [`Scheme::explain`] found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// What was looked at, in order. After one that failed there may be others that hold.
    pub steps: Vec<Step>,
    /// What would make the request verify, if something that is often mistaken does.
    pub hints: Vec<String>,
    /// What [`Scheme::verify`] says.
    pub outcome: Result<Verified, Refusal>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// What it was about: `secrets`, `config`, `items`, `signature`, `timestamp`, `signed text`,
    /// `match` or `age`.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub holds: bool,
    /// What was found. Never a secret, and of a credential its length alone.
    pub detail: String,
}

/// Steps being gathered.
#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn add(&mut self, name: &'static str, holds: bool, detail: impl Into<String>) {
        self.0.push(Step { name, holds, detail: detail.into() });
    }
}

impl Scheme {
    /// Looks at a request as [`verify`](Self::verify) does, and says what it sees. Slow: on a
    /// mismatch it tries everything that is often mistaken, which is up to a hundred times the work.
    pub fn explain<S: Borrow<Secret>>(
        &self,
        request: &Request<'_>,
        secrets: &[S],
        config: &Config,
        tolerance: Tolerance,
        now: UnixTime,
    ) -> Explanation {
        let secrets: Vec<&Secret> = secrets.iter().map(S::borrow).collect();
        let outcome = self.verify(request, &secrets, config, tolerance, now);
        let mut steps = Steps::default();
        self.explain_setup(&secrets, config, &mut steps);
        if let Some(bytes) = self.item_in_question(request, &secrets, config, &mut steps) {
            let item = Request { body: &request.body[bytes], ..*request };
            self.explain_one(&item, &secrets, config, &mut steps);
        }
        self.explain_age(outcome, &mut steps);
        let hints = match outcome {
            Err(refusal) => hints::hints(self, request, &secrets, config, now, refusal),
            Ok(_) => Vec::new(),
        };
        Explanation { steps: steps.0, hints, outcome }
    }

    fn explain_setup(&self, secrets: &[&Secret], config: &Config, steps: &mut Steps) {
        if secrets.is_empty() {
            steps.add("secrets", false, "there is none");
        }
        for (number, secret) in (1..).zip(secrets) {
            match self.check_secret(secret) {
                Ok(()) => {
                    let chars = secret.expose().chars().count();
                    let detail = format!("number {number} has the right form, {chars} characters");
                    steps.add("secrets", true, detail);
                }
                Err(error) => steps.add("secrets", false, format!("number {number}: {error}")),
            }
        }
        match self.check_config(config) {
            Err(error) => steps.add("config", false, error.to_string()),
            Ok(()) if self.config_names().is_empty() => {}
            Ok(()) => {
                let pairs: Vec<_> =
                    config.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                steps.add("config", true, pairs.join(", "));
            }
        }
    }

    /// The part of the body to look at: all of it, or the first item that does not verify.
    fn item_in_question(
        &self,
        request: &Request<'_>,
        secrets: &[&Secret],
        config: &Config,
        steps: &mut Steps,
    ) -> Option<std::ops::Range<usize>> {
        let whole = 0..request.body.len();
        let Some(batch) = &self.batch else { return Some(whole) };
        let Some(items) = batch.items(request.body) else {
            let detail = "the body has none where the scheme has them, or says twice what they are";
            steps.add("items", !batch.is_signed_apart, detail);
            return (!batch.is_signed_apart).then_some(whole);
        };
        let count = items.len();
        if !batch.is_signed_apart {
            steps.add("items", true, format!("{count}, under one signature"));
            return Some(whole);
        }
        let verifies = |bytes: &std::ops::Range<usize>| {
            let item = Request { body: &request.body[bytes.clone()], ..*request };
            let now = UnixTime::from_secs(0);
            self.verify_one(&item, secrets, config, Tolerance::Unchecked, now).is_ok()
        };
        match items.iter().position(|bytes| !verifies(bytes)) {
            Some(position) => {
                let detail = format!("{count}; number {} does not verify", position + 1);
                steps.add("items", false, detail);
                Some(items[position].clone())
            }
            None => {
                steps.add("items", true, format!("{count}, each signed; the first one below"));
                items.first().cloned()
            }
        }
    }

    fn explain_one(
        &self,
        request: &Request<'_>,
        secrets: &[&Secret],
        config: &Config,
        steps: &mut Steps,
    ) {
        let inputs = match Inputs::read(request, &self.signed_pointers, config) {
            Ok(inputs) => inputs,
            Err(refusal) => return steps.add("signed text", false, refusal.to_string()),
        };
        if let Err(refusal) = self.refuse_repeated_id(&inputs) {
            return steps.add("signature", false, format!("event id: {refusal}"));
        }
        for place in &self.places {
            self.explain_place(place, &inputs, steps);
        }
        let Ok(values) = self.signature_values(&inputs) else { return };
        let claims = match self.claims(&values, config) {
            Ok(claims) => claims,
            Err(refusal) => return steps.add("signature", false, refusal.to_string()),
        };
        let timestamp = match self.timestamp(&inputs, claims.timestamp) {
            Ok(timestamp) => timestamp,
            Err(refusal) => return steps.add("timestamp", false, refusal.to_string()),
        };
        let text = timestamp.as_ref().map(|timestamp| timestamp.text.as_ref());
        if let (Some(text), Some(time)) = (text, &self.time) {
            let from = match &time.from {
                TimeSource::Element(key) => format!("`{key}` beside the signature"),
                TimeSource::Input(input) => self.place_name(input),
            };
            steps.add("timestamp", true, format!("{from}: {}", shown(text)));
        }
        self.explain_text(&inputs, text, steps);
        self.explain_match(&inputs, &claims, text, secrets, steps);
    }

    fn explain_place(&self, place: &SignaturePlace, inputs: &Inputs<'_>, steps: &mut Steps) {
        let name = self.place_name(&place.from);
        match (&place.from, inputs.get(&place.from)) {
            (_, Ok(Some(value))) => {
                let is_credential = matches!(self.kind, Kind::Token | Kind::Basic);
                let detail = if is_credential {
                    format!("{name}: {} characters", value.len())
                } else {
                    format!("{name}: {}", shown(&value))
                };
                steps.add("signature", !trim(&value).is_empty(), detail);
            }
            (Input::Header(_), Err(_)) if place.any_line => {
                steps.add("signature", true, format!("{name}: several lines, each is tried"));
            }
            (_, Err(refusal)) => steps.add("signature", false, format!("{name}: {refusal}")),
            (_, Ok(None)) => {
                let is_only = self.places.len() == 1;
                steps.add("signature", !is_only, format!("{name} is not in the request"));
            }
        }
    }

    fn explain_text(&self, inputs: &Inputs<'_>, timestamp: Option<&[u8]>, steps: &mut Steps) {
        let Kind::Signed(signed) = &self.kind else { return };
        // The text as it would be with a secret that anybody may see.
        let secret = Secret::new("‹secret›");
        let filling = Filling { inputs, timestamp, secret: &secret };
        for text in signed.texts.iter().take(1) {
            match text.bytes(&filling) {
                Ok(bytes) => {
                    let detail = format!("{} bytes: {}", bytes.len(), shown(&bytes));
                    steps.add("signed text", true, detail);
                }
                Err(refusal) => steps.add("signed text", false, refusal.to_string()),
            }
        }
    }

    fn explain_match(
        &self,
        inputs: &Inputs<'_>,
        claims: &Claims<'_>,
        timestamp: Option<&[u8]>,
        secrets: &[&Secret],
        steps: &mut Steps,
    ) {
        for (number, secret) in (1..).zip(secrets) {
            let filling = Filling { inputs, timestamp, secret };
            let matches = self.matching_secret(inputs, claims, timestamp, &[*secret]).is_ok();
            let expected = match &self.kind {
                Kind::Token | Kind::Basic => {
                    format!("is of {} characters", secret.expose().chars().count())
                }
                Kind::Signed(signed) if matches!(signed.algorithm, Algorithm::Rsa(_)) => {
                    "is a public key".to_owned()
                }
                Kind::Signed(signed) => {
                    let tag: Option<Tag> = signed
                        .hasher(secret)
                        .ok()
                        .zip(signed.texts.first())
                        .and_then(|(hasher, text)| text.tag(hasher, &filling).ok());
                    match (tag, self.places.first()) {
                        (Some(tag), Some(place)) => {
                            format!("would make {}", place.encoding.encode(&tag))
                        }
                        _ => "can make no signature of this".to_owned(),
                    }
                }
            };
            let verdict = if matches { "matches" } else { "does not match" };
            steps.add("match", matches, format!("secret {number} {verdict}; it {expected}"));
        }
    }

    fn explain_age(&self, outcome: Result<Verified, Refusal>, steps: &mut Steps) {
        match outcome {
            Ok(_) if self.has_time() => {
                steps.add("age", true, "within the tolerance, or unchecked")
            }
            Err(refusal @ (Refusal::StaleTimestamp | Refusal::FutureTimestamp)) => {
                let unit = match self.time.as_ref().map(|time| time.unit) {
                    Some(TimeUnit::Millis) => "milliseconds",
                    Some(TimeUnit::Rfc3339) => "RFC 3339",
                    Some(TimeUnit::Seconds) | None => "seconds",
                };
                steps.add("age", false, format!("{refusal}; it is read as {unit}"));
            }
            _ => {}
        }
    }

    /// What a place is called where people look for it.
    fn place_name(&self, input: &Input) -> String {
        match input {
            Input::Header(name) => format!("header `{name}`"),
            Input::Query(name) => format!("query parameter `{name}`"),
            Input::Form(name) => format!("form field `{name}`"),
            Input::Json(slot) => {
                format!("`{}` of the body", self.signed_pointers.written_as(*slot))
            }
        }
    }
}

/// Bytes as text on one line, cut in the middle: beginnings and ends are where mistakes are.
fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes)
        .chars()
        .flat_map(|char| {
            let escaped: String =
                if char.is_control() { char.escape_default().collect() } else { char.to_string() };
            escaped.chars().collect::<Vec<_>>()
        })
        .collect();
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= SHOWN_CHARS {
        return text;
    }
    let (front, back) = (&chars[..SHOWN_CHARS / 2], &chars[chars.len() - SHOWN_CHARS / 2..]);
    format!("{} … {}", front.iter().collect::<String>(), back.iter().collect::<String>())
}

#[cfg(test)]
mod tests;
