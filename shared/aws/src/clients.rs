//! How the SDK is set up, once per cold start.
//!
//! In Lambda, region and credentials are in the environment, so the SDK's own chain of ways to
//! find them is left out: it would cost start-up and size to answer a question that nobody asks.
//! All clients share one HTTP client, and with it the connections that are open.
//!
//! What matters for correctness: a call ends within [`Patience::operation`], retries included,
//! which is below [`postback_domain::limits::PORT_CALL_MAX`]; and what a call failed with is told
//! by [`CallFailed`], which holds no request, no answer and no credential.

mod failure;

use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use postback_domain::limits::PORT_CALL_MAX;

use crate::environment::Variables;

pub use failure::CallFailed;

/// Where AWS is, and who we are to it.
#[derive(Clone)]
pub struct AwsSettings {
    region: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    endpoint_url: Option<String>,
}

impl AwsSettings {
    /// From the variables that Lambda sets, and the SDKs' own `AWS_ENDPOINT_URL`.
    pub fn read(variables: &mut Variables<'_>) -> Self {
        Self {
            region: variables.required("AWS_REGION"),
            access_key_id: variables.required("AWS_ACCESS_KEY_ID"),
            secret_access_key: variables.required("AWS_SECRET_ACCESS_KEY"),
            session_token: variables.optional("AWS_SESSION_TOKEN"),
            endpoint_url: variables.optional("AWS_ENDPOINT_URL"),
        }
    }

    /// How calls are secured.
    fn transport(&self) -> Transport {
        match self.endpoint_url.as_deref() {
            Some(url) if url.starts_with("http://") => Transport::Plain,
            None if !is_apart(&self.region) => Transport::Tls(Roots::OfAmazon),
            Some(_) | None => Transport::Tls(Roots::OfTheMachine),
        }
    }
}

/// Whether a region is of a partition whose certificates are not said to be Amazon's own.
fn is_apart(region: &str) -> bool {
    region.starts_with("cn-") || region.contains("-iso") || region.starts_with("eusc-")
}

/// How calls are secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    /// Not at all, as to an emulator on loopback.
    Plain,
    Tls(Roots),
}

/// Who may certify that an endpoint is AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Roots {
    /// Amazon, and nobody else. Reading these takes a tenth of the time that all of a machine's
    /// take, which is two thirds of a function's start.
    OfAmazon,
    /// Whom the machine trusts.
    OfTheMachine,
}

/// The five authorities of Amazon Trust Services.
const AMAZON_ROOTS: &[u8] = include_bytes!("clients/amazon-roots.pem");

impl fmt::Debug for AwsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSettings")
            .field("region", &self.region)
            .field("access_key_id", &self.access_key_id)
            .field("endpoint_url", &self.endpoint_url)
            .finish_non_exhaustive()
    }
}

/// How long a call may take. The connection is part of an attempt, attempts and the pauses between
/// them are part of the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Resolving, connecting, shaking hands.
    pub connect: Duration,
    /// One attempt.
    pub attempt: Duration,
    /// The call as its caller sees it.
    pub operation: Duration,
    /// Attempts at most. Only what may have been a passing trouble is tried again: a timeout, a
    /// broken connection, throttling, an answer of 5xx.
    pub attempts_max: u32,
}

impl Patience {
    /// For what runs behind a queue, a timer or a person: nobody hangs up, and giving up early
    /// would cost more than waiting.
    pub const BEHIND: Self = Self {
        connect: Duration::from_secs(1),
        attempt: Duration::from_secs(3),
        operation: Duration::from_secs(15),
        attempts_max: 5,
    };

    /// For ingest. Providers hang up after 5 to 30 s; a look-up and a send at their slowest leave
    /// the strictest of them a second to hear that it should come again. (A second look-up, after
    /// a signature that did not verify, is only made for a request that is about to be refused.)
    pub const AT_THE_DOOR: Self = Self {
        connect: Duration::from_secs(1),
        attempt: Duration::from_secs(1),
        operation: Duration::from_secs(2),
        attempts_max: 3,
    };
}

const _: () = assert!(Patience::BEHIND.operation.as_secs() < PORT_CALL_MAX.as_secs());
const _: () = assert!(2 * Patience::AT_THE_DOOR.operation.as_secs() < 5);

/// The pause before the first retry; each further one may be twice as long, up to
/// [`BACKOFF_MAX`]. All are drawn at random up to their length.
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Makes the SDK's clients.
#[derive(Clone)]
pub struct Clients {
    sdk: SdkConfig,
    settings: AwsSettings,
}

impl Clients {
    /// Opens no connection yet. Must be used within a tokio runtime.
    pub fn new(settings: AwsSettings, patience: Patience) -> Self {
        let http = http_client(settings.transport());
        Self::over(http, settings, patience)
    }

