//! How a connection is opened: read-only, with limits of its own at the server.

use std::time::Duration;

use ringwatch_config::{Datasource, DatasourceTls, Endpoint, Secret, TlsMode};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Executor};

use super::error::fault_of;
use crate::engine_settings::EngineSettings;
use crate::fault::{Fault, FaultKind};
use crate::reader::{Reader, ReaderPlan};

/// How many prepared statements a connection keeps: more than there are streams, and what is asked beside them.
pub(super) const STATEMENTS: usize = 64;

/// Opens a connection.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Fault> {
    let mut connection = options.connect().await.map_err(|e| fault_of(&e))?;
    // From 14 on, and not on every system: it frees the server sooner when this side is gone, and nothing needs it.
    let soft = connection
        .execute("/* ringwatch */ SET client_connection_check_interval = '100ms'")
        .await;
    match soft.map_err(|e| fault_of(&e)) {
        Err(fault) if fault.kind.loses_connection() => Err(fault),
        _ => Ok(connection),
    }
}

/// How a session of `reader` is opened.
pub(super) fn options(
    endpoint: &Endpoint,
    reader: &Reader,
    database: &str,
) -> Result<PgConnectOptions, Fault> {
    match &reader.plan {
        ReaderPlan::Engine(plan) => of_engine(endpoint, plan.settings(), database),
        ReaderPlan::Sql(plan) => Ok(of_login(plan.login(), plan.timeout())),
    }
}

fn of_engine(
    endpoint: &Endpoint,
    settings: &EngineSettings,
    database: &str,
) -> Result<PgConnectOptions, Fault> {
    let login = Datasource {
        endpoint: endpoint.clone(),
        username: settings.username.clone(),
        password: settings.password.clone(),
        database: database.to_owned(),
        tls: DatasourceTls::of(&settings.tls).map_err(|e| Fault::new(FaultKind::Tls, &e))?,
    };
    // Our role has rights that others want: nothing of theirs may be called in place of the server's own.
    let path = [("search_path", "pg_catalog")];
    Ok(of_login(&login, settings.timeout).options(path))
}

/// The statements of users find what they name where the role finds it: the search path stays.
fn of_login(login: &Datasource, timeout: Duration) -> PgConnectOptions {
    let mode = match login.tls.mode {
        TlsMode::Disable => PgSslMode::Disable,
        TlsMode::Prefer => PgSslMode::Prefer,
        TlsMode::Require => PgSslMode::Require,
        TlsMode::VerifyCa => PgSslMode::VerifyCa,
        TlsMode::VerifyFull => PgSslMode::VerifyFull,
    };
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&login.endpoint.host)
        .port(login.endpoint.port)
        .username(&login.username)
        .password(login.password.as_ref().map_or("", Secret::expose))
        .database(&login.database)
        .ssl_mode(mode)
        .statement_cache_capacity(STATEMENTS)
        .options([
            ("default_transaction_read_only", "on".to_owned()),
            (
                "statement_timeout",
                format!("{}ms", statement_timeout(timeout).as_millis()),
            ),
            ("lock_timeout", "100ms".to_owned()),
            ("idle_in_transaction_session_timeout", "10s".to_owned()),
            ("jit", "off".to_owned()),
        ])
        .disable_statement_logging();
    if let Some(file) = &login.tls.ca_file {
        options = options.ssl_root_cert(file);
    }
    if let Some(file) = &login.tls.cert_file {
        options = options.ssl_client_cert(file);
    }
    if let Some(file) = &login.tls.key_file {
        options = options.ssl_client_key(file);
    }
    options
}

/// When the server itself stops: a little before this side gives up, so that the answer tells why.
pub(super) fn statement_timeout(deadline: Duration) -> Duration {
    (deadline * 9 / 10).max(Duration::from_millis(10))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plan::tests::plan_of_yaml;
    use crate::sqlquery::tests::sql_plan;
    use crate::target::{TargetSpec, targets_of};

    fn target(yaml: &str) -> Arc<TargetSpec> {
        targets_of(&plan_of_yaml(&format!("username: u\nendpoint: db1:5433\n{yaml}")))[0].clone()
    }

    fn options(target: &TargetSpec, database: &str) -> Result<PgConnectOptions, Fault> {
        super::options(&target.endpoint, &target.readers[0], database)
    }

    #[test]
    fn statements_of_users_run_read_only_where_their_role_looks() {
        let plan = sql_plan("sqlquery", "postgresql://u:p@db1:5433/app?sslmode=require");
        let options = options(&targets_of(&plan)[0], "app").unwrap();
        let text = options.get_options().unwrap();
        for part in ["default_transaction_read_only=on", "statement_timeout=4500ms"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("search_path"), "{text}");
        assert_eq!((options.get_host(), options.get_port()), ("db1", 5433));
        assert_eq!(format!("{:?}", options.get_ssl_mode()), "Require");
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
