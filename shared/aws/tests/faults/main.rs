//! What becomes of calls when AWS is in trouble, played at the HTTP connector: the SDK above it is
//! the real one, with our settings. Time is tokio's and paused, so waiting costs none.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod admin_key;
mod backlog;
mod connector;
mod deliveries;
mod events;
mod lists;
mod secrecy;
mod table;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use connector::Script;
use postback_aws::clients::{AwsSettings, Clients, Patience};
use postback_aws::environment::Variables;
use postback_engine::ports::Unavailable;

/// Clients whose every secret begins with `hidden`, each in a region of its own: all clients of one
/// region share the SDK's quota of retries, and a test that uses it up would fail the others.
fn clients(script: &Script, patience: Patience) -> Clients {
    clients_over(script.http_client(), patience)
}

fn clients_over(http: SharedHttpClient, patience: Patience) -> Clients {
    static REGIONS: AtomicUsize = AtomicUsize::new(0);
    let region = format!("test-{}", REGIONS.fetch_add(1, Ordering::SeqCst));
    let lookup = |name: &str| {
        let value = match name {
            "AWS_REGION" => &region,
            "AWS_ACCESS_KEY_ID" => "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY" => "hidden-secret",
            "AWS_SESSION_TOKEN" => "hidden-token",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let mut variables = Variables::new(&lookup);
    let settings = AwsSettings::read(&mut variables);
    variables.finish().unwrap();
    Clients::over(http, settings, patience)
}

/// How long something takes, on the paused clock.
#[expect(clippy::disallowed_methods, reason = "the paused clock of a test is read")]
async fn timed<T>(task: impl Future<Output = T>) -> (T, Duration) {
    let start = tokio::time::Instant::now();
    let output = task.await;
    (output, start.elapsed())
}

/// An error as an operator sees it in the log.
fn told(result: Result<(), Unavailable>) -> String {
    postback_aws::logging::chain(&result.unwrap_err())
}
