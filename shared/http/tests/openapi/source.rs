//! The code as the compiler reads it: which routes there are, what each handler asks for, and what
//! the types look like that answers are made of. Nothing in the product is written for this; a
//! route, an extractor or a field that is added shows up by itself.

mod handlers;
mod routes;
mod types;

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use handlers::{Asks, asks_of};
pub(crate) use routes::{Route, routes};
pub(crate) use types::{Field, Kind, shape};

/// A source file.
pub(crate) struct Source {
    /// From the root of its package's `src`, such as `api/keys.rs`.
    pub(crate) name: String,
    pub(crate) file: syn::File,
}

// Syntax is of the thread that has read it, and every test has one of its own. It stays for the rest
// of the process, so that types may be borrowed from it freely.
thread_local! {
    static HTTP: &'static [Source] = read_all("src").leak();
    static DOMAIN: &'static [Source] = read_all("../domain/src").leak();
}

/// Every file of `postback-http`.
pub(crate) fn http() -> &'static [Source] {
    HTTP.with(|sources| *sources)
}

/// Every file of `postback-domain`, for the types that views show as they are.
pub(crate) fn domain() -> &'static [Source] {
    DOMAIN.with(|sources| *sources)
}

fn read_all(folder: &str) -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths = Vec::new();
    collect(&folder, &mut paths);
    paths.sort();
    let sources = paths.into_iter().map(|path| {
        let text = fs::read_to_string(&path).expect("a source file can be read");
        let file = syn::parse_file(&text)
            .unwrap_or_else(|error| panic!("`{}` is not Rust: {error}", path.display()));
        let name = path.strip_prefix(&folder).expect("it was found in there");
        Source { name: name.to_string_lossy().replace('\\', "/"), file }
    });
    sources.collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The last part of a path, without what is in angle brackets.
fn last_ident(path: &syn::Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}
