//! The default metrics, value by value, against SQL on the server itself. Each value must lie between what SQL says
//! before the reading and after it; on a quiet server the two are mostly the same.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::node::NodeConfig;
use ringwatch_cluster_tests::postgres::{Server, Wish, sql};
use ringwatch_cluster_tests::scene::scenario;
use ringwatch_cluster_tests::wait;
use sqlx::postgres::PgConnection;

use crate::contract::{self, METRICS};
use crate::story::{SOON, Watched};

/// SQL of the whole server: attributes and value.
const OF_SERVER: [(&str, &str); 8] = [
    (
        "postgresql.backends",
        "select 'db.namespace='||datname, numbackends from pg_stat_database where datname in ('postgres', 'shop')",
    ),
    (
        "postgresql.commits",
        "select 'db.namespace='||datname, xact_commit from pg_stat_database where datname in ('postgres', 'shop')",
    ),
    (
        "postgresql.rollbacks",
        "select 'db.namespace='||datname, xact_rollback from pg_stat_database where datname in ('postgres', 'shop')",
    ),
    (
        "postgresql.db_size",
        "select 'db.namespace='||datname, pg_database_size(oid) from pg_database where datname in ('postgres', 'shop')",
    ),
    (
        "postgresql.connection.max",
        "select '', current_setting('max_connections')::int",
    ),
    (
        "postgresql.database.count",
        "select '', count(*) from pg_database where not datistemplate and datallowconn",
    ),
    (
        "postgresql.wal.age",
        "select '', floor(extract(epoch from clock_timestamp() - last_archived_time)) from pg_stat_archiver",
    ),
    (
        "postgresql.bgwriter.maxwritten",
        "select '', maxwritten_clean from pg_stat_bgwriter",
    ),
];

/// The background writer's counters up to version 16.
const OF_WRITER_TO_16: [(&str, &str); 4] = [
    (
        "postgresql.bgwriter.buffers.allocated",
        "select '', buffers_alloc from pg_stat_bgwriter",
    ),
    (
        "postgresql.bgwriter.buffers.writes",
        "select 'source='||s, v from pg_stat_bgwriter, lateral (values ('backend', buffers_backend), ('backend_fsync', buffers_backend_fsync), ('bgwriter', buffers_clean), ('checkpoints', buffers_checkpoint)) as x(s, v)",
    ),
    (
        "postgresql.bgwriter.checkpoint.count",
        "select 'type='||s, v from pg_stat_bgwriter, lateral (values ('requested', checkpoints_req), ('scheduled', checkpoints_timed)) as x(s, v)",
    ),
    (
        "postgresql.bgwriter.duration",
        "select 'type='||s, v from pg_stat_bgwriter, lateral (values ('sync', checkpoint_sync_time), ('write', checkpoint_write_time)) as x(s, v)",
    ),
];

/// The same from version 17, where checkpoints have a view of their own.
const OF_WRITER_FROM_17: [(&str, &str); 4] = [
    (
        "postgresql.bgwriter.buffers.allocated",
        "select '', buffers_alloc from pg_stat_bgwriter",
    ),
    (
        "postgresql.bgwriter.buffers.writes",
        "select 'source=bgwriter', buffers_clean from pg_stat_bgwriter union all select 'source=checkpoints', buffers_written from pg_stat_checkpointer",
    ),
    (
        "postgresql.bgwriter.checkpoint.count",
        "select 'type='||s, v from pg_stat_checkpointer, lateral (values ('requested', num_requested), ('scheduled', num_timed)) as x(s, v)",
    ),
    (
        "postgresql.bgwriter.duration",
        "select 'type='||s, v from pg_stat_checkpointer, lateral (values ('sync', sync_time), ('write', write_time)) as x(s, v)",
    ),
];

