//! What a node's part of the group is made of.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use prometheus::Registry;
use ringwatch_frame::Clock;
use tokio::sync::watch;

use super::directory::Directory;
use crate::store::{Opened, StoreError};

pub use crate::store::Place;

/// This node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// Its id.
    pub node: String,
    /// Its life: higher after each start.
    pub generation: u64,
}

/// What [`start_state`](crate::start_state) needs.
#[derive(Clone)]
pub struct StateParts {
    /// This node.
    pub me: Me,
    /// The name of the cluster.
    pub cluster: String,
    /// Where the store is.
    pub place: Place,
    /// How many nodes shall vote: 3 or 5.
    pub voters: usize,
    /// There is no gossip: the group is this node.
    pub alone: bool,
    /// How long a voter is dead before another takes its place.
    pub replace_after: Duration,
    /// The node's clock, for the time of entries.
    pub clock: Clock,
    /// Where the metrics are shown.
    pub registry: Registry,
    /// The peers. It may be empty at first; it never needs to hold more than the gossip knows.
    pub directory: watch::Receiver<Arc<Directory>>,
    /// What proves to peers that we belong to the cluster.
    pub credentials: Arc<dyn Credentials>,
}

/// What proves to other nodes that we belong to the cluster, and theirs to us.
pub trait Credentials: Send + Sync + 'static {
    /// What we show.
    fn token(&self) -> String;

    /// Whether `token` is one of this cluster. It takes the same time for every wrong token.
    fn accepts(&self, token: &str) -> bool;
}

/// Opens the store: at the start, and again when what was open was given up.
pub trait Storage: Send + Sync + 'static {
    /// Opens it. With `set_aside` what is there is put aside first, under a name that tells this reason, and
    /// a new store with a new Raft id is opened.
    fn open<'a>(&'a self, set_aside: Option<&'a str>) -> BoxFuture<'a, Result<Opened, StoreError>>;
}

/// Why a node's part of the group could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The metrics.
    #[error("the metrics of the group cannot be shown: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The Raft library.
    #[error("the group cannot be started: {0}")]
    Raft(String),
}
