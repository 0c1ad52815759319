//! The `ingest` function: cold start and wiring.

use std::process::ExitCode;
use std::sync::Arc;

use futures_util::TryFutureExt as _;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use postback_aws::clients::{AwsSettings, Clients, Patience};
use postback_aws::environment::{RETENTION, Variables};
use postback_aws::gateway::{self, GatewayRequest};
use postback_aws::ports::{AwsPorts, NoQueue, NoSender};
use postback_aws::queues::EventsQueue;
use postback_aws::{DynamoStore, logging, process};
use postback_engine::ports::clock::SystemClock;
use postback_engine::{Engine, Settings};
use postback_http::ingest::{self, Ingest};
use postback_ingest::ToEventsQueue;
use tracing::Instrument as _;

fn main() -> ExitCode {
    process::run(async {
        let mut variables = Variables::of_process();
        let aws = AwsSettings::read(&mut variables);
        let table = variables.required("POSTBACK_TABLE");
        let events = variables.required("POSTBACK_EVENTS_QUEUE_URL");
        let memory = variables.memory();
        variables.finish()?;

        let clients = Clients::new(aws, Patience::AT_THE_DOOR);
        let store = DynamoStore::new(clients.dynamodb(), table, RETENTION, Arc::new(SystemClock))
            .remembering(memory);
        let ports = AwsPorts::new(store, NoQueue, NoSender);
        let engine = Arc::new(Engine::new(ports, Settings::default()));
        let intake = ToEventsQueue::new(EventsQueue::new(clients.sqs(), events));
        let router = ingest::router(Ingest::new(engine, intake));

        let serve = service_fn(|event: LambdaEvent<GatewayRequest>| {
            let LambdaEvent { payload, context } = event;
            gateway::answer(router.clone(), payload)
                .err_into::<lambda_runtime::Error>()
                .instrument(logging::invocation(&context.request_id))
        });
        Runtime::new(serve).run().await
    })
}
