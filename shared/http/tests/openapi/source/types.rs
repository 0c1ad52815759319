//! Structs and enums as serde shows them, with their comments. Knows the attributes of serde that
//! this code base uses, and stops at any other, because it would have to guess.

use syn::{Attribute, Expr, Fields, Item, Lit, Meta, Token, Type, punctuated::Punctuated};

use super::{Source, domain, http};

/// A type that answers are made of.
pub(crate) struct Shape {
    pub(crate) about: String,
    pub(crate) kind: Kind,
}

/// What it is.
pub(crate) enum Kind {
    Struct(Vec<Field>),
    /// The name of the field that says which variant it is; without one, variants are texts.
    Enum(Option<String>, Vec<Variant>),
}

/// A field of a struct or variant.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) ty: Type,
    /// Whether it may be left out of an answer.
    pub(crate) is_skipped: bool,
}

/// One of several.
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) fields: Vec<Field>,
}

/// The type of this name that `file` means: its own, else the only one of `postback-http`, else the
/// only one of `postback-domain`.
pub(crate) fn shape(file: &str, name: &str) -> Option<(String, Shape)> {
    let own = http().iter().filter(|source| source.name == file).collect::<Vec<_>>();
    let all = [own, http().iter().collect(), domain().iter().collect()];
    all.iter().find_map(|sources| match found(sources, name).as_slice() {
        [] => None,
        [(file, item)] => Some((file.clone(), shape_of(item))),
        several => {
            let files: Vec<_> = several.iter().map(|(file, _)| file).collect();
            panic!("`{name}` of `{file}` may be the one of any of {files:?}")
        }
    })
}

fn found<'a>(sources: &[&'a Source], name: &str) -> Vec<(String, &'a Item)> {
    let items =
        sources.iter().flat_map(|source| source.file.items.iter().map(move |i| (source, i)));
    let named = items.filter(|(_, item)| match item {
        Item::Struct(item) => item.ident == name,
        Item::Enum(item) => item.ident == name,
        _ => false,
    });
    named.map(|(source, item)| (source.name.clone(), item)).collect()
}

fn shape_of(item: &Item) -> Shape {
    match item {
        Item::Struct(item) => {
            Shape { about: about(&item.attrs), kind: Kind::Struct(fields(&item.fields)) }
        }
        Item::Enum(item) => {
            let serde = Serde::of(&item.attrs);
            let variants = item.variants.iter().map(|variant| Variant {
                name: serde.renamed(&variant.ident.to_string()),
                about: about(&variant.attrs),
                fields: fields(&variant.fields),
            });
            let kind = Kind::Enum(serde.tag.clone(), variants.collect());
            Shape { about: about(&item.attrs), kind }
        }
        _ => unreachable!("only structs and enums are found"),
    }
}

fn fields(fields: &Fields) -> Vec<Field> {
    let named = fields.iter().filter_map(|field| {
        let name = field.ident.as_ref()?.to_string();
        Some(Field {
            name: name.trim_start_matches("r#").to_owned(),
            about: about(&field.attrs),
            ty: field.ty.clone(),
            is_skipped: Serde::of(&field.attrs).is_skipped,
        })
    });
    named.collect()
}

/// The comment, as one paragraph.
fn about(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(line) => Some(line.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

#[derive(Default)]
struct Serde {
    rename_all: Option<String>,
    tag: Option<String>,
    is_skipped: bool,
}

impl Serde {
    fn of(attributes: &[Attribute]) -> Self {
        let mut serde = Self::default();
        let ours = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
        for attribute in ours {
            let metas = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            for meta in metas.expect("attributes of serde are lists") {
                let name = meta.path().get_ident().map(ToString::to_string).unwrap_or_default();
                match name.as_str() {
                    "rename_all" => serde.rename_all = text(&meta),
                    "tag" => serde.tag = text(&meta),
                    "skip_serializing_if" => serde.is_skipped = true,
                    // Of reading, which answers are not.
                    "default" => {}
                    other => panic!("`serde({other})` is not known to tests/openapi"),
                }
            }
        }
        serde
    }

    fn renamed(&self, name: &str) -> String {
        let snake = || {
            let parts = name.char_indices().map(|(at, c)| match c {
                'A'..='Z' if at > 0 => format!("_{}", c.to_ascii_lowercase()),
                _ => c.to_ascii_lowercase().to_string(),
            });
            parts.collect::<String>()
        };
        match self.rename_all.as_deref() {
            None => name.to_owned(),
            Some("lowercase") => name.to_lowercase(),
            Some("snake_case") => snake(),
            Some("SCREAMING_SNAKE_CASE") => snake().to_uppercase(),
            Some(other) => panic!("`rename_all = \"{other}\"` is not known to tests/openapi"),
        }
    }
}

fn text(meta: &Meta) -> Option<String> {
    let Meta::NameValue(pair) = meta else { return None };
    let Expr::Lit(literal) = &pair.value else { return None };
    match &literal.lit {
        Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}
