//! A table under ACCESS EXCLUSIVE lock, and one for which a session waits for it: both are left out, nothing waits.

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::postgres::sql;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::sink::Ledger;
use ringwatch_cluster_tests::wait;
use sqlx::postgres::PgConnection;
use tokio::task::JoinHandle;

use crate::story::{SOON, Watched};

/// The time of a table's newest row count.
fn newest_of(ledger: &Ledger, target: &str, table: &str) -> u64 {
    let wanted = format!("db.collection.name=public.{table},");
    let of_table = ledger
        .of_metric(target, "postgresql.table.size")
        .filter(|(id, _)| id.attributes.contains(&wanted));
    of_table
        .filter_map(|(_, s)| s.last())
        .map(|(time, _)| time)
        .max()
        .unwrap_or(0)
}

/// Who locks: one session holds `held`, one waits to drop `wanted`, which a third reads.
struct Lockers {
    holder: PgConnection,
    reader: PgConnection,
    waiting: JoinHandle<Result<()>>,
}

impl Lockers {
    /// Locks, and waits until the server shows both locks.
    async fn lock(all: &Watched) -> Result<Self> {
        let mut holder = all.server.connect("postgres").await?;
        sql::execute(&mut holder, "begin; lock table held in access exclusive mode").await?;
        let mut reader = all.server.connect("postgres").await?;
        sql::execute(&mut reader, "begin; select * from wanted").await?;
        let mut waiter = all.server.connect("postgres").await?;
        let waiting = tokio::spawn(async move { sql::execute(&mut waiter, "drop table wanted").await });
        let locks = "select count(*) from pg_locks where mode = 'AccessExclusiveLock'
                     and relation in ('held'::regclass, 'wanted'::regclass)";
        let shown = wait::until("both locks", SOON, async || {
            let seen = all
                .server
                .number("postgres", locks)
                .await
                .map_err(|e| e.to_string())?;
            wait::when(seen >= 2, || format!("{seen} locks"))
        });
        ensure_fault(shown.await.is_ok(), "the tables are not locked")?;
        Ok(Self {
            holder,
            reader,
            waiting,
        })
    }

    /// Lets both go.
    async fn release(mut self) -> Result<()> {
        sql::execute(&mut self.reader, "commit").await?;
        sql::execute(&mut self.holder, "commit").await?;
        self.waiting.await.context("the waiter")?
    }
}

#[test]
fn locked_tables_are_left_out_and_nothing_waits() -> Result<()> {
    scenario("locks", async |scene| {
        let mut all = Watched::start(scene, Every::SECOND).await?;
        all.server.execute("postgres", "create table free (n int primary key); create table held (n int primary key); create table wanted (n int primary key);").await?;
        let target = all.target();
        let times = || {
            all.sink
                .look(|l| ["free", "held", "wanted"].map(|table| newest_of(l, &target, table)))
        };
        wait::until("points of all three tables", SOON, async || {
            wait::when(times().iter().all(|t| *t > 0), || format!("{:?}", times()))
        })
        .await?;

        let locked_by = Lockers::lock(&all).await?;

        // The first tick after the locks may have begun before them.
        all.ticks_of("postgresql.commits", 2).await?;
        let locked = times();
        wait::until("four more points of the free table", SOON, async || {
            let now = times();
            wait::when(now[0] >= locked[0] + 4_000_000_000, || format!("{now:?}"))
        })
        .await?;
        let later = times();
        ensure!(
            later[1] == locked[1] && later[2] == locked[2],
            "a locked table was read: {locked:?} {later:?}"
        );
        let ours = "select count(*) from pg_locks l join pg_stat_activity a using (pid)
                    where a.usename = 'monitor' and not l.granted";
        ensure!(
            all.server.number("postgres", ours).await? == 0,
            "a session of the node waits for a lock"
        );
        locked_by.release().await?;
        wait::until("points of the table that was held", SOON, async || {
            let now = times();
            wait::when(now[1] > later[1], || format!("{now:?}"))
        })
        .await?;
        let missed = all.node.metrics().await?;
        let collected = missed.sum("ringwatch_ticks_total", &[("outcome", "collected")]);
        ensure!(
            missed.sum("ringwatch_ticks_total", &[]) == collected,
            "{}",
            missed.show("ringwatch_ticks_total")
        );
        // Gaps are what this fault is to cause: those of the locked tables and of nothing else.
        let others = all.sink.look(|l| {
            let locked = |a: &str| a.contains("held") || a.contains("wanted");
            l.gaps().into_iter().find(|gap| !locked(&gap.series.attributes))
        });
        ensure!(others.is_none(), "a gap in another series: {others:?}");
        all.verdict().await.map(drop)
    })
}
