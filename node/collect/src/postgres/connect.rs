//! How a connection is opened: read-only, with limits of its own at the server.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Executor};

use super::error::fault_of;
use crate::fault::{Fault, FaultKind};
use crate::target::TargetSpec;

/// The name under which the server shows our sessions.
const APPLICATION: &str = "ringwatch";
/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 32;

/// Opens a connection to `database` of `target`.
pub(super) async fn connect(target: &TargetSpec, database: &str) -> Result<PgConnection, Fault> {
    let options = options(target, database)?;
    let mut connection = options.connect().await.map_err(|e| fault_of(&e))?;
    // From 14 on, and not on every system: it frees the server sooner when this side is gone, and nothing needs it.
    let soft = connection
        .execute("SET client_connection_check_interval = '100ms'")
        .await;
    match soft.map_err(|e| fault_of(&e)) {
        Err(fault) if fault.kind.loses_connection() => Err(fault),
        _ => Ok(connection),
    }
}

fn options(target: &TargetSpec, database: &str) -> Result<PgConnectOptions, Fault> {
    let settings = target.plan.settings();
    let tls = &settings.tls;
    if tls.server_name_override.is_some() {
        let message = "`server_name_override` is not supported for PostgreSQL: use the certificate's name as the endpoint's host";
        return Err(Fault::new(FaultKind::Tls, message));
    }
    let mode = if tls.insecure {
        PgSslMode::Disable
    } else if tls.insecure_skip_verify {
        PgSslMode::Require
    } else {
        PgSslMode::VerifyFull
    };
    let limit = statement_timeout(*settings.timeout).as_millis();
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&target.endpoint.host)
        .port(target.endpoint.port)
        .username(&settings.username)
        .password(
            settings
                .password
                .as_ref()
                .map_or("", |password| password.expose()),
        )
        .database(database)
        .application_name(APPLICATION)
        .ssl_mode(mode)
        .statement_cache_capacity(STATEMENTS)
        .options([
            ("default_transaction_read_only", "on".to_owned()),
            // Our role has rights that others want: nothing of theirs may be called in place of the server's own.
            ("search_path", "pg_catalog".to_owned()),
            ("statement_timeout", format!("{limit}ms")),
            ("lock_timeout", "100ms".to_owned()),
            ("idle_in_transaction_session_timeout", "10s".to_owned()),
            ("jit", "off".to_owned()),
        ])
        .disable_statement_logging();
    if let Some(file) = &tls.ca_file {
        options = options.ssl_root_cert(file);
    }
    if let Some(file) = &tls.cert_file {
        options = options.ssl_client_cert(file);
    }
    if let Some(file) = &tls.key_file {
        options = options.ssl_client_key(file);
    }
    Ok(options)
}

/// When the server itself stops: a little before this side gives up, so that the answer tells why.
fn statement_timeout(deadline: Duration) -> Duration {
    (deadline * 9 / 10).max(Duration::from_millis(10))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plan::tests::plan_of_yaml;
    use crate::target::targets_of;

    fn target(yaml: &str) -> Arc<TargetSpec> {
        targets_of(&plan_of_yaml(&format!("username: u\nendpoint: db1:5433\n{yaml}")))[0].clone()
    }

    #[test]
    fn sessions_are_read_only_and_limited() {
        let options = options(&target("timeout: 2s"), "app").unwrap();
        let text = options.get_options().unwrap();
        for part in [
            "default_transaction_read_only=on",
            "search_path=pg_catalog",
            "statement_timeout=1800ms",
            "lock_timeout=100ms",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(options.get_application_name(), Some("ringwatch"));
        assert_eq!((options.get_host(), options.get_port()), ("db1", 5433));
        assert_eq!(options.get_database(), Some("app"));
    }

    #[test]
    fn tls_is_verified_unless_told_otherwise() {
        let table = [
            ("", "VerifyFull"),
            ("tls: {insecure: true}", "Disable"),
            ("tls: {insecure_skip_verify: true}", "Require"),
            ("tls: {ca_file: /ca.pem}", "VerifyFull"),
        ];
        for (yaml, mode) in table {
            assert_eq!(
                format!("{:?}", options(&target(yaml), "app").unwrap().get_ssl_mode()),
                mode,
                "{yaml}"
            );
        }
        let fault = options(&target("tls: {server_name_override: x}"), "app").unwrap_err();
        assert_eq!(fault.kind, FaultKind::Tls);
    }
}
