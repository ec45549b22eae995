//! What standing by costs: processor time and traffic between nodes, with standbys that cover and with some that only
//! remember; and what more targets cost three nodes more than one alone, which has nobody to tell of them.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::chaos::{Rig, Wanted};
use ringwatch_cluster_tests::cluster::Shape;
use serde_json::{Value, json};
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

/// So many targets, for what the same nodes need with less to do.
const FEW: usize = 10;

pub(crate) async fn measure(options: Options, apart: bool) -> Result<()> {
    let time = options.minutes(2);
    let mut report = Report::new("gap-cost");
    report.set("seconds_each", time.as_secs());
    let as_it_is: fn(&mut Shape) = |_| {};
    let modes = [
        ("hot", 3, NAMES, as_it_is),
        ("none", 3, NAMES, without),
        ("hot_few", 3, FEW, as_it_is),
        ("alone", 1, NAMES, on_its_own),
        ("alone_few", 1, FEW, on_its_own),
    ];
    let mut used = Vec::new();
    for (mode, nodes, names, shape) in modes {
        let wanted = Wanted {
            apart,
            relays: apart.then_some(options.seed),
            shape,
            names,
            ..wanted(nodes)
        };
        let (rig, _folder) = start(&wanted).await?;
        sleep(WARM).await;
        let one = look(&rig, time).await?;
        let figures = one.figures(names);
        eprintln!("{mode}: {figures}");
        report.set(mode, figures);
        used.push(one);
    }
    if let [hot, none, few, alone, alone_few] = used[..] {
        report.set("per_target_to_cover", hot.less(none).each(NAMES));
        let [of_three, of_one] = [hot.less(few), alone.less(alone_few)];
        report.set("per_target_of_three_nodes", of_three.each(NAMES - FEW));
        report.set("per_target_of_one_node", of_one.each(NAMES - FEW));
        report.set("per_target_to_replicate", of_three.less(of_one).each(NAMES - FEW));
    }
    report.print(options.json);
    Ok(())
}

impl Used {
    fn less(self, other: Self) -> Self {
        let traffic = self.traffic.zip(other.traffic);
        Self {
            cpu: self.cpu - other.cpu,
            traffic: traffic.map(|(own, other)| (own.0 - other.0, own.1 - other.1)),
        }
    }

    /// All by so many targets.
    fn each(self, targets: usize) -> Value {
        #[expect(clippy::cast_precision_loss, reason = "forty")]
        let each = |all: f64| all / targets as f64;
        let each = Self {
            cpu: each(self.cpu),
            traffic: self.traffic.map(|(gossip, calls)| (each(gossip), each(calls))),
        };
        each.figures(1)
    }

    fn figures(self, targets: usize) -> Value {
        json!({
            "targets": targets,
            "cpu_percent_of_a_core": rounded(self.cpu),
            "gossip_bytes_per_second": self.traffic.map(|(gossip, _)| rounded(gossip)),
            "call_bytes_per_second": self.traffic.map(|(_, calls)| rounded(calls)),
        })
    }
}

fn without(shape: &mut Shape) {
    shape.adapt = |config| {
        config.cluster.insert("standby".into(), json!("none"));
    };
}

/// A node without gossip is a cluster of one.
fn on_its_own(shape: &mut Shape) {
    shape.adapt = |config| {
        config.cluster.remove("gossip");
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
