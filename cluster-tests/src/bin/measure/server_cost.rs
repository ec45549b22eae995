//! What our statements cost at the server, by its own clock.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::pgbench::{self, Load};
use ringwatch_cluster_tests::postgres::{Server, Wish};
use ringwatch_cluster_tests::sink::{Memory, Sink};
use sqlx::Row as _;
use tokio::time::sleep;

/// Our statements as `pg_stat_statements` saw them, planning included, dearest first.
const OURS: &str = "select coalesce(substring(query from '/\\* ringwatch ([a-z_.]+)'), 'other') as stream,
    sum(calls)::int8, sum(total_exec_time + total_plan_time)::float8
  from pg_stat_statements s join pg_roles r on r.oid = s.userid
  where r.rolname = 'monitor' group by 1 order by 3 desc";

/// A node with everything on a server with two hundred tables under load.
pub(crate) async fn measure(time: Duration) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let wish = Wish::default()
        .with("pg_stat_statements.track_planning=on")
        .with("log_statement=none");
    let server = Server::start(&wish, &folder.path().join("postgres.log")).await?;
    pgbench::initialise(&server, "postgres").await?;
    let tables = "do $$ begin for i in 1..200 loop execute format('create table t%s (id int primary key)', i); end loop; end $$";
    server.execute("postgres", tables).await?;
    let sink = Sink::start(Memory::BOUNDED).await?;
    let every = Every {
        collection: "10s",
        statements: "30s",
        activity: "1s",
    };
    let load = Load {
        database: "postgres".into(),
        clients: 4,
        rate: Some(200),
        seconds: 3600,
        scripts: Vec::new(),
    };
    let _load = pgbench::start(&server, &load, &folder.path().join("pgbench.log"))?;
    let config = NodeConfig::new(&[server.endpoint()], &sink.endpoint(), every);
    let _node = Node::start("node", &config, &folder.path().join("node.log")).await?;
    sleep(Duration::from_secs(30)).await;
    server
        .execute("postgres", "select pg_stat_statements_reset()")
        .await?;
    sleep(time).await;
    let mut session = server.connect("postgres").await?;
    let minutes = time.as_secs_f64() / 60.0;
    println!("our statements at a server with 204 tables under 200 transactions a second, by its own clock:");
    let mut total = 0.0;
    for row in sqlx::query(OURS).fetch_all(&mut session).await? {
        let (stream, calls, millis): (String, i64, f64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        #[expect(clippy::cast_precision_loss, reason = "calls far below 2^53")]
        let each = millis / calls.max(1) as f64;
        total += millis;
        println!(
            "  {stream:32} {calls:6} calls, {each:7.3} ms each, {:8.1} ms a minute",
            millis / minutes
        );
    }
    println!(
        "  in all {:.1} ms a minute, {:.3} % of one core",
        total / minutes,
        total / minutes / 600.0
    );
    Ok(())
}
