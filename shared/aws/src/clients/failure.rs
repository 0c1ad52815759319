//! What a call failed with, fit for a log.
//!
//! An error of the SDK holds the whole answer and prints it, and an answer of Secrets Manager is a
//! secret. The text of a refused signature quotes the request's headers, a session token among
//! them. So what is kept here is picked: the code, the status, the request's id, and the text only
//! of errors whose text is known to name nothing but rights and resources.

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use crate::logging::chain;

/// A call of AWS that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailed {
    what: String,
    status: Option<u16>,
    request_id: Option<String>,
}

/// Codes whose text says which right on which resource is missing.
const TOLD_CODES: [&str; 2] = ["AccessDenied", "AccessDeniedException"];

const UNREADABLE: &str = "answer could not be read";

impl CallFailed {
    /// Keeps of an error what may be told.
    pub fn of<E: ProvideErrorMetadata + Error>(error: &SdkError<E, HttpResponse>) -> Self {
        let raw = error.raw_response();
        let what = match error {
            SdkError::ConstructionFailure(_) => "request could not be built".to_owned(),
            SdkError::TimeoutError(_) => "no answer in time".to_owned(),
            SdkError::DispatchFailure(failure) => {
                // A connector's errors name hosts, addresses and the operating system's words.
                let cause = failure.as_connector_error().map(|error| chain(error));
                format!("request could not be sent: {}", cause.unwrap_or_default())
            }
            SdkError::ResponseError(_) => UNREADABLE.to_owned(),
            // The SDK's word for an answer of 2xx that it does not understand.
            SdkError::ServiceError(refused) if refused.raw().status().is_success() => {
                UNREADABLE.to_owned()
            }
            SdkError::ServiceError(refused) => refusal(refused.err()),
            _ => "call failed".to_owned(),
        };
        Self {
            what,
            status: raw.map(|raw| raw.status().as_u16()),
            request_id: error.request_id().map(str::to_owned),
        }
    }
}

fn refusal(error: &impl ProvideErrorMetadata) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(text)) if TOLD_CODES.contains(&code) => {
            format!("refused with {code}: {text}")
        }
        (Some(code), _) => format!("refused with {code}"),
        (None, _) => "refused without a code".to_owned(),
    }
}

impl fmt::Display for CallFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(status) = self.status {
            write!(f, " (status {status}")?;
            if let Some(id) = &self.request_id {
                write!(f, ", request {id}")?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl Error for CallFailed {}
