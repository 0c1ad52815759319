//! The signed text: literal pieces and inputs, compiled once, fed to a hash piece by piece.
//!
//! Syntax: `{body}` `{ts}` `{secret}` `{header:NAME}` `{query:NAME}` `{form:NAME}` `{json:/pointer}`
//! `{config:NAME}`; `{json:/pointer?}` is the empty text when absent; `[[ … ]]` is a segment that
//! vanishes when any input in it is absent; everything else stands for itself.

use std::borrow::Cow;

use crate::input::{Input, Inputs};
use crate::json::Pointers;
use crate::refusal::Refusal;
use crate::secret::Secret;

/// Literals and inputs in one template. The longest real one (Paymob) has 20.
pub(crate) const PARTS_MAX: usize = 64;

/// A compiled template.
#[derive(Debug)]
pub(crate) struct Template {
    segments: Vec<Segment>,
}

/// What a template is filled with.
pub(crate) struct Filling<'r> {
    pub(crate) inputs: &'r Inputs<'r>,
    pub(crate) timestamp: Option<&'r [u8]>,
    pub(crate) secret: &'r Secret,
}

#[derive(Debug)]
struct Segment {
    /// Vanishes when an input in it is absent.
    optional: bool,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Body,
    Timestamp,
    Secret,
    Config(String),
    Input { input: Input, optional: bool },
}

impl Template {
    /// Compiles; the error is the rule that is broken.
    pub(crate) fn parse(text: &str, pointers: &mut Pointers) -> Result<Self, String> {
        let mut segments = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("[[") {
            let (inside, behind) =
                after.split_once("]]").ok_or("has `[[` without `]]`".to_owned())?;
            if inside.contains("[[") {
                return Err("has `[[` inside `[[ … ]]`".to_owned());
            }
            segments.push(Segment { optional: false, parts: parse_parts(before, pointers)? });
            segments.push(Segment { optional: true, parts: parse_parts(inside, pointers)? });
            rest = behind;
        }
        if rest.contains("]]") {
            return Err("has `]]` without `[[`".to_owned());
        }
        segments.push(Segment { optional: false, parts: parse_parts(rest, pointers)? });
        segments.retain(|segment| !segment.parts.is_empty());
        let template = Self { segments };
        if template.parts().count() > PARTS_MAX {
            return Err(format!("has more than {PARTS_MAX} parts"));
        }
        Ok(template)
    }

    /// Feeds the text. May have fed a part of it when it fails.
    pub(crate) fn feed(
        &self,
        filling: &Filling<'_>,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Refusal> {
        for segment in &self.segments {
            if segment.optional && !segment.is_present(filling)? {
                continue;
            }
            for part in &segment.parts {
                part.feed(filling, take)?;
            }
        }
        Ok(())
    }

