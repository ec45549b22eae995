//! What the normaliser promises, on texts that nobody thought of.
#![allow(missing_docs, clippy::unwrap_used)]

use proptest::prelude::*;
use ringwatch_parse::sql::{Dialect, Normalizer, identifiers, normalize, obfuscate, select_list};

const CANARY: &str = "c0ffee5ec3e7";
const CANARY_DIGITS: &str = "4111222233334444";

/// Pieces that mean something together, in each dialect or in one.
const PIECES: [&str; 118] = [
    "SELECT",
    "select",
    "FROM",
    "WHERE",
    "INSERT INTO",
    "VALUES",
    "IN",
    "NOT",
    "ANY",
    "ARRAY",
    "UPDATE",
    "SET",
    "WITH",
    "RECURSIVE",
    "AS",
    "JOIN",
    "ON",
    "USING",
    "DELETE",
    "TABLE",
    "EXTRACT",
    "IS",
    "NULL",
    "TRUE",
    "AND",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "INTERVAL",
    "SAVEPOINT",
    "ROLLBACK TO",
    "DISTINCT",
    "ORDER BY",
    "LIMIT",
    "users",
    "Users",
    "a",
    "t_20210302_x",
    "\"Quoted\"\"name\"",
    "\"plain\"",
    "`tick`",
    "`t``k`",
    "a.b",
    "gr\u{f6}\u{df}e",
    "a_name_that_is_longer_than_sixteen",
    "user",
    "$1",
    "$2",
    "?",
    ":name",
    ":",
    "::",
    "::text",
    "::numeric(10, 2)",
    "::timestamp with time zone",
    "::int[]",
    "@v",
    "@@g.v",
    "@",
    "'x'",
    "'it''s'",
    "E'\\''",
    "\"s\"",
    "$$b$$",
    "$t$ $ $t$",
    "1",
    "42",
    "1.5e-3",
    "0x1F",
    ".5",
    "x'1f'",
    "_utf8mb4'z'",
    "N'n'",
    "-",
    "+",
    "~",
    "!",
    "*",
    "/",
    "=",
    "<>",
    "!=",
    "<",
    "<=>",
    "||",
    "->>",
    "@>",
    "?|",
    "?&",
    "@?",
    "#",
    "%",
    "&",
    "..",
    "...",
    ".",
    ",",
    ",",
    ",",
    "(",
    "(",
    "(",
    ")",
    ")",
    ")",
    "[",
    "]",
    ";",
    "-- c\n",
    "/* c */",
    "/* a='b' */",
    "/*!50001 ",
    "*/",
    "/*+ h */",
    "(...)",
    "?, ...",
    "/* , ... */",
];

fn soup() -> impl Strategy<Value = String> {
    let piece = (
        prop::sample::select(PIECES.to_vec()),
        prop::sample::select(vec!["", " ", " ", "\n"]),
    );
    prop::collection::vec(piece, 0..24).prop_map(|pieces| {
        pieces
            .iter()
            .flat_map(|(piece, space)| [*piece, *space])
            .collect()
    })
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(vec![Dialect::PostgreSql, Dialect::MySql, Dialect::MariaDb])
}

