//! What standbys and fences are worth that are told to be less than they can be.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::chaos::{Rig, Wanted};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use serde_json::json;
use tokio::time::sleep;

use super::{NAMES, covered, start, verdict};
use crate::story::SOON;

/// How many ticks each target of a node that stands still may lose where nobody stands by: until that is found out.
const FOUND_OUT: usize = 6;

/// Kills the node that owns most, and starts it again.
async fn kill_busiest(rig: &mut Rig) -> Result<()> {
    let before = rig.settled().await?;
    let victim = before.busiest();
    let n = rig.cluster.number_of(&victim)?;
    ensure_fault(!before.owned_by(&victim).is_empty(), "the victim owned nothing")?;
    rig.cluster.seat_mut(n).kill_at_once().await?;
    rig.settled().await?;
    rig.cluster.launch(n)?;
    rig.settled().await?;
    Ok(())
}

/// The sessions of standbys that were ever seen at once at a target.
fn standby_sessions(rig: &Rig) -> usize {
    let seen = rig.database.seen();
    let of = |names: &Vec<String>| names.iter().filter(|name| name.ends_with("/standby")).count();
    seen.most.values().map(of).max().unwrap_or(0)
}

#[test]
fn a_warm_standby_keeps_no_session_and_covers_all_the_same() -> Result<()> {
    scenario("cover_warm", async |scene| {
        let wanted = Wanted {
            shape: |shape| {
                shape.adapt = |config| {
                    config.cluster.insert("standby".into(), json!("warm"));
                };
            },
            ..Wanted::new(3, NAMES)
        };
        let mut rig = start(scene, wanted).await?;
        rig.more_ticks(5).await?;
        ensure!(
            standby_sessions(&rig) == 0,
            "a warm standby has a session though nothing is overdue: {:?}",
            rig.database.seen().most
        );
        kill_busiest(&mut rig).await?;
        ensure_fault(covered(&rig).await? > 0, "no tick was covered")?;
        verdict(&mut rig, 2).await
    })
}

#[test]
fn where_nobody_stands_by_the_successor_begins_when_it_is_found_out() -> Result<()> {
    scenario("cover_none", async |scene| {
        let wanted = Wanted {
            shape: |shape| {
                shape.adapt = |config| {
                    config.cluster.insert("standby".into(), json!("none"));
                };
            },
            ..Wanted::new(3, NAMES)
        };
        let mut rig = start(scene, wanted).await?;
        let before = rig.settled().await?;
        let frozen = before.busiest();
        let n = rig.cluster.number_of(&frozen)?;
        let lost = before.owned_by(&frozen).len();
        ensure_fault(lost > 0, "the node owned nothing")?;
        rig.cluster.seat_mut(n).freeze()?;
        sleep(Duration::from_secs(6)).await;
        // When it has its targets back, sessions are opened ahead, which look like those of standbys.
        let stood_by = standby_sessions(&rig);
        rig.cluster.seat_mut(n).thaw()?;
        rig.settled().await?;
        rig.more_ticks(3).await?;
        ensure!(covered(&rig).await? == 0, "nobody was to cover");
        ensure!(stood_by == 0, "nobody was to stand by");
        let ticks = rig.ticks_after(SOON * 2).await;
        let missing = ticks.missing_count();
        println!("  {missing} ticks of {lost} targets were lost");
        ensure!(missing <= lost * FOUND_OUT, "{missing} ticks of {lost} targets");
        ticks.ensure_single(2)?;
        rig.end().await
    })
}

#[test]
fn fenced_by_epochs_alone_every_tick_comes_once() -> Result<()> {
    scenario("cover_epoch", async |scene| {
        let wanted = Wanted {
            shape: |shape| {
                shape.adapt = |config| {
                    config.cluster.insert("fence".into(), json!("epoch"));
                };
            },
            ..Wanted::new(3, NAMES)
        };
        let mut rig = start(scene, wanted).await?;
        kill_busiest(&mut rig).await?;
        let frozen = rig.settled().await?.busiest();
        let n = rig.cluster.number_of(&frozen)?;
        rig.cluster.seat_mut(n).freeze()?;
        sleep(Duration::from_secs(5)).await;
        rig.cluster.seat_mut(n).thaw()?;
        ensure!(
            rig.database.seen().holders.is_empty(),
            "locks though there are to be none: {:?}",
            rig.database.seen().holders
        );
        verdict(&mut rig, 3).await
    })
}
