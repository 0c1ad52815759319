//! Calls the API of a running Postback for the commands that show and change things. What is
//! refused is told in the API's own words, with what to do about it.

mod profile;

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use anstream::eprintln;
use clap::Args;
use postback_verify::Secret;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Request;
use url::form_urlencoded;

use crate::send;
use crate::terminal::WAITING;

pub(crate) use profile::{ProfileCommand, run as run_profile};

/// Rows that are asked for at once.
const PAGE_ROWS: u32 = 100;

/// Where a server is when nobody says.
const HERE: &str = "http://127.0.0.1:8080";

/// Between two calls to a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which server, and as whom. The names are of this struct alone: what is global here would take the
/// place of a command's own argument of the same name.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct RemoteArguments {
    /// A server that `postback profile add` has kept; the one in use if not given
    #[arg(long = "profile", global = true, env = "POSTBACK_PROFILE", value_name = "NAME")]
    server_profile: Option<String>,

    /// The server itself
    #[arg(long = "url", global = true, env = "POSTBACK_URL", value_name = "URL")]
    server_url: Option<String>,

    /// A key of the operator or a merchant
    #[arg(
        long = "key",
        global = true,
        env = "POSTBACK_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    server_key: Option<String>,

    /// The merchant that an operator acts for
    #[arg(long = "merchant", global = true, value_name = "MERCHANT_ID")]
    server_merchant: Option<String>,

    /// Print JSON as the API has it
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A server and a key to it.
pub(crate) struct Remote {
    agent: Agent,
    url: String,
    key: Secret,
    merchant: Option<String>,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error(
        "no key: give --key or POSTBACK_KEY, or keep one with `postback profile add NAME --url URL`"
    )]
    NoKey,
    #[error("nobody answers at {url}: is `postback serve` running there?")]
    NoAnswer {
        url: String,
        #[source]
        source: Box<ureq::Error>,
    },
    #[error("{url} cannot answer just now (status {status}); try again in a moment")]
    Unavailable { url: String, status: u16 },
    #[error("{detail}{advice}")]
    Refused { detail: String, advice: &'static str },
    #[error("{url} does not answer like Postback: is it the right URL?")]
    NotPostback { url: String },
}

impl Remote {
    /// What the arguments, the environment and the profile in use say, in this order.
    pub(crate) fn new(arguments: &RemoteArguments) -> Result<Self, Box<dyn Error>> {
        let kept = profile::find(arguments.server_profile.as_deref())?;
        let url = arguments.server_url.clone().or(kept.as_ref().map(|kept| kept.url.clone()));
        let key = arguments.server_key.clone().or(kept.map(|kept| kept.key));
        Ok(Self {
            agent: send::agent(),
            url: url.unwrap_or_else(|| HERE.to_owned()).trim_end_matches('/').to_owned(),
            key: Secret::new(key.ok_or(RemoteError::NoKey)?),
            merchant: arguments.server_merchant.clone(),
        })
    }

