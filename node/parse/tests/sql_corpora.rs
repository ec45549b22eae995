//! The normaliser on statements that somebody else collected, and against what other tools make of them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ringwatch_parse::sql::{Dialect, Normalized, comment_tags, normalize, traceparent};
use serde_json::Value;

/// The lines of a corpus; `None`, with a message, where it is not there.
fn corpus(name: &str) -> Option<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/corpora/sql")
        .join(name);
    let Ok(lines) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return None;
    };
    Some(
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

fn dialect(entry: &Value) -> Dialect {
    match entry["dbms"].as_str() {
        Some("mysql") => Dialect::MySql,
        Some("mariadb") => Dialect::MariaDb,
        _ => Dialect::PostgreSql,
    }
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry[key].as_str().unwrap()
}

fn ours(entry: &Value) -> Normalized {
    normalize(dialect(entry), text(entry, "input")).unwrap_or_else(|e| panic!("{entry}: {e}"))
}

/// Words, numbers and signs, found by splitting at what is no letter, digit or underscore.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The words in the strings and the numbers of `input` that are not words of `expected`.
fn hidden(input: &str, expected: &str) -> Vec<String> {
    let strings = input.split('\'').skip(1).step_by(2).flat_map(words);
    let numbers = words(input)
        .into_iter()
        .filter(|word| word.bytes().next().is_some_and(|b| b.is_ascii_digit()));
    let shown = words(expected);
    strings
        .chain(numbers)
        .filter(|word| !shown.contains(word))
        .collect()
}

/// The text without spaces, quotes around names, capitals, and what is behind `AS`, which the other tool
/// leaves out.
fn folded(text: &str, drops_aliases: bool) -> String {
    let mut kept = Vec::new();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let is_alias =
            word.eq_ignore_ascii_case("as") && !words.peek().is_some_and(|next| next.starts_with('('));
        if drops_aliases && is_alias {
            let alias = words.next().unwrap_or_default();
            kept.push(
                alias
                    .trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
                    .to_owned(),
            );
        } else {
            kept.push(word.to_owned());
        }
    }
    kept.concat().replace(['"', '`', ';'], "").to_lowercase()
}

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap())
        .collect()
}

/// Counts what is alike, and prints what is not.
#[derive(Default)]
struct Tally {
    of: usize,
    alike: usize,
}

impl Tally {
    fn add(&mut self, what: &str, ours: &impl std::fmt::Debug, theirs: &impl std::fmt::Debug, input: &str) {
        self.of += 1;
        if format!("{ours:?}") == format!("{theirs:?}") {
            self.alike += 1;
        } else {
            println!("{what}: {ours:?} and not {theirs:?} of {input:?}");
        }
    }

    fn share(&self, what: &str) -> f64 {
        println!("{what}: {} of {}", self.alike, self.of);
        assert!(self.of > 0);
        self.alike as f64 / self.of as f64
    }
}

#[test]
fn no_literal_survives_and_tables_and_commands_are_found() {
    let Some(entries) = corpus("obfuscation.jsonl") else {
        return;
    };
    let (mut literals, mut survivors) = (0, Vec::new());
    let [mut texts, mut tables, mut commands, mut comments, mut procedures] =
        std::array::from_fn(|_| Tally::default());
    for entry in &entries {
        let (input, expected) = (text(entry, "input"), text(entry, "expected"));
        let found = ours(entry);
        let shown = words(&found.text);
        for literal in hidden(input, expected) {
            literals += 1;
            if shown.contains(&literal) {
                survivors.push(format!("{literal} of {input}"));
            }
        }
        let again = normalize(dialect(entry), &found.text).unwrap();
        assert_eq!((&again.text, again.fingerprint), (&found.text, found.fingerprint));
        let drops_aliases = entry["normalizer_config"]["keep_sql_alias"] != Value::Bool(true);
        let (our_text, their_text) = (
            folded(&found.text, drops_aliases),
            folded(expected, drops_aliases),
        );
        texts.add("text", &our_text, &their_text, input);
        if entry["tables"].is_array() {
            tables.add("tables", &found.tables, &strings(&entry["tables"]), input);
            commands.add("commands", &found.commands, &strings(&entry["commands"]), input);
            comments.add("comments", &found.comments, &strings(&entry["comments"]), input);
            procedures.add(
                "procedures",
                &found.procedures,
                &strings(&entry["procedures"]),
                input,
            );
        }
    }
    println!("{literals} hidden literals in {} statements", entries.len());
    assert!(literals > 0 && survivors.is_empty(), "{survivors:#?}");
    assert!(texts.share("texts alike but for spacing") >= 0.85);
    assert!(tables.share("tables") >= 0.95);
    assert!(commands.share("commands") >= 0.95);
    assert!(comments.share("comments") >= 0.95);
    assert!(procedures.share("procedures") >= 0.95);
}

