//! The `sweep` function: cold start and wiring.

use std::process::ExitCode;
use std::sync::Arc;

use futures_util::TryFutureExt as _;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use postback_aws::clients::{AwsSettings, Clients, Patience};
use postback_aws::environment::{RETENTION, Variables};
use postback_aws::ports::{AwsPorts, NoSender};
use postback_aws::queues::SqsQueue;
use postback_aws::{DynamoStore, logging, process};
use postback_engine::ports::clock::SystemClock;
use postback_engine::{Engine, Settings};
use serde::de::IgnoredAny;
use tracing::Instrument as _;

fn main() -> ExitCode {
    process::run(async {
        let mut variables = Variables::of_process();
        let aws = AwsSettings::read(&mut variables);
        let table = variables.required("POSTBACK_TABLE");
        let deliveries = variables.required("POSTBACK_DELIVERIES_QUEUE_URL");
        let retention = variables.days("POSTBACK_RETENTION_DAYS", RETENTION);
        let function = variables.required("AWS_LAMBDA_FUNCTION_NAME");
        variables.finish()?;

        let clients = Clients::new(aws, Patience::BEHIND);
        let store = DynamoStore::new(clients.dynamodb(), table, retention, Arc::new(SystemClock));
        let ports = AwsPorts::new(store, SqsQueue::new(clients.sqs(), deliveries), NoSender);
        let engine = Engine::new(ports, Settings::default());

        // Whatever the schedule or a person sends: being started says it all.
        let serve = service_fn(|event: LambdaEvent<IgnoredAny>| {
            let context = event.context;
            let deadline = process::deadline(context.deadline);
            postback_sweep::handle(&engine, deadline, &function, logging::print_line)
                .err_into::<lambda_runtime::Error>()
                .instrument(logging::invocation(&context.request_id))
        });
        Runtime::new(serve).run().await
    })
}
