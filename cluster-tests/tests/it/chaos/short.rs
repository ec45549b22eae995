//! A short run of the rig: one fault of each kind, then calm, then the verdict.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::chaos::{Kind, Plan, Rig, Run, Wanted, apart};
use ringwatch_cluster_tests::scene::{Scene, scenario};

/// The plan of every run here; another one is played by `cluster-tests/chaos.sh --seed S`.
const SEED: u64 = 7;

/// What one network is enough for.
const TOGETHER: [Kind; 4] = [Kind::Kill, Kind::Freeze, Kind::Roll, Kind::Receiver];

#[test]
fn a_fault_of_each_kind_leaves_every_tick_once() -> Result<()> {
    if !apart::inside()
        && let Some(why) = apart::missing()
    {
        println!("skipped: {:?}: {why}", Kind::APART);
        return scenario("chaos_short", async |scene| play(scene, &TOGETHER, false).await);
    }
    let test = "chaos::short::a_fault_of_each_kind_leaves_every_tick_once";
    super::apart("chaos_short", test, async |scene| {
        play(scene, &[&TOGETHER[..], &Kind::APART[..3]].concat(), true).await
    })
}

async fn play(scene: &Scene, kinds: &[Kind], apart: bool) -> Result<()> {
    let wanted = Wanted {
        apart,
        ..Wanted::new(3, 6)
    };
    let mut rig = Rig::start(&wanted, scene.logs()).await?;
    rig.keep_to_the_ring().await?;
    rig.load(20).await?;
    let run = Run {
        time: Duration::ZERO,
        aloud: true,
    };
    let verdict = run.play(&mut rig, Plan::new(SEED, kinds, 3)?).await?;
    println!("  {}", verdict.figures());
    verdict.ensure_good()?;
    rig.end().await
}
