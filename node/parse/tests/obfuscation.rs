//! What the obfuscation promises, on texts that nobody thought of and on texts that somebody else collected.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

use proptest::prelude::*;
use ringwatch_parse::sql::{Dialect, obfuscate};

/// Digits and letters, so that it can hide in every form of literal.
const CANARY: &str = "c0ffee5ec3e7";
const CANARY_DIGITS: &str = "4111222233334444";

fn ours(text: &str) -> String {
    obfuscate(Dialect::PostgreSql, text).unwrap()
}

/// A literal that holds a canary, in each form that PostgreSQL knows.
fn literal() -> impl Strategy<Value = String> {
    let noise = "[a-z0-9 \\n$\"/*;-]{0,6}";
    (noise, noise, "[a-z_][a-z0-9_]{0,4}", 0_usize..17).prop_map(|(before, after, tag, form)| {
        let text = format!("{before}{CANARY}{after}");
        // Without what would end the literal early: what stands behind it would rightly be shown.
        let closed = text.replace(['*', '/', '$'], "");
        match form {
            0 => format!("'{text}'"),
            1 => format!("'{before}''{text}'"),
            2 => format!("E'{before}\\'{text}\\\\'"),
            3 => format!("e'\\\\{before}''{text}'"),
            4 => format!("U&'\\0061{text}'"),
            5 => format!("X'{CANARY}'"),
            6 => format!("N'{text}'"),
            7 => format!("$${closed}$$"),
            8 => format!("${tag}${closed} $$ ' \\ ${tag}$"),
            9 => CANARY_DIGITS.to_owned(),
            10 => format!("{CANARY_DIGITS}.5e-12"),
            11 => format!(".{CANARY_DIGITS}"),
            12 => format!("0x{CANARY}"),
            13 => format!("-- {}\n", text.replace('\n', " ")),
            14 => format!("/* {closed} /* {closed} */ {closed} */"),
            15 => format!("${CANARY_DIGITS}"),
            _ => format!("B'0'\n'{text}'"),
        }
    })
}

fn statement() -> impl Strategy<Value = String> {
    let glue = prop::sample::select(vec![
        " ",
        ",",
        " = ",
        "(",
        ")",
        " AND x = ",
        "\n",
        "::text ",
        " || ",
        " FROM \"we ird\"\"t\" WHERE t1.c2 > ",
        "; ",
        " $1 ",
        " - ",
        "[",
        "]",
        "->>",
        " ESCAPE ",
        " PASSWORD ",
        "+",
        " -",
        "'' ",
        " DATE",
    ]);
    prop::collection::vec((glue, literal()), 1..8).prop_map(|parts| {
        parts
            .into_iter()
            .map(|(glue, literal)| format!("{glue} {literal}"))
            .collect::<String>()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_planted_secret_survives(text in statement()) {
        let out = ours(&text);
        prop_assert!(!out.contains(CANARY), "{text:?} gave {out:?}");
        prop_assert!(!out.contains("4111"), "{text:?} gave {out:?}");
        prop_assert!(!out.contains("c0ff"), "{text:?} gave {out:?}");
    }

    #[test]
    fn no_planted_secret_survives_the_cutting_off_of_the_text(text in statement(), at in any::<prop::sample::Index>()) {
        let cut = at.index(text.len() + 1);
        if let Ok(out) = obfuscate(Dialect::PostgreSql, &text[..cut]) {
            // the first digits of `$4111...` alone are a parameter
            prop_assert!(!out.contains("c0ff") && !out.contains("411122"), "{:?} gave {out:?}", &text[..cut]);
        }
    }

    #[test]
    fn a_backslash_that_can_be_read_in_two_ways_shows_nothing_in_either(before in "[a-z ]{0,5}", after in "[a-z ,]{0,5}") {
        let escaped = format!("SELECT '{before}\\'{after}{CANARY}', 1");
        let standard = format!("SELECT '{before}\\', '{after}{CANARY}', 1");
        prop_assert!(!ours(&escaped).contains(CANARY) && !ours(&standard).contains(CANARY));
    }

    #[test]
    fn doing_it_again_changes_nothing(text in statement()) {
        let once = ours(&text);
        prop_assert_eq!(ours(&once), once);
    }

    #[test]
    fn any_text_is_read_without_panic_and_doing_it_again_changes_nothing(text in any::<String>()) {
        if let Ok(once) = obfuscate(Dialect::PostgreSql, &text) {
            prop_assert_eq!(ours(&once), once);
        }
    }

    #[test]
    fn any_mixture_of_what_means_something_is_read(text in "['\"$\\\\/*\\-a-zEUXB&0-9. \\n\\x00é?]{0,40}") {
        if let Ok(once) = obfuscate(Dialect::PostgreSql, &text) {
            prop_assert_eq!(ours(&once), once);
        }
    }
}

/// The strings and numbers of `input` that are not in `expected`, as words: what the other tool has hidden.
fn hidden(input: &str, expected: &str) -> Vec<String> {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let strings = input.split('\'').skip(1).step_by(2).flat_map(words);
    let numbers = words(input)
        .into_iter()
        .filter(|word| word.chars().all(|c| c.is_ascii_digit()));
    let shown = words(expected);
    strings
        .chain(numbers)
        .filter(|word| !shown.contains(word))
        .collect()
}

#[test]
fn what_another_tool_hides_is_hidden_here_too() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/sql/obfuscation.jsonl");
    let Ok(lines) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    let (mut statements, mut checked, mut same) = (0, 0, 0);
    for line in lines.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let (input, expected) = (
            entry["input"].as_str().unwrap(),
            entry["expected"].as_str().unwrap(),
        );
        if entry["dbms"] != "postgres" {
            continue;
        }
        let out = ours(input);
        let words: Vec<&str> = out.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for literal in hidden(input, expected) {
            // `$1` stays: it is a parameter and holds nothing
            let is_parameter = input.contains(&format!("${literal}"));
            assert!(
                is_parameter || !words.contains(&literal.as_str()),
                "`{literal}` of {input} is still in {out}"
            );
            checked += 1;
        }
        statements += 1;
        let folded = |text: &str| {
            text.replace(|c: char| c.is_whitespace() || c == ';', "")
                .to_lowercase()
        };
        same += usize::from(folded(&out) == folded(expected));
    }
    println!("{statements} statements, {checked} hidden literals, {same} texts alike but for spacing");
    assert!(statements > 0 && checked > 0);
}
