//! Any text as SQL of every dialect: nothing panics, what is hidden stays hidden, and doing it again changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringwatch_parse::sql::{
    Dialect, comment_tags, identifiers, normalize, obfuscate, read_only, select_list, traceparent,
};

fuzz_target!(|text: &str| {
    for dialect in [Dialect::PostgreSql, Dialect::MySql, Dialect::MariaDb] {
        if let Ok(hidden) = obfuscate(dialect, text) {
            assert_eq!(obfuscate(dialect, &hidden).as_deref(), Ok(hidden.as_str()));
        }
        let _ = read_only(text, dialect);
        // In a text that breaks off within brackets a list is not known to be one.
        if let Ok(one) = normalize(dialect, text)
            && !breaks_off(&one.text)
        {
            let two = normalize(dialect, &one.text).expect("normalised text is SQL");
            assert_eq!(two.text, one.text);
            assert_eq!(two.fingerprint, one.fingerprint);
        }
        for item in select_list(dialect, text).into_iter().flatten() {
            assert!(text.get(item.span).is_some());
            let expression = text
                .get(item.expression)
                .expect("an expression stands in the text");
            let _ = identifiers(dialect, expression);
        }
    }
    let _ = traceparent(&comment_tags([text]));
});

/// Whether a bracket stays open. One that closes what nothing has opened closes nothing.
fn breaks_off(text: &str) -> bool {
    let depth = |open: usize, sign| match sign {
        '(' => open + 1,
        ')' => open.saturating_sub(1),
        _ => open,
    };
    text.chars().fold(0, depth) > 0
}
