//! Members, view and owned targets. A cluster of one is ready, in its first view, and owns everything.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{MetricFamily, MetricType};
use ringwatch_collect::Targets;
use tokio::sync::watch;

/// Shows the cluster, as this node knows it, in the registry.
pub(crate) struct ClusterMetrics {
    targets: watch::Receiver<Targets>,
    desc: Vec<Desc>,
}

impl ClusterMetrics {
    /// Shows a cluster of one that owns `targets`.
    pub(crate) fn new(targets: watch::Receiver<Targets>) -> prometheus::Result<Self> {
        let help = "The cluster";
        let desc = Desc::new(
            "ringwatch_cluster".into(),
            help.into(),
            Vec::new(),
            std::collections::HashMap::new(),
        )?;
        Ok(Self {
            targets,
            desc: vec![desc],
        })
    }
}

impl Collector for ClusterMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.desc.iter().collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of targets")]
    fn collect(&self) -> Vec<MetricFamily> {
        let owned = self.targets.borrow().len() as f64;
        let gauge =
            |name, help, labels, value| super::family(name, help, MetricType::GAUGE, vec![(labels, value)]);
        vec![
            gauge(
                "ringwatch_members",
                "Members by state",
                vec![("state", "ready")],
                1.0,
            ),
            gauge("ringwatch_view", "Number of the view", vec![], 1.0),
            gauge(
                "ringwatch_owned_targets",
                "Targets that this node collects",
                vec![],
                owned,
            ),
        ]
    }
}
