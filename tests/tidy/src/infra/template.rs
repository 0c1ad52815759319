//! The template as plain values: a short tag such as `!Ref Table` stands there in its long form,
//! `{"Ref": "Table"}`, so that both spellings read alike.

use std::sync::LazyLock;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value};

use crate::repository::read;

pub(super) const FILE: &str = "infra/template.yaml";

pub(super) static TEMPLATE: LazyLock<Value> = LazyLock::new(|| parse(&read(FILE)));

/// A Lambda function of the template.
pub(super) struct Function {
    /// The resource's name.
    pub(super) id: &'static str,
    /// The folder in `functions/` whose binary it runs.
    pub(super) folder: &'static str,
    pub(super) properties: &'static Value,
}

/// Every function, in the template's order.
pub(super) static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let blocks = resources("AWS::Serverless::Function");
    blocks
        .map(|(id, properties)| {
            let code = properties["CodeUri"].as_str().expect("the code of a function is a path");
            let folder = code.strip_prefix("../target/lambda/");
            let folder = folder.unwrap_or_else(|| panic!("`{code}` is not built by cargo lambda"));
            Function { id, folder, properties }
        })
        .collect()
});

/// The function that runs the binary of a folder.
pub(super) fn function(folder: &str) -> &'static Function {
    let found = FUNCTIONS.iter().find(|function| function.folder == folder);
    found.unwrap_or_else(|| panic!("no function in `{FILE}` runs `{folder}`"))
}

/// The resources of a type, by name, with their properties.
pub(super) fn resources(kind: &str) -> impl Iterator<Item = (&'static str, &'static Value)> {
    let all = TEMPLATE["Resources"].as_object().expect("a map of resources");
    all.iter()
        .filter(move |(_, resource)| resource["Type"] == kind)
        .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
}

/// The only resource of a type.
pub(super) fn the_one(kind: &str) -> &'static Value {
    let mut found = resources(kind);
    match (found.next(), found.next()) {
        (Some((_, properties)), None) => properties,
        _ => panic!("`{FILE}` should have exactly one {kind}"),
    }
}

/// The properties of a resource.
pub(super) fn properties(id: &str) -> &'static Value {
    let resource = &TEMPLATE["Resources"][id];
    assert!(resource.is_object(), "`{FILE}` has no resource `{id}`");
    &resource["Properties"]
}

/// The resource that `!Ref`, `!GetAtt` or the beginning of a `!Sub` names.
pub(super) fn target(value: &Value) -> Option<&str> {
    if let Some(text) = value["Fn::Sub"].as_str() {
        return text.strip_prefix("${")?.split(['.', '}']).next();
    }
    value["Ref"].as_str().or_else(|| value["Fn::GetAtt"].as_str()?.split('.').next())
}

/// One value, or each of a list of them: CloudFormation takes both in the same place.
pub(super) fn each(value: &Value) -> impl Iterator<Item = &Value> {
    let list = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    list.iter().filter(|value| !value.is_null())
}

/// A number that the template must give as such.
#[track_caller]
pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("`{value}` in `{FILE}` is not a number"))
}

fn parse(text: &str) -> Value {
    let documents = Yaml::load_from_str(text);
    let documents = documents.unwrap_or_else(|error| panic!("`{FILE}` cannot be parsed: {error}"));
    plain(documents.first().expect("a document"))
}

fn plain(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => (*value).into(),
            Scalar::Integer(value) => (*value).into(),
            Scalar::FloatingPoint(value) => value.into_inner().into(),
            Scalar::String(value) => value.as_ref().into(),
        },
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        Yaml::Mapping(entries) => {
            let text = |key: &Yaml<'_>| match plain(key) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            entries.iter().map(|(key, value)| (text(key), plain(value))).collect()
        }
        Yaml::Tagged(tag, inner) => {
            let name = tag.suffix.as_str();
            let name = if name == "Ref" { name.to_owned() } else { format!("Fn::{name}") };
            Map::from_iter([(name, plain(inner))]).into()
        }
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            panic!("`{FILE}` uses YAML that CloudFormation does not: {yaml:?}")
        }
    }
}

#[test]
fn short_tags_are_read_in_their_long_form() {
    let short = parse("{a: !Ref T, b: !GetAtt T.Arn, c: !If [C, 1, !Sub '${T.Arn}/index/work']}");
    let long = r#"{"a": {"Ref": "T"}, "b": {"Fn::GetAtt": "T.Arn"},
        "c": {"Fn::If": ["C", 1, {"Fn::Sub": "${T.Arn}/index/work"}]}}"#;
    assert_eq!(short, long.parse::<Value>().expect("JSON"));
    assert_eq!(target(&short["a"]), Some("T"));
    assert_eq!(target(&short["b"]), Some("T"));
    assert_eq!(target(&short["c"]["Fn::If"][2]), Some("T"));
    assert_eq!(target(&parse("arn:aws:sqs")), None);
}
