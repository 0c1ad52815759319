//! Requests as providers make them, and as forgers do, each with what must become of it. Every way
//! into Postback is tried with all of them.
//!
//! They lie in `shared/verify/tests/data`: `vectors.json` is a copy of a set that is kept outside
//! of this repository, `vectors-more.json` is made by the script beside it for the providers that
//! the set does not have. Every vector says how it was made and which vendor's library agrees.

mod expected;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

pub use expected::ExpectedEvent;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Vector {
    /// The preset and a number.
    pub id: String,
    /// The preset.
    pub provider: String,
    /// What is special about it.
    pub description: String,
    /// What the source is configured with.
    pub secrets: Vec<String>,
    /// The inputs that are not secret.
    pub config: BTreeMap<String, String>,
    /// Always `POST` so far.
    pub method: String,
    /// As the provider has it; the query is part of the request.
    pub url: String,
    /// In order; a name may come twice.
    pub headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
    /// What time it is, in seconds since 1970.
    pub now: u64,
    /// The tolerance of the source in seconds; without one the age is not checked.
    pub tolerance_s: Option<u64>,
    /// What must become of it.
    pub expect: Expectation,
    /// Why it is refused.
    pub reason_code: Option<String>,
    /// What the provider calls the event; nothing if that cannot be read.
    event_id: Option<String>,
    event_type: Option<String>,
}

/// What must become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expectation {
    /// It is signed by one of the secrets.
    Accept,
    /// It is not.
    Reject,
}

impl Vector {
    /// The bytes of the body.
    ///
    /// # Panics
    /// When the vector has none, or two.
    pub fn body(&self) -> Vec<u8> {
        match (&self.body, &self.body_base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).expect("base64"),
            _ => panic!("{}: one of body and body_base64", self.id),
        }
    }

    /// The query string without the `?`.
    pub fn query(&self) -> &str {
        self.url.split_once('?').map_or("", |(_, query)| query)
    }

    /// Whether it must be taken.
    pub fn is_accepted(&self) -> bool {
        self.expect == Expectation::Accept
    }

    /// Whether it is a provider's look at registration: answered, and no event. Some are unsigned,
    /// so that verification alone refuses them.
    pub fn is_handshake(&self) -> bool {
        expected::is_handshake(self)
    }

    /// The events that an accepted request is, in order.
    pub fn events(&self) -> Vec<ExpectedEvent> {
        expected::events(self, self.event_id.as_deref(), self.event_type.as_deref())
    }
}

/// Every vector of this repository.
pub fn all() -> Vec<Vector> {
    let mut vectors: Vec<Vector> = load(&data("vectors.json"));
    vectors.extend(load::<Vec<Vector>>(&data("vectors-more.json")));
    vectors
}

/// The copied ones, and the set they were copied from if it is at hand, both as they are written.
/// `POSTBACK_VECTORS` names its folder, by default `../shared/providers` beside the repository. A
/// folder that was named and does not have it is a mistake.
pub fn copy_and_original() -> Option<(serde_json::Value, serde_json::Value)> {
    let original = match std::env::var("POSTBACK_VECTORS") {
        Ok(folder) => Path::new(&folder).join("vectors.json"),
        Err(_) => {
            let beside = root().join("../shared/providers/vectors.json");
            if !beside.exists() {
                return None;
            }
            beside
        }
    };
    Some((load(&data("vectors.json")), load(&original)))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn data(file: &str) -> PathBuf {
    root().join("shared/verify/tests/data").join(file)
}

fn load<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("cannot parse {}: {error}", path.display()))
}
