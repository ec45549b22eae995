//! Owners frozen for five, fifteen and sixty seconds: nothing missing, and what they ask when they wake.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use ringwatch_cluster_tests::chaos::oracle::database::node_of;
use ringwatch_cluster_tests::chaos::{Rig, Wanted};
use ringwatch_cluster_tests::cluster::ask;
use ringwatch_cluster_tests::postgres::questions;
use ringwatch_cluster_tests::wait;
use ringwatch_proto::v1::State;
use tokio::time::sleep;

use super::{Bearable, Options, Report, close, start, wanted};
use crate::trio::SOON;

const FREEZES: [u64; 3] = [5, 15, 60];

pub(crate) async fn measure(options: Options) -> Result<()> {
    let rounds = options.rounds.unwrap_or(20);
    let wanted = Wanted {
        log: true,
        shape: |shape| shape.hold_down = "8s",
        ..wanted(3)
    };
    let (mut rig, folder) = start(&wanted).await?;
    rig.load(50).await?;
    let mut rng = Rng::with_seed(options.seed);
    let mut report = Report::new("gap-freeze");
    report.set("seed", options.seed);
    for seconds in FREEZES {
        let (mut asked, mut unclear) = (0, 0);
        for round in 0..rounds {
            let n = rng.usize(..3);
            rig.settled().await?;
            // Anywhere within a second, so that readings are hit too.
            sleep(Duration::from_millis(rng.u64(..1_000))).await;
            match one(&mut rig, n, Duration::from_secs(seconds)).await? {
                Some(count) => asked += count,
                None => unclear += 1,
            }
            eprintln!(
                "{} of {rounds} times {seconds} s: {asked} questions by woken nodes",
                round + 1
            );
        }
        report.set_at_most(&format!("questions_by_woken_after_{seconds}s"), asked, 0.0);
        report.set(
            &format!("rounds_given_targets_too_soon_to_tell_{seconds}s"),
            unclear,
        );
    }
    report.set("rounds_each", rounds);
    // Of a request that was on its way at the freeze nobody else knows whether it arrived.
    let bearable = Bearable {
        requests: rounds * FREEZES.len(),
        ..Bearable::default()
    };
    close(rig, folder, report, bearable, options.json).await
}

/// Questions of the woken node as an owner, locks and all, before it was given targets again; nothing where it was too soon
/// to tell.
async fn one(rig: &mut Rig, n: usize, time: Duration) -> Result<Option<usize>> {
    let id = rig.cluster.seat(n).id().to_owned();
    rig.cluster.seat_mut(n).freeze()?;
    sleep(time).await;
    let woken = questions::now();
    rig.cluster.seat_mut(n).thaw()?;
    let witness = rig.cluster.seat((n + 1) % 3).ports().grpc;
    let held_down = async || {
        let seen = ask::members(witness).await.map_err(|e| format!("{e:#}"))?;
        wait::when(ask::is(&seen, &id, State::Joining), || format!("{seen:?}"))
    };
    wait::until("the woken node held down", SOON, async || held_down().await).await?;
    rig.more_ticks(3).await?;
    if held_down().await.is_err() {
        return Ok(None);
    }
    let log = questions::read(&rig.server.log_text()?);
    let by_woken: Vec<_> = log
        .iter()
        .filter(|q| q.at >= woken && node_of(&q.application) == Some(&id))
        .filter(|q| !q.application.ends_with("/standby"))
        .collect();
    for question in by_woken.iter().take(3) {
        eprintln!(
            "{id} asked {} ms after it woke: {}",
            question.at - woken,
            question.text
        );
    }
    Ok(Some(by_woken.len()))
}
