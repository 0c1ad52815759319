//! Reads the fields of a JSON object or the parameters of a query by name, each through a reader
//! of [`super::values`]. What is left over is refused: a misspelt `dry_run` must not redrive.

use serde_json::{Map, Value};

use crate::problem::Problem;

/// Named values, taken out one by one.
#[derive(Debug)]
pub(crate) struct Fields {
    values: Map<String, Value>,
    known: Vec<&'static str>,
}

/// What a PATCH says of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Patch<T> {
    /// It is absent.
    Keep,
    /// It is null.
    Clear,
    /// It has a value.
    Set(T),
}

impl Fields {
    /// Has `parse` take what it knows, and refuses the rest.
    pub(crate) fn read<T>(
        values: Map<String, Value>,
        parse: impl FnOnce(&mut Self) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut fields = Self { values, known: Vec::new() };
        let parsed = parse(&mut fields)?;
        match fields.values.keys().next() {
            None => Ok(parsed),
            Some(name) => Err(fields.unknown(name)),
        }
    }

    /// A field that must have a value.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        reader: impl FnOnce(Value) -> Result<T, String>,
    ) -> Result<T, Problem> {
        self.optional(name, reader)?.ok_or_else(|| Problem::missing(name))
    }

    /// A field that may be absent or null, which mean the same.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        reader: impl FnOnce(Value) -> Result<T, String>,
    ) -> Result<Option<T>, Problem> {
        match self.patch(name, reader)? {
            Patch::Keep | Patch::Clear => Ok(None),
            Patch::Set(value) => Ok(Some(value)),
        }
    }

    /// A field for which absent and null mean different things.
    pub(crate) fn patch<T>(
        &mut self,
        name: &'static str,
        reader: impl FnOnce(Value) -> Result<T, String>,
    ) -> Result<Patch<T>, Problem> {
        self.known.push(name);
        match self.values.remove(name) {
            None => Ok(Patch::Keep),
            Some(Value::Null) => Ok(Patch::Clear),
            Some(value) => {
                reader(value).map(Patch::Set).map_err(|rule| Problem::invalid(name, rule))
            }
        }
    }

    /// A field of a PATCH that cannot be cleared.
    pub(crate) fn change<T>(
        &mut self,
        name: &'static str,
        reader: impl FnOnce(Value) -> Result<T, String>,
    ) -> Result<Option<T>, Problem> {
        match self.patch(name, reader)? {
            Patch::Keep => Ok(None),
            Patch::Clear => Err(Problem::invalid(name, "must not be null")),
            Patch::Set(value) => Ok(Some(value)),
        }
    }

    fn unknown(&self, name: &str) -> Problem {
        let name: String = name.chars().take(64).collect();
        let known = self.known.join(", ");
        let detail = if known.is_empty() {
            format!("field `{name}` is not known here; there are none")
        } else {
            format!("field `{name}` is not known here; known are {known}")
        };
        Problem::field("unknown_field", &name, detail)
    }
}

impl<T> Patch<T> {
    /// What a field is afterwards, if it may have no value.
    pub(crate) fn apply_to(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }

    /// What a field is afterwards, if it has `default` when nobody says otherwise.
    pub(crate) fn apply_or(self, field: &mut T, default: impl FnOnce() -> T) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = default(),
            Self::Set(value) => *field = value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::values::text;
    use super::*;
    use crate::problem::FieldProblem;
    use serde_json::json;

    type Read = (String, Option<String>, Patch<String>, Option<String>);

    fn read(body: Value) -> Result<Read, FieldProblem> {
        let Value::Object(values) = body else { panic!("tests give objects") };
        let read = Fields::read(values, |fields| {
            Ok((
                fields.required("a", text)?,
                fields.optional("b", text)?,
                fields.patch("c", text)?,
                fields.change("d", text)?,
            ))
        });
        read.map_err(|problem| match problem {
            Problem::Field(field) => field,
            other => panic!("{other:?} is not about a field"),
        })
    }

    #[test]
    fn absent_null_and_set_are_told_apart() {
        let set = || "x".to_owned();
        for (body, expected) in [
            (json!({"a": "x"}), (set(), None, Patch::Keep, None)),
            (json!({"a": "x", "b": null, "c": null}), (set(), None, Patch::Clear, None)),
            (
                json!({"a": "x", "b": "x", "c": "x", "d": "x"}),
                (set(), Some(set()), Patch::Set(set()), Some(set())),
            ),
        ] {
            assert_eq!(read(body.clone()), Ok(expected), "{body}");
        }
    }

    #[test]
    fn refusals_name_the_field() {
        for (body, code, field) in [
            (json!({}), "missing_field", "a"),
            (json!({"a": null}), "missing_field", "a"),
            (json!({"a": 1}), "invalid_field", "a"),
            (json!({"a": "x", "b": {}}), "invalid_field", "b"),
            (json!({"a": "x", "d": null}), "invalid_field", "d"),
            (json!({"a": "x", "aa": "x"}), "unknown_field", "aa"),
        ] {
            let refused = read(body.clone()).unwrap_err();
            assert_eq!((refused.code, refused.field.as_str()), (code, field), "{body}");
        }
        let refused = read(json!({"a": "x", "e": 1})).unwrap_err();
        assert_eq!(refused.detail, "field `e` is not known here; known are a, b, c, d");
    }

    #[test]
    fn patches_apply() {
        for (patch, plain, with_default) in [
            (Patch::Keep, Some("old"), "old"),
            (Patch::Clear, None, "default"),
            (Patch::Set("new"), Some("new"), "new"),
        ] {
            let (mut field, mut other) = (Some("old"), "old");
            patch.clone().apply_to(&mut field);
            patch.apply_or(&mut other, || "default");
            assert_eq!((field, other), (plain, with_default));
        }
    }
}
