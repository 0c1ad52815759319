//! Schemas of answers, made from the very types that are serialised. What a type or a field means
//! is its comment in the product.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use syn::{GenericArgument, PathArguments, Type};

use crate::schema::{self, nullable, object};
use crate::source::{Field, Kind, shape};

/// Names in the document of types whose own name, without `View`, would not say enough.
const NAMES: [(&str, &str, &str); 12] = [
    ("api/audit.rs", "RecordView", "AuditRecord"),
    ("api/audit.rs", "ActorView", "AuditActor"),
    ("api/audit.rs", "OriginView", "AuditOrigin"),
    ("api/events.rs", "DeliveryView", "EventDelivery"),
    ("api/merchants.rs", "PolicyView", "RetryPolicy"),
    ("api/endpoints.rs", "HealthView", "EndpointHealth"),
    ("api/endpoints/rotation.rs", "RotatedView", "RotatedSecret"),
    ("api/pull.rs", "AckView", "Acknowledgement"),
    ("api/pull.rs", "ItemView", "PulledItem"),
    ("api/sources/secrets.rs", "SecretView", "SourceSecret"),
    ("delivery.rs", "State", "DeliveryState"),
    ("delivery.rs", "Via", "DeliveredVia"),
];

/// What is known of a field beyond its type.
pub(crate) struct Refinement {
    pub(crate) view: &'static str,
    pub(crate) field: &'static str,
    pub(crate) schema: Value,
}

/// The schemas that answers are made of, by their names in the document.
pub(crate) struct Views {
    schemas: BTreeMap<String, Value>,
    /// File and type of each.
    places: BTreeSet<(String, String)>,
    refinements: Vec<Refinement>,
    refined: BTreeSet<usize>,
}

impl Views {
    pub(crate) fn new(refinements: Vec<Refinement>) -> Self {
        let (schemas, places, refined) = Default::default();
        Self { schemas, places, refinements, refined }
    }

