//! What is often mistaken, tried out: a body that something on the way has changed, a key that was
//! taken in the wrong form, a value of another mode, another provider's scheme.

use serde_json::Value;

use crate::config::Config;
use crate::preset::presets;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::scheme::Scheme;
use crate::secret::Secret;
use crate::time::{Tolerance, UnixTime};

/// Everything that makes the request verify. The age is not looked at, except where it is all that
/// is wrong.
pub(super) fn hints(
    scheme: &Scheme,
    request: &Request<'_>,
    secrets: &[&Secret],
    config: &Config,
    now: UnixTime,
    refusal: Refusal,
) -> Vec<String> {
    if matches!(refusal, Refusal::StaleTimestamp | Refusal::FutureTimestamp) {
        let advice = "the signature is right: only the time is wrong. Say --at for a request that \
                      was captured earlier, or look at the clock of this machine";
        return vec![advice.to_owned()];
    }
    let tries = Tries { request, secrets, config, now };
    let mut hints = tries.bodies(scheme);
    hints.extend(tries.secrets(scheme));
    hints.extend(tries.keys(scheme));
    hints.extend(tries.modes(scheme));
    hints.extend(tries.presets(scheme));
    if hints.is_empty() && refusal == Refusal::SignatureMismatch {
        hints.push(
            "nothing that is often mistaken makes it match: most likely it is another secret, or \
             the body was captured after something had read and written it"
                .to_owned(),
        );
    }
    hints
}

/// What stays the same between tries.
struct Tries<'t> {
    request: &'t Request<'t>,
    secrets: &'t [&'t Secret],
    config: &'t Config,
    now: UnixTime,
}

impl Tries<'_> {
    fn accepts(&self, scheme: &Scheme) -> bool {
        self.accepts_of(scheme, self.request.body, self.secrets, self.config)
    }

    fn accepts_of(
        &self,
        scheme: &Scheme,
        body: &[u8],
        secrets: &[&Secret],
        config: &Config,
    ) -> bool {
        let request = Request { body, ..*self.request };
        scheme.verify(&request, secrets, config, Tolerance::Unchecked, self.now).is_ok()
    }

    /// Bodies that editors, shells, proxies and frameworks make of the right one.
    fn bodies(&self, scheme: &Scheme) -> Vec<String> {
        let body = self.request.body;
        let trimmed = body.trim_ascii_end();
        let with = |end: &[u8]| [trimmed, end].concat();
        let text = String::from_utf8_lossy(body);
        let json: Option<Value> = serde_json::from_slice(body).ok();
        let compact = json.as_ref().map(|json| json.to_string().into_bytes());
        let pretty = json.as_ref().and_then(|json| serde_json::to_vec_pretty(json).ok());
        let variants: Vec<(&str, Option<Vec<u8>>)> = vec![
            ("without the line break at its end", Some(trimmed.to_vec())),
            ("with a line break at its end", Some(with(b"\n"))),
            ("with CR LF at its end", Some(with(b"\r\n"))),
            ("with LF for every CR LF", Some(text.replace("\r\n", "\n").into_bytes())),
            ("with CR LF for every LF", Some(text.replace('\n', "\r\n").into_bytes())),
            ("without its byte-order mark", body.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec)),
            ("as JSON without white space", compact),
            ("as indented JSON", pretty),
        ];
        let matching = variants.into_iter().filter(|(_, variant)| {
            variant.as_ref().is_some_and(|variant| {
                variant != body && self.accepts_of(scheme, variant, self.secrets, self.config)
            })
        });
        let hint =
            |(how, _)| format!("the body matches {how}: the captured bytes are not those sent");
        matching.map(hint).collect()
    }

    /// Secrets as they look after a paste.
    fn secrets(&self, scheme: &Scheme) -> Vec<String> {
        let mut hints = Vec::new();
        for (number, secret) in (1..).zip(self.secrets) {
            let text = secret.expose();
            let variants = [
                ("without the white space around it", text.trim().to_owned()),
                ("without the quotes around it", text.trim_matches(['"', '\'']).to_owned()),
                ("in lower case", text.to_lowercase()),
                ("in upper case", text.to_uppercase()),
                ("with `whsec_` in front", format!("whsec_{text}")),
                ("without `whsec_`", text.trim_start_matches("whsec_").to_owned()),
                ("without `Bearer `", text.trim_start_matches("Bearer ").to_owned()),
            ];
            for (how, variant) in variants {
                let variant_secret = Secret::new(variant);
                if variant_secret != **secret
                    && self.accepts_of(scheme, self.request.body, &[&variant_secret], self.config)
                {
                    hints.push(format!("secret {number} matches {how}"));
                }
            }
        }
        hints
    }

    /// The same secret as a key of another form.
    fn keys(&self, scheme: &Scheme) -> Vec<String> {
        let Ok(mut record) = serde_json::from_str::<Value>(scheme.as_json()) else {
            return Vec::new();
        };
        if record["kind"] != "hmac" {
            return Vec::new();
        }
        let forms = [
            ("as it is, as text", serde_json::json!({})),
            ("as hexadecimal digits", serde_json::json!({"enc": "hex"})),
            ("as base64", serde_json::json!({"enc": "base64"})),
            ("as base64 after `whsec_`", serde_json::json!({"enc": "base64", "strip": "whsec_"})),
        ];
        let mut hints = Vec::new();
        for (how, key) in forms {
            record["key"] = key;
            let other = Scheme::parse(&record.to_string());
            if other.is_ok_and(|other| self.accepts(&other)) {
                hints.push(format!(
                    "the secret matches if its key is taken {how}, which this \
                                    scheme does not do: is it the right preset?"
                ));
            }
        }
        hints
    }

    /// Values that a provider sends another signature for.
    fn modes(&self, scheme: &Scheme) -> Vec<String> {
        let mut hints = Vec::new();
        for name in scheme.config_names() {
            let given = self.config.get(name).unwrap_or_default();
            let trimmed = given.trim_end_matches('/');
            let candidates =
                ["te".to_owned(), "li".to_owned(), trimmed.to_owned(), format!("{trimmed}/")];
            for value in candidates.into_iter().filter(|value| value != given) {
                let others = self.config.iter().filter(|(known, _)| known != name);
                let config: Config = others.chain([(name.as_str(), value.as_str())]).collect();
                if self.accepts_of(scheme, self.request.body, self.secrets, &config) {
                    hints.push(format!("it matches with config `{name}` = `{value}`"));
                }
            }
        }
        hints
    }

    /// Another preset altogether.
    fn presets(&self, scheme: &Scheme) -> Vec<String> {
        let others = presets().iter().filter(|preset| preset.scheme.as_json() != scheme.as_json());
        let matching: Vec<_> = others
            .filter(|preset| self.accepts(&preset.scheme))
            .map(|preset| format!("`{}`", preset.name))
            .collect();
        match matching.as_slice() {
            [] => Vec::new(),
            names => vec![format!("with this secret the request verifies as {}", names.join(", "))],
        }
    }
}
