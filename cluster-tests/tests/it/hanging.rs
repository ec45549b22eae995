//! Databases that accept and never answer, or hang up, beside a good one: the good one is not touched.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::fake::{Fake, Manner};
use ringwatch_cluster_tests::node::{Every, NodeConfig};
use ringwatch_cluster_tests::postgres::Wish;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;

use crate::story::{SOON, Watched};

#[test]
fn hanging_databases_leave_a_good_one_alone() -> Result<()> {
    scenario("hanging", async |scene| {
        let mut bad = Vec::new();
        for n in 0..10 {
            bad.push(Fake::start(if n < 8 { Manner::Hang } else { Manner::Reset }).await?);
        }
        let mut endpoints: Vec<String> = bad
            .iter()
            .map(|fake| format!("127.0.0.1:{}", fake.port()))
            .collect();
        let mut all = Watched::start_with(scene, &Wish::default(), |target, sink| {
            endpoints.insert(0, target);
            NodeConfig::new(&endpoints, sink, Every::SECOND)
        })
        .await?;
        all.ticks_of("postgresql.commits", 10).await?;
        all.node
            .until("all bad targets down, the good one up", SOON, |m| {
                let up: Vec<f64> = m.values("ringwatch_target_up", &[]).collect();
                let fits = up.len() == 11 && up.iter().sum::<f64>() == 1.0;
                wait::when(fits, || m.show("ringwatch_target_up"))
            })
            .await?;
        ensure_fault(
            bad.iter().all(|fake| fake.accepted() > 0),
            "a bad database was not asked",
        )?;
        let books = all.spotless().await?;
        ensure!(books.delivered > 0, "nothing was delivered");
        let targets = all.sink.look(|l| l.targets.keys().cloned().collect::<Vec<_>>());
        ensure!(targets == [all.target()], "points of others: {targets:?}");
        Ok(())
    })
}
