//! Every URL of `data/inward_urls.json` is refused for the reason that it is listed under, or
//! passes as the name that it really is.

#![expect(clippy::unwrap_used, reason = "what surprises a test fails it")]

use postback_domain::endpoint::{Destinations, EndpointUrl, EndpointUrlError};
use serde_json::Value;

fn reason(error: &EndpointUrlError) -> &'static str {
    match error {
        EndpointUrlError::TooLong(_) => "too_long",
        EndpointUrlError::Malformed(_) => "malformed",
        EndpointUrlError::NotHttps(_) => "not_https",
        EndpointUrlError::UserInfo => "userinfo",
        EndpointUrlError::Address(_) => "address",
        EndpointUrlError::LocalName(_) => "local_name",
        EndpointUrlError::Port(_) => "port",
    }
}

/// What is found to be wrong with it, or the host that would be looked up.
fn read(url: &str) -> String {
    match EndpointUrl::parse(url, Destinations::PublicHttps) {
        Err(error) => reason(&error).to_owned(),
        Ok(url) => format!("resolver {}", url.as_url().host_str().unwrap()),
    }
}

#[test]
fn refused_for_the_reason_they_are_listed_under() {
    let corpus: Value = serde_json::from_str(include_str!("data/inward_urls.json")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (reason, urls) in corpus.as_object().unwrap().iter().filter(|(name, _)| *name != "about") {
        for row in urls.as_array().unwrap() {
            let (url, expected) = match row {
                Value::String(url) => (url.as_str(), reason.clone()),
                row => (row[0].as_str().unwrap(), format!("{reason} {}", row[1].as_str().unwrap())),
            };
            count += 1;
            let found = read(url);
            if found != expected {
                wrong.push(format!("{url:?} must be {expected}, is {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 150, "only {count} urls");
}
