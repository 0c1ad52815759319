//! Sets a scenario up through the public API, as a customer would.
//!
//! A plain blocking client with one connection a request: nothing here is timed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::{Doing, Failure};
use crate::receiver::EndpointSecret;
use crate::wire::Head;

/// No call of the API takes so long.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A caller of the API with one key. Has no `Debug`, so that the key is never printed.
#[derive(Clone)]
pub(crate) struct Api {
    address: SocketAddr,
    key: String,
}

/// A merchant of its own with a Stripe source, made for one scenario.
pub(crate) struct Merchant {
    api: Api,
    /// The path of the source's ingest URL.
    pub(crate) ingest_path: String,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

#[derive(Deserialize)]
struct CreatedKey {
    key: String,
}

#[derive(Deserialize)]
struct CreatedSource {
    ingest_url: String,
}

#[derive(Deserialize)]
struct CreatedEndpoint {
    secret: String,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Value>,
}

impl Api {
    /// A caller with the admin key.
    pub(crate) fn admin(address: SocketAddr, key: &str) -> Self {
        Self { address, key: key.to_owned() }
    }

    /// Whether the server says that it is healthy.
    pub(crate) fn is_healthy(address: SocketAddr) -> bool {
        let api = Self { address, key: String::new() };
        matches!(api.call("GET", "/healthz", None), Ok((200, _)))
    }

    /// Creates a merchant with an API key and a Stripe source that signs with `stripe_secret`.
    ///
    /// # Errors
    /// Where the API refuses, or answers other than its contract says.
    pub(crate) fn create_merchant(
        &self,
        name: &str,
        stripe_secret: &str,
    ) -> Result<Merchant, Failure> {
        let merchant: Created = self.post("/v1/merchants", &json!({ "name": name }))?;
        let keys = format!("/v1/merchants/{}/keys", merchant.id);
        let key = json!({ "name": "bench", "scopes": ["read", "write"] });
        let key: CreatedKey = self.post(&keys, &key)?;
        let source = json!({
            "merchant_id": merchant.id, "preset": "stripe", "secrets": [stripe_secret],
        });
        let source: CreatedSource = self.post("/v1/sources", &source)?;
        let ingest_path = path_of(&source.ingest_url)
            .ok_or_else(|| Failure::new("the ingest_url of the new source has no path"))?;
        let api = Self { address: self.address, key: key.key };
        Ok(Merchant { api, ingest_path: ingest_path.to_owned() })
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failure> {
        self.expect_2xx("POST", path, Some(body))
    }

    fn expect_2xx<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        let doing = || format!("{method} {path} at {}", self.address);
        let (status, answer) = self.call(method, path, body).doing(doing)?;
        if !(200..300).contains(&status) {
            let text = String::from_utf8_lossy(&answer);
            return Err(Failure::new(format!("{} was answered {status}: {text}", doing())));
        }
        serde_json::from_slice(&answer).doing(|| format!("{} was answered unreadably", doing()))
    }

    fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> std::io::Result<(u16, Vec<u8>)> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            self.key,
            body.len()
        );
        let mut stream = TcpStream::connect_timeout(&self.address, CALL_TIMEOUT)?;
        stream.set_read_timeout(Some(CALL_TIMEOUT))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let head = Head::parse(&answer).map_err(std::io::Error::other)?;
        let cut_off = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let head = head.ok_or_else(cut_off)?;
        let body = answer.get(head.head_bytes..head.message_bytes()).ok_or_else(cut_off)?;
        Ok((head.status().map_err(std::io::Error::other)?, body.to_vec()))
    }
}

impl Merchant {
    /// Creates an endpoint that wants every event. `waits_s` replaces the waits between tries,
    /// where given.
    ///
    /// # Errors
    /// Where the API refuses, or answers other than its contract says.
    pub(crate) fn create_endpoint(
        &self,
        url: &str,
        waits_s: Option<&[u64]>,
    ) -> Result<EndpointSecret, Failure> {
        let mut endpoint = json!({ "url": url });
        if let Some(waits_s) = waits_s {
            endpoint["retry_policy"] = json!({ "waits_s": waits_s });
        }
        let created: CreatedEndpoint = self.api.post("/v1/endpoints", &endpoint)?;
        EndpointSecret::parse(&created.secret)
    }

    /// Whether the merchant has any delivery in `state`.
    ///
    /// # Errors
    /// Where the API refuses, or answers other than its contract says.
    pub(crate) fn has_delivery_in(&self, state: &str) -> Result<bool, Failure> {
        let path = format!("/v1/deliveries?state={state}&limit=1");
        let page: Page = self.api.expect_2xx("GET", &path, None)?;
        Ok(!page.data.is_empty())
    }

    /// The same merchant on a server that has moved to another address.
    pub(crate) fn moved_to(&self, address: SocketAddr) -> Self {
        let api = Api { address, key: self.api.key.clone() };
        Self { api, ingest_path: self.ingest_path.clone() }
    }
}

/// The path of a URL, or of what is a path already.
fn path_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map(|at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_ingest_url() {
        let rows = [
            ("http://127.0.0.1:8080/in/src_1", Some("/in/src_1")),
            ("https://hooks.example.test/in/src_1", Some("/in/src_1")),
            ("/in/src_1", Some("/in/src_1")),
            ("http://127.0.0.1:8080", None),
        ];
        for (url, path) in rows {
            assert_eq!(path_of(url), path, "{url}");
        }
    }
}
