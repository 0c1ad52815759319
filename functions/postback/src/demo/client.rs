//! Everybody who calls Postback over HTTP: the operator, the merchant, the provider.

use std::error::Error;

use postback_verify::Secret;
use serde_json::Value;
use ureq::Agent;

use crate::send;

/// A caller of the API with a key.
pub(super) struct Client {
    agent: Agent,
    base: String,
    key: Secret,
}

impl Client {
    pub(super) fn new(base: &str, key: &Secret) -> Self {
        Self { agent: send::agent(), base: base.to_owned(), key: key.clone() }
    }

    /// The same server with another key.
    pub(super) fn with_key(&self, key: &Secret) -> Self {
        Self { agent: self.agent.clone(), base: self.base.clone(), key: key.clone() }
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Box<dyn Error>> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let answer = request.header("authorization", self.bearer()).call()?;
        self.read("GET", path, answer)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Box<dyn Error>> {
        let request = self.agent.post(format!("{}{path}", self.base));
        let request = request.header("content-type", "application/json");
        let answer = request.header("authorization", self.bearer()).send(body.to_string())?;
        self.read("POST", path, answer)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.key.expose())
    }

    fn read(
        &self,
        method: &str,
        path: &str,
        mut answer: ureq::http::Response<ureq::Body>,
    ) -> Result<Value, Box<dyn Error>> {
        let status = answer.status();
        let text = answer.body_mut().read_to_string()?;
        if !status.is_success() {
            return Err(format!("{method} {path} was answered with {status}: {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }
}

/// A text of an answer that must be there.
pub(super) fn text<'a>(answer: &'a Value, field: &str) -> Result<&'a str, Box<dyn Error>> {
    answer[field].as_str().ok_or_else(|| format!("the answer has no `{field}`: {answer}").into())
}
