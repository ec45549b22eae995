//! The log's reader and the scrubbing of messages, on messages that somebody else collected and on bytes that
//! nobody thought of.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;

use proptest::prelude::*;
use ringwatch_parse::log::{LogFormat, Prefix, Reader, scrub_line, scrub_message};
use serde_json::Value;

/// A kind of secret, and where it begins and ends.
type Secret = (String, usize, usize);

/// Each message of the corpus with its level and the ranges that are secret.
fn messages() -> Vec<(String, String, Vec<Secret>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/logs/postgres_logs.jsonl");
    let Ok(lines) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return Vec::new();
    };
    let mut all = Vec::new();
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let expected = entry["expected"].as_array().unwrap();
        for (line, expected) in entry["lines"].as_array().unwrap().iter().zip(expected) {
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let markers = expected["SecretMarkers"].as_array().into_iter().flatten();
            let number = |value: &Value| usize::try_from(value.as_u64().unwrap_or(0)).unwrap();
            let ranges = markers.map(|marker| {
                let kind = marker["Kind"].as_str().unwrap().to_owned();
                (kind, number(&marker["ByteStart"]), number(&marker["ByteEnd"]))
            });
            all.push((text("LogLevel"), text("Content"), ranges.collect()));
        }
    }
    all
}

/// The literals in a secret part of a message: all of it, or of a statement what is in quotes and the
/// numbers.
fn literals<'a>(kind: &str, text: &'a str) -> Vec<&'a str> {
    if kind != "StatementTextLogSecret" {
        return text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
    }
    let quoted = text.split('\'').skip(1).step_by(2);
    // What a plan tells of costs is no literal.
    let figured = |word: &str| text.contains("(cost=") && text.contains(&format!("={word}"));
    let words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '.')));
    let numbers = words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit()) && !figured(word));
    quoted.chain(numbers).collect()
}

fn holds(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '.')))
        .any(|found| found == word)
}

#[test]
fn no_secret_of_the_corpus_survives() {
    for (level, message, ranges) in messages() {
        for scrubbed in [scrub_message(&message), scrub_line(&level, &message)] {
            if ranges.is_empty() {
                assert_eq!(scrubbed, message, "it holds no secret and stays readable");
            }
            for (kind, start, end) in &ranges {
                let around = format!("{}{}", &message[..*start], &message[*end..]);
                for literal in literals(kind, &message[*start..*end]) {
                    let is_elsewhere = holds(&around, literal);
                    assert!(
                        is_elsewhere || !holds(&scrubbed, literal),
                        "{literal}: {message} -> {scrubbed}"
                    );
                }
            }
            assert_eq!(
                scrub_line(&level, &scrubbed),
                scrubbed,
                "scrubbing again changes nothing"
            );
        }
    }
}

#[test]
fn secrets_planted_into_the_corpus_do_not_survive() {
    const CANARY: &str = "c0ffee5ec3e7";
    for (level, message, ranges) in messages() {
        for (kind, start, end) in ranges {
            let inner = &message[start..end];
            let planted = if kind == "StatementTextLogSecret" {
                let Some((before, after)) = inner.split_once('\'') else {
                    continue;
                };
                format!("{before}'{CANARY} \"x {after}")
            } else {
                format!("{CANARY} \"{inner}\" {CANARY}")
            };
            let planted = format!("{}{planted}{}", &message[..start], &message[end..]);
            for scrubbed in [scrub_message(&planted), scrub_line(&level, &planted)] {
                assert!(!scrubbed.contains(CANARY), "{planted} -> {scrubbed}");
            }
        }
    }
}

/// Pieces of logs.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = proptest::sample::select(vec![
        "2026-11-21 10:53:45.123 UTC [7] a@b LOG:  duration: 1.5 ms  plan:\n",
        "2026-11-21 10:53:45.123 UTC,\"a\",\"b\",7,,,,,,,,LOG,00000,\
         \"duration: 1 ms  plan:\nResult\",,,,,,,,,\"psql\"\n",
        "{\"message\":\"duration: 1 ms  plan:\\nResult\"}\n",
        "\tQuery Text: x\n",
        "\tResult  (cost=0..1 rows=1 width=1)\n",
        "2026-11-21 10:53:45",
        "\n",
        "\t",
        "\"",
        ",",
        "{",
        "}\n",
        "LOG:  duration: ",
        " ms  plan:\n",
        "x",
    ]);
    let known = known.prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![4 => known, 1 => proptest::collection::vec(any::<u8>(), 0..9)]
}

fn entries(format: LogFormat, prefix: &Prefix, log: &[u8], cuts: &[usize]) -> Vec<String> {
    let mut reader = Reader::new(format)
        .with_entry_bytes(300)
        .with_prefix(prefix.clone());
    let mut found = Vec::new();
    let mut rest = log;
    for cut in cuts {
        let (chunk, next) = rest.split_at((*cut).min(rest.len()));
        reader.read(chunk, |entry| found.push(format!("{entry:?}")));
        rest = next;
    }
    reader.read(rest, |entry| found.push(format!("{entry:?}")));
    reader.flush(|entry| found.push(format!("{entry:?}")));
    found.push(format!("{:?}", reader.skipped()));
    found
}

#[test]
fn chunks_of_any_size_give_the_same_entries() {
    let prefix = Prefix::new("%m [%p] %u@%d ");
    let pieces = proptest::collection::vec(piece(), 0..24);
    let cuts = proptest::collection::vec(0_usize..60, 0..24);
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&(pieces, cuts), |(pieces, cuts)| {
            let log = pieces.concat();
            for format in [LogFormat::Stderr, LogFormat::Csv, LogFormat::Json] {
                let whole = entries(format, &prefix, &log, &[]);
                prop_assert_eq!(entries(format, &prefix, &log, &cuts), whole);
            }
            Ok(())
        })
        .unwrap();
}

proptest! {
    #[test]
    fn scrubbing_reads_any_text_and_doing_it_again_changes_nothing(text in "(?s).{0,80}") {
        let once = scrub_message(&text).into_owned();
        prop_assert_eq!(scrub_message(&once), once.clone());
        let line = scrub_line("STATEMENT", &text).into_owned();
        prop_assert_eq!(scrub_line("STATEMENT", &line), line.clone());
    }
}

#[test]
fn no_number_and_no_quoted_text_of_an_unknown_message_survives() {
    let mut runner = proptest::test_runner::TestRunner::default();
    let words = "[a-z]{1,6}( [a-z]{1,6}){0,3}";
    let strategy = (words, "[ '\"a-z]{0,6}", words, 0_u8..4);
    runner
        .run(&strategy, |(before, noise, after, how)| {
            let secret = "4111222233334444";
            let text = match how {
                0 => format!("zz {before} {secret} {after}"),
                1 => format!("zz {before} \"{noise}{secret}{noise}\" {after}"),
                2 => format!("zz {before} '{noise}{secret}{noise}' {after}"),
                _ => format!("zz {before}: {noise} {secret}, {after}"),
            };
            let scrubbed = scrub_message(&text);
            prop_assert!(!scrubbed.contains(secret), "{} -> {}", text, scrubbed);
            Ok(())
        })
        .unwrap();
}
