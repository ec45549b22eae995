//! Questions of one's own and circuits in a cluster: what an owner knew, the next one knows, and any node answers for
//! the owner.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use ringwatch_cluster_tests::cluster::client;
use ringwatch_cluster_tests::node::NodeConfig;
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::sink::Value;
use ringwatch_cluster_tests::wait;
use serde_json::json;

use super::Watching;
use crate::story::SOON;

/// Reads the first target besides by a statement that asks for new rows only, and guards all targets.
fn asking(config: &mut NodeConfig) {
    let endpoint = config.receivers["postgresql"]["targets"][0]["endpoint"].clone();
    let receiver = json!({
        "driver": "postgres",
        "endpoint": endpoint,
        "username": MONITOR,
        "password": MONITOR_PASSWORD,
        "database": "postgres",
        "tls": { "insecure": true },
        "collection_interval": "1s",
        "queries": [{
            "sql": "select id, word from audit where id > $1::bigint order by id",
            "tracking_column": "id", "tracking_start_value": "0",
            "logs": [{ "body_column": "word", "attribute_columns": ["id"] }],
        }],
    });
    config.receivers.insert("sqlquery/audit".into(), receiver);
    config.processors.insert("circuit_breaker".into(), json!({}));
    config.order.insert(0, "circuit_breaker".into());
}

/// How often each row came.
fn rows(all: &Watching) -> BTreeMap<i64, usize> {
    all.sink.look(|l| {
        let mut rows = BTreeMap::new();
        for record in l.last_records.iter().filter(|record| record.event.is_empty()) {
            if let Some(Value::Int(id)) = record.attributes.get("id") {
                *rows.entry(*id).or_default() += 1;
            }
        }
        rows
    })
}

async fn came(all: &Watching, count: usize) -> Result<()> {
    wait::until(&format!("{count} rows"), SOON, async || {
        let rows = rows(all);
        wait::when(rows.len() == count, || format!("{rows:?}"))
    })
    .await
}

#[test]
fn the_tracking_value_goes_on_at_the_next_owner() -> Result<()> {
    scenario("cluster_tracking", async |scene| {
        let mut all = Watching::prepare(scene, 3, 4, |shape| shape.adapt = asking).await?;
        let table = "create table audit (id bigserial, word text); grant select on audit to monitor; \
                     insert into audit (word) select 'w' from generate_series(1, 5)";
        all.server.execute("postgres", table).await?;
        for n in 0..3 {
            all.cluster.launch(n)?;
        }
        came(&all, 5).await?;
        let before = all.cluster.agree(SOON).await?;
        let target = all.targets.first().context("no target")?;
        let owner = before.owners.get(target).context("nobody owns it")?.clone();
        let n = all.cluster.number_of(&owner)?;
        // In a handoff.
        let other = all
            .cluster
            .awake()
            .into_iter()
            .find(|other| *other != n)
            .context("no other node")?;
        let grpc = all.cluster.node(other)?.ports().grpc;
        let drained = client(grpc, &["cluster", "drain", &owner])?;
        ensure!(
            drained.status.success(),
            "{}",
            String::from_utf8_lossy(&drained.stderr)
        );
        all.server
            .execute("postgres", "insert into audit (word) values ('drained')")
            .await?;
        came(&all, 6).await?;
        // And over a death.
        let seats = all.cluster.seats().iter().map(|seat| seat.id().to_owned());
        let ready: Vec<String> = seats.filter(|id| *id != owner).collect();
        let after = all.cluster.agree_on(&ready, SOON).await?;
        let second = after.owners.get(target).context("nobody owns it")?.clone();
        ensure_fault(second != owner, "the drained node still owns the target")?;
        let n = all.cluster.number_of(&second)?;
        all.cluster.seat_mut(n).kill().await?;
        all.server
            .execute("postgres", "insert into audit (word) values ('killed')")
            .await?;
        came(&all, 7).await?;
        all.more_ticks(2).await?;
        let twice: Vec<_> = rows(&all).into_iter().filter(|(_, count)| *count > 2).collect();
        ensure!(twice.is_empty(), "rows came again and again: {twice:?}");
        all.cluster.end().await
    })
}

#[test]
fn any_node_answers_for_the_owner_of_a_circuit() -> Result<()> {
    scenario("cluster_circuits", async |scene| {
        let mut all = Watching::start(scene, 3, 4, |shape| {
            shape.adapt = |config| {
                config.processors.insert("circuit_breaker".into(), json!({}));
                config.order.insert(0, "circuit_breaker".into());
            };
        })
        .await?;
        let agreed = all.cluster.agree(SOON).await?;
        let target = all.targets.first().context("no target")?;
        let owner = agreed.owners.get(target).context("nobody owns it")?;
        let n = all.cluster.number_of(owner)?;
        let other = all
            .cluster
            .awake()
            .into_iter()
            .find(|other| *other != n)
            .context("no other node")?;
        let grpc = all.cluster.node(other)?.ports().grpc;
        let id = format!("postgresql://{target}");
        let list = client(grpc, &["breaker", "list", "-o", "json"])?;
        let list: serde_json::Value = serde_json::from_slice(&list.stdout)?;
        let known: Vec<_> = list["breakers"].as_array().into_iter().flatten().collect();
        ensure!(known.len() == 4, "{list}");
        ensure!(known.iter().all(|breaker| breaker["state"] == "CLOSED"), "{list}");
        let opened = client(grpc, &["breaker", "open", &id, "--for", "10m"])?;
        ensure!(
            opened.status.success(),
            "{}",
            String::from_utf8_lossy(&opened.stderr)
        );
        let at_owner = all.cluster.node(n)?;
        at_owner
            .until("an open circuit at the owner", SOON, |m| {
                let labels = [("database", id.as_str()), ("state", "open")];
                let open = m.values("circuit_breaker_state", &labels).count() == 1;
                wait::when(open, || m.show("circuit_breaker_state"))
            })
            .await?;
        let reset = client(grpc, &["breaker", "reset", &id])?;
        ensure!(
            reset.status.success(),
            "{}",
            String::from_utf8_lossy(&reset.stderr)
        );
        all.cluster.end().await
    })
}
