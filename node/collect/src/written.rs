//! What a text is written as, and how it loses its literals.

use std::time::Duration;

use ringwatch_parse::log::scrub_message;
use ringwatch_parse::plan::{Limits, scrub};
use ringwatch_parse::sql::{Dialect, obfuscate, truncate_chars};
use tokio::time::Instant;

/// The longest SQL that is looked at, in characters.
const LONGEST_SQL: usize = 8192;
/// The longest plan, in bytes; `plan_extractor` has a limit of its own.
const LONGEST_PLAN: usize = 10 << 20;
/// The longest log message, in characters.
const LONGEST_MESSAGE: usize = 64 * 1024;
/// How long one plan may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What stands in place of a text that could not be lexed, and so may hold anything.
pub(crate) const WITHHELD: &str = "<withheld: not lexable>";
/// The same of what stands where a plan is expected.
const NO_PLAN: &str = "<withheld: no plan that can be read>";

/// What a text is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// A statement.
    Sql(Dialect),
    /// An execution plan, in any format.
    Plan,
    /// A message out of PostgreSQL's log.
    Log,
}

impl From<Dialect> for Written {
    fn from(dialect: Dialect) -> Self {
        Self::Sql(dialect)
    }
}

impl Written {
    /// Tells the same text that is written differently apart.
    pub(crate) const fn seed(self) -> u64 {
        match self {
            Self::Sql(dialect) => dialect as u64,
            Self::Plan => 1 << 32,
            Self::Log => 1 << 33,
        }
    }

    /// `raw` without literals. What cannot be read is withheld.
    pub(crate) fn clean(self, raw: &str) -> String {
        match self {
            Self::Sql(Dialect::PostgreSql) if is_value(raw) => WITHHELD.to_owned(),
            Self::Sql(dialect) => {
                let clean = obfuscate(dialect, truncate_chars(raw, LONGEST_SQL));
                clean.unwrap_or_else(|_| WITHHELD.to_owned())
            }
            Self::Plan if raw.trim().is_empty() => String::new(),
            Self::Plan => {
                let start = Instant::now();
                let is_late = || start.elapsed() > PATIENCE;
                let limits = Limits {
                    bytes: LONGEST_PLAN,
                    stop: Some(&is_late),
                    ..Limits::default()
                };
                scrub(raw, &limits).unwrap_or_else(|_| NO_PLAN.to_owned())
            }
            Self::Log => scrub_message(truncate_chars(raw, LONGEST_MESSAGE)).into_owned(),
        }
    }
}

/// Whether a text is no statement but a value of PostgreSQL that may hold one: an object, an array, a row or a quoted
/// name. In them it stands in double quotes, and would be taken for a name.
fn is_value(text: &str) -> bool {
    let mut rest = text;
    let mut in_brackets = false;
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else if let Some(inner) = rest.strip_prefix('(') {
            in_brackets = true;
            rest = inner;
        } else {
            break;
        }
    }
    let word = rest
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or_default();
    let begins = |known: &&str| word.eq_ignore_ascii_case(known);
    rest.starts_with(['{', '[', '"'])
        || (in_brackets && !["select", "with", "values", "table"].iter().any(begins))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "SELECT * FROM t WHERE pin = '1234'";

    #[test]
    fn what_only_holds_a_statement_is_withheld() {
        let secret = SECRET;
        let of = |text: String| Written::Sql(Dialect::PostgreSql).clean(&text);
        for text in [
            format!("{{\"pid\": 1, \"query\": \"{secret}\"}}"),
            format!(" [\"{secret}\"]"),
            format!("{{\"{secret}\",x}}"),
            format!("(active,\"{secret}\",5)"),
            format!("(\"{secret}\")"),
            format!("\"{secret}\""),
        ] {
            assert_eq!(of(text.clone()), WITHHELD, "{text}");
        }
        for text in [
            secret.to_owned(),
            format!("({secret}) UNION ALL ({secret})"),
            format!("/* a */ (( {secret} ))"),
            "(VALUES (1))".to_owned(),
        ] {
            let clean = of(text.clone());
            assert!(clean != WITHHELD && !clean.contains("1234"), "{text}: {clean}");
        }
    }

    #[test]
    fn what_cannot_be_lexed_is_withheld() {
        let text = Written::Sql(Dialect::PostgreSql).clean("SELECT secret \\ FROM t");
        assert_eq!(text, WITHHELD);
    }

    #[test]
    fn plans_and_messages_lose_their_literals() {
        let plan = "Seq Scan on users  (cost=0.00..1.05 rows=1 width=4)\n  Filter: (pin = '1234'::text)";
        let clean = Written::Plan.clean(plan);
        assert!(
            clean.contains("Seq Scan on users") && !clean.contains("1234"),
            "{clean}"
        );
        assert_eq!(Written::Plan.clean(&clean), clean, "nothing more to hide");
        assert_eq!(Written::Plan.clean("pin 1234"), NO_PLAN);
        assert_eq!(Written::Plan.clean(" "), "");
        let message = "duplicate key value violates unique constraint \"pins\"\nDETAIL:  Key (pin)=(1234) already exists.";
        let clean = Written::Log.clean(message);
        assert!(
            clean.contains("duplicate key") && !clean.contains("1234"),
            "{clean}"
        );
    }
}
