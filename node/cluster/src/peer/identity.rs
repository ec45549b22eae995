//! Who calls, and the proof that it belongs to the cluster.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

use super::meters::Refusal;
use crate::gossip::Keyring;
use crate::member::{Incarnation, NodeId};

const CLUSTER: &str = "ringwatch-cluster";
const NODE: &str = "ringwatch-node";
const GENERATION: &str = "ringwatch-generation";
const TOKEN: &str = "ringwatch-token";
const TO: &str = "ringwatch-to";
/// The longest name of a node, in bytes.
const MAX_NODE: usize = 256;

/// What proves to other nodes that we belong to the cluster, and theirs to us.
pub trait Credentials: Send + Sync + 'static {
    /// What we show.
    fn token(&self) -> String;

    /// Whether `token` is one of this cluster. It takes the same time for every wrong token.
    fn accepts(&self, token: &str) -> bool;
}

/// The cluster's keys, and its name.
impl Credentials for (Keyring, String) {
    fn token(&self) -> String {
        self.0.peer_token(&self.1)
    }

    fn accepts(&self, token: &str) -> bool {
        self.0.accepts_token(&self.1, token)
    }
}

/// Our side of an identity: what we write into every call.
#[derive(Clone)]
pub(super) struct Passport {
    cluster: Option<MetadataValue<Ascii>>,
    node: Option<MetadataValue<Ascii>>,
    generation: MetadataValue<Ascii>,
    keys: Arc<dyn Credentials>,
}

impl Passport {
    pub(super) fn new(me: &Incarnation, cluster: &str, keys: Arc<dyn Credentials>) -> Self {
        // Names may hold letters that headers may not.
        let value = |name: &str| URL_SAFE_NO_PAD.encode(name).parse().ok();
        Self {
            cluster: value(cluster),
            node: value(me.node.as_str()),
            generation: me.generation.into(),
            keys,
        }
    }

    /// A request that says who calls, and whom.
    pub(super) fn sign<T>(&self, to: &Incarnation, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token: Option<MetadataValue<Ascii>> = self.keys.token().parse().ok();
        let token = token.map(|mut token| {
            token.set_sensitive(true);
            token
        });
        let generation = Some(self.generation.clone());
        let values = [
            (CLUSTER, self.cluster.clone()),
            (NODE, self.node.clone()),
            (GENERATION, generation),
            (TOKEN, token),
            (TO, address(to).parse().ok()),
        ];
        for (key, value) in values {
            if let Some(value) = value {
                request.metadata_mut().insert(key, value);
            }
        }
        request
    }
}

/// A life as a header names it.
fn address(who: &Incarnation) -> String {
    let node = URL_SAFE_NO_PAD.encode(who.node.as_str());
    format!("{node}.{}", who.generation)
}

/// Whether the call is meant for this life of this node. After a restart another one listens at the same address, and must
/// not do what its predecessor was told.
pub(super) fn is_for(metadata: &MetadataMap, me: &Incarnation) -> bool {
    let to = metadata.get(TO).and_then(|value| value.to_str().ok());
    to == Some(&address(me))
}

/// The other side: who it is that calls, if it is of our cluster.
pub(super) fn identify(
    metadata: &MetadataMap,
    cluster: &str,
    keys: &dyn Credentials,
) -> Result<Incarnation, Refusal> {
    let text = |key| {
        metadata
            .get(key)
            .and_then(|value| value.to_str().ok())
            .ok_or(Refusal::Identity)
    };
    let name = |key| {
        let bytes = URL_SAFE_NO_PAD
            .decode(text(key)?)
            .map_err(|_| Refusal::Identity)?;
        String::from_utf8(bytes).map_err(|_| Refusal::Identity)
    };
    if name(CLUSTER)? != cluster {
        return Err(Refusal::Cluster);
    }
    if !keys.accepts(text(TOKEN)?) {
        return Err(Refusal::Token);
    }
    let node = name(NODE)?;
    if node.is_empty() || node.len() > MAX_NODE || node.chars().any(char::is_control) {
        return Err(Refusal::Identity);
    }
    Ok(Incarnation {
        node: NodeId::new(&node),
        generation: text(GENERATION)?.parse().map_err(|_| Refusal::Identity)?,
    })
}
