//! What a handler asks for, by its extractors. That decides which of the general answers it can
//! give: whoever asks for a `Body` can hear that it is no JSON.

use syn::{FnArg, GenericArgument, Item, PathArguments, Type};

use super::{Route, http, last_ident};

/// What a handler asks for.
#[derive(Debug, Default, Clone)]
pub(crate) struct Asks {
    /// A key, of a merchant or the operator's.
    pub(crate) caller: bool,
    /// The operator's key.
    pub(crate) admin: bool,
    /// A merchant's key with the scope `admin`, or the operator's.
    pub(crate) steward: bool,
    pub(crate) query: bool,
    pub(crate) body: bool,
    pub(crate) if_match: bool,
    /// The types of the ids in the path.
    pub(crate) ids: Vec<String>,
}

/// What the handler of a route asks for.
pub(crate) fn asks_of(route: &Route) -> Asks {
    let (file, name) = &route.handler;
    let source = http().iter().find(|source| source.name == *file);
    let source = source.unwrap_or_else(|| panic!("{}: no file `src/{file}`", route.name()));
    let function = source.file.items.iter().find_map(|item| match item {
        Item::Fn(function) if function.sig.ident == name => Some(function),
        _ => None,
    });
    let function = function.unwrap_or_else(|| panic!("no function `{name}` in `src/{file}`"));
    let mut asks = Asks::default();
    for argument in &function.sig.inputs {
        let FnArg::Typed(argument) = argument else { continue };
        let Type::Path(path) = &*argument.ty else { continue };
        match last_ident(&path.path).as_str() {
            "Caller" => asks.caller = true,
            "Admin" => asks.admin = true,
            "Steward" => asks.steward = true,
            "Query" => asks.query = true,
            "Body" => asks.body = true,
            "IfMatch" => asks.if_match = true,
            "Ids" => asks.ids = ids(&path.path),
            // The handle, what is drawn at random, what is recorded, and ingest's whole request.
            "State" | "Seed" | "Act" | "Request" => {}
            other => panic!(
                "{}: the handler asks for `{other}`, of which shared/http/tests/openapi/source/\
                 handlers.rs does not know which answers can come of it",
                route.name()
            ),
        }
    }
    asks
}

/// `Ids<MerchantId>` or `Ids<(MerchantId, KeyId)>`.
fn ids(path: &syn::Path) -> Vec<String> {
    let Some(PathArguments::AngleBracketed(arguments)) =
        path.segments.last().map(|segment| &segment.arguments)
    else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(Type::Tuple(tuple)) => Some(tuple.elems.iter().collect()),
        GenericArgument::Type(single) => Some(vec![single]),
        _ => None,
    });
    let types = types.flatten().filter_map(|each| match each {
        Type::Path(path) => Some(last_ident(&path.path)),
        _ => None,
    });
    types.collect()
}
