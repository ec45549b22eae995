//! The catalogue's streams against a real MySQL and a real MariaDB.

use std::time::Duration;

use ringwatch_catalogue::Catalogue;
use ringwatch_cluster_tests::mysql::{Flavour, Server};
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD};
use ringwatch_config::settings::MysqlReceiver;
use ringwatch_frame::{StreamId, Tick};

use super::*;
use crate::fault::FaultKind;
use crate::names::{Names, Station};
use crate::plan::{Planned, ReceiverPlan, Wants};
use crate::reading::testing::read_at;
use crate::target::TargetSpec;
use crate::track::Track;

/// What the tests read.
const TABLES: &str = "create database shop; create table shop.orders (id int primary key, customer int, total int, \
    key by_customer (customer));
    insert into shop.orders select seq, seq % 100, seq from (with recursive s(seq) as (select 1 union all select \
    seq + 1 from s where seq < 1000) select seq from s) t; analyze table shop.orders; \
    grant select on shop.* to 'monitor'@'%'";

/// A server as a receiver reads it.
pub(super) struct Streams {
    pub(super) server: Server,
    target: Arc<TargetSpec>,
    plan: Arc<ReceiverPlan>,
    cleaner: Arc<Cleaner>,
    _log: TempDir,
}

/// One stream of it.
pub(super) struct Stream {
    track: Track,
    session: AnySession,
    cleaner: Arc<Cleaner>,
}

impl Streams {
    pub(super) async fn start(flavour: Flavour, options: &[&str]) -> Self {
        let log = tempfile::tempdir().unwrap();
        let file = log.path().join("log");
        let server = Server::start_with(flavour, &file, options).await.unwrap();
        server.execute(TABLES).await.unwrap();
        let tls = match flavour {
            Flavour::MySql => "insecure_skip_verify: true",
            Flavour::MariaDb => "insecure: true",
        };
        let yaml = format!(
            "endpoint: {}\nusername: {MONITOR}\npassword: {MONITOR_PASSWORD}\ntls: {{{tls}}}\nstatements: {{}}\nplans: {{}}\n",
            server.endpoint()
        );
        let settings: MysqlReceiver = serde_saphyr::from_str(&yaml).unwrap();
        let catalogue = Catalogue::embedded().unwrap();
        let wants = Wants {
            metrics: true,
            logs: true,
        };
        let plan = ReceiverPlan::new(catalogue.engine("mysql").unwrap(), "mysql/real", &settings, wants);
        let target = targets_of(&ReaderPlan::Engine(Arc::clone(&plan)))[0].clone();
        Self {
            server,
            target,
            plan,
            cleaner: Arc::new(Cleaner::new()),
            _log: log,
        }
    }

    /// Runs a statement so many times in the schema `shop`, each time by itself. The server counts a statement only
    /// after it was answered, and before it takes the next one of its session: the last one here counts for nothing.
    pub(super) async fn run(&self, times: usize, sql: &str) {
        let mut session = self.server.connect().await.unwrap();
        let sql = std::iter::repeat_n(sql, times);
        for sql in std::iter::once("use shop").chain(sql).chain(["do 0"]) {
            let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut session);
            done.await.unwrap();
        }
    }

    /// The server's clock.
    async fn second(&self) -> i64 {
        self.number("select unix_timestamp()").await
    }

    /// The number that `sql` yields.
    pub(super) async fn number(&self, sql: &'static str) -> i64 {
        let mut session = self.server.connect().await.unwrap();
        let row = sqlx::raw_sql(sql).fetch_one(&mut session).await.unwrap();
        sqlx::Row::get::<i64, _>(&row, 0)
    }

    pub(super) async fn stream(&self, name: &str) -> Stream {
        let planned = self
            .plan
            .streams()
            .iter()
            .find(|s| s.stream.name == name)
            .unwrap();
        let planned = Planned::Stream(Arc::clone(planned));
        let (id, now) = (StreamId::of_server(name), Tick::from_unix_nanos(1));
        let session = Connections::new(Names::of_nobody())
            .connect(&self.target, (&*self.target.readers[0], ""), Station::Lane)
            .await;
        Stream {
            track: Track::new(&self.target.id, &planned, id, &"".into(), now).unwrap(),
            session: session.unwrap(),
            cleaner: Arc::clone(&self.cleaner),
        }
    }
}

