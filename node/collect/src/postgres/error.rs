//! Errors of the driver as faults.

use ringwatch_parse::sql::Dialect;

use crate::fault::{Fault, FaultKind};
use crate::quoted::{without_literals, without_values};

/// The fault that `error` is. A server's error is told by its SQLSTATE.
pub(super) fn fault_of(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            Fault::new(FaultKind::of_sqlstate(&code), &told(&code, database.message()))
        }
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => Fault::new(FaultKind::Tls, &error.to_string()),
        sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
            Fault::new(FaultKind::Tls, &error.to_string())
        }
        sqlx::Error::TypeNotFound { .. } | sqlx::Error::Encode(_) => {
            Fault::new(FaultKind::Shape, &error.to_string())
        }
        // After an answer that was not understood, the connection's state is unknown.
        _ => Fault::new(FaultKind::Connection, &error.to_string()),
    }
}

/// The server's message with its SQLSTATE, and without what it quotes where that may be a value: of data exceptions,
/// violated constraints and errors that functions raise themselves.
pub(super) fn told(code: &str, message: &str) -> String {
    let message = match code.get(..2) {
        Some("21" | "22" | "23" | "2F" | "38" | "39" | "HV" | "P0") => without_values(message, '"'),
        _ if code == "42601" => without_literals(Dialect::PostgreSql, message, '"'),
        _ => message.to_owned(),
    };
    format!("{message} (SQLSTATE {code})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_and_values_are_not() {
        for (code, message, expected) in [
            (
                "22P02",
                "type integer: \"secret\"",
                "type integer: \"...\" (SQLSTATE 22P02)",
            ),
            (
                "42703",
                "column \"a\" is not there",
                "column \"a\" is not there (SQLSTATE 42703)",
            ),
            (
                "42601",
                "error at or near \"SELEKT\"",
                "error at or near \"SELEKT\" (SQLSTATE 42601)",
            ),
            (
                "42601",
                "at or near \"'secret\"",
                "at or near \"?\" (SQLSTATE 42601)",
            ),
        ] {
            assert_eq!(told(code, message), expected);
        }
    }
}
