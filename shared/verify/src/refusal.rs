//! Why a request was refused.

/// Why [`Scheme::verify`](crate::Scheme::verify) did not accept a request.
///
/// For logs and metrics, not for the answer: a sender who learns which step failed is a forger who
/// learns it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// No place that may carry a signature or a credential carries one.
    #[error("no signature where the scheme has it")]
    MissingSignature,
    /// There is one, but not in the scheme's form; nothing in it can be compared. Also more
    /// elements or lines than [`SIGNATURES_MAX`](crate::SIGNATURES_MAX).
    #[error("signature is not in the form of the scheme")]
    MalformedSignature,
    /// No signature matches any secret.
    #[error("signature does not match")]
    SignatureMismatch,
    /// A header that may be sent once was sent twice: the signature, the timestamp, the event id,
    /// or one that is part of the signed text.
    #[error("a header that may be sent once was sent twice")]
    DuplicateHeader,
    /// The same for a query parameter or a form field.
    #[error("a parameter that may be sent once was sent twice")]
    DuplicateParameter,
    /// The timestamp has a place of its own and is not there.
    #[error("no timestamp where the scheme has it")]
    MissingTimestamp,
    /// The timestamp is not plain ASCII digits.
    #[error("timestamp is not a plain number")]
    MalformedTimestamp,
    /// The signature matches, and the request is older than the tolerance.
    #[error("timestamp is further in the past than the tolerance")]
    StaleTimestamp,
    /// The signature matches, and the request is from further ahead than the tolerance.
    #[error("timestamp is further in the future than the tolerance")]
    FutureTimestamp,
    /// Something the signed text is made of is not in the request.
    #[error("a part of the signed text is not in the request")]
    MissingInput,
    /// What is signed stands inside the body, and the body is not JSON or gives a key twice.
    #[error("body that holds the signed values is not unambiguous JSON")]
    MalformedBody,
    /// None of the configured secrets has the form the scheme needs, or there is none.
    #[error("no usable secret is configured")]
    NoUsableSecret,
    /// A named input of the scheme is not configured.
    #[error("an input the scheme needs is not configured")]
    MissingConfig,
}

impl Refusal {
    /// Every refusal, for exhaustive tables such as metrics.
    pub const ALL: [Refusal; 13] = [
        Refusal::MissingSignature,
        Refusal::MalformedSignature,
        Refusal::SignatureMismatch,
        Refusal::DuplicateHeader,
        Refusal::DuplicateParameter,
        Refusal::MissingTimestamp,
        Refusal::MalformedTimestamp,
        Refusal::StaleTimestamp,
        Refusal::FutureTimestamp,
        Refusal::MissingInput,
        Refusal::MalformedBody,
        Refusal::NoUsableSecret,
        Refusal::MissingConfig,
    ];

    /// A stable name for logs and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Refusal::MissingSignature => "missing_signature",
            Refusal::MalformedSignature => "malformed_signature",
            Refusal::SignatureMismatch => "signature_mismatch",
            Refusal::DuplicateHeader => "duplicate_header",
            Refusal::DuplicateParameter => "duplicate_parameter",
            Refusal::MissingTimestamp => "missing_timestamp",
            Refusal::MalformedTimestamp => "malformed_timestamp",
            Refusal::StaleTimestamp => "stale_timestamp",
            Refusal::FutureTimestamp => "future_timestamp",
            Refusal::MissingInput => "missing_input",
            Refusal::MalformedBody => "malformed_body",
            Refusal::NoUsableSecret => "no_usable_secret",
            Refusal::MissingConfig => "missing_config",
        }
    }

    /// Whether the fault lies in how the source is configured: no request could be accepted, and
    /// whoever configured it must act.
    pub const fn is_misconfiguration(self) -> bool {
        matches!(self, Refusal::NoUsableSecret | Refusal::MissingConfig)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ() {
        let mut codes: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Refusal::ALL.len());
    }
}