impl Stream {
    /// Reads it at once.
    async fn read(&mut self) -> Result<RecordBatch, Fault> {
        self.read_at(0).await
    }

    /// Reads it as if it were this minute.
    pub(super) async fn read_at(&mut self, minute: i64) -> Result<RecordBatch, Fault> {
        let now = Tick::from_unix_nanos(1_700_000_000_000_000_000 + minute * 60_000_000_000);
        let reading = read_at(&mut self.track, &mut self.session, &self.cleaner, now).await?;
        assert!(reading.fault.is_none(), "{:?}", reading.fault);
        self.track.collected(now, reading.baseline);
        Ok(reading.rows)
    }
}

#[tokio::test]
async fn statements_of_mysql_are_counted_exactly() {
    statements(Flavour::MySql).await;
}

#[tokio::test]
async fn statements_of_mariadb_are_counted_exactly() {
    statements(Flavour::MariaDb).await;
}

async fn statements(flavour: Flavour) {
    if !flavour.is_at_hand() {
        return;
    }
    let streams = Streams::start(flavour, &[]).await;
    let mut stream = streams.stream("mysql.statements").await;
    let orders = "select total from orders where customer = 41 and 'canary' <> 'x'";
    streams.run(1, orders).await;
    assert_eq!(stream.read().await.unwrap().num_rows(), 0, "the baseline");
    streams.run(7, orders).await;
    streams.run(1, "select 17 + 4").await;
    let rows = stream.read().await.unwrap();
    let texts: Vec<String> = (0..rows.num_rows())
        .map(|at| cell(&rows, "query_text", at))
        .collect();
    let at = texts.iter().position(|text| text.contains("orders")).unwrap();
    for (column, expected) in [
        ("schema_name", "s shop"),
        ("count_star", "i 7"),
        ("sum_rows_sent", "i 70"),
        ("sum_rows_examined", "i 70"),
        ("sum_errors", "i 0"),
    ] {
        assert_eq!(cell(&rows, column, at), expected, "{column}");
    }
    let spent: i64 = cell(&rows, "sum_timer_wait", at)[2..].parse().unwrap();
    assert!((1..10_000_000_000).contains(&spent), "{spent} ns");
    assert!(cell(&rows, "first_seen", at) <= cell(&rows, "last_seen", at));
    let quantile = cell(&rows, "quantile_99", at);
    assert_eq!(quantile == "d null", flavour == Flavour::MariaDb, "{quantile}");
    for text in &texts {
        let ours = ["ringwatch", "events_statements", "setup_consumers", "canary"];
        assert!(!ours.iter().any(|word| text.contains(word)), "{text}");
    }
    assert!(
        texts.iter().any(|text| text.starts_with("s SELECT ? + ?")),
        "{texts:?}"
    );
    let rows = stream.read().await.unwrap();
    // What a run ends with may be counted after its answer has come.
    let texts = (0..rows.num_rows()).map(|at| cell(&rows, "query_text", at));
    let again: Vec<_> = texts.filter(|text| text != "s DO ?").collect();
    assert!(again.is_empty(), "{again:?}");
    forgotten_entries_begin_anew(&streams, &mut stream, orders).await;
}

async fn forgotten_entries_begin_anew(streams: &Streams, stream: &mut Stream, orders: &str) {
    let truncate = "truncate performance_schema.events_statements_summary_by_digest";
    // The start of an entry is told in seconds by some servers.
    let began = streams.second().await;
    while streams.second().await == began {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    streams.server.execute(truncate).await.unwrap();
    streams.run(9, orders).await;
    let rows = stream.read().await.unwrap();
    let texts = (0..rows.num_rows()).map(|at| cell(&rows, "query_text", at));
    let at = texts
        .into_iter()
        .position(|text| text.contains("orders"))
        .unwrap();
    assert_eq!(cell(&rows, "count_star", at), "i 9");
}

#[tokio::test]
async fn a_server_that_does_not_count_is_told_in_one_line() {
    if !Flavour::MariaDb.is_at_hand() {
        return;
    }
    let streams = Streams::start(Flavour::MariaDb, &["--performance-schema=OFF"]).await;
    let fault = streams.stream("mysql.statements").await.read().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotLoaded);
    assert!(fault.message.contains("performance_schema is off"), "{fault}");
}
