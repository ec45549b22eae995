//! What servers quote in their messages: names, which help, and values, which must not be told.

use ringwatch_parse::sql::{Dialect, obfuscate};

/// In place of what was quoted.
const WITHHELD: &str = "...";

/// `message` without what stands between the first and the last `quote`: a value may hold quotes of its own.
pub(crate) fn without_values(message: &str, quote: char) -> String {
    replaced(message, quote, quote, |_| WITHHELD.to_owned())
}

/// `message` with the part of a statement that it quotes obfuscated, or withheld where that cannot be lexed.
pub(crate) fn without_literals(dialect: Dialect, message: &str, quote: char) -> String {
    replaced(message, quote, quote, |text| {
        obfuscate(dialect, text).unwrap_or_else(|_| WITHHELD.to_owned())
    })
}

fn replaced(message: &str, begin: char, end: char, by: impl FnOnce(&str) -> String) -> String {
    let Some((before, rest)) = message.split_once(begin) else {
        return message.to_owned();
    };
    // Without its end it was cut.
    let (text, after) = rest.rsplit_once(end).unwrap_or((rest, ""));
    format!("{before}{begin}{}{end}{after}", by(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_told() {
        for (message, expected) in [
            (
                "invalid input syntax for type integer: \"4711 \"x\" secret\"",
                "invalid input syntax for type integer: \"...\"",
            ),
            ("value \"99\" is out of range", "value \"...\" is out of range"),
            ("cut \"off", "cut \"...\""),
            ("division by zero", "division by zero"),
        ] {
            assert_eq!(without_values(message, '"'), expected);
        }
    }

    #[test]
    fn no_literal_of_a_statement_is_told() {
        let of = |message: &str| without_literals(Dialect::MySql, message, '\'');
        let near = of("to use near 'FORM users WHERE pin = '1234' AND id = 5' at line 1");
        assert!(near.contains("users") && near.ends_with("' at line 1"), "{near}");
        assert!(!near.contains("1234") && !near.contains('5'), "{near}");
        assert_eq!(of("near ''secret and' at line 1"), "near '?' at line 1");
    }
}
