//! Statements of users against a real MySQL and a real MariaDB.

use std::time::Duration;

use ringwatch_cluster_tests::mysql::{Flavour, Server};
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD};
use tokio::time::Instant;

use super::*;
use crate::fault::FaultKind;
use crate::guarded::Guarded;
use crate::ownership::SoleOwner;
use crate::session::Query;
use crate::warrant::{OwnersWarrant, Warrant};

/// What the tests read and try to write.
const TABLES: &str = "create database app; create table app.t (id bigint unsigned, at datetime(6), bits bit(10), \
    body longtext, d date);
    insert into app.t values (18446744073709551615, '2026-01-02 03:04:05.000006', b'1000000001', 'x', '2026-01-02'), \
    (49, null, b'110001', null, null);
    set sql_mode = ''; update app.t set d = '0000-00-00' where id = 49;
    create table app.m (a int) engine = myisam; grant all on app.* to 'monitor'@'%'";

struct My {
    server: Server,
    flavour: Flavour,
    _log: TempDir,
}

impl My {
    async fn start(flavour: Flavour) -> Self {
        let log = tempfile::tempdir().unwrap();
        let server = Server::start(flavour, &log.path().join("log")).await.unwrap();
        server.execute(TABLES).await.unwrap();
        Self {
            server,
            flavour,
            _log: log,
        }
    }

    fn plan(&self, queries: &str) -> ReaderPlan {
        let tls = match self.flavour {
            Flavour::MySql => "ssl-mode=REQUIRED",
            Flavour::MariaDb => "ssl-mode=DISABLED",
        };
        let endpoint = self.server.endpoint();
        let datasource = format!("mysql://{MONITOR}:{MONITOR_PASSWORD}@{endpoint}/app?{tls}");
        plan_of(
            "sqlquery/my",
            &format!("driver: mysql\ndatasource: '{datasource}'\nqueries:\n{queries}"),
        )
    }

    async fn asking(&self, queries: &str) -> Asking {
        let plan = self.plan(queries);
        let target = targets_of(&plan)[0].clone();
        let session = Connections::new(Names::of_nobody())
            .connect(&target, (&*target.readers[0], ""), Station::Lane)
            .await
            .unwrap();
        let ReaderPlan::Sql(plan) = plan else {
            unreachable!()
        };
        Asking {
            query: Arc::clone(&plan.queries()[0]),
            memory: QueryMemory::default(),
            session,
        }
    }

    /// How many statements of the account `monitor` run that hold this text.
    async fn running(&self, text: &str) -> i64 {
        use sqlx::Row as _;
        let mut session = self.server.connect().await.unwrap();
        let sql = format!(
            "select count(*) from information_schema.processlist where user = 'monitor' and info like '%{text}%'"
        );
        let row: sqlx::mysql::MySqlRow = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .fetch_one(&mut session)
            .await
            .unwrap();
        row.get(0)
    }
}

#[tokio::test]
async fn all_holds_for_mysql() {
    all(Flavour::MySql).await;
}

#[tokio::test]
async fn all_holds_for_mariadb() {
    all(Flavour::MariaDb).await;
}

async fn all(flavour: Flavour) {
    if !flavour.is_at_hand() {
        return;
    }
    let my = My::start(flavour).await;
    values_are_read_as_they_are_and_what_does_not_fit_is_counted(&my).await;
    long_texts_come_whole(&my).await;
    nothing_is_written_and_values_are_not_told(&my).await;
    what_this_side_gave_up_ends_at_the_server(&my).await;
}

async fn values_are_read_as_they_are_and_what_does_not_fit_is_counted(my: &My) {
    let flavour = my.flavour;
    let query = "- {sql: 'SELECT id, at, bits, body, d, NULL AS n FROM t ORDER BY id', tracking_column: id,
    metrics: [{metric_name: m, value_column: bits, monotonic: true}], logs: [{body_column: body}]}";
    let mut asking = my.asking(query).await;
    // Without a parameter it is asked as it is.
    for _ in 0..2 {
        assert_eq!(asking.ask().await.unwrap().rows.num_rows(), 2, "{flavour:?}");
    }
    let mut wrong = my
        .asking(&query.replace("t ORDER", "t WHERE id > ? OR ? ORDER"))
        .await;
    assert!(wrong.ask().await.unwrap_err().message.contains("2 parameters"));
    let query = query.replace("t ORDER", "t WHERE id > ? ORDER");
    let query = query.replace(
        "tracking_column: id",
        "tracking_column: id, tracking_start_value: '0'",
    );
    let mut asking = my.asking(&query).await;
    let answered = asking.ask().await.unwrap();
    let rows = &answered.rows;
    let of = |at| ["id", "at", "bits", "body", "d", "n"].map(|name| cell(rows, name, at));
    assert_eq!(
        of(0),
        ["i 49", "t null", "i 49", "s null", "t null", "s null"],
        "{flavour:?}"
    );
    assert_eq!(
        of(1),
        [
            "i null",
            "t 1767323045000006000",
            "i 513",
            "s x",
            "t 1767312000000000000",
            "s null"
        ]
    );
    assert_eq!(answered.unread, [("id".to_owned(), 1)]);
    assert_eq!(answered.tracking.as_deref(), Some("18446744073709551615"));
    assert_eq!(
        asking.ask().await.unwrap().rows.num_rows(),
        0,
        "nothing is above it"
    );
    assert!(rows.column_by_name(crate::sqlquery::STARTED).unwrap().is_valid(0));
    asking.end().await;
}