#[test]
fn constants_become_placeholders_where_a_parser_says_so() {
    let Some(entries) = corpus("normalize.jsonl") else {
        return;
    };
    let mut texts = Tally::default();
    for entry in &entries {
        let input = text(entry, "input");
        // The parser's placeholders are numbered, and it keeps numbers that are no constants: `GROUP BY 1`.
        let theirs = normalize(Dialect::PostgreSql, text(entry, "expected")).unwrap();
        let found = ours(entry);
        texts.add("text", &found.text, &theirs.text, input);
        let expected = text(entry, "expected");
        for literal in hidden(input, expected) {
            assert!(!words(&found.text).contains(&literal), "{literal} of {input}");
        }
    }
    assert!((texts.share("texts") - 1.0).abs() < f64::EPSILON);
}

/// Statements that are the same only for who has a parser: the order of columns and tables.
const NEEDS_PARSER: [&str; 3] = [
    "INSERT INTO test (b, a) VALUES ($1, $2)",
    "SELECT * FROM y AS a, x AS b",
    "SELECT y, x FROM z",
];

#[test]
fn what_is_the_same_statement_has_one_fingerprint_and_others_have_others() {
    let Some(entries) = corpus("fingerprint_classes.jsonl") else {
        return;
    };
    let mut classes: BTreeMap<&str, Vec<(u64, &str)>> = BTreeMap::new();
    for entry in &entries {
        classes
            .entry(text(entry, "expected_class"))
            .or_default()
            .push((ours(entry).fingerprint, text(entry, "input")));
    }
    let mut class_of: HashMap<u64, &str> = HashMap::new();
    let mut apart = Vec::new();
    for (class, members) in &classes {
        for (fingerprint, input) in members {
            let joined = class_of.insert(*fingerprint, class);
            assert!(
                joined.is_none_or(|other| other == *class),
                "{input} is joined with another class"
            );
            if *fingerprint != members[0].0 {
                apart.push(*input);
            }
        }
    }
    println!(
        "{} classes of {} statements, apart: {apart:?}",
        classes.len(),
        entries.len()
    );
    apart.sort_unstable();
    assert_eq!(apart, NEEDS_PARSER);
}

#[test]
fn tags_are_read_from_comments_that_are_whole() {
    let Some(entries) = corpus("comment_tags.jsonl") else {
        return;
    };
    for entry in &entries {
        for dialect in [Dialect::PostgreSql, Dialect::MySql] {
            let found = normalize(dialect, text(entry, "input")).unwrap();
            assert_eq!(
                found.tags,
                comment_tags(found.comments.iter().map(String::as_str))
            );
            if entry["op"] == "traceparent" {
                assert_eq!(
                    traceparent(&found.tags).unwrap_or_default(),
                    text(entry, "expected"),
                    "{entry}"
                );
            } else {
                let tags: BTreeMap<&str, &str> =
                    found.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                let expected = entry["expected"].as_object().unwrap();
                let expected: BTreeMap<&str, &str> = expected
                    .iter()
                    .map(|(k, v)| (k.as_str(), v.as_str().unwrap()))
                    .collect();
                assert_eq!(tags, expected, "{entry}");
            }
        }
    }
    println!("{} comments", entries.len());
    assert!(!entries.is_empty());
}

/// What says whether a text may be explained: a command that changes something.
#[test]
fn commands_that_write_are_seen_where_they_are_commands() {
    let Some(entries) = corpus("explain_safety.jsonl") else {
        return;
    };
    let reads = |found: &Normalized| {
        found
            .commands
            .iter()
            .all(|c| matches!(*c, "SELECT" | "JOIN" | "STRAIGHT_JOIN"))
    };
    for entry in &entries {
        let found = ours(entry);
        // The other tool also counts what locks, shows or sets: those are no commands here.
        if entry["expected"] == Value::Bool(false) {
            assert!(reads(&found), "{entry} {:?}", found.commands);
        } else {
            assert!(found.commands.as_slice() != ["SELECT"], "{entry}");
        }
    }
    assert!(!entries.is_empty());
}