/// A literal of MySQL that holds a canary.
fn mysql_literal() -> impl Strategy<Value = String> {
    ("[a-z0-9 \\n$/*;-]{0,6}", 0_usize..13).prop_map(|(noise, form)| match form {
        0 => format!("'{noise}{CANARY}'"),
        1 => format!("\"{noise}{CANARY}\""),
        2 => format!("'{noise}\\'{CANARY}\\\\'"),
        3 => format!("\"a\"\"{noise}\\\"{CANARY}\""),
        4 => format!("'''{noise}{CANARY}'''"),
        5 => format!("_utf8mb4'{CANARY}'"),
        6 => format!("x'{CANARY}'"),
        7 => format!("0x{CANARY}"),
        8 => CANARY_DIGITS.to_owned(),
        9 => format!("# {CANARY}\n"),
        10 => format!("-- {CANARY}\n"),
        11 => format!("/* {CANARY} */"),
        _ => format!("/*!50001 '{CANARY}' */"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn normalising_again_changes_nothing(text in soup(), dialect in dialect()) {
        if let Ok(once) = normalize(dialect, &text) {
            let again = normalize(dialect, &once.text);
            prop_assert!(again.is_ok(), "{text:?} gave {:?}", once.text);
            let again = again.unwrap();
            prop_assert_eq!(&again.text, &once.text, "{:?}", &text);
            prop_assert_eq!(again.fingerprint, once.fingerprint, "{:?} gave {:?}", &text, &once.text);
        }
        if let Ok(once) = obfuscate(dialect, &text) {
            prop_assert_eq!(obfuscate(dialect, &once).unwrap(), once, "{:?}", &text);
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in any::<String>(), dialect in dialect()) {
        if let Ok(once) = normalize(dialect, &text) {
            prop_assert_eq!(normalize(dialect, &once.text).unwrap().text, once.text);
        }
        let _ = select_list(dialect, &text);
        let _ = identifiers(dialect, &text);
    }

    #[test]
    fn queries_have_a_select_list_inside_of_their_text(text in soup(), dialect in dialect()) {
        let text = format!("SELECT {text}");
        for item in select_list(dialect, &text).unwrap_or_default() {
            prop_assert!(text.get(item.span.clone()).is_some());
            prop_assert!(text.get(item.expression.clone()).is_some());
            prop_assert!(item.expression.end <= item.span.end && item.expression.start == item.span.start);
            if let Some(column) = item.bare {
                prop_assert!(text[column.span].ends_with(['"', '`']) || text.contains(&column.name));
            }
        }
    }

    #[test]
    fn spaces_and_comments_and_capitals_do_not_matter(
        words in prop::collection::vec("[a-z]{1,20}", 1..8),
        gap in prop::sample::select(vec![" ", "\n\t", " /* x */ ", " -- y\n"]),
    ) {
        for dialect in [Dialect::PostgreSql, Dialect::MySql] {
            let plain = normalize(dialect, &words.join(" ")).unwrap();
            let other = normalize(dialect, &words.join(gap).to_uppercase()).unwrap();
            prop_assert_eq!(plain.fingerprint, other.fingerprint);
            prop_assert_eq!(plain.text.to_uppercase(), other.text);
        }
    }

    #[test]
    fn the_number_of_values_in_a_list_does_not_matter(
        values in prop::collection::vec("[0-9]{1,4}|'[a-z ]{0,4}'|-[0-9]|NULL", 1..9),
        rows in 1_usize..5,
    ) {
        let list = values.join(", ");
        for dialect in [Dialect::PostgreSql, Dialect::MySql] {
            let one = normalize(dialect, "SELECT a FROM t WHERE b IN (1) AND c NOT IN (2)").unwrap();
            let text = format!("SELECT a FROM t WHERE b IN ({list}) AND c NOT IN ( {list} )");
            let many = normalize(dialect, &text).unwrap();
            prop_assert_eq!(&one, &many);
            let row = normalize(dialect, "INSERT INTO t VALUES (1)").unwrap();
            let text = format!("INSERT INTO t VALUES {}", vec![format!("({list})"); rows].join(","));
            prop_assert_eq!(&row, &normalize(dialect, &text).unwrap());
        }
    }

    #[test]
    fn no_planted_secret_of_mysql_survives(
        parts in prop::collection::vec(
            (
                prop::sample::select(vec![" ", ",", " = ", "(", ")", " AND `x` = ", "; ", " - ", " LIKE "]),
                mysql_literal(),
            ),
            1..8,
        ),
        cut in any::<prop::sample::Index>(),
    ) {
        let text: String = parts.iter().map(|(glue, literal)| format!("{glue}{literal} ")).collect();
        let cut = &text[..cut.index(text.len() + 1)];
        for (text, canary, digits) in [(text.as_str(), CANARY, CANARY_DIGITS), (cut, "c0ff", "4111")] {
            let shown = [
                obfuscate(Dialect::MySql, text).unwrap_or_default(),
                normalize(Dialect::MySql, text).map(|n| n.text).unwrap_or_default(),
            ];
            for shown in shown {
                prop_assert!(!shown.contains(canary) && !shown.contains(digits), "{text:?} gave {shown:?}");
            }
        }
    }

    #[test]
    fn one_normaliser_answers_like_a_new_one(
        texts in prop::collection::vec(soup(), 1..6),
        dialect in dialect(),
    ) {
        let mut kept = Normalizer::default();
        for text in &texts {
            prop_assert_eq!(kept.normalize(dialect, text), normalize(dialect, text));
        }
    }
}
