//! The named inputs of a scheme that are not secret, such as the URL registered with the provider.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scheme::Scheme;

/// Bytes in one configured value.
pub const CONFIG_VALUE_BYTES_MAX: usize = 2048;

/// Names and values. Not secret: it is shown back to whoever configured it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Config(BTreeMap<String, String>);

/// A configuration that does not fit a scheme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The scheme needs this input.
    #[error("config `{name}` is needed by the scheme and not given")]
    Missing {
        /// The name of the input.
        name: String,
    },
    /// The scheme has no such input; most often a spelling mistake.
    #[error("config `{name}` is not an input of the scheme")]
    Unknown {
        /// The name as given.
        name: String,
    },
    /// A value is empty or longer than [`CONFIG_VALUE_BYTES_MAX`].
    #[error("config `{name}` must have 1 to {CONFIG_VALUE_BYTES_MAX} bytes")]
    Length {
        /// The name of the input.
        name: String,
    },
}

impl Config {
    /// The value of an input.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names and values in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Config {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl<N: Into<String>, V: Into<String>, const LEN: usize> From<[(N, V); LEN]> for Config {
    fn from(pairs: [(N, V); LEN]) -> Self {
        pairs.into_iter().collect()
    }
}

impl Scheme {
    /// The names of the inputs that must be configured, none for most schemes.
    pub fn config_names(&self) -> &[String] {
        &self.config
    }

    /// Whether a configuration has exactly the inputs this scheme needs.
    ///
    /// # Errors
    /// [`ConfigError`] names the first input that is missing, unknown or of the wrong length.
    pub fn check_config(&self, config: &Config) -> Result<(), ConfigError> {
        for name in &self.config {
            let value = config.get(name).ok_or(ConfigError::Missing { name: name.clone() })?;
            if value.is_empty() || value.len() > CONFIG_VALUE_BYTES_MAX {
                return Err(ConfigError::Length { name: name.clone() });
            }
        }
        match config.iter().find(|(name, _)| !self.config.iter().any(|known| known == name)) {
            Some((name, _)) => Err(ConfigError::Unknown { name: name.to_owned() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_names_and_values() {
        let scheme = Scheme::parse(
            r#"{"kind":"hmac","hash":"sha256","sig":[{"from":"header:s","enc":"hex"}],
                "msg":"{config:url}{body}","config":["url"]}"#,
        )
        .expect("scheme");
        assert_eq!(scheme.config_names(), ["url"]);
        let long = "x".repeat(CONFIG_VALUE_BYTES_MAX + 1);
        let name = || "url".to_owned();
        for (pairs, expected) in [
            (vec![("url", "u")], Ok(())),
            (vec![], Err(ConfigError::Missing { name: name() })),
            (vec![("url", "")], Err(ConfigError::Length { name: name() })),
            (vec![("url", long.as_str())], Err(ConfigError::Length { name: name() })),
            (
                vec![("url", "u"), ("ulr", "u")],
                Err(ConfigError::Unknown { name: "ulr".to_owned() }),
            ),
        ] {
            assert_eq!(scheme.check_config(&pairs.into_iter().collect()), expected);
        }
    }
}
