//! Every code that the product can answer with is in the list, and the list has no other.

use std::collections::BTreeSet;

use syn::visit::Visit;
use syn::{Expr, ExprCall, ExprStruct, Lit, Member};

use crate::problems::CODES;
use crate::source::http;

/// Finds the codes in `conflict("code", ..)`, `field("code", ..)`, `form(status, "code", ..)`,
/// `with(status, "code", ..)` and `Form { code: "code", .. }`.
#[derive(Default)]
struct Finder(BTreeSet<String>);

impl Finder {
    fn note(&mut self, expression: Option<&Expr>) {
        let Some(Expr::Lit(literal)) = expression else { return };
        if let Lit::Str(code) = &literal.lit {
            self.0.insert(code.value());
        }
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(function) = &*call.func {
            let name = function.path.segments.last().map(|last| last.ident.to_string());
            match name.as_deref() {
                Some("conflict" | "field") => self.note(call.args.first()),
                Some("form" | "with") => self.note(call.args.get(1)),
                _ => {}
            }
        }
        syn::visit::visit_expr_call(self, call);
    }

    fn visit_expr_struct(&mut self, made: &'ast ExprStruct) {
        if made.path.is_ident("Form") {
            let code = made
                .fields
                .iter()
                .find(|field| matches!(&field.member, Member::Named(name) if name == "code"));
            self.note(code.map(|field| &field.expr));
        }
        syn::visit::visit_expr_struct(self, made);
    }
}

#[test]
fn every_code_is_in_the_document() {
    let mut finder = Finder::default();
    for source in http().iter().filter(|source| !source.name.ends_with("tests.rs")) {
        finder.visit_file(&source.file);
    }
    let listed: BTreeSet<_> = CODES.iter().map(|code| code.code.to_owned()).collect();
    assert_eq!(
        finder.0, listed,
        "codes in the code (left) and in CODES of shared/http/tests/openapi/problems.rs (right)"
    );
}
