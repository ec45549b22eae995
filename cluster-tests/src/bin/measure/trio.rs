//! The stage of what is measured of clusters: three nodes, one server under several names and under load.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::cluster::ticks::{self, ACTIVITY, STATEMENTS};
use ringwatch_cluster_tests::cluster::{Cluster, Shape};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::pgbench::{self, Load};
use ringwatch_cluster_tests::postgres::{Server, Wish, sql};
use ringwatch_cluster_tests::process::Process;
use ringwatch_cluster_tests::sink::{Memory, Sink};
use ringwatch_cluster_tests::wait;
use sqlx::postgres::PgConnection;
use tempfile::TempDir;

/// How long the harness waits for what should be there within some ticks.
pub(crate) const SOON: Duration = Duration::from_secs(40);

/// What the load calls; nothing else does.
pub(crate) const CALLED: &str = "update counted ";

pub(crate) struct Trio {
    // Ended in this order.
    pub(crate) cluster: Cluster,
    load: Option<Process>,
    pub(crate) sink: Sink,
    pub(crate) server: Server,
    pub(crate) targets: Vec<String>,
    _open: PgConnection,
    folder: TempDir,
}

impl Trio {
    /// Three nodes that agree on the targets that `names` are, and those that `shape` adds.
    pub(crate) async fn start(names: usize, every: Every, shape: impl FnOnce(&mut Shape)) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ringwatch-measure-").tempdir()?;
        let mut wish = Wish::default().with_names(names).with("log_connections=off");
        let sink = Sink::start(Memory::OF_A_TEST).await?;
        let mut wanted = Shape::new(&[], &sink.endpoint(), every);
        shape(&mut wanted);
        if !wanted.roles {
            wish = wish.with("log_statement=none");
        }
        let server = Server::start(&wish, &folder.path().join("postgres.log")).await?;
        let table = "create table counted (id int primary key, n int);
                     insert into counted select i, 0 from generate_series(1, 100) i";
        server.execute("postgres", table).await?;
        if wanted.roles {
            Shape::make_roles(&server, 3).await?;
        }
        // It is seen at every tick of the activity stream.
        let mut open = server.connect("postgres").await?;
        sql::execute(&mut open, "begin; select 1").await?;
        let targets = server.endpoints(names);
        wanted.endpoints.splice(0..0, targets.iter().cloned());
        Ok(Self {
            cluster: Cluster::start(wanted, 3, folder.path()).await?,
            load: None,
            sink,
            server,
            targets,
            _open: open,
            folder,
        })
    }

    /// Starts a load of one statement, once every target's baseline is taken: from then on each call is to be told.
    pub(crate) async fn load(&mut self, rate: u32) -> Result<()> {
        wait::until("statements of every target", SOON, async || {
            let told = |t: &&String| self.sink.look(|l| !ticks::of_event(l, t, STATEMENTS).is_empty());
            let told = self.targets.iter().filter(told).count();
            wait::when(told == self.targets.len(), || format!("of {told} targets"))
        })
        .await?;
        let script = self.folder.path().join("counted.sql");
        std::fs::write(
            &script,
            "\\set id random(1, 100)\nupdate counted set n = n + 1 where id = :id;\n",
        )?;
        let load = Load {
            database: "postgres".into(),
            clients: 1,
            rate: Some(rate),
            seconds: 24 * 3600,
            scripts: vec![script.to_string_lossy().into_owned()],
        };
        let log = self.folder.path().join("pgbench.log");
        self.load = Some(pgbench::start(&self.server, &load, &log)?);
        Ok(())
    }

    /// Ends the load, waits until all of it should have been told, and says how far what was told is from the truth.
    pub(crate) async fn compare(&mut self) -> Result<()> {
        if let Some(load) = &mut self.load {
            load.end(rustix::process::Signal::TERM, SOON).await?;
        }
        let query = format!("select sum(calls)::int8 from pg_stat_statements where query like '{CALLED}%'");
        let truth = self.server.number("postgres", &query).await?;
        let told = || -> Vec<i64> {
            self.sink
                .look(|l| self.targets.iter().map(|t| ticks::calls(l, t, CALLED)).collect())
        };
        // What has not come after this has not been told: the line below shows it.
        let _ = wait::until("the calls to be told", SOON, async || {
            wait::when(told().iter().all(|told| *told == truth), String::new)
        })
        .await;
        let told = told();
        let lost: i64 = told.iter().map(|told| (truth - told).max(0)).sum();
        let doubled: i64 = told.iter().map(|told| (told - truth).max(0)).sum();
        println!(
            "  deltas: the server counted {truth} calls, to be told of each of {} targets; lost {lost}, doubled {doubled} in all",
            told.len()
        );
        Ok(())
    }

    /// Waits until each target has `count` more ticks of activity than now.
    pub(crate) async fn more_ticks(&self, count: usize) -> Result<()> {
        let have = || -> Vec<usize> {
            let of = |t: &String| self.sink.look(|l| ticks::of_event(l, t, ACTIVITY).len());
            self.targets.iter().map(of).collect()
        };
        let wanted: Vec<usize> = have().iter().map(|n| n + count).collect();
        wait::until("ticks of every target", SOON, async || {
            let have = have();
            let there = have.iter().zip(&wanted).all(|(have, wanted)| have >= wanted);
            wait::when(there, || format!("{have:?} of {wanted:?}"))
        })
        .await
    }

    /// Points and records that came twice: byte for byte, and otherwise.
    pub(crate) fn doubles(&self) -> (u64, u64) {
        self.sink.look(|l| {
            let conflicting_points: u64 = l.series.values().map(|s| s.conflicts).sum();
            (l.doubles() - conflicting_points, l.conflicts())
        })
    }
}
