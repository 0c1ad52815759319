//! Reading the operator's key.

use postback_aws::admin_key;
use postback_aws::clients::Patience;
use postback_domain::key::TokenDigest;
use serde_json::{Value, json};

use crate::clients;
use crate::connector::{Reply, Script};

async fn read(reply: Reply) -> Result<TokenDigest, String> {
    let client = clients(&Script::new([reply]), Patience::BEHIND).secrets_manager();
    let read = admin_key::read(&client, "arn:aws:secretsmanager:eu-central-1:1:secret:key").await;
    read.map_err(|error| format!("{} / {error:?}", postback_aws::logging::chain(&error)))
}

fn secret(text: &Value) -> Reply {
    Reply::ok(&json!({"Name": "key", "SecretString": text}))
}

#[tokio::test(start_paused = true)]
async fn a_key_is_read_without_the_space_around_it() {
    for text in ["hidden-admin-key", " hidden-admin-key\r\n"] {
        let digest = read(secret(&json!(text))).await.unwrap();
        assert_eq!(digest, TokenDigest::of("hidden-admin-key"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_key_is_refused_and_not_shown() {
    let denied = "not authorized to perform: secretsmanager:GetSecretValue";
    for (reply, expected) in [
        (secret(&json!("hidden-key-of-15")), None),
        (secret(&json!("hidden-key-of-1\n")), Some("admin key must have at least 16 characters")),
        (secret(&json!("")), Some("admin key must have at least 16 characters")),
        (secret(&Value::Null), Some("admin key must be a text, and the secret holds none")),
        (
            Reply::refused(400, "ResourceNotFoundException", "hidden"),
            Some("cannot read the admin key: refused with ResourceNotFoundException (status 400"),
        ),
        (Reply::refused(400, "AccessDeniedException", denied), Some(denied)),
        (
            Reply::Answer(200, "{\"SecretString\":\"hidden-admin-key\"".to_owned()),
            Some("cannot read the admin key: answer could not be read (status 200"),
        ),
    ] {
        match (read(reply.clone()).await, expected) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => {
                assert!(error.contains(expected), "{error}");
                assert!(!error.contains("hidden"), "{error}");
            }
            (read, _) => panic!("{reply:?} was read as {read:?}"),
        }
    }
}
