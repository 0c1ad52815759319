//! The `deliver` function: cold start and wiring.

// A batch of attempts over the SDK over HTTP over TLS is one future of futures, deeper than the
// compiler looks by default.
#![recursion_limit = "256"]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use postback_aws::clients::{AwsSettings, Clients, Patience};
use postback_aws::environment::{RETENTION, Variables};
use postback_aws::ports::AwsPorts;
use postback_aws::queues::SqsQueue;
use postback_aws::{DynamoStore, logging, process};
use postback_deliver::batch::SqsBatch;
use postback_deliver::handler::Deliver;
use postback_engine::ports::clock::SystemClock;
use postback_engine::{Engine, Settings};
use postback_sender::HttpSender;
use tracing::Instrument as _;

/// Long enough for the attempts of one batch to share connections, and for the next batch of a busy
/// minute. Longer, and Lambda may have frozen the process meanwhile: an attempt would then be made,
/// and counted, on a connection that its receiver has closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    process::run(async {
        let mut variables = Variables::of_process();
        let aws = AwsSettings::read(&mut variables);
        let table = variables.required("POSTBACK_TABLE");
        let deliveries = variables.required("POSTBACK_DELIVERIES_QUEUE_URL");
        let retention = variables.days("POSTBACK_RETENTION_DAYS", RETENTION);
        let destinations = variables.destinations("POSTBACK_ALLOW_PRIVATE_ENDPOINTS");
        let memory = variables.memory();
        variables.finish()?;

        let clients = Clients::new(aws, Patience::BEHIND);
        let store = DynamoStore::new(clients.dynamodb(), table, retention, Arc::new(SystemClock))
            .remembering(memory);
        let queue = SqsQueue::new(clients.sqs(), deliveries);
        let sender = postback_sender::Settings::new(destinations).idle_timeout(IDLE_TIMEOUT);
        let ports = AwsPorts::new(store, queue, HttpSender::new(sender));
        let deliver = Deliver::new(Arc::new(Engine::new(ports, Settings::default())));

        let serve = service_fn(|event: LambdaEvent<SqsBatch>| {
            let LambdaEvent { payload, context } = event;
            deliver
                .handle(payload, process::deadline(context.deadline))
                .map(Ok::<_, lambda_runtime::Error>)
                .instrument(logging::invocation(&context.request_id))
        });
        Runtime::new(serve).run().await
    })
}
