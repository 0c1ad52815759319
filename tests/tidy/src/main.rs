//! The house rules that no compiler keeps, as tests over the repository's files. Each is one
//! `#[test]`, and each failure names the rule and every place that breaks it.

mod crates;
mod docs;
mod infra;
mod manifest;
mod manifests;
mod repository;
mod sources;