async fn long_texts_come_whole(my: &My) {
    let flavour = my.flavour;
    for length in [70_000, 300_000, 15_000_000] {
        let query = format!(
            "- {{sql: \"SELECT REPEAT('x', {length}) AS a\", sql_columns: [], logs: [{{body_column: a}}]}}"
        );
        let mut asking = my.asking(&query).await;
        let answered = asking.ask().await.unwrap();
        assert_eq!(cell(&answered.rows, "a", 0).len(), length + 2, "{flavour:?}");
        asking.end().await;
    }
}

async fn nothing_is_written_and_values_are_not_told(my: &My) {
    let flavour = my.flavour;
    for (sql, kind) in [
        ("INSERT INTO t (id) VALUES (1)", FaultKind::Query),
        ("CREATE TABLE u AS SELECT 1 AS a", FaultKind::Query),
        ("SELECT 1 AS a; DROP TABLE t", FaultKind::Query),
        (
            "SELECT 1 AS a FORM t WHERE b = 'secret' AND c = 4711",
            FaultKind::Query,
        ),
        (
            "SELECT EXTRACTVALUE('<a/>', CONCAT('$', 'secret')) AS a",
            FaultKind::Statement,
        ),
        ("SELECT gone + 1 AS a FROM t", FaultKind::Query),
        ("SELECT COUNT(*) AS a FROM nowhere", FaultKind::Query),
    ] {
        let query = format!("- {{sql: \"{sql}\", logs: [{{body_column: a}}]}}");
        let mut asking = my.asking(&query).await;
        let fault = asking.ask().await.unwrap_err();
        assert_eq!(fault.kind, kind, "{flavour:?} {sql}: {fault}");
        let told = fault.message.contains("secret") || fault.message.contains("4711");
        assert!(!told, "{flavour:?} {fault}");
    }
    for write in [
        "INSERT INTO t (id) VALUES (1)",
        "INSERT INTO m VALUES (1)",
        "DROP TABLE m",
    ] {
        let mut asking = my
            .asking("- {sql: SELECT 1 AS a, logs: [{body_column: a}]}")
            .await;
        let AnySession::Mysql(session) = &mut asking.session else {
            unreachable!()
        };
        let refused = session.execute(write).await;
        assert!(refused.is_err(), "{flavour:?} {write}");
    }
}

async fn what_this_side_gave_up_ends_at_the_server(my: &My) {
    let flavour = my.flavour;
    let plan = my.plan("- {sql: 'SELECT SLEEP(20) AS a', timeout: 20s, logs: [{body_column: a}]}");
    let target = targets_of(&plan)[0].clone();
    let guarded = Guarded::new(Connections::new(Names::of_nobody()));
    let warrant: Arc<dyn Warrant> = Arc::new(OwnersWarrant {
        ownership: Arc::new(SoleOwner),
        target: target.id.clone(),
        fence: None,
    });
    let login = (&*target.readers[0], "");
    let session = guarded.connect(&target, login, Station::Lane, &warrant).await;
    let mut session = session.unwrap();
    session.limit(Some(Duration::from_millis(500)));
    let ReaderPlan::Sql(plan) = &plan else {
        unreachable!()
    };
    let planned = &plan.queries()[0];
    let query: Query<'_> = planned.query(planned.sql(), None);
    let refused = session.query(&query).await.unwrap_err();
    assert!(
        matches!(
            refused.fault.kind,
            FaultKind::Deadline | FaultKind::StatementTimeout
        ),
        "{}",
        refused.fault
    );
    let end = Instant::now() + Duration::from_secs(5);
    while my.running("SLEEP(20)").await > 0 {
        assert!(Instant::now() < end, "{flavour:?}: it goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
