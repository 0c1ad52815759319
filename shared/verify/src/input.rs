//! Where a value of a request is found: `header:NAME`, `query:NAME`, `form:NAME`, `json:/pointer`.

use std::borrow::Cow;

use crate::config::Config;
use crate::json::{Pointers, Slot, Values};
use crate::refusal::Refusal;
use crate::request::{Request, Sent};

/// Bytes in the name of a header, parameter or form field.
const NAME_BYTES_MAX: usize = 128;

/// One place in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Header(String),
    Query(String),
    Form(String),
    Json(Slot),
}

/// A request together with what a scheme reads from its body and its configuration.
pub(crate) struct Inputs<'r> {
    request: &'r Request<'r>,
    config: &'r Config,
    json: Option<Values<'r>>,
}

impl Input {
    /// Parses the notation above; the error is the rule that is broken.
    pub(crate) fn parse(text: &str, pointers: &mut Pointers) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("header", name)) => header_name(name).map(Input::Header),
            Some(("query", name)) => parameter_name(name).map(Input::Query),
            Some(("form", name)) => parameter_name(name).map(Input::Form),
            Some(("json", pointer)) => pointers.add(pointer).map(Input::Json),
            _ => Err(format!("`{text}` is not header:, query:, form: or json: with a name")),
        }
    }

    /// Whether this is a header that carries credentials by RFC 9110, where scheme words compare
    /// without regard to letter case.
    pub(crate) fn is_authorization(&self) -> bool {
        matches!(self, Input::Header(name) if name.eq_ignore_ascii_case("authorization"))
    }
}

impl<'r> Inputs<'r> {
    /// Reads the body as JSON only if some pointer asks for it.
    pub(crate) fn read(
        request: &'r Request<'r>,
        pointers: &Pointers,
        config: &'r Config,
    ) -> Result<Self, Refusal> {
        let json = if pointers.is_empty() {
            None
        } else {
            let values = pointers.read(request.body).map_err(|_| Refusal::MalformedBody)?;
            if values.ambiguous() {
                return Err(Refusal::MalformedBody);
            }
            Some(values)
        };
        Ok(Self { request, config, json })
    }

    /// A body in which nothing is read.
    pub(crate) fn without_json(request: &'r Request<'r>, config: &'r Config) -> Self {
        Self { request, config, json: None }
    }

    pub(crate) fn request(&self) -> &'r Request<'r> {
        self.request
    }

    pub(crate) fn body(&self) -> &'r [u8] {
        self.request.body
    }

    pub(crate) fn config(&self, name: &str) -> Option<&'r str> {
        self.config.get(name)
    }

    /// The value at a place that may be given once.
    pub(crate) fn get(&self, input: &Input) -> Result<Option<Cow<'_, [u8]>>, Refusal> {
        match input {
            Input::Header(name) => once(self.request.header(name), Refusal::DuplicateHeader)
                .map(|value| value.map(Cow::Borrowed)),
            Input::Query(name) => {
                once(self.request.query_parameter(name), Refusal::DuplicateParameter)
            }
            Input::Form(name) => once(self.request.form_field(name), Refusal::DuplicateParameter),
            Input::Json(slot) => Ok(self
                .json
                .as_ref()
                .and_then(|values| values.get(*slot))
                .map(|text| Cow::Borrowed(text.as_bytes()))),
        }
    }
}

fn once<T>(sent: Sent<T>, repeated: Refusal) -> Result<Option<T>, Refusal> {
    match sent {
        Sent::Never => Ok(None),
        Sent::Once(value) => Ok(Some(value)),
        Sent::Repeatedly => Err(repeated),
    }
}

fn header_name(name: &str) -> Result<String, String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_token) {
        return Err(format!("`{name}` is not a header name"));
    }
    Ok(name.to_owned())
}

fn parameter_name(name: &str) -> Result<String, String> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(format!("`{name}` is not a parameter name of 1 to {NAME_BYTES_MAX} bytes"));
    }
    Ok(name.to_owned())
}
