//! The routes of the routers: every `.route("/path", get(handler).post(handler))` there is.

use syn::visit::Visit;
use syn::{Expr, ExprMethodCall, Lit};

use super::{Source, http, last_ident};

/// One method of one path.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// As the document spells it: `/v1/merchants/{merchant_id}`.
    pub(crate) path: String,
    /// Where the handler is: a file and a function.
    pub(crate) handler: (String, String),
}

impl Route {
    /// `POST /v1/merchants`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Every route, in the routers' own order.
pub(crate) fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    for source in http() {
        Finder { source, routes: &mut routes }.visit_file(&source.file);
    }
    routes
}

struct Finder<'a> {
    source: &'a Source,
    routes: &'a mut Vec<Route>,
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        // The chain before this call comes first.
        syn::visit::visit_expr_method_call(self, call);
        if call.method != "route" {
            return;
        }
        let (Some(Expr::Lit(path)), Some(methods)) = (call.args.first(), call.args.get(1)) else {
            return;
        };
        let Lit::Str(path) = &path.lit else { return };
        let path = spelled(&path.value());
        for (method, handler) in handlers(methods) {
            let handler = self.place_of(&handler);
            self.routes.push(Route { method, path: path.clone(), handler });
        }
    }
}

impl Finder<'_> {
    /// `sources::secrets::create` is the function `create` of `api/sources/secrets.rs`.
    fn place_of(&self, handler: &syn::Path) -> (String, String) {
        let mut parts: Vec<String> =
            handler.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let function = parts.pop().expect("a path has a last part");
        let own = self.source.name.trim_end_matches(".rs");
        let file = match parts.as_slice() {
            [] => self.source.name.clone(),
            [first, rest @ ..] if first == "crate" => format!("{}.rs", rest.join("/")),
            modules => format!("{own}/{}.rs", modules.join("/")),
        };
        (file, function)
    }
}

fn handlers(expression: &Expr) -> Vec<(&'static str, syn::Path)> {
    let (name, argument, mut before) = match expression {
        Expr::Call(call) => {
            let Expr::Path(function) = &*call.func else { return Vec::new() };
            (last_ident(&function.path), call.args.first(), Vec::new())
        }
        Expr::MethodCall(call) => {
            (call.method.to_string(), call.args.first(), handlers(&call.receiver))
        }
        _ => return Vec::new(),
    };
    if let (Some(method), Some(Expr::Path(handler))) = (method(&name), argument) {
        before.push((method, handler.path.clone()));
    }
    before
}

fn method(name: &str) -> Option<&'static str> {
    match name {
        // A fallback of a route is ingest's: the GET that some providers begin with.
        "get" | "fallback" => Some("GET"),
        "post" => Some("POST"),
        "put" => Some("PUT"),
        "patch" => Some("PATCH"),
        "delete" => Some("DELETE"),
        _ => None,
    }
}

/// Names a parameter after what it is: an id.
fn spelled(path: &str) -> String {
    path.replace('}', "_id}")
}
