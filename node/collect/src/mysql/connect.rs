//! How a connection is opened: read-only, with limits of its own at the server.

use std::borrow::Cow;

use ringwatch_config::{Datasource, DatasourceTls, Endpoint, TlsMode};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

use super::Version;
use super::error::fault_of;
use crate::fault::{Fault, FaultKind};
use crate::reader::{Reader, ReaderPlan};

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 32;
/// What it asks first. The name keeps it, like all our statements, out of what is told of statements.
const VERSION: &str = "/* ringwatch */ SELECT VERSION() AS ringwatch_reads";

/// Opens a connection as `reader` logs in, and asks for the server's version.
pub(super) async fn connect(
    endpoint: &Endpoint,
    reader: &Reader,
) -> Result<(MySqlConnection, Version), Fault> {
    let login = login_of(endpoint, reader)?;
    let connection = options(endpoint, &login).connect().await;
    let mut connection = connection.map_err(|e| fault_of(&e))?;
    let row = sqlx::raw_sql(VERSION).fetch_one(&mut connection).await;
    let row: MySqlRow = row.map_err(|e| fault_of(&e))?;
    let text: &[u8] = row.try_get_unchecked(0).map_err(|e| fault_of(&e))?;
    let version = version_of(&String::from_utf8_lossy(text)).ok_or_else(|| {
        Fault::new(
            FaultKind::Version,
            "the server does not tell its version: is it MySQL or MariaDB?",
        )
    })?;
    let begin = AssertSqlSafe(begin(version, reader.plan.is_engine()));
    let begun = sqlx::raw_sql(begin).execute(&mut connection).await;
    begun.map_err(|e| fault_of(&e))?;
    Ok((connection, version))
}

/// What each session begins with: nothing is written, and nothing waits long for a lock. Where the catalogue's streams are
/// read, texts mean to the server what they mean to us, which matters for those of others that are explained. It is in
/// the form by which the catalogue knows our settings.
fn begin(version: Version, engine: bool) -> String {
    let renamed = if version.mariadb { 110_101 } else { 50_720 };
    let read_only = if version.number < renamed {
        "tx_read_only"
    } else {
        "transaction_read_only"
    };
    let plain = if engine { ", SESSION sql_mode = ''" } else { "" };
    format!(
        "/* ringwatch */ SET @ringwatch_reads = 1, SESSION {read_only} = 1, SESSION lock_wait_timeout = 1, \
         SESSION innodb_lock_wait_timeout = 1, SESSION wait_timeout = 600{plain}"
    )
}

/// As whom `reader` logs in.
fn login_of<'a>(endpoint: &Endpoint, reader: &'a Reader) -> Result<Cow<'a, Datasource>, Fault> {
    let settings = match &reader.plan {
        ReaderPlan::Sql(plan) => return Ok(Cow::Borrowed(plan.login())),
        ReaderPlan::Engine(plan) => plan.settings(),
    };
    Ok(Cow::Owned(Datasource {
        endpoint: endpoint.clone(),
        username: settings.username.clone(),
        password: settings.password.clone(),
        database: settings.connect_database.clone(),
        tls: DatasourceTls::of(&settings.tls).map_err(|e| Fault::new(FaultKind::Tls, &e))?,
    }))
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
    fn sessions_are_read_only_in_the_words_of_each_server() {
        for (number, mariadb, expected) in [
            (50_719, false, "SESSION tx_read_only = 1"),
            (80_036, false, "SESSION transaction_read_only = 1"),
            (101_106, true, "SESSION tx_read_only = 1"),
            (110_402, true, "SESSION transaction_read_only = 1"),
        ] {
            let begin = begin(Version { number, mariadb }, false);
            assert!(begin.contains(expected) && !begin.contains("sql_mode"), "{begin}");
        }
    }

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
