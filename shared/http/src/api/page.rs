//! Lists: `?limit=` and `?cursor=` in, `{"data": [...], "next": cursor|null}` out.

use axum::http::StatusCode;
use axum::response::Response;
use postback_domain::limits::{PAGE_ROWS, PAGE_ROWS_MAX};
use postback_engine::ports::history::{Cursor, Page, PageRequest};
use serde::Serialize;

use super::fields::Fields;
use super::values::{text, whole};
use crate::edge;
use crate::problem::Problem;

#[derive(Serialize)]
struct List<'a, V> {
    data: Vec<V>,
    next: Option<&'a str>,
}

/// Which page a query asks for.
pub(crate) fn request(query: &mut Fields) -> Result<PageRequest, Problem> {
    let limit = query.optional("limit", |value| whole(&value, 1..=PAGE_ROWS_MAX as u64))?;
    // In range, so it fits; the default is in range too.
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_ROWS);
    Ok(PageRequest { limit, cursor: query.optional("cursor", text)?.map(Cursor) })
}

/// A page as its caller sees it.
pub(crate) fn answer<'a, T, V: Serialize>(
    page: &'a Page<T>,
    view: impl Fn(&'a T) -> V,
) -> Response {
    let next = page.next.as_ref().map(|cursor| cursor.0.as_str());
    edge::json(StatusCode::OK, &List { data: page.rows.iter().map(view).collect(), next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pages_are_read() {
        for (query, expected) in [
            (json!({}), Some((50, None))),
            (json!({"limit": "1"}), Some((1, None))),
            (json!({"limit": "200", "cursor": "abc"}), Some((200, Some("abc")))),
            (json!({"limit": "0"}), None),
            (json!({"limit": "201"}), None),
            (json!({"limit": ""}), None),
            (json!({"limit": "ten"}), None),
            (json!({"page": "2"}), None),
        ] {
            let values = query.as_object().unwrap().clone();
            let expected = expected.map(|(limit, cursor): (_, Option<&str>)| PageRequest {
                limit,
                cursor: cursor.map(|cursor| Cursor(cursor.to_owned())),
            });
            assert_eq!(Fields::read(values, request).ok(), expected, "{query}");
        }
    }
}