    /// The merchant that was named, for what is given in a body.
    pub(crate) fn merchant(&self) -> Option<&str> {
        self.merchant.as_deref()
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value, RemoteError> {
        self.call("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, RemoteError> {
        self.call("POST", path, Some(body))
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Result<Value, RemoteError> {
        self.call("PATCH", path, Some(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Value, RemoteError> {
        self.call("DELETE", path, None)
    }

    /// Does something until somebody answers, for commands that run on and on. Says once that it
    /// waits, and once that it no longer does.
    pub(crate) fn patiently<T>(
        &self,
        mut call: impl FnMut() -> Result<T, RemoteError>,
    ) -> Result<T, RemoteError> {
        let mut is_waiting = false;
        loop {
            match call() {
                Err(RemoteError::NoAnswer { .. } | RemoteError::Unavailable { .. }) => {
                    if !is_waiting {
                        eprintln!("{WAITING}nobody answers at {}; waiting{WAITING:#}", self.url);
                    }
                    is_waiting = true;
                    sleep(PATIENCE);
                }
                outcome => {
                    if is_waiting {
                        eprintln!("{WAITING}{} is there again{WAITING:#}", self.url);
                    }
                    return outcome;
                }
            }
        }
    }

    /// The newest rows of a list, at most `limit`.
    pub(crate) fn list(
        &self,
        path: &str,
        filters: &[(&str, Option<&str>)],
        limit: u32,
    ) -> Result<Vec<Value>, RemoteError> {
        let mut rows: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let missing = limit - u32::try_from(rows.len()).unwrap_or(limit).min(limit);
            let page_rows = missing.min(PAGE_ROWS).to_string();
            let mut target = with_query(path, &[("limit", Some(&page_rows))]);
            target = with_query(&target, filters);
            target = with_query(&target, &[("cursor", cursor.as_deref())]);
            let page = self.get(&target)?;
            rows.extend(page["data"].as_array().cloned().unwrap_or_default());
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() || rows.len() >= limit as usize {
                return Ok(rows);
            }
        }
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, RemoteError> {
        let path = with_query(path, &[("merchant_id", self.merchant_for(path))]);
        let url = format!("{}{path}", self.url);
        let request = Request::builder()
            .method(method)
            .uri(&url)
            .header("authorization", format!("Bearer {}", self.key.expose()))
            .header("content-type", "application/json")
            .body(body.map(ToString::to_string).unwrap_or_default());
        let not_postback = || RemoteError::NotPostback { url: self.url.clone() };
        let request = request.map_err(|_| not_postback())?;
        let mut answer = self.agent.run(request).map_err(|source| RemoteError::NoAnswer {
            url: self.url.clone(),
            source: Box::new(source),
        })?;
        let status = answer.status().as_u16();
        if matches!(status, 429 | 502..=504) {
            return Err(RemoteError::Unavailable { url: self.url.clone(), status });
        }
        let text = answer.body_mut().read_to_string().map_err(|_| not_postback())?;
        let value = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
        let value: Value = value.map_err(|_| not_postback())?;
        if (200..300).contains(&status) {
            return Ok(value);
        }
        let detail = value["detail"].as_str().or(value["title"].as_str()).unwrap_or("refused");
        Err(RemoteError::Refused { detail: detail.to_owned(), advice: advice(&value) })
    }

    /// Only some routes know the parameter; the others are the operator's own.
    fn merchant_for(&self, path: &str) -> Option<&str> {
        let nouns =
            ["endpoints", "recoveries", "events", "deliveries", "account", "failed", "audit"];
        let is_merchants = nouns
            .iter()
            .any(|noun| path.strip_prefix("/v1/").is_some_and(|path| path.starts_with(noun)));
        self.merchant.as_deref().filter(|_| is_merchants || path.starts_with("/v1/sources?"))
    }
}

/// What to do about a refusal, behind what it says.
fn advice(problem: &Value) -> &'static str {
    match problem["code"].as_str() {
        Some("unauthenticated") => {
            "\n  the key is not known there: look at --key, POSTBACK_KEY and `postback profile list`"
        }
        Some("scope_missing") => {
            "\n  make one that has it: `postback merchants add-key ID NAME --scopes …`"
        }
        Some("admin_only") => "\n  use the operator's key, which `postback serve` printed once",
        Some("missing_field") if problem["field"] == "merchant_id" => {
            "\n  an operator says for which merchant: --merchant mch_…"
        }
        _ => "",
    }
}

/// Adds the parameters that have a value.
fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut path = path.to_owned();
    for (name, value) in parameters {
        if let Some(value) = value {
            path.push(if path.contains('?') { '&' } else { '?' });
            path +=
                &form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        }
    }
    path
}

/// The fields that have a value, as a body.
pub(crate) fn body(fields: &[(&str, Option<Value>)]) -> Value {
    let mut body = json!({});
    for (name, value) in fields {
        if let Some(value) = value {
            body[*name] = value.clone();
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_and_left_out() {
        let query = with_query("/v1/events", &[("type", Some("charge.*&x")), ("since", None)]);
        assert_eq!(query, "/v1/events?type=charge.*%26x");
        assert_eq!(with_query(&query, &[("limit", Some("1"))]), format!("{query}&limit=1"));
        assert_eq!(body(&[("a", Some(json!(1))), ("b", None)]), json!({"a": 1}));
    }
}
