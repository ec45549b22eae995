//! How a connection is opened: read-only, with limits of its own at the server.

use ringwatch_config::{Datasource, Endpoint, TlsMode};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{ConnectOptions as _, Executor as _, Row as _};

use super::Version;
use super::error::fault_of;
use crate::fault::{Fault, FaultKind};
use crate::reader::{Reader, ReaderPlan};

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 32;
/// What each session begins with: nothing is written, and nothing waits for a lock.
const BEGIN: [&str; 3] = [
    "SET SESSION TRANSACTION READ ONLY",
    "SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 1",
    "SET SESSION wait_timeout = 600",
];

/// Opens a connection as `reader` logs in, and asks for the server's version.
pub(super) async fn connect(
    endpoint: &Endpoint,
    reader: &Reader,
) -> Result<(MySqlConnection, Version), Fault> {
    let ReaderPlan::Sql(plan) = &reader.plan else {
        let message = "the catalogue has no streams for MySQL";
        return Err(Fault::new(FaultKind::Version, message));
    };
    let connection = options(endpoint, plan.login()).connect().await;
    let mut connection = connection.map_err(|e| fault_of(&e))?;
    for statement in BEGIN {
        connection.execute(statement).await.map_err(|e| fault_of(&e))?;
    }
    let row = sqlx::raw_sql("SELECT VERSION()").fetch_one(&mut connection).await;
    let row: MySqlRow = row.map_err(|e| fault_of(&e))?;
    let text: &[u8] = row.try_get_unchecked(0).map_err(|e| fault_of(&e))?;
    let version = version_of(&String::from_utf8_lossy(text)).ok_or_else(|| {
        Fault::new(
            FaultKind::Version,
            "the server does not tell its version: is it MySQL or MariaDB?",
        )
    })?;
    Ok((connection, version))
}

fn options(endpoint: &Endpoint, login: &Datasource) -> MySqlConnectOptions {
    let mode = match login.tls.mode {
        TlsMode::Disable => MySqlSslMode::Disabled,
        TlsMode::Prefer => MySqlSslMode::Preferred,
        TlsMode::Require => MySqlSslMode::Required,
        TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
        TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
    };
    let mut options = MySqlConnectOptions::new()
        .host(&endpoint.host)
        .port(endpoint.port)
        .username(&login.username)
        .ssl_mode(mode)
        .statement_cache_capacity(STATEMENTS)
        // The user's statements mean what they mean in any other session; instants are UTC.
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone("+00:00".to_owned())
        .disable_statement_logging();
    if let Some(password) = &login.password {
        options = options.password(password.expose());
    }
    if !login.database.is_empty() {
        options = options.database(&login.database);
    }
    if let Some(file) = &login.tls.ca_file {
        options = options.ssl_ca(file);
    }
    if let Some(file) = &login.tls.cert_file {
        options = options.ssl_client_cert(file);
    }
    if let Some(file) = &login.tls.key_file {
        options = options.ssl_client_key(file);
    }
    options
}

/// The version in `9.7.0`, `10.11.6-MariaDB-0+deb12u1` or `5.5.5-10.11.6-MariaDB`, as proxies write it.
fn version_of(text: &str) -> Option<Version> {
    let mariadb = text.to_ascii_lowercase().contains("mariadb");
    let text = text.strip_prefix("5.5.5-").filter(|_| mariadb).unwrap_or(text);
    let digits = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = digits.split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor) = (parts.next()??, parts.next()??);
    let patch = parts.next().flatten().unwrap_or(0);
    let number = major
        .checked_mul(10_000)?
        .checked_add(minor.checked_mul(100)?)?
        .checked_add(patch)?;
    Some(Version { number, mariadb })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_each_server_writes_them() {
        let version = |number, mariadb| Some(Version { number, mariadb });
        for (text, expected) in [
            ("9.7.0", version(90_700, false)),
            ("8.0.36-0ubuntu0.22.04.1", version(80_036, false)),
            ("10.11.6-MariaDB-0+deb12u1", version(101_106, true)),
            ("5.5.5-10.6.18-MariaDB", version(100_618, true)),
            ("8.4", version(80_400, false)),
            ("eight", None),
            ("", None),
            ("99999999.99999999.1", None),
        ] {
            assert_eq!(version_of(text), expected, "{text}");
        }
    }
}
