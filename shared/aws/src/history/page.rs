//! Puts a page together. A cursor is the position of the last row, not a place in an index, so it
//! stays right while rows are added and is the same for every list that a page is merged from.

use std::fmt;

use postback_engine::ports::history::{Cursor, Page, PageRequest};

use crate::keys;

/// A row's place in the order of a list: the order of its entry, and its number among the rows
/// that the entry leads to. Lists go from the highest position to the lowest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    order: String,
    number: usize,
}

/// A time and an id are half as long. DynamoDB refuses a sort key of more than a kilobyte.
const ORDER_BYTES_MAX: usize = 100;

impl Position {
    pub(super) fn new(order: &str, number: usize) -> Self {
        Self { order: order.to_owned(), number }
    }

    fn parse(text: &str) -> Option<Self> {
        let (order, number) = text.rsplit_once('#')?;
        keys::time_of(order)?;
        if order.len() > ORDER_BYTES_MAX {
            return None;
        }
        Some(Self { order: order.to_owned(), number: number.parse().ok()? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.order, self.number)
    }
}

/// Collects the rows of one page.
#[derive(Debug)]
pub(super) struct PageBuilder<T> {
    limit: usize,
    after: Option<Position>,
    rows: Vec<(Position, T)>,
}

impl<T> PageBuilder<T> {
    /// `None` if the cursor cannot be read: nothing comes after such a one.
    pub(super) fn new(request: &PageRequest) -> Option<Self> {
        let after = match &request.cursor {
            None => None,
            Some(Cursor(text)) => Some(Position::parse(text)?),
        };
        Some(Self { limit: request.limit, after, rows: Vec::new() })
    }

    /// The order of the entry that the last page ended in. It may lead to more rows.
    pub(super) fn start(&self) -> Option<String> {
        self.after.as_ref().map(|position| position.order.clone())
    }

    /// Takes a row, unless an earlier page had it.
    pub(super) fn offer(&mut self, position: Position, row: T) {
        if self.after.as_ref().is_none_or(|after| position < *after) {
            self.rows.push((position, row));
        }
    }

    /// Whether there are rows for this page and for a next one.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() > self.limit
    }

    /// The page. `seen_to` is the order up to which was looked, if the end was not reached.
    pub(super) fn finish(mut self, seen_to: Option<&str>) -> Page<T> {
        let next = if self.is_full() {
            self.rows.truncate(self.limit);
            self.rows.last().map(|(position, _)| position.clone())
        } else {
            seen_to.map(|order| Position::new(order, 0))
        };
        Page {
            rows: self.rows.into_iter().map(|(_, row)| row).collect(),
            next: next.map(|position| Cursor(position.to_string())),
        }
    }
}

/// A page without rows, at the end.
pub(super) fn empty<T>() -> Page<T> {
    Page { rows: Vec::new(), next: None }
}
