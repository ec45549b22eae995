//! Arguments of the catalogue's statements, which are written into them.

use super::query::literal;
use crate::session::Arg;

/// `sql` with its arguments in the places of `$1`, `$2`, ...: numbers, and lists of literals of which none holds a
/// character of the text.
pub(super) fn with_arguments(sql: &str, args: &[Arg]) -> String {
    let list = |all: Vec<String>| {
        if all.is_empty() {
            "NULL".to_owned()
        } else {
            all.join(", ")
        }
    };
    let mut sql = sql.to_owned();
    for (number, arg) in (1..=args.len()).rev().zip(args.iter().rev()) {
        let written = match arg {
            Arg::Texts(texts) => list(texts.iter().map(|text| literal(text)).collect()),
            Arg::Ints(numbers) => list(numbers.iter().map(ToString::to_string).collect()),
            Arg::Int(number) => number.to_string(),
        };
        sql = sql.replace(&format!("${number}"), &written);
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_stand_where_their_numbers_stood() {
        let args = [
            Arg::Texts(vec!["$2'".into(), "b".into()]),
            Arg::Int(5),
            Arg::Ints(Vec::new()),
        ];
        assert_eq!(
            with_arguments("a in ($1) or b > $2 or c in ($3)", &args),
            "a in (CONVERT(x'243227' USING utf8mb4), CONVERT(x'62' USING utf8mb4)) or b > 5 or c in (NULL)"
        );
    }
}
