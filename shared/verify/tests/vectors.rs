//! Every shipped preset against the vectors of its provider.
//!
//! `tests/data/vectors.json` holds the vectors of the shipped presets. The full set, with providers
//! that are not shipped, lives outside this repository; where it is found (`POSTBACK_VECTORS` names
//! its folder, by default `../shared/providers` beside the repository), it is checked too, and the
//! copy must not have drifted from it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postback_verify::{
    Config, IdOrigin, Preset, Request, Secret, Tolerance, UNKNOWN_TYPE, UnixTime, preset, presets,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    id: String,
    provider: String,
    description: String,
    secrets: Vec<String>,
    config: Config,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
    now: u64,
    tolerance_s: Option<u64>,
    expect: String,
    reason_code: Option<String>,
    event_id: Option<String>,
    event_type: Option<String>,
}

impl Vector {
    fn body(&self) -> Vec<u8> {
        match (&self.body, &self.body_base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).expect("base64"),
            _ => panic!("{}: one of body and body_base64", self.id),
        }
    }

    /// Checks one vector; the error says what differs.
    fn check(&self, preset: &Preset) -> Result<(), String> {
        let body = self.body();
        let request = Request {
            query: self.url.split_once('?').map_or("", |(_, query)| query),
            headers: &self.headers,
            body: &body,
        };
        let secrets: Vec<_> = self.secrets.iter().map(Secret::new).collect();
        for secret in &secrets {
            preset.scheme.check_secret(secret).map_err(|error| error.to_string())?;
        }
        preset.scheme.check_config(&self.config).map_err(|error| error.to_string())?;
        let tolerance = self.tolerance_s.map_or(Tolerance::Unchecked, |secs| {
            Tolerance::Within(std::time::Duration::from_secs(secs))
        });
        let now = UnixTime::from_secs(self.now);
        let outcome = preset.scheme.verify(&request, &secrets, &self.config, tolerance, now);
        let got = match outcome {
            Ok(_) => "accept".to_owned(),
            Err(refusal) => format!("reject {}", refusal.code()),
        };
        let expected = match self.expect.as_str() {
            "accept" => "accept".to_owned(),
            "reject" => {
                format!("reject {}", self.reason_code.as_deref().expect("rejects have a code"))
            }
            other => panic!("{}: unknown expectation {other}", self.id),
        };
        if got != expected {
            return Err(format!("expected {expected}, got {got}"));
        }
        if outcome.is_err() {
            return Ok(());
        }
        let identity = preset.scheme.identify(&request);
        let id = match identity.id_origin {
            IdOrigin::Provider => Some(identity.provider_event_id.as_str()),
            IdOrigin::BodyHash if identity.provider_event_id.len() == 64 => None,
            IdOrigin::BodyHash => return Err("fallback id is no SHA-256".to_owned()),
        };
        if id != self.event_id.as_deref() {
            return Err(format!("expected id {:?}, got {id:?}", self.event_id));
        }
        let expected_type = self.event_type.as_deref().unwrap_or(UNKNOWN_TYPE);
        if identity.event_type != expected_type {
            return Err(format!("expected type {expected_type}, got {}", identity.event_type));
        }
        Ok(())
    }
}

fn copy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors.json")
}

/// The full set, if it is at hand. A folder that was named and does not have it is a mistake.
fn original() -> Option<PathBuf> {
    if let Ok(folder) = std::env::var("POSTBACK_VECTORS") {
        return Some(Path::new(&folder).join("vectors.json"));
    }
    let beside =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/providers/vectors.json");
    beside.exists().then_some(beside)
}

fn load<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("cannot parse {}: {error}", path.display()))
}

fn check_all(path: &Path) {
    let vectors: Vec<Vector> = load(path);
    let mut counts = BTreeMap::new();
    let mut failures = Vec::new();
    for vector in &vectors {
        let Some(preset) = preset(&vector.provider) else { continue };
        *counts.entry(preset.name.as_str()).or_insert(0) += 1;
        if let Err(difference) = vector.check(preset) {
            failures.push(format!("{} ({}): {difference}", vector.id, vector.description));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
    for preset in presets() {
        let count = counts.get(preset.name.as_str()).copied().unwrap_or(0);
        assert!(count > 0, "no vectors for {} in {}", preset.name, path.display());
    }
}

#[test]
fn copied_vectors_hold() {
    check_all(&copy());
}

#[test]
fn original_vectors_hold() {
    if let Some(original) = original() {
        check_all(&original);
    }
}

#[test]
fn copy_has_not_drifted() {
    let Some(original) = original() else { return };
    let shipped = |path: &Path| -> BTreeMap<String, serde_json::Value> {
        let vectors: Vec<serde_json::Value> = load(path);
        vectors
            .into_iter()
            .filter(|vector| preset(vector["provider"].as_str().expect("a provider")).is_some())
            .map(|vector| (vector["id"].as_str().expect("an id").to_owned(), vector))
            .collect()
    };
    let (copied, original) = (shipped(&copy()), shipped(&original));
    let names = |vectors: &BTreeMap<String, serde_json::Value>| {
        vectors.keys().cloned().collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&copied), names(&original));
    for (id, vector) in &original {
        assert_eq!(&copied[id], vector, "{id} differs in the copy");
    }
}
