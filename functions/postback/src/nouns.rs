//! The commands that show and change what a server has: one file a noun. Each says what the API is
//! asked for and which columns a person wants to see; `--json` prints what the API said.

pub(crate) mod audit;
pub(crate) mod deliveries;
pub(crate) mod endpoints;
pub(crate) mod events;
pub(crate) mod merchants;
pub(crate) mod recoveries;
pub(crate) mod sources;

use std::process::ExitCode;

use anstream::println;
use serde_json::Value;

use crate::table::{Table, cell, print_object};

/// Rows of a list, when nobody says.
const ROWS: u32 = 20;

/// Prints rows: their columns for people, all of it for machines.
fn show_rows(rows: &[Value], columns: &[(&'static str, &str)], as_json: bool) -> ExitCode {
    if as_json {
        println!("{:#}", Value::Array(rows.to_vec()));
        return ExitCode::SUCCESS;
    }
    let heads: Vec<_> = columns.iter().map(|(head, _)| *head).collect();
    let mut table = Table::new(&heads);
    for row in rows {
        table.cells(columns.iter().map(|(_, field)| cell(row, field)).collect());
    }
    table.print();
    ExitCode::SUCCESS
}

fn show_object(object: &Value, as_json: bool) -> ExitCode {
    if as_json {
        println!("{object:#}");
    } else {
        print_object(object);
    }
    ExitCode::SUCCESS
}
