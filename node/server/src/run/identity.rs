//! Who this node is, and what it knows.

use ringwatch_collect::Targets;
use ringwatch_config::settings::Cluster;
use ringwatch_frame::{Clock, Value};
use tokio::sync::watch;

use crate::grpc::{Knowledge, TargetView};

/// The configured name, or the machine's.
pub(super) fn node_id(cluster: &Cluster) -> String {
    cluster
        .node_id
        .clone()
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}

/// What the gRPC port answers from.
pub(super) fn knowledge(
    cluster: &Cluster,
    node_id: String,
    grpc_address: String,
    clock: &Clock,
    targets: watch::Receiver<Targets>,
) -> Knowledge {
    Knowledge {
        cluster: cluster.name.clone(),
        node_id,
        grpc_address,
        generation: u64::try_from(clock.now().unix_nanos()).unwrap_or(0),
        targets: Box::new(move || targets.borrow().iter().map(|spec| view(spec)).collect()),
    }
}

fn view(spec: &ringwatch_collect::TargetSpec) -> TargetView {
    let built_in = [
        "server.address",
        "server.port",
        "service.instance.id",
        "db.system.version",
    ];
    let labels = spec.resource.iter().filter_map(|(key, value)| match value {
        Value::Text(text) if !built_in.contains(&key) => Some((key.to_owned(), text.to_string())),
        _ => None,
    });
    TargetView {
        target_id: spec.id.to_string(),
        labels: labels.collect(),
    }
}
