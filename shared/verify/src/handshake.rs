//! Requests that are answered without becoming an event: a provider's look whether anybody is at
//! home, when a webhook is set up there.
//!
//! Most come without a signature, so what they match must be something that no event is. One kind,
//! Braintree's, wants its challenge signed. Whoever can make us sign a text could send that text
//! as an event afterwards, so nothing of the form of a challenge is ever accepted as signed text;
//! see [`Scheme::is_challenge`].

use std::borrow::Borrow;

use crate::config::Config;
use crate::input::{Input, Inputs};
use crate::request::Request;
use crate::scheme::record::{Algorithm, Kind};
use crate::scheme::{Ack, Scheme};
use crate::secret::Secret;
use crate::template::{Filling, Template};

/// The methods that providers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Events never come so, and bodies are not looked at.
    Get,
    /// As events come.
    Post,
}

/// One rule.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) method: Method,
    /// The request need not verify.
    pub(crate) unsigned: bool,
    /// All must hold.
    pub(crate) when: Vec<Condition>,
    /// What is answered; without it, what is answered to an event.
    pub(crate) answer: Option<Answer>,
}

#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) subject: Subject,
    pub(crate) test: Test,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Body,
    Input(Input),
}

#[derive(Debug)]
pub(crate) enum Test {
    Is(String),
    Present(bool),
    /// This text and then decimal digits, at least one.
    DigitsAfter(String),
    /// Lower-case hexadecimal digits.
    Hex(HexLength),
}

/// How many digits, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HexLength {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

#[derive(Debug)]
pub(crate) struct Answer {
    /// What `{signature}` signs.
    pub(crate) challenge: Option<Challenge>,
    /// All but the body.
    pub(crate) head: Ack,
    pub(crate) body: Vec<AnswerPart>,
}

#[derive(Debug)]
pub(crate) struct Challenge {
    pub(crate) text: Template,
    pub(crate) form: HexLength,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AnswerPart {
    Literal(String),
    Config(String),
    Signature,
}

impl Scheme {
    /// Whether some [`Method::Get`] may be answered at all.
    pub fn answers_get(&self) -> bool {
        self.handshakes.iter().any(|handshake| handshake.method == Method::Get)
    }

    /// The answer to a request that is a handshake of the provider; it must not become an event
    /// then. `is_verified` says what [`verify`](Scheme::verify) said.
    ///
    /// A challenge is signed with the first of `secrets` that fits the scheme.
    pub fn handshake<S: Borrow<Secret>>(
        &self,
        method: Method,
        request: &Request<'_>,
        secrets: &[S],
        config: &Config,
        is_verified: bool,
    ) -> Option<Ack> {
        let mut candidates = self
            .handshakes
            .iter()
            .filter(|handshake| handshake.method == method && (handshake.unsigned || is_verified))
            .peekable();
        candidates.peek()?;
        // A body that is not JSON has nothing at any pointer.
        let inputs = Inputs::read(request, &self.handshake_pointers, config)
            .unwrap_or_else(|_| Inputs::without_json(request, config));
        candidates
            .find(|handshake| handshake.when.iter().all(|condition| condition.holds(&inputs)))
            .and_then(|handshake| match &handshake.answer {
                None => Some(self.ack().clone()),
                Some(answer) => self.answered(answer, &inputs, secrets),
            })
    }

    /// Whether this signed text is one that we would have signed for anybody.
    pub(crate) fn is_challenge(&self, text: &Template, filling: &Filling<'_>) -> bool {
        let mut forms = self
            .handshakes
            .iter()
            .filter_map(|handshake| Some(handshake.answer.as_ref()?.challenge.as_ref()?.form));
        let Some(form) = forms.next() else { return false };
        let Ok(text) = text.bytes(filling) else { return false };
        form.fits(&text) || forms.any(|form| form.fits(&text))
    }

    fn answered<S: Borrow<Secret>>(
        &self,
        answer: &Answer,
        inputs: &Inputs<'_>,
        secrets: &[S],
    ) -> Option<Ack> {
        let signature = match &answer.challenge {
            None => String::new(),
            Some(challenge) => self.signed_challenge(challenge, inputs, secrets)?,
        };
        let mut body = String::new();
        for part in &answer.body {
            body.push_str(match part {
                AnswerPart::Literal(text) => text,
                AnswerPart::Config(name) => inputs.config(name)?,
                AnswerPart::Signature => &signature,
            });
        }
        Some(Ack { body, ..answer.head.clone() })
    }

    fn signed_challenge<S: Borrow<Secret>>(
        &self,
        challenge: &Challenge,
        inputs: &Inputs<'_>,
        secrets: &[S],
    ) -> Option<String> {
        let Kind::Signed(signed) = &self.kind else { return None };
        if matches!(signed.algorithm, Algorithm::Rsa(_)) {
            return None;
        }
        let secret = secrets.iter().map(S::borrow).find(|secret| self.check_secret(secret).is_ok());
        let filling = Filling { inputs, timestamp: None, secret: secret? };
        let tag = challenge.text.tag(signed.hasher(filling.secret).ok()?, &filling).ok()?;
        Some(self.places.first()?.encoding.encode(&tag))
    }
}

impl Handshake {
    pub(crate) fn config_names(&self) -> impl Iterator<Item = &str> {
        self.answer.iter().flat_map(|answer| &answer.body).filter_map(|part| match part {
            AnswerPart::Config(name) => Some(name.as_str()),
            AnswerPart::Literal(_) | AnswerPart::Signature => None,
        })
    }
}

impl Condition {
    /// Whether it asks for more than that something is not there.
    pub(crate) fn asks_for_something(&self) -> bool {
        !matches!(self.test, Test::Present(false))
    }

    fn holds(&self, inputs: &Inputs<'_>) -> bool {
        let value = match &self.subject {
            Subject::Body => Some(inputs.body().into()),
            // What is sent twice is not what a handshake has once.
            Subject::Input(input) => inputs.get(input).unwrap_or_default(),
        };
        match (&self.test, value) {
            (Test::Present(wanted), value) => value.is_some() == *wanted,
            (_, None) => false,
            (Test::Is(text), Some(value)) => *value == *text.as_bytes(),
            (Test::DigitsAfter(text), Some(value)) => value
                .strip_prefix(text.as_bytes())
                .is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit)),
            (Test::Hex(length), Some(value)) => length.fits(&value),
        }
    }
}

impl HexLength {
    pub(crate) fn fits(self, text: &[u8]) -> bool {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (self.min..=self.max).contains(&text.len()) && text.iter().all(is_digit)
    }
}

#[cfg(test)]
mod tests;
