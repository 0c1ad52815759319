use super::*;

/// Reads `pointer` from `body`; also says whether a key on the way was given twice.
fn read(pointer: &str, body: &[u8]) -> Result<(Option<String>, bool), NotJson> {
    let mut pointers = Pointers::default();
    let slot = pointers.add(pointer).expect("a good pointer");
    let values = pointers.read(body)?;
    Ok((values.get(slot).map(|value| value.to_string()), values.ambiguous()))
}

#[track_caller]
fn check(pointer: &str, body: &str, expected: Option<&str>) {
    let (value, ambiguous) = read(pointer, body.as_bytes()).expect("body is JSON");
    assert_eq!(value.as_deref(), expected, "{pointer} in {body}");
    assert!(!ambiguous);
}

#[test]
fn finds_values() {
    check("/id", r#"{"id":"evt_1"}"#, Some("evt_1"));
    check("/id", r#" { "x" : {"id":"no"} , "id" : "yes" } "#, Some("yes"));
    check("/a/b/c", r#"{"a":{"b":{"c":"deep"}}}"#, Some("deep"));
    check("/a/b/c", r#"{"a":{"b":"short"}}"#, None);
    check("/a/b/c", r#"{"a":null}"#, None);
    check("/id", r#"{"id":""}"#, Some(""));
    check("/", r#"{"":"empty key"}"#, Some("empty key"));
    check("/id", "[]", None);
    check("/id", "3", None);
    check("/id", "\"id\"", None);
}

#[test]
fn indexes_arrays() {
    check("/0", r#"["a","b"]"#, Some("a"));
    check("/1/id", r#"[{"id":"a"},{"id":"b"},{"id":"c"}]"#, Some("b"));
    check("/2", r#"["a","b"]"#, None);
    check("/01", r#"["a","b"]"#, None);
    check("/-", r#"["a","b"]"#, None);
    check("/99999999999999999999999", r#"["a"]"#, None);
    // In an object a number is a key like any other.
    check("/0", r#"{"0":"key"}"#, Some("key"));
    check("/01", r#"{"01":"key"}"#, Some("key"));
}

#[test]
fn unescapes_pointers() {
    check("/a~1b", r#"{"a/b":"slash"}"#, Some("slash"));
    check("/m~0n", r#"{"m~n":"tilde"}"#, Some("tilde"));
    check("/~01", r#"{"~1":"not a slash"}"#, Some("not a slash"));
    check("/%41", r#"{"%41":"no percent decoding"}"#, Some("no percent decoding"));
}

#[test]
fn refuses_bad_pointers() {
    for (pointer, rule) in [
        ("", "must start with `/`"),
        ("id", "must start with `/`"),
        ("/a~", "neither `~0` nor `~1`"),
        ("/a~2b", "neither `~0` nor `~1`"),
        ("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", "deeper than 16"),
    ] {
        let error = Pointers::default().add(pointer).expect_err(pointer);
        assert!(error.contains(rule), "{pointer}: {error}");
    }
    let mut pointers = Pointers::default();
    for number in 0..POINTERS_MAX {
        pointers.add(&format!("/{number}")).expect("within the limit");
    }
    pointers.add("/0").expect("known already");
    assert!(pointers.add("/one-more").is_err());
}

#[test]
fn keeps_numbers_verbatim() {
    for literal in
        ["0", "-0", "10.50", "1e3", "1E+2", "123456789012345678901234567890", "1e999", "0.10"]
    {
        check("/amount", &format!(r#"{{"amount": {literal} }}"#), Some(literal));
    }
    check("/ok", r#"{"ok":true}"#, Some("true"));
    check("/ok", r#"{"ok":false}"#, Some("false"));
    check("/ok", r#"{"ok":null}"#, None);
    check("/ok", r#"{"ok":{"a":1}}"#, None);
    check("/ok", r#"{"ok":[1]}"#, None);
}

#[test]
fn decodes_strings() {
    check("/s", r#"{"s":"a\"b\\c\/d\n"}"#, Some("a\"b\\c/d\n"));
    check("/s", r#"{"s":"Z\u00fcrich \ud83d\udcb8"}"#, Some("Zürich 💸"));
    check("/s", r#"{"s":"Zürich 💸"}"#, Some("Zürich 💸"));
    check("/s", r#"{"\u0073":"escaped key"}"#, Some("escaped key"));
    // Half a surrogate pair is no text; the rest of the document stays usable.
    check("/s", r#"{"s":"\ud83d","t":1}"#, None);
    check("/t", r#"{"s":"\ud83d","t":1}"#, Some("1"));
}

#[test]
fn last_of_two_keys_wins() {
    for (pointer, body, expected) in [
        ("/id", r#"{"id":"first","id":"last"}"#, Some("last")),
        ("/id", r#"{"id":"first","id":null}"#, None),
        ("/id", r#"{"id":"first","\u0069d":"last"}"#, Some("last")),
        ("/a/id", r#"{"a":{"id":"first"},"a":{}}"#, None),
        ("/a/id", r#"{"a":{"id":"first"},"a":3}"#, None),
        ("/a/0", r#"{"a":["first"],"a":["last"]}"#, Some("last")),
    ] {
        let (value, ambiguous) = read(pointer, body.as_bytes()).expect("body is JSON");
        assert_eq!(value.as_deref(), expected, "{pointer} in {body}");
        assert!(ambiguous, "{body}");
    }
    // The same key in different objects, or one no pointer asks for, is no ambiguity.
    check("/id", r#"{"id":"a","o":{"id":"b"}}"#, Some("a"));
    check("/id", r#"{"id":"a","x":1,"x":2}"#, Some("a"));
}

#[test]
fn one_pass_reads_all_pointers() {
    let mut pointers = Pointers::default();
    let slots: Vec<_> = ["/data", "/data/id", "/data/tags/1", "/type", "/data/id"]
        .map(|pointer| pointers.add(pointer).expect("a good pointer"))
        .into();
    assert_eq!(slots[1], slots[4]);
    let values =
        pointers.read(br#"{"type":"t","data":{"tags":["x","y"],"id":7}}"#).expect("body is JSON");
    let read: Vec<_> = slots.iter().map(|slot| values.get(*slot).map(AsRef::as_ref)).collect();
    assert_eq!(read, [None, Some("7"), Some("y"), Some("t"), Some("7")]);
    let values = pointers.read(br#"{"data":"text"}"#).expect("body is JSON");
    assert_eq!(values.get(slots[0]).map(AsRef::as_ref), Some("text"));
}

#[test]
fn refuses_what_is_not_json() {
    for body in [
        &b""[..],
        b"{",
        b"{} {}",
        b"{\"id\":\"a\"",
        b"{'id':'a'}",
        b"{\"id\":\"a\",}",
        b"\xef\xbb\xbf{\"id\":\"a\"}",
        b"{\"id\":\"a\",\"note\":\"\xc0\xff\"}",
        b"id=a&type=b",
        b"NaN",
        b"{\"id\":\"a\nb\"}",
    ] {
        assert!(read("/id", body).is_err(), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn depth_costs_no_stack() {
    let depth = 400_000;
    let nest = |open: &str, inner: &str, close: &str| {
        [open.repeat(depth).as_str(), inner, close.repeat(depth).as_str()].concat()
    };
    for deep in [nest("[", "", "]"), nest(r#"{"a":"#, "1", "}")] {
        check("/id", &format!(r#"{{"deep":{deep},"id":"found"}}"#), Some("found"));
        check("/deep", &format!(r#"{{"deep":{deep}}}"#), None);
        check("/a/a/a", &deep, None);
    }
}
