//! Errors of the driver as faults. A server's error is told by its number.

use ringwatch_parse::sql::Dialect;
use sqlx::mysql::MySqlDatabaseError;

use crate::fault::{Fault, FaultKind};
use crate::quoted::{without_literals, without_values};
use crate::session::{Missing, Refused};

/// `Unknown column '...' in '...'`.
const UNKNOWN_COLUMN: u16 = 1054;

/// `You have an error in your SQL syntax; ... near '...' at line ...`.
const SYNTAX: u16 = 1064;

/// The fault that `error` is.
pub(super) fn fault_of(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(database) => {
            let mysql = database.try_downcast_ref::<MySqlDatabaseError>();
            let number = mysql.map_or(0, MySqlDatabaseError::number);
            Fault::new(kind_of(number), &told(number, database.message()))
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

/// The same for a statement of the catalogue: what is wrong with it is not the user's to correct.
pub(super) fn fault_of_catalogue(error: &sqlx::Error) -> Fault {
    let mut fault = fault_of(error);
    if fault.kind == FaultKind::Query {
        fault.kind = match number_of(error).unwrap_or_default() {
            UNKNOWN_COLUMN => FaultKind::Shape,
            1146 => FaultKind::Absent,
            _ => FaultKind::Statement,
        };
    }
    fault
}

/// The server's message with its number, and without what it quotes where that may be a value.
fn told(number: u16, message: &str) -> String {
    let message = match kind_of(number) {
        FaultKind::Statement => without_values(message, '\''),
        _ if number == SYNTAX => without_literals(Dialect::MySql, message, '\''),
        _ => message.to_owned(),
    };
    format!("{message} (error {number})")
}

/// The same with the column that the server does not have.
pub(super) fn refused(error: &sqlx::Error) -> Refused {
    let mysql = error
        .as_database_error()
        .and_then(|database| database.try_downcast_ref::<MySqlDatabaseError>());
    let missing = mysql
        .filter(|mysql| mysql.number() == UNKNOWN_COLUMN)
        .and_then(|mysql| quoted(mysql.message()))
        .map(|name| Missing::Named(name.to_owned()));
    Refused {
        fault: fault_of(error),
        missing,
        position: None,
    }
}

/// The number of a server's error.
pub(super) fn number_of(error: &sqlx::Error) -> Option<u16> {
    let database = error.as_database_error()?;
    let mysql = database.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(mysql.number())
}

/// The kind that a server's number tells. Numbers are those of MySQL; MariaDB has its own from 1900 on.
pub(super) fn kind_of(number: u16) -> FaultKind {
    match number {
        1045 | 1044 | 1698 | 3118 | 1820 | 1862 => FaultKind::Login,
        1049 => FaultKind::NoDatabase,
        1040 | 1203 | 1226 => FaultKind::TooManyConnections,
        1053 | 1077 | 1079 | 1927 => FaultKind::Unavailable,
        3024 | 1969 | 1317 => FaultKind::StatementTimeout,
        1205 | 3572 | 1213 => FaultKind::Lock,
        1095 | 1142 | 1143 | 1227 | 1370 | 1290 => FaultKind::Grant,
        UNKNOWN_COLUMN | SYNTAX | 1146 | 1305 | 1109 | 1052 | 1792 | 1210 | 1243 => FaultKind::Query,
        _ => FaultKind::Statement,
    }
}

/// What stands in the first quotes of a message.
fn quoted(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once('\'')?;
    rest.split_once('\'').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_column_is_what_the_message_quotes() {
        let name = quoted("Unknown column 's.cpu_time' in 'field list'");
        assert_eq!(name, Some("s.cpu_time"));
        assert_eq!(quoted("no quotes"), None);
    }

    #[test]
    fn names_are_told_and_values_are_not() {
        for (number, message, expected) in [
            (
                1292,
                "Truncated incorrect DOUBLE value: 'it's'",
                "Truncated incorrect DOUBLE value: '...' (error 1292)",
            ),
            (
                1054,
                "Unknown column 'a' in 'field list'",
                "Unknown column 'a' in 'field list' (error 1054)",
            ),
            (
                1064,
                "to use near ''secret' at line 1",
                "to use near '?' at line 1 (error 1064)",
            ),
        ] {
            assert_eq!(told(number, message), expected);
        }
    }

    #[test]
    fn numbers_tell_kinds() {
        for (number, kind) in [
            (1045, FaultKind::Login),
            (1040, FaultKind::TooManyConnections),
            (3024, FaultKind::StatementTimeout),
            (1969, FaultKind::StatementTimeout),
            (1054, FaultKind::Query),
            (1365, FaultKind::Statement),
        ] {
            assert_eq!(kind_of(number), kind, "{number}");
        }
    }
}