/// SQL of each database: attributes and value. `T` stands for the attributes that name a table.
const OF_DATABASE: [(&str, &str); 8] = [
    (
        "postgresql.table.count",
        "select 'db.namespace='||current_database(), count(*) from pg_stat_user_tables",
    ),
    (
        "postgresql.rows",
        "select T||',state='||s, v from pg_stat_user_tables, lateral (values ('live', n_live_tup), ('dead', n_dead_tup)) as x(s, v)",
    ),
    (
        "postgresql.operations",
        "select T||',operation='||s, v from pg_stat_user_tables, lateral (values ('ins', n_tup_ins), ('upd', n_tup_upd), ('del', n_tup_del), ('hot_upd', n_tup_hot_upd)) as x(s, v)",
    ),
    (
        "postgresql.table.size",
        "select T, pg_total_relation_size(relid) from pg_stat_user_tables",
    ),
    (
        "postgresql.table.vacuum.count",
        "select T, vacuum_count from pg_stat_user_tables",
    ),
    (
        "postgresql.blocks_read",
        "select T||',source='||s, v from pg_statio_user_tables, lateral (values ('heap_read', heap_blks_read), ('heap_hit', heap_blks_hit), ('idx_read', coalesce(idx_blks_read, 0)), ('idx_hit', coalesce(idx_blks_hit, 0)), ('toast_read', coalesce(toast_blks_read, 0)), ('toast_hit', coalesce(toast_blks_hit, 0)), ('tidx_read', coalesce(tidx_blks_read, 0)), ('tidx_hit', coalesce(tidx_blks_hit, 0))) as x(s, v)",
    ),
    (
        "postgresql.index.scans",
        "select T||',postgresql.index.name='||indexrelname, idx_scan from pg_stat_user_indexes",
    ),
    (
        "postgresql.index.size",
        "select T||',postgresql.index.name='||indexrelname, pg_relation_size(indexrelid) from pg_stat_user_indexes",
    ),
];
const TABLE: &str = "'db.collection.name='||schemaname||'.'||relname||',db.namespace='||current_database()";

/// Tables that have seen every kind of operation, then rest.
const SHOP: &str = "create table orders (id int primary key, note text, blob text);
    alter table orders alter column blob set storage external;
    create index by_note on orders (note);
    insert into orders select n, 'note ' || n, repeat('x', 4000) from generate_series(1, 300) n;
    update orders set note = note || '!' where id <= 40; update orders set blob = 'y' where id = 41;
    delete from orders where id > 280;
    create table bare (n int); insert into bare values (1);";