    /// A reference to the type of this name in this file.
    pub(crate) fn view(&mut self, file: &str, name: &str) -> Value {
        let (place, shape) = shape(file, name).unwrap_or_else(|| {
            panic!(
                "type `{name}` in `src/{file}` has no schema: it is neither a view nor a type of \
                 the domain that shared/http/tests/openapi/views.rs knows"
            )
        });
        let shown = shown_name(&place, name);
        if self.places.insert((place.clone(), name.to_owned())) {
            // Before its fields, so that a type may hold itself.
            let earlier = self.schemas.insert(shown.clone(), Value::Null);
            assert!(earlier.is_none(), "two types are called `{shown}`: give one a name in NAMES");
            let mut schema = match shape.kind {
                Kind::Struct(fields) => self.object(&place, name, &fields, None),
                Kind::Enum(None, variants) => {
                    let names: Vec<_> = variants.iter().map(|variant| &*variant.name).collect();
                    let meanings = variants
                        .iter()
                        .map(|variant| format!("- `{}`: {}", variant.name, variant.about));
                    let meanings = meanings.collect::<Vec<_>>().join("\n");
                    json!({"type": "string", "enum": names, "x-meanings": meanings})
                }
                Kind::Enum(Some(tag), variants) => {
                    let each = variants.iter().map(|variant| {
                        let tag = Some((tag.as_str(), variant.name.as_str()));
                        self.object(&place, name, &variant.fields, tag)
                    });
                    json!({"oneOf": each.collect::<Vec<_>>()})
                }
            };
            assert!(!shape.about.is_empty(), "`{name}` in `{place}` needs a comment");
            let mut about = shape.about;
            if let Some(Value::String(meanings)) =
                schema.as_object_mut().and_then(|schema| schema.remove("x-meanings"))
            {
                about = format!("{about}\n\n{meanings}");
            }
            schema["description"] = about.into();
            self.schemas.insert(shown.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{shown}")})
    }

    /// All of them; none may have been refined in vain.
    pub(crate) fn finish(self) -> (BTreeMap<String, Value>, BTreeSet<(String, String)>) {
        let in_vain = (0..).zip(&self.refinements).filter(|(at, _)| !self.refined.contains(at));
        let in_vain: Vec<_> =
            in_vain.map(|(_, refined)| format!("{}.{}", refined.view, refined.field)).collect();
        assert!(in_vain.is_empty(), "refined, but in no answer: {in_vain:?}");
        (self.schemas, self.places)
    }

    fn object(
        &mut self,
        file: &str,
        view: &str,
        fields: &[Field],
        tag: Option<(&str, &str)>,
    ) -> Value {
        let mut properties = Vec::new();
        if let Some((name, value)) = tag {
            properties.push((name.to_owned(), json!({"type": "string", "const": value}), true));
        }
        for field in fields {
            assert!(
                !field.about.is_empty(),
                "`{view}::{}` in `{file}` needs a comment: it is what people read of it",
                field.name
            );
            let mut schema = self.of_field(file, field);
            self.refine(view, &field.name, &mut schema);
            schema["description"] = field.about.clone().into();
            properties.push((field.name.clone(), schema, !field.is_skipped));
        }
        object(properties)
    }

    fn refine(&mut self, view: &str, field: &str, schema: &mut Value) {
        for (at, refinement) in self.refinements.iter().enumerate() {
            if (refinement.view, refinement.field) == (view, field) {
                self.refined.insert(at);
                let more = refinement.schema.as_object().expect("a schema is an object");
                schema.as_object_mut().expect("a schema is an object").extend(more.clone());
            }
        }
    }

    fn of_field(&mut self, file: &str, field: &Field) -> Value {
        // Skipped when there is none, so what is shown is never null for that reason.
        match argument_of(&field.ty, "Option") {
            Some(inner) if field.is_skipped => self.of(file, inner),
            _ => self.of(file, &field.ty),
        }
    }

    fn of(&mut self, file: &str, ty: &Type) -> Value {
        match ty {
            Type::Reference(reference) => self.of(file, &reference.elem),
            Type::Slice(slice) => json!({"type": "array", "items": self.of(file, &slice.elem)}),
            Type::Path(path) => {
                let name =
                    path.path.segments.last().expect("a path has a last part").ident.to_string();
                if let Some(inner) = argument_of(ty, "Option") {
                    return nullable(self.of(file, inner));
                }
                if let Some(inner) = argument_of(ty, "Box") {
                    return self.of(file, inner);
                }
                if let Some(item) = argument_of(ty, "Vec") {
                    return json!({"type": "array", "items": self.of(file, item)});
                }
                if let Some(value) = argument_of(ty, "BTreeMap") {
                    return json!({"type": "object", "additionalProperties": self.of(file, value)});
                }
                match plain(&name) {
                    Some(schema) => schema,
                    None if name == "DeliveryState" => self.view(file, "State"),
                    None => self.view(file, &name),
                }
            }
            _ => {
                panic!("a type in `src/{file}` that shared/http/tests/openapi/views.rs cannot read")
            }
        }
    }
}

/// Types that need no name in the document.
fn plain(name: &str) -> Option<Value> {
    Some(match name {
        "str" | "String" => json!({"type": "string"}),
        "bool" => json!({"type": "boolean"}),
        "u8" | "u16" | "u32" | "u64" | "usize" => json!({"type": "integer", "minimum": 0}),
        "Number" => json!({"type": "number"}),
        // A record that the caller gave, as it was given.
        "RawValue" => json!({"type": "object", "additionalProperties": true}),
        "Config" => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        "Timestamp" => schema::shown_time(),
        "Label" => json!({"type": "string"}),
        "IpAddr" => json!({"type": "string"}),
        "EventType" => json!({"type": "string"}),
        "ProviderEventId" => json!({"type": "string"}),
        name => schema::id(schema::prefix(name)?),
    })
}

/// `T` of `Wrapper<T>`; the last of several.
fn argument_of<'a>(ty: &'a Type, wrapper: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == wrapper)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.last()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

fn shown_name(file: &str, name: &str) -> String {
    let given = NAMES.iter().find(|(of, view, _)| (*of, *view) == (file, name));
    given.map_or_else(
        || name.strip_suffix("View").unwrap_or(name).to_owned(),
        |(_, _, shown)| (*shown).to_owned(),
    )
}

/// Where a page of these is: `{"data": [...], "next": cursor|null}`.
pub(crate) fn page(item: Value) -> Value {
    let next = "The cursor of the next page; null on the last one.";
    object([
        ("data".to_owned(), json!({"type": "array", "items": item}), true),
        ("next".to_owned(), json!({"type": ["string", "null"], "description": next}), true),
    ])
}
