//! Plans of a real PostgreSQL.

mod change;
mod explain;
mod log;

use std::time::Duration;

use ringwatch_catalogue::Catalogue;
use ringwatch_cluster_tests::postgres::{Binaries, MONITOR, MONITOR_PASSWORD};
use ringwatch_config::settings::PostgresqlReceiver;
use ringwatch_frame::{StreamId, StreamMemory, Tick};

use super::*;
use crate::plan::{Planned, ReceiverPlan, Wants};
use crate::reading::Reading;
use crate::reading::testing::read_at;
use crate::target::TargetSpec;
use crate::track::Track;

/// A table with an index, the role that reads it, and the right to explain what it does.
const MADE: &str = "create role app; create schema shop; grant usage on schema shop to app;
    create table orders (id int, price int, at timestamptz default now());
    insert into orders select n, n % 97 from generate_series(1, 20000) n;
    create index orders_id on orders (id); analyze orders;
    create table shop.cart (id int); grant select on all tables in schema public, shop to app;
    alter role app set search_path = shop, public;
    grant pg_read_all_data to monitor";
/// Everything is asked for as often as it is due.
const OFTEN: &str = "plans: {per_hour: 1000, per_query_per_hour: 60, sample: 100}";

struct Watched {
    server: Server,
    target: Arc<TargetSpec>,
    plan: Arc<ReceiverPlan>,
    cleaner: Arc<Cleaner>,
    _log: TempDir,
}

/// One stream and how it is read.
struct Stream {
    track: Track,
    session: AnySession,
    cleaner: Arc<Cleaner>,
}

impl Watched {
    /// A server of this version; `None` where this machine has none.
    async fn start(major: u32, settings: &str) -> Option<Self> {
        Self::with(&Wish::of_major(major), settings).await
    }

    async fn with(wish: &Wish, settings: &str) -> Option<Self> {
        if let Some(major) = wish.major
            && let Err(error) = Binaries::of_major(major)
        {
            println!("skipped: {error}");
            return None;
        }
        Self::at(wish, settings, tempfile::tempdir().unwrap()).await
    }

    async fn at(wish: &Wish, settings: &str, log: TempDir) -> Option<Self> {
        let server = Server::start(wish, &log.path().join("log")).await.unwrap();
        server.execute("postgres", MADE).await.unwrap();
        server
            .execute("postgres", "select pg_stat_statements_reset()")
            .await
            .unwrap();
        let endpoint = server.endpoint();
        let yaml = format!(
            "endpoint: {endpoint}\nusername: {MONITOR}\npassword: {MONITOR_PASSWORD}\ntls: {{insecure: true}}\n{settings}"
        );
        let settings: PostgresqlReceiver = serde_saphyr::from_str(&yaml).unwrap();
        let wants = Wants {
            metrics: false,
            logs: true,
        };
        let catalogue = Catalogue::embedded().unwrap();
        let engine = catalogue.engine("postgresql").unwrap();
        let plan = ReceiverPlan::new(engine, "postgresql/real", &settings, wants);
        Some(Self {
            server,
            target: targets_of(&ReaderPlan::Engine(Arc::clone(&plan)))[0].clone(),
            plan,
            cleaner: Arc::new(Cleaner::new()),
            _log: log,
        })
    }

    /// Runs a statement so many times as the role `app`.
    async fn run(&self, times: usize, sql: &str) {
        let mut all = "set role app; set search_path = shop, public".to_owned();
        for _ in 0..times {
            all.push_str("; ");
            all.push_str(sql);
        }
        // In one message they would be one entry each: the text of each is told apart.
        self.server.execute("postgres", &all).await.unwrap();
    }

    async fn stream(&self, name: &str) -> Stream {
        let planned = self
            .plan
            .streams()
            .iter()
            .find(|s| s.stream.name == name)
            .unwrap();
        let planned = Planned::Stream(Arc::clone(planned));
        let id = match planned.scope() {
            ringwatch_catalogue::model::Scope::Server => StreamId::of_server(name),
            ringwatch_catalogue::model::Scope::Database => StreamId::of_database(name, "postgres"),
        };
        let session = Connections::new(Names::of_nobody())
            .connect(
                &self.target,
                (&*self.target.readers[0], "postgres"),
                Station::Lane,
            )
            .await;
        Stream {
            track: Track::new(&self.target.id, &planned, id, &"postgres".into(), at(0)).unwrap(),
            session: session.unwrap(),
            cleaner: Arc::clone(&self.cleaner),
        }
    }

    /// What our sessions sent, as the server wrote it down.
    fn sent(&self) -> Vec<String> {
        let log = self.server.log_text().unwrap();
        let mut sent: Vec<String> = Vec::new();
        let mut ours = false;
        for line in log.lines() {
            if let Some(rest) = line.strip_prefix('\t') {
                if let Some(last) = sent.last_mut().filter(|_| ours) {
                    last.push(' ');
                    last.push_str(rest.trim());
                }
                continue;
            }
            let statement = ["LOG:  statement: ", "LOG:  execute "]
                .iter()
                .find_map(|mark| line.split_once(mark));
            ours = line.contains("app=ringwatch") && statement.is_some();
            if let Some((_, text)) = statement.filter(|_| ours) {
                let text = text.strip_prefix("<unnamed>: ").unwrap_or(text);
                let text = text.split_once("sqlx_s_").map_or(text, |(_, rest)| {
                    rest.split_once(": ").map_or(rest, |(_, text)| text)
                });
                sent.push(text.to_owned());
            }
        }
        sent
    }
}

impl Stream {
    /// Reads at this minute, and goes on from there.
    async fn read(&mut self, minute: i64) -> Rows {
        let reading = self.try_read(minute).await;
        assert!(reading.fault.is_none(), "{:?}", reading.fault);
        Rows(reading.rows)
    }

    async fn try_read(&mut self, minute: i64) -> Reading {
        let reading = read_at(&mut self.track, &mut self.session, &self.cleaner, at(minute)).await;
        let mut reading = reading.unwrap();
        self.track.collected(at(minute), reading.baseline.take());
        reading
    }
}

/// What was told.
struct Rows(RecordBatch);

impl Rows {
    /// The rows of this kind whose statement has `part`.
    fn of(&self, kind: &str, part: &str) -> Vec<usize> {
        let is = |at: &usize| self.text("kind", *at) == kind && self.text("query", *at).contains(part);
        (0..self.0.num_rows()).filter(is).collect()
    }

    fn one(&self, kind: &str, part: &str) -> usize {
        let found = self.of(kind, part);
        assert_eq!(found.len(), 1, "{kind} {part}: {}", self.all());
        found[0]
    }

    fn text(&self, name: &str, at: usize) -> String {
        cell(&self.0, name, at)[2..].to_owned()
    }

    fn number(&self, name: &str, at: usize) -> f64 {
        self.text(name, at).parse().unwrap()
    }

    fn all(&self) -> String {
        let row = |at| {
            format!(
                "{} {} {}",
                self.text("kind", at),
                self.text("query", at),
                self.text("reason", at)
            )
        };
        (0..self.0.num_rows()).map(row).collect::<Vec<_>>().join("\n")
    }
}

fn at(minute: i64) -> Tick {
    Tick::from_unix_nanos(1_790_000_000_000_000_000 + minute * 60_000_000_000)
}
