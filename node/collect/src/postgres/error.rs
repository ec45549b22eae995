//! Errors of the driver as faults.

use crate::fault::{Fault, FaultKind};

/// The fault that `error` is. A server's error is told by its SQLSTATE.
pub(super) fn fault_of(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            Fault::new(
                FaultKind::of_sqlstate(&code),
                &format!("{} (SQLSTATE {code})", database.message()),
            )
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