type Values = BTreeMap<(&'static str, String), f64>;

struct Sessions {
    postgres: PgConnection,
    shop: PgConnection,
    major: u32,
}

impl Sessions {
    async fn read(&mut self) -> Result<Values> {
        let mut values = Values::new();
        let writer = if self.major < 17 {
            OF_WRITER_TO_16
        } else {
            OF_WRITER_FROM_17
        };
        for (metric, query) in OF_SERVER.into_iter().chain(writer) {
            let pairs = sql::pairs(&mut self.postgres, query).await?;
            values.extend(
                pairs
                    .into_iter()
                    .map(|(attributes, value)| ((metric, attributes), value)),
            );
        }
        for session in [&mut self.postgres, &mut self.shop] {
            for (metric, query) in OF_DATABASE {
                let pairs = sql::pairs(session, &query.replace('T', TABLE)).await?;
                values.extend(
                    pairs
                        .into_iter()
                        .map(|(attributes, value)| ((metric, attributes), value)),
                );
            }
        }
        Ok(values)
    }

    async fn now(&mut self) -> Result<u64> {
        let now = "select (extract(epoch from clock_timestamp()) * 1000000000)::int8";
        Ok(sql::number(&mut self.postgres, now).await?.unsigned_abs())
    }
}

async fn prepare(server: &Server) -> Result<()> {
    server.execute("postgres", "create database shop").await?;
    server.execute("shop", SHOP).await?;
    let mut session = server.connect("shop").await?;
    sql::execute(&mut session, "vacuum orders").await?;
    sql::execute(&mut session, "set enable_seqscan = off").await?;
    sql::execute(&mut session, "select count(*) from orders where id = 7").await?;
    sql::execute(&mut session, "begin; select 1; rollback").await?;
    server
        .execute("postgres", "select pg_switch_wal(); checkpoint")
        .await
}

#[test]
fn default_metrics_hold_what_sql_says() -> Result<()> {
    values("values", &Wish::default())
}

#[test]
fn default_metrics_of_postgresql_14_hold_what_sql_says_long() -> Result<()> {
    values("values_14", &Wish::of_major(14))
}

#[test]
fn default_metrics_of_postgresql_17_hold_what_sql_says_long() -> Result<()> {
    values("values_17", &Wish::of_major(17))
}

#[test]
fn default_metrics_of_postgresql_18_hold_what_sql_says_long() -> Result<()> {
    values("values_18", &Wish::of_major(18))
}

fn values(name: &str, wish: &Wish) -> Result<()> {
    scenario(name, async |scene| {
        let wish = wish
            .clone()
            .with("archive_mode=on")
            .with("archive_command=/bin/true");
        let server = scene.server("postgres", &wish).await?;
        prepare(&server).await?;
        let sink = scene.sink().await?;
        let config = NodeConfig::new(&[server.endpoint()], &sink.endpoint(), Every::SECOND_METRICS);
        let node = scene.node(&config).await?;
        let mut all = Watched { node, server, sink };
        let mut sessions = Sessions {
            postgres: all.server.connect("postgres").await?,
            shop: all.server.connect("shop").await?,
            major: all.server.major(),
        };
        all.ticks_of("postgresql.rows", 3).await?;
        let (compared, exact) = compare(&all, &mut sessions).await?;
        println!("{compared} series compared, {exact} on values that did not move");
        ensure!(
            exact * 10 > compared * 6,
            "only {exact} of {compared} values were at rest: the server was not quiet"
        );
        check_contract(&all)?;
        check_starts(&all, &mut sessions).await?;
        all.spotless().await.map(drop)
    })
}

/// Compares every series once; gives how many, and how many of them at rest.
async fn compare(all: &Watched, sessions: &mut Sessions) -> Result<(usize, usize)> {
    let before = sessions.read().await?;
    let since = sessions.now().await?;
    let target = all.target();
    let found = wait::until("a point of every series that SQL knows", SOON, async || {
        let found = newest_values(all, &target, since);
        let missing: Vec<_> = before.keys().filter(|key| !found.contains_key(*key)).collect();
        wait::when(missing.is_empty(), || {
            format!("{} missing: {missing:?}", missing.len())
        })
        .map(|()| found)
    })
    .await?;
    let after = sessions.read().await?;
    let mut wrong = Vec::new();
    let mut exact = 0;
    for (key, old) in &before {
        let new = after.get(key).with_context(|| format!("SQL lost {key:?}"))?;
        let seen = found.get(key).copied().unwrap_or(f64::NAN);
        let slack = 1e-9 * new.abs();
        if !(seen >= old.min(*new) - slack && seen <= old.max(*new) + slack) {
            wrong.push(format!("{key:?}: SQL {old} to {new}, the node {seen}"));
        }
        exact += usize::from(old.total_cmp(new).is_eq());
    }
    let unknown: Vec<_> = found.keys().filter(|key| !before.contains_key(*key)).collect();
    ensure!(
        wrong.is_empty(),
        "{} of {} values are wrong: {wrong:#?}",
        wrong.len(),
        before.len()
    );
    ensure!(unknown.is_empty(), "series that SQL does not know: {unknown:?}");
    Ok((before.len(), exact))
}

/// The newest value of every series that has a point after `since`.
fn newest_values(all: &Watched, target: &str, since: u64) -> Values {
    let name = |metric: &str| {
        METRICS
            .iter()
            .map(|m| m.name)
            .find(|n| *n == metric)
            .unwrap_or("unknown")
    };
    all.sink.look(|ledger| {
        let series = ledger.series.iter().filter(|(id, _)| id.target == target);
        let newest = series.filter_map(|(id, s)| {
            let (time, point) = s.last()?;
            let key = (name(&id.metric), id.attributes.clone());
            (time > since).then_some((key, point.value.number()?))
        });
        newest.collect()
    })
}

/// Names, units, kinds, types and attributes; and all that is on by default came, replication aside.
fn check_contract(all: &Watched) -> Result<()> {
    all.sink.look(|ledger| {
        ledger
            .series
            .iter()
            .try_for_each(|(id, series)| contract::check(id, series))?;
        let came: BTreeSet<&str> = ledger.series.keys().map(|id| id.metric.as_str()).collect();
        let replication = ["postgresql.replication.data_delay", "postgresql.wal.lag"];
        let wanted: BTreeSet<&str> = METRICS.iter().filter(|m| m.on).map(|m| m.name).collect();
        let wanted: BTreeSet<&str> = wanted
            .into_iter()
            .filter(|name| !replication.contains(name))
            .collect();
        ensure!(came == wanted, "came {came:?}, on by default {wanted:?}");
        Ok(())
    })
}

/// A counter starts when the server says that it did.
async fn check_starts(all: &Watched, sessions: &mut Sessions) -> Result<()> {
    let start = "select 'db.namespace='||datname, extract(epoch from coalesce(stats_reset, pg_postmaster_start_time())) * 1000000
                 from pg_stat_database where datname in ('postgres', 'shop')";
    for (attributes, micros) in sql::pairs(&mut sessions.postgres, start).await? {
        let target = all.target();
        let seen = all.sink.look(|l| {
            let mut series = l
                .of_metric(&target, "postgresql.commits")
                .filter(|(id, _)| id.attributes == attributes);
            series
                .next()
                .and_then(|(_, s)| s.last())
                .map(|(_, point)| point.start)
        });
        let seen = seen.with_context(|| format!("no commits of {attributes}"))?;
        #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit a double")]
        let differs = (seen as f64 / 1000.0 - micros).abs();
        ensure!(
            differs < 2.0,
            "{attributes} starts at {seen}, the server says {micros} us"
        );
    }
    Ok(())
}
