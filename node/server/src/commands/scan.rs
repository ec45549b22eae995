//! `ringwatch scan`.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use ringwatch_parse::scan::{Action, Class, Classes, Found, Scanner};
use serde_json::{Value, json};

use super::input::{each_line, open, whole};
use super::print;
use super::text::{aligned, plain};
use crate::cli::{Output, ScanInput};

/// The longest text that is read, in bytes.
const LONGEST: usize = 64 << 20;

/// `ringwatch scan [--class CLASS] [--jsonl] [FILE]`.
pub(crate) fn scan(input: &ScanInput) -> anyhow::Result<()> {
    let scanner = Scanner::new(classes(&input.class)?, &[])?;
    let file = input.file.as_deref();
    let mut found = Vec::new();
    if input.jsonl {
        return each_line(&mut *open(file)?, io::stdout().lock(), |text| {
            Ok(answer(&scanner, text, &mut found))
        });
    }
    let text = whole(file, LONGEST)?;
    anyhow::ensure!(
        text.len() <= LONGEST,
        "the text is longer than {LONGEST} bytes: give it in parts, with --jsonl"
    );
    let by_default = if io::stdout().is_terminal() {
        Output::Table
    } else {
        Output::Json
    };
    match input.output.unwrap_or(by_default) {
        Output::Json => {
            let answer = serde_json::to_string_pretty(&answer(&scanner, &text, &mut found))?;
            print(&format!("{answer}\n"))
        }
        Output::Table => print(&page(&scanner, &text, &mut found)),
    }
}

/// The classes that are named; those of the default where none is, and every one for `all`.
fn classes(names: &[String]) -> anyhow::Result<Classes> {
    if names.is_empty() {
        return Ok(Classes::default());
    }
    if names.iter().any(|name| name == "all") {
        return Ok(Classes::ALL);
    }
    let named = names.iter().map(|name| name.parse::<Class>());
    named
        .collect::<Result<Classes, _>>()
        .context("--class cannot be used")
}

/// What was found, with places counted in characters.
fn answer(scanner: &Scanner, text: &str, found: &mut Vec<Found>) -> Value {
    scanner.find(text, found);
    let mut place = Characters::new(text);
    let findings: Vec<Value> = found
        .iter()
        .map(|one| {
            let (start, end) = (place.of(one.start), place.of(one.end));
            json!({ "class": scanner.name(one.class), "start": start, "end": end })
        })
        .collect();
    let redacted = scanner.redact(text, found, &Action::Redact);
    json!({ "findings": findings, "redacted": redacted })
}

fn page(scanner: &Scanner, text: &str, found: &mut Vec<Found>) -> String {
    scanner.find(text, found);
    let redacted = scanner.redact(text, found, &Action::Redact);
    let lines: Vec<String> = redacted.lines().map(plain).collect();
    let mut place = Characters::new(text);
    let rows: Vec<[String; 3]> = found
        .iter()
        .map(|one| {
            let (start, end) = (place.of(one.start), place.of(one.end));
            [
                scanner.name(one.class).to_owned(),
                start.to_string(),
                end.to_string(),
            ]
        })
        .collect();
    let findings = if rows.is_empty() {
        "Nothing was found.\n".to_owned()
    } else {
        aligned(["CLASS", "START", "END"], &rows)
    };
    format!("{findings}\n{}\n", lines.join("\n"))
}

/// Counts characters up to places that only go up.
struct Characters<'t> {
    text: &'t str,
    byte: usize,
    count: usize,
}

impl<'t> Characters<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            byte: 0,
            count: 0,
        }
    }

    fn of(&mut self, byte: usize) -> usize {
        self.count += self
            .text
            .get(self.byte..byte)
            .map_or(0, |part| part.chars().count());
        self.byte = byte;
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters() {
        let text = "\u{e9}\u{4e2d}: jane@example.org, 192.0.2.17";
        let answer = answer(&Scanner::default(), text, &mut Vec::new());
        let findings = json!([
            { "class": "email", "start": 4, "end": 20 },
            { "class": "ip_address", "start": 22, "end": 32 },
        ]);
        assert_eq!(answer["findings"], findings);
        assert_eq!(
            answer["redacted"],
            "\u{e9}\u{4e2d}: [REDACTED:email], [REDACTED:ip_address]"
        );
    }

    #[test]
    fn every_line_is_answered_and_a_bad_one_shows_nothing() {
        let lines =
            "{\"text\": \"to jane@example.org\"}\nsecret jane@example.org\n\"nothing\"\n{\"sql\": 1}\n";
        let scanner = Scanner::default();
        let mut out = Vec::new();
        each_line(&mut lines.as_bytes(), &mut out, |text| {
            Ok(answer(&scanner, text, &mut Vec::new()))
        })
        .unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(!out.contains("jane"), "{out}");
        let answers: Vec<Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(answers.len(), 4);
        assert_eq!(answers[0]["redacted"], "to [REDACTED:email]");
        assert_eq!(answers[2]["findings"], json!([]));
        assert!(answers[1]["error"].is_string() && answers[3]["error"].is_string());
    }

    #[test]
    fn classes_are_named_or_all() {
        let of = |names: &[&str]| classes(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[]).unwrap(), Classes::default());
        assert_eq!(of(&["all"]).unwrap(), Classes::ALL);
        assert_eq!(of(&["iban"]).unwrap(), Classes::NONE.with(Class::Iban));
        assert!(format!("{:#}", of(&["card"]).unwrap_err()).contains("credit_card"));
    }

    #[test]
    fn people_get_a_table_and_the_text() {
        let page = page(
            &Scanner::default(),
            "to jane@example.org\n\x1b[1m",
            &mut Vec::new(),
        );
        assert!(
            page.starts_with("CLASS  START  END\nemail  3      19\n"),
            "{page}"
        );
        assert!(page.ends_with("to [REDACTED:email]\n\\u{1b}[1m\n"), "{page}");
    }
}
