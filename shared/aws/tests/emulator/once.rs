//! A function that dies between any two requests of a POST with an `Idempotency-Key`, or after one
//! whose answer it never saw. Whoever sends the POST again gets one endpoint, and its secret.

use std::sync::Arc;

use postback_aws::gateway::{self, GatewayRequest};
use postback_contract::world::{MERCHANT, act, first, merchant};
use postback_domain::endpoint::Destinations;
use postback_domain::key::TokenDigest;
use postback_domain::merchant::Merchant;
use postback_engine::Engine;
use postback_engine::ports::catalog::Catalog as _;
use postback_http::api::{self, Api};
use serde_json::{Value, json};

use crate::world::{Stage, Worker};

const ADMIN_KEY: &str = "an-admin-key-of-some-length";

/// More requests than the POST makes.
const REQUESTS_MAX: usize = 5;

/// Sends the POST to a function with nothing in its memory; answers with status and body.
async fn post(engine: Engine<Worker>) -> (u64, Value) {
    let settings = api::Settings {
        requests_per_minute: 1000,
        admin_key: TokenDigest::of(ADMIN_KEY),
        destinations: Destinations::PublicHttps,
        public_base_url: "https://hooks.example".to_owned(),
    };
    let router = api::router(Api::new(Arc::new(engine), settings));
    let envelope: GatewayRequest = serde_json::from_value(json!({
        "version": "2.0",
        "rawPath": "/v1/endpoints",
        "rawQueryString": format!("merchant_id={MERCHANT}"),
        "headers": {
            "authorization": format!("Bearer {ADMIN_KEY}"),
            "content-type": "application/json",
            "idempotency-key": "order-17",
        },
        "requestContext": {"http": {"method": "POST", "path": "/v1/endpoints"}},
        "body": r#"{"url": "https://shop.example/hooks"}"#,
        "isBase64Encoded": false,
    }))
    .unwrap();
    let answer = gateway::answer(router, envelope).await.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    (answer["statusCode"].as_u64().unwrap(), body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_dies_anywhere_leaves_no_second_endpoint() {
    let mut deaths = 0;
    for loses_answer in [false, true] {
        for passes in 0..REQUESTS_MAX {
            let name = format!("died after {passes}, {loses_answer}");
            let stage = Stage::new().await;
            let store = stage.store();
            store.create_merchant(Merchant { id: MERCHANT, ..merchant(0) }, act()).await.unwrap();

            stage.wire.die_after(passes, loses_answer);
            let lived = tokio::select! {
                answer = post(stage.engine()) => Some(answer),
                () = stage.wire.died() => None,
            };
            deaths += usize::from(lived.is_none());
            stage.wire.reset();
            stage.clock.advance_secs(60);

            let again = post(stage.engine()).await;
            assert_eq!(again.0, 201, "{name}: {again:?}");
            if let Some(lived) = lived {
                assert_eq!(lived, again, "{name}");
            }
            let listed = store.list_endpoints(MERCHANT, first(10)).await.unwrap().rows;
            assert_eq!(listed.len(), 1, "{name}");
            let (endpoint, shown) = (&listed[0], &again.1);
            assert_eq!(shown["id"], endpoint.id.to_string(), "{name}");
            assert_eq!(shown["secret"], endpoint.secrets[0].secret.expose(), "{name}");
            assert_eq!(post(stage.engine()).await, again, "{name}");
        }
    }
    // Three requests (begin, create, keep the answer), each before and after its effect, and once
    // more for the answer that is kept and never heard.
    assert!(deaths >= 6, "{deaths} died");
}

/// The SDK's own second request must not find its first one and call it somebody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_asked_for_again_and_found_to_be_ours() {
    for operation in [
        "DynamoDB_20120810.PutItem",
        "DynamoDB_20120810.TransactWriteItems",
        "DynamoDB_20120810.UpdateItem",
    ] {
        let stage = Stage::new().await;
        let merchant = Merchant { id: MERCHANT, ..merchant(0) };
        stage.store().create_merchant(merchant, act()).await.unwrap();
        stage.wire.reset();
        stage.wire.lose_answer_of(operation, 1);
        let answer = post(stage.patient_engine()).await;
        assert_eq!(answer.0, 201, "{operation}: {answer:?}");
        assert_eq!(stage.wire.meter().calls[operation], 2);
        stage.wire.reset();
        assert_eq!(post(stage.engine()).await, answer, "{operation}");
    }
}
