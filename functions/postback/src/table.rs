//! Rows under aligned columns, for people. What a cell means may be told by its colour; widths are
//! counted without it.

use anstream::println;
use anstyle::Style;
use serde_json::Value;

use crate::terminal::{BAD, BOLD, GOOD, WAITING};

/// What stands between columns.
const GAP: &str = "  ";

/// A table that is being filled.
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const CELLS: usize>(&mut self, cells: [String; CELLS]) {
        self.cells(cells.to_vec());
    }

    /// As many as there are columns.
    pub(crate) fn cells(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(crate) fn print(&self) {
        for line in self.lines() {
            println!("{line}");
        }
        if self.rows.is_empty() {
            println!("(none)");
        }
    }

    fn lines(&self) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let longest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            longest.max(self.head[column].chars().count())
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |cells: &[String], style: &dyn Fn(&str) -> Style| {
            let cells = cells.iter().zip(&widths).map(|(cell, width)| {
                let (style, padding) = (style(cell), " ".repeat(width - cell.chars().count()));
                format!("{style}{cell}{style:#}{padding}")
            });
            cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
        };
        let head: Vec<String> = self.head.iter().map(|name| (*name).to_owned()).collect();
        let head = line(&head, &|_| BOLD);
        std::iter::once(head).chain(self.rows.iter().map(|row| line(row, &colour))).collect()
    }
}

/// States and health have the colours they have everywhere.
fn colour(cell: &str) -> Style {
    match cell {
        "SUCCESS" | "enabled" | "accepted" => GOOD,
        "FAILED" | "disabled" => BAD,
        "PENDING" | "NOT_APPLY" => WAITING,
        _ => Style::new(),
    }
}

/// A field as a cell: texts as they are, lists joined, nothing for what is absent.
pub(crate) fn cell(row: &Value, field: &str) -> String {
    match &row[field] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items = items.iter().map(|item| item.as_str().unwrap_or_default());
            items.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// The fields of one object, a line each.
pub(crate) fn print_object(object: &Value) {
    let Some(fields) = object.as_object() else { return println!("{object}") };
    let width = fields.keys().map(String::len).max().unwrap_or(0);
    // What names it comes first.
    let (names, others): (Vec<_>, Vec<_>) =
        fields.iter().partition(|(name, _)| ["id", "name"].contains(&name.as_str()));
    for (name, value) in names.into_iter().chain(others) {
        let text = match value {
            Value::Object(_) => value.to_string(),
            Value::Array(items) if items.is_empty() || items[0].is_object() => continue,
            _ => cell(object, name),
        };
        println!("{BOLD}{name:width$}{BOLD:#}  {text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let mut table = Table::new(&["ID", "STATE", "NAME"]);
        table.row(["1".to_owned(), "SUCCESS".to_owned(), "Zürich".to_owned()]);
        table.row(["100".to_owned(), "FAILED".to_owned(), String::new()]);
        let lines = table.lines();
        let plain: Vec<_> =
            lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        assert_eq!(plain, ["ID   STATE    NAME", "1    SUCCESS  Zürich", "100  FAILED"]);
    }

    #[test]
    fn cells_are_what_people_read() {
        let row = json!({"a": "x", "b": ["y", "z"], "c": null, "d": 7, "e": true});
        let cells: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|name| cell(&row, name)).into();
        assert_eq!(cells, ["x", "y z", "", "7", "true", ""]);
    }
}