    /// Clients that make their calls over this HTTP client.
    pub fn over(http: SharedHttpClient, settings: AwsSettings, patience: Patience) -> Self {
        let AwsSettings { region, access_key_id, secret_access_key, session_token, endpoint_url } =
            settings.clone();
        let name = "environment";
        let credentials =
            Credentials::new(access_key_id, secret_access_key, session_token, None, name);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(patience.connect)
            .operation_attempt_timeout(patience.attempt)
            .operation_timeout(patience.operation)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(patience.attempts_max)
            .with_initial_backoff(BACKOFF)
            .with_max_backoff(BACKOFF_MAX);
        let mut sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .timeout_config(timeouts)
            .retry_config(retries)
            // The timeouts above end a stalled answer, and no answer here is a stream.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(url) = endpoint_url {
            sdk = sdk.endpoint_url(url);
        }
        Self { sdk: sdk.build(), settings }
    }

    /// A client of DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk)
    }

    /// A client of SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk)
    }

    /// A client of Secrets Manager.
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.sdk)
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// One pool of connections for all clients. TLS is rustls with `ring`, as in the sender.
fn http_client(transport: Transport) -> SharedHttpClient {
    let roots = match transport {
        Transport::Plain => return Builder::new().build_http(),
        Transport::Tls(Roots::OfAmazon) => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
        Transport::Tls(Roots::OfTheMachine) => TrustStore::default(),
    };
    let tls = TlsContext::builder().with_trust_store(roots).build();
    let tls = tls.expect("a trust store is all that a context is made of");
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls).build_https()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn settings(endpoint_url: Option<&'static str>) -> AwsSettings {
        settings_in("eu-central-1", endpoint_url)
    }

    fn settings_in(region: &str, endpoint_url: Option<&'static str>) -> AwsSettings {
        let lookup = |name: &str| {
            let value = match name {
                "AWS_REGION" => region,
                "AWS_ACCESS_KEY_ID" => "AKIDEXAMPLE",
                "AWS_SECRET_ACCESS_KEY" => "hidden-secret",
                "AWS_SESSION_TOKEN" => "hidden-token",
                "AWS_ENDPOINT_URL" => return endpoint_url.map(str::to_owned),
                _ => return None,
            };
            Some(value.to_owned())
        };
        let mut variables = Variables::new(&lookup);
        let settings = AwsSettings::read(&mut variables);
        variables.finish().unwrap();
        settings
    }

    #[test]
    fn nothing_shown_is_secret() {
        let settings = settings(None);
        let clients = Clients::new(settings.clone(), Patience::BEHIND);
        for shown in [
            format!("{settings:?}"),
            format!("{clients:?}"),
            format!("{:?}", clients.dynamodb()),
            format!("{:?}", clients.sqs()),
            format!("{:?}", clients.secrets_manager()),
        ] {
            assert!(!shown.contains("hidden"), "{shown}");
        }
    }

    #[test]
    fn only_an_http_endpoint_is_plain_and_only_aws_is_certified_by_amazon() {
        let (amazon, machine) =
            (Transport::Tls(Roots::OfAmazon), Transport::Tls(Roots::OfTheMachine));
        for (region, url, expected) in [
            ("eu-central-1", None, amazon),
            ("us-gov-west-1", None, amazon),
            ("cn-north-1", None, machine),
            ("us-iso-east-1", None, machine),
            ("eu-central-1", Some("https://localhost:4566"), machine),
            ("eu-central-1", Some("http://127.0.0.1:4566"), Transport::Plain),
        ] {
            assert_eq!(settings_in(region, url).transport(), expected, "{region} {url:?}");
        }
    }

    /// The certificates are those whose fingerprints the file begins with, and can be used.
    #[test]
    fn the_roots_are_amazons_own() {
        let text = std::str::from_utf8(AMAZON_ROOTS).unwrap();
        let (head, body) = text.split_once("-----BEGIN").unwrap();
        let listed: Vec<&str> = head
            .split_whitespace()
            .filter(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .collect();
        let certificates = format!("-----BEGIN{body}");
        let certificates = certificates.split("-----END CERTIFICATE-----").map(|block| {
            let lines = block.lines().filter(|line| !line.is_empty() && !line.starts_with("--"));
            lines.collect::<String>()
        });
        let fingerprints: Vec<String> = certificates
            .filter(|base64| !base64.is_empty())
            .map(|base64| {
                let der = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
                Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect()
            })
            .collect();
        assert_eq!(fingerprints, listed);
        assert_eq!(listed.len(), 5);
        // Panics on a certificate that rustls cannot read.
        Clients::new(settings(None), Patience::BEHIND).dynamodb();
    }

    #[test]
    fn everything_missing_is_named() {
        let nothing = |_: &str| None;
        let mut variables = Variables::new(&nothing);
        AwsSettings::read(&mut variables);
        let error = variables.finish().unwrap_err().to_string();
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            assert!(error.contains(name), "{error}");
        }
        assert!(!error.contains("AWS_SESSION_TOKEN"), "{error}");
    }
}
