//! The `api` function: cold start and wiring. Everything else is shared: `postback_http::api` has
//! the routes, `postback_aws::gateway` translates the envelope.

use std::process::ExitCode;
use std::sync::Arc;

use futures_util::TryFutureExt as _;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use postback_aws::clients::{AwsSettings, Clients, Patience};
use postback_aws::environment::{RETENTION, Variables};
use postback_aws::gateway::{self, GatewayRequest};
use postback_aws::ports::AwsPorts;
use postback_aws::queues::SqsQueue;
use postback_aws::{DynamoStore, admin_key, logging, process};
use postback_domain::limits::API_REQUESTS_PER_MINUTE;
use postback_engine::Engine;
use postback_engine::ports::clock::SystemClock;
use postback_http::api::{self, Api};
use postback_sender::HttpSender;
use tracing::Instrument as _;

fn main() -> ExitCode {
    process::run(async {
        let mut variables = Variables::of_process();
        let aws = AwsSettings::read(&mut variables);
        let table = variables.required("POSTBACK_TABLE");
        let deliveries = variables.required("POSTBACK_DELIVERIES_QUEUE_URL");
        let admin_key_secret = variables.required("POSTBACK_ADMIN_KEY_SECRET_ARN");
        let public_base_url = variables.required("POSTBACK_PUBLIC_URL");
        let destinations = variables.destinations("POSTBACK_ALLOW_PRIVATE_ENDPOINTS");
        let memory = variables.memory();
        let retention = variables.days("POSTBACK_RETENTION_DAYS", RETENTION);
        variables.finish()?;

        let clients = Clients::new(aws, Patience::BEHIND);
        let admin_key = admin_key::read(&clients.secrets_manager(), &admin_key_secret).await?;
        let store = DynamoStore::new(clients.dynamodb(), table, retention, Arc::new(SystemClock))
            .remembering(memory);
        // Only for tests of endpoints; whoever is called once is not called again soon.
        let sender = HttpSender::new(postback_sender::Settings::new(destinations));
        // Verbs that make something due (retry, redrive, switching on) send it to deliver.
        let ports = AwsPorts::new(store, SqsQueue::new(clients.sqs(), deliveries), sender);
        let engine = Arc::new(Engine::new(ports, postback_engine::Settings::default()));
        let requests_per_minute = API_REQUESTS_PER_MINUTE;
        let settings =
            api::Settings { admin_key, destinations, requests_per_minute, public_base_url };
        let router = api::router(Api::new(engine, settings));

        let serve = service_fn(|event: LambdaEvent<GatewayRequest>| {
            let LambdaEvent { payload, context } = event;
            gateway::answer(router.clone(), payload)
                .err_into::<lambda_runtime::Error>()
                .instrument(logging::invocation(&context.request_id))
        });
        Runtime::new(serve).run().await
    })
}