    /// The filled text in one piece, for what cannot be fed: the body itself if it is nothing else.
    pub(crate) fn bytes<'r>(&self, filling: &Filling<'r>) -> Result<Cow<'r, [u8]>, Refusal> {
        if let [Segment { optional: false, parts }] = self.segments.as_slice()
            && let [Part::Body] = parts.as_slice()
        {
            return Ok(filling.inputs.body().into());
        }
        let mut bytes = Vec::new();
        self.feed(filling, &mut |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes.into())
    }

    /// Whether the text is one input and nothing else.
    pub(crate) fn is_only(&self, wanted: &Input) -> bool {
        let mut parts = self.parts();
        matches!(parts.next(), Some(Part::Input { input, .. }) if input == wanted)
            && parts.next().is_none()
    }

    pub(crate) fn covers_body(&self) -> bool {
        self.has(|part| matches!(part, Part::Body))
    }

    pub(crate) fn has_timestamp(&self) -> bool {
        self.has(|part| matches!(part, Part::Timestamp))
    }

    /// As [`has_timestamp`](Self::has_timestamp), or in a segment that may vanish.
    pub(crate) fn mentions_timestamp(&self) -> bool {
        self.parts().any(|part| matches!(part, Part::Timestamp))
    }

    pub(crate) fn has_secret(&self) -> bool {
        self.has(|part| matches!(part, Part::Secret))
    }

    /// As [`has_secret`](Self::has_secret), or in a segment that may vanish.
    pub(crate) fn mentions_secret(&self) -> bool {
        self.parts().any(|part| matches!(part, Part::Secret))
    }

    /// Whether the text depends on the request at all.
    pub(crate) fn depends_on_request(&self) -> bool {
        self.has(|part| matches!(part, Part::Body | Part::Timestamp | Part::Input { .. }))
    }

    /// Whether this input is part of the text.
    pub(crate) fn has_input(&self, wanted: &Input) -> bool {
        self.parts().any(|part| matches!(part, Part::Input { input, .. } if input == wanted))
    }

    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Input> {
        self.parts().filter_map(|part| match part {
            Part::Input { input, .. } => Some(input),
            _ => None,
        })
    }

    pub(crate) fn config_names(&self) -> impl Iterator<Item = &str> {
        self.parts().filter_map(|part| match part {
            Part::Config(name) => Some(name.as_str()),
            _ => None,
        })
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.segments.iter().flat_map(|segment| &segment.parts)
    }

    /// Whether some part that never vanishes is of this kind.
    fn has(&self, is_wanted: fn(&Part) -> bool) -> bool {
        self.segments.iter().any(|segment| !segment.optional && segment.parts.iter().any(is_wanted))
    }
}

