//! Tokens of whole, broken and hostile texts.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::plan::{Degraded, Limits, PlanError};

/// The tokens, written short: `{ a: 1 }`; words in angle brackets; what was added is marked by `!`.
fn tokens(text: &str) -> (String, Option<Degraded>) {
    let limits = Limits::default();
    let mut reader = Reader::new(text, 0, &limits).unwrap();
    let mut out = Vec::new();
    while let Some(token) = reader.next().unwrap() {
        assert_eq!(&text[token.start..token.end()], token.raw);
        let shown = match token.kind {
            Kind::Object => "{".to_owned(),
            Kind::EndObject => "}".to_owned(),
            Kind::Array => "[".to_owned(),
            Kind::EndArray => "]".to_owned(),
            Kind::Key => format!("{}:", token.text()),
            Kind::Text => format!("'{}'", token.text()),
            Kind::Number => token.raw.to_owned(),
            Kind::Flag(flag) => flag.to_string(),
            Kind::Null => "null".to_owned(),
            Kind::Word => format!("<{}>", token.raw),
        };
        let added = token.raw.is_empty() && !matches!(token.kind, Kind::Text);
        out.push(if added { format!("{shown}!") } else { shown });
    }
    assert_eq!(reader.depth(), 0);
    (out.join(" "), reader.degraded())
}

#[test]
fn json_is_read() {
    let text = r#" {"a": [1, -2.5e3, "x\n\u00e9\ud83d\ude00", true, false, null, {}, []], "b": ""} (1 row)"#;
    let expected = "{ a: [ 1 -2.5e3 'x\n\u{e9}\u{1f600}' true false null { } [ ] ] b: '' }";
    assert_eq!(tokens(text), (expected.to_owned(), None));
}

#[test]
fn what_is_no_json_is_taken_as_it_is_meant() {
    use Degraded::{Invalid, Truncated};
    let cases = [
        (r#"{"a": 1, "b": 2,}"#, "{ a: 1 b: 2 }", None),
        (r#"{"a": 1 "b": "x" "c": 2}"#, "{ a: 1 b: 'x' c: 2 }", None),
        ("{\"a\": \"x\ny\tz\u{1}\"}", "{ a: 'x\ny\tz\u{1}' }", None),
        (
            r#"{"a": "(b = "c, d")"}"#,
            r#"{ a: '(b = "c, d")' }"#,
            Some(Invalid),
        ),
        (r#"{"a": N.N, "b": 1}"#, "{ a: <N.N> b: 1 }", Some(Invalid)),
        (r#"{"a": 1, "a": 2}"#, "{ a: 1 a: 2 }", None),
        (
            r#"["\ud800", "\udc00x", "\uZ", "\q"]"#,
            "[ '\u{fffd}' '\u{fffd}x' '\u{fffd}Z' 'q' ]",
            None,
        ),
        (r#"{"a": , "b"}"#, "{ a: null! }", Some(Invalid)),
        (r#"{{"a": 1}}"#, "{ :! { a: 1 } }", Some(Invalid)),
        (r#"{"a": [1, 2}"#, "{ a: [ 1 2 ]! }", Some(Invalid)),
        (r#"[1], 2"#, "[ 1 ]", None),
        (r#"[1}]"#, "[ 1 ]", Some(Invalid)),
        (r#"{"a": [1, 23"#, "{ a: [ 1 null! ]! }!", Some(Truncated)),
        (r#"{"a": [1, "secr"#, "{ a: [ 1 null! ]! }!", Some(Truncated)),
        (r#"{"a": 1, "secr"#, "{ a: 1 :! null! }!", Some(Truncated)),
        (r#"{"a":"#, "{ a: null! }!", Some(Truncated)),
        (r#"{"a": "x\"#, "{ a: null! }!", Some(Truncated)),
        ("", "", None),
        ("12", "12", None),
    ];
    for (text, expected, degraded) in cases {
        assert_eq!(tokens(text), (expected.to_owned(), degraded), "{text}");
    }
}

#[test]
fn numbers_are_finite() {
    let token = |raw, kind| Token { kind, raw, start: 0 };
    assert_eq!(token("1e999", Kind::Number).number(), None);
    assert_eq!(token("98133.43", Kind::Text).number(), Some(98133.43));
    assert_eq!(token("-", Kind::Number).number(), None);
    assert_eq!(token("NaN", Kind::Text).number(), None);
}

#[test]
fn limits_hold() {
    let deep = "[".repeat(100_000);
    let limits = Limits::default();
    let mut reader = Reader::new(&deep, 0, &limits).unwrap();
    let error = loop {
        match reader.next() {
            Ok(token) => assert!(token.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(error, PlanError::TooDeep { limit: 512 });

    let stop = || true;
    let limits = Limits {
        stop: Some(&stop),
        ..Limits::default()
    };
    let many = "[1,".repeat(500);
    let mut reader = Reader::new(&many, 0, &limits).unwrap();
    assert_eq!(reader.skip(&reader_begin()), Ok(()));
    let error = std::iter::from_fn(|| Some(reader.next())).find_map(Result::err);
    assert_eq!(error, Some(PlanError::TimedOut));

    let large = " ".repeat(600 * 1024);
    assert!(matches!(
        Reader::new(&large, 0, &limits),
        Err(PlanError::TooLarge { .. })
    ));
}

fn reader_begin() -> Token<'static> {
    Token {
        kind: Kind::Null,
        raw: "",
        start: 0,
    }
}

#[test]
fn a_value_can_be_skipped() {
    let limits = Limits::default();
    let mut reader = Reader::new(r#"{"a": {"x": [1, {}]}, "b": 2}"#, 0, &limits).unwrap();
    let mut keys = Vec::new();
    let mut first = true;
    while let Some(token) = reader.next().unwrap() {
        if token.kind == Kind::Key {
            keys.push(token.raw);
        }
        if !first {
            reader.skip(&token).unwrap();
        }
        first = false;
    }
    assert_eq!(keys, ["a", "b"]);
}
