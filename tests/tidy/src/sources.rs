//! What every source file keeps.

use crate::manifest::{MEMBERS, parse};
use crate::repository::{files, keeps, lines, read, texts};

/// Past 400 a file is asked whether it is two ideas; past this it is.
const LINES_MAX: usize = 450;

#[test]
fn no_source_file_is_too_long() {
    let sources = files().filter(|file| file.ends_with(".rs"));
    let counted = sources.map(|file| (file, read(file).lines().count()));
    let breaches = counted
        .filter(|(_, count)| *count > LINES_MAX)
        .map(|(file, count)| format!("{file}:{LINES_MAX}: {count} lines"))
        .collect();
    keeps(&format!("a source file has at most {LINES_MAX} lines"), breaches);
}

#[test]
fn there_is_no_mod_rs_and_no_drawer_for_everything() {
    let drawers = ["mod", "util", "utils", "common", "helper", "helpers", "misc", "manager"];
    let is_drawer = |file: &&str| {
        let path = file.strip_suffix(".rs").unwrap_or_default();
        path.split('/').any(|part| drawers.contains(&part))
    };
    keeps("a file is named after what it answers", files().filter(is_drawer).collect());
}

/// Time and chance come through ports. Clippy keeps this rule; here it is kept that clippy does.
#[test]
fn clocks_and_random_sources_are_banned() {
    let clippy = parse(".clippy.toml");
    let bans = clippy.get("disallowed-methods").and_then(toml::Value::as_array);
    let bans = bans.expect("`.clippy.toml` has a list of disallowed methods");
    let reason_of = |path: &str| {
        let ban = bans.iter().find(|ban| ban.get("path").and_then(|p| p.as_str()) == Some(path))?;
        ban.get("reason")?.as_str()
    };
    let missing = [
        "std::time::SystemTime::now",
        "std::time::Instant::now",
        "tokio::time::Instant::now",
        "jiff::Timestamp::now",
        "getrandom::fill",
        "ring::rand::SystemRandom::new",
    ];
    let missing = missing.into_iter().filter(|path| reason_of(path).is_none_or(str::is_empty));
    keeps("`.clippy.toml` bans clocks and random sources and says why", missing.collect());

    let random = MEMBERS.iter().flat_map(|member| &member.dependencies).filter(|dependency| {
        ["rand", "fastrand", "uuid", "chrono", "time"].contains(&dependency.name.as_str())
    });
    let breaches = random.map(|found| format!("{}: `{}`", found.place, found.name)).collect();
    keeps("no member depends on a crate with a clock or a random source of its own", breaches);
}

/// `allow` would stay silent when there is nothing left to allow.
#[test]
fn bans_are_lifted_by_expect_with_a_reason() {
    let lint = concat!("clippy::disallowed", "_methods");
    let mut breaches = Vec::new();
    for (file, text) in texts().filter(|(file, _)| file.ends_with(".rs")) {
        for (start, _) in text.match_indices(lint) {
            let (before, after) = (&text[..start], &text[start..]);
            let opened = before.rfind('[').map_or("", |bracket| &before[bracket..]);
            let attribute = after.split(']').next().unwrap_or_default();
            if !opened.contains("expect(") || !attribute.contains("reason = ") {
                let line = before.lines().count().max(1);
                breaches.push(format!("{file}:{line}"));
            }
        }
    }
    keeps("a ban is lifted by `#[expect(.., reason = \"..\")]`", breaches);
}

/// Files whose text is not ours to choose.
const NOT_OURS: [&str; 2] = ["Cargo.lock", "LICENSE"];

#[test]
fn nothing_is_left_to_do_and_no_machine_is_named() {
    // In two halves, so that this file keeps the rule too.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut breaches = Vec::new();
    for (file, text) in texts().filter(|(file, _)| !NOT_OURS.contains(file)) {
        for (number, line) in lines(&text) {
            let word = words.iter().find(|word| has_word(line, word));
            let path = paths.iter().find(|path| begins_path(line, path));
            if let Some(found) = word.or(path) {
                breaches.push(format!("{file}:{number}: `{found}`"));
            }
        }
    }
    keeps("no file leaves work for later or names a path of one machine", breaches);
}

/// Whether a word stands alone, and not inside a key or a hash.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// Whether an absolute path begins so, and not a URL or a path of ours goes on so.
fn begins_path(line: &str, path: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-~}".contains(c);
    line.match_indices(path).any(|(start, _)| !line[..start].ends_with(is_part))
}

#[test]
fn words_and_paths_are_told_from_what_contains_them() {
    let (word, path) = (concat!("XX", "X"), concat!("/ro", "ot/"));
    for (line, has, begins) in [
        (format!("// {word}: later"), true, false),
        (format!("({word})"), true, false),
        (format!("abc{word}def="), false, false),
        (format!("open(\"{path}key\")"), false, true),
        (format!("at {path}"), false, true),
        (format!("https://shop.example{path}"), false, false),
        (format!("tests{path}"), false, false),
    ] {
        assert_eq!((has_word(&line, word), begins_path(&line, path)), (has, begins), "{line}");
    }
}
