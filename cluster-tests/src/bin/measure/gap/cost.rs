//! What standing by costs: processor time and traffic between nodes, with standbys that cover, with some that only remember, and
//! what one node alone needs for the same targets.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::chaos::{Rig, Wanted};
use ringwatch_cluster_tests::cluster::Shape;
use serde_json::json;
use tokio::time::sleep;

use super::{NAMES, Options, Report, start, wanted};

/// Before it is looked at, connections are made and loads are learnt.
const WARM: Duration = Duration::from_secs(20);

/// One look at all nodes.
#[derive(Clone, Copy, Debug)]
struct Used {
    /// Percent of a core, all nodes together.
    cpu: f64,
    /// Bytes a second between nodes: gossip, then calls.
    traffic: Option<(f64, f64)>,
}

pub(crate) async fn measure(options: Options, apart: bool) -> Result<()> {
    let time = options.minutes(2);
    let mut report = Report::new("gap-cost");
    report.set("targets", NAMES);
    report.set("seconds_each", time.as_secs());
    let mut used = Vec::new();
    let as_it_is: fn(&mut Shape) = |_| {};
    for (mode, nodes, shape) in [("hot", 3, as_it_is), ("none", 3, without), ("alone", 1, as_it_is)] {
        let wanted = Wanted {
            apart,
            relays: apart.then_some(options.seed),
            shape,
            ..wanted(nodes)
        };
        let (rig, _folder) = start(&wanted).await?;
        sleep(WARM).await;
        eprintln!("standbys {mode}: looking for {} s", time.as_secs());
        let one = look(&rig, time).await?;
        report.set(&format!("cpu_percent_standby_{mode}"), rounded(one.cpu));
        if let Some((gossip, calls)) = one.traffic {
            report.set(
                &format!("gossip_bytes_per_second_standby_{mode}"),
                rounded(gossip),
            );
            report.set(&format!("call_bytes_per_second_standby_{mode}"), rounded(calls));
        }
        used.push(one);
    }
    #[expect(clippy::cast_precision_loss, reason = "forty")]
    let each = |difference: f64| rounded(difference / NAMES as f64);
    if let [hot, none, alone] = used[..] {
        report.set(
            "cpu_percent_of_a_core_per_target_to_cover",
            each(hot.cpu - none.cpu),
        );
        report.set(
            "cpu_percent_of_a_core_per_target_of_three_more_than_of_one",
            each(hot.cpu - alone.cpu),
        );
        if let (Some(hot), Some(none)) = (hot.traffic, none.traffic) {
            report.set("call_bytes_per_second_per_target", each(hot.1));
            report.set(
                "call_bytes_per_second_per_target_more_than_without",
                each(hot.1 - none.1),
            );
        }
    }
    report.print(options.json);
    Ok(())
}

fn without(shape: &mut Shape) {
    shape.adapt = |config| {
        config.cluster.insert("standby".into(), json!("none"));
    };
}

async fn look(rig: &Rig, time: Duration) -> Result<Used> {
    let cpu = || -> Result<Duration> {
        let nodes = rig.cluster.awake().into_iter();
        nodes.map(|n| rig.process(n)?.cpu_time()).sum()
    };
    let (before, passed) = (cpu()?, rig.passed());
    sleep(time).await;
    let seconds = time.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |after: u64, before: u64| (after - before) as f64 / seconds;
    let traffic = rig
        .passed()
        .zip(passed)
        .map(|(after, before)| (rate(after.0, before.0), rate(after.1, before.1)));
    Ok(Used {
        cpu: (cpu()? - before).as_secs_f64() / seconds * 100.0,
        traffic,
    })
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