impl Segment {
    fn is_present(&self, filling: &Filling<'_>) -> Result<bool, Refusal> {
        for part in &self.parts {
            let absent = match part {
                Part::Input { input, .. } => filling.inputs.get(input)?.is_none(),
                Part::Timestamp => filling.timestamp.is_none(),
                // A configured input is never optional: leaving it out is a mistake to report.
                Part::Config(_) | Part::Literal(_) | Part::Body | Part::Secret => false,
            };
            if absent {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Part {
    fn feed(&self, filling: &Filling<'_>, take: &mut dyn FnMut(&[u8])) -> Result<(), Refusal> {
        match self {
            Part::Literal(text) => take(text.as_bytes()),
            Part::Body => take(filling.inputs.body()),
            Part::Secret => take(filling.secret.expose().as_bytes()),
            Part::Timestamp => take(filling.timestamp.ok_or(Refusal::MissingTimestamp)?),
            Part::Config(name) => {
                take(filling.inputs.config(name).ok_or(Refusal::MissingConfig)?.as_bytes());
            }
            Part::Input { input, optional } => match filling.inputs.get(input)? {
                Some(value) => take(&value),
                None if *optional => {}
                None => return Err(Refusal::MissingInput),
            },
        }
        Ok(())
    }
}

fn parse_parts(text: &str, pointers: &mut Pointers) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, behind) = after.split_once('}').ok_or("has `{` without `}`".to_owned())?;
        parts.extend(literal(before)?);
        parts.push(parse_placeholder(inside, pointers)?);
        rest = behind;
    }
    parts.extend(literal(rest)?);
    Ok(parts)
}

fn literal(text: &str) -> Result<Option<Part>, String> {
    if text.contains('}') {
        return Err("has `}` without `{`".to_owned());
    }
    Ok((!text.is_empty()).then(|| Part::Literal(text.to_owned())))
}

fn parse_placeholder(inside: &str, pointers: &mut Pointers) -> Result<Part, String> {
    Ok(match inside {
        "body" => Part::Body,
        "ts" => Part::Timestamp,
        "secret" => Part::Secret,
        _ => match inside.split_once(':') {
            Some(("config", name)) if !name.is_empty() => Part::Config(name.to_owned()),
            Some(("json", pointer)) => {
                let (pointer, optional) =
                    pointer.strip_suffix('?').map_or((pointer, false), |pointer| (pointer, true));
                let input = Input::Json(pointers.add(pointer)?);
                Part::Input { input, optional }
            }
            Some(("header" | "query" | "form", _)) => {
                Part::Input { input: Input::parse(inside, pointers)?, optional: false }
            }
            _ => return Err(format!("has an unknown placeholder `{{{inside}}}`")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::request::Request;

    fn fill(template: &str, query: &str, body: &[u8]) -> Result<String, Refusal> {
        let mut pointers = Pointers::default();
        let template = Template::parse(template, &mut pointers).expect("a good template");
        let headers = [("X-One", " 1 "), ("X-Two", "2"), ("X-Two", "2")];
        let request = Request { query, headers: &headers, body };
        let config = Config::from([("url", "https://example.test/")]);
        let inputs = Inputs::read(&request, &pointers, &config)?;
        let secret = Secret::new("s3");
        let filling = Filling { inputs: &inputs, timestamp: Some(b"1700"), secret: &secret };
        let mut bytes = Vec::new();
        template.feed(&filling, &mut |piece| bytes.extend_from_slice(piece))?;
        Ok(String::from_utf8(bytes).expect("UTF-8"))
    }

    #[test]
    fn fills() {
        for (template, expected) in [
            ("plain", Ok("plain")),
            ("{ts}.{body}", Ok("1700.{\"a\":1.0}")),
            ("v1.{ts}{secret}", Ok("v1.1700s3")),
            (
                "{config:url}|{header:x-one}|{query:q}|{json:/a}",
                Ok("https://example.test/|1|Q|1.0"),
            ),
            ("{json:/a?},{json:/b?}", Ok("1.0,")),
            ("[[id:{query:q};]][[no:{query:none};]]ts:{ts};", Ok("id:Q;ts:1700;")),
            ("[[a{query:q}b{query:none}c]]", Ok("")),
            ("{header:none}", Err(Refusal::MissingInput)),
            ("{json:/b}", Err(Refusal::MissingInput)),
            ("{config:none}", Err(Refusal::MissingConfig)),
            ("[[{config:none}]]", Err(Refusal::MissingConfig)),
            ("{header:x-two}", Err(Refusal::DuplicateHeader)),
            ("[[{header:x-two}]]", Err(Refusal::DuplicateHeader)),
        ] {
            let filled = fill(template, "q=Q", br#"{"a":1.0}"#);
            assert_eq!(filled.as_deref(), expected.as_deref(), "{template}");
        }
        assert_eq!(fill("{json:/a}", "", b"{"), Err(Refusal::MalformedBody));
        assert_eq!(fill("{json:/a}", "", br#"{"a":1,"a":1}"#), Err(Refusal::MalformedBody));
        assert_eq!(fill("{query:q}", "q=1&q=1", b""), Err(Refusal::DuplicateParameter));
    }

    #[test]
    fn refuses_bad_templates() {
        for (template, rule) in [
            ("{body", "`{` without `}`"),
            ("body}", "`}` without `{`"),
            ("[[{ts}", "`[[` without `]]`"),
            ("{ts}]]", "`]]` without `[[`"),
            ("[[a[[b]]c]]", "`[[` inside"),
            ("{Body}", "unknown placeholder `{Body}`"),
            ("{cookie:a}", "unknown placeholder `{cookie:a}`"),
            ("{header:}", "`` is not a header name"),
            ("{header:a b}", "`a b` is not a header name"),
            ("{config:}", "unknown placeholder"),
            ("{json:a}", "must start with `/`"),
        ] {
            let error = Template::parse(template, &mut Pointers::default()).expect_err(template);
            assert!(error.contains(rule), "{template}: {error}");
        }
        let many = "{ts}".repeat(PARTS_MAX + 1);
        assert!(Template::parse(&many, &mut Pointers::default()).is_err());
    }
}
