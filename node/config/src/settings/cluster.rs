//! Section `cluster`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Endpoint;

/// What this node is called and where other nodes and clients find it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// The name of the cluster.
    pub name: String,
    /// The name of this node, unique in the cluster. Default: the machine's host name.
    pub node_id: Option<String>,
    /// The gRPC port.
    pub grpc: Grpc,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            name: "ringwatch".into(),
            node_id: None,
            grpc: Grpc::default(),
        }
    }
}

/// The gRPC port: cluster, health and reflection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Grpc {
    /// Where to listen.
    pub listen: Endpoint,
    /// Where clients and other nodes reach it. Default: where it listens.
    pub advertise: Option<Endpoint>,
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: Endpoint {
                host: "127.0.0.1".into(),
                port: 7947,
            },
            advertise: None,
        }
    }
}
