//! The source text that runs on AWS: of the adapter, and of each function.

use crate::repository::{files, read};

pub(super) const ADAPTER: &str = "shared/aws";

/// The text of a package's sources without its tests, with the names of their files.
pub(super) fn sources(folder: &str) -> impl Iterator<Item = (&'static str, String)> {
    let sources = format!("{folder}/src/");
    files()
        .filter(move |file| file.starts_with(&sources) && file.ends_with(".rs"))
        .filter(|file| !is_test(file))
        .map(|file| (file, without_tests(&read(file)).to_owned()))
}

fn is_test(file: &str) -> bool {
    file.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
}

/// Tests stand at a file's end.
fn without_tests(text: &str) -> &str {
    let marks = text.match_indices("#[cfg(test)]\nmod ");
    let inline = marks
        .filter(|(start, _)| text[*start..].lines().nth(1).is_some_and(|line| line.ends_with('{')));
    inline.map(|(start, _)| &text[..start]).next().unwrap_or(text)
}

#[test]
fn tests_are_left_out() {
    let text = "#[cfg(test)]\nmod a;\nlet b;\n#[cfg(test)]\nmod tests {\n    let c;\n}\n";
    assert_eq!(without_tests(text), "#[cfg(test)]\nmod a;\nlet b;\n");
    assert!(is_test("shared/aws/src/tests.rs") && is_test("shared/aws/src/tests/world.rs"));
    assert!(!is_test("shared/aws/src/attests.rs"));
}
