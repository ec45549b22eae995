//! How long after a loss targets are read again, as the nodes' own metrics tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::Cluster;

/// How often the metrics are looked at: the times are exact to this.
const LOOK: Duration = Duration::from_millis(10);

/// Ticks collected of each target by the nodes that are awake.
#[derive(Clone, Debug, Default)]
pub struct Collected(BTreeMap<String, f64>);

impl Collected {
    /// Looks at all nodes but the one in seat `but`, which is about to go.
    ///
    /// # Errors
    /// One does not answer.
    pub async fn of(cluster: &Cluster, but: Option<usize>) -> Result<Self> {
        let mut all = BTreeMap::new();
        for n in cluster.awake().into_iter().filter(|n| Some(*n) != but) {
            let metrics = cluster.node(n)?.metrics().await?;
            let collected = [("outcome", "collected")];
            for (target, ticks) in metrics.by_label_of("ringwatch_ticks_total", &collected, "target") {
                *all.entry(target).or_default() += ticks;
            }
        }
        Ok(Self(all))
    }

    fn of_target(&self, target: &str) -> f64 {
        let fits = |name: &str| name == target || name.ends_with(&format!("//{target}"));
        let ticks = self.0.iter().filter(|(name, _)| fits(name));
        ticks.map(|(_, ticks)| ticks).sum()
    }
}

/// The time from `since` until each of `targets` has one tick more than `before`. Those that have none after `limit`
/// are left out.
///
/// # Errors
/// A node that is awake does not answer.
pub async fn next_ticks(
    cluster: &Cluster,
    targets: &[String],
    before: &Collected,
    since: Instant,
    limit: Duration,
) -> Result<BTreeMap<String, Duration>> {
    let mut times = BTreeMap::new();
    while times.len() < targets.len() && since.elapsed() < limit {
        let now = Collected::of(cluster, None).await?;
        let elapsed = since.elapsed();
        for target in targets {
            if now.of_target(target) > before.of_target(target) {
                times.entry(target.clone()).or_insert(elapsed);
            }
        }
        sleep(LOOK).await;
    }
    Ok(times)
}
