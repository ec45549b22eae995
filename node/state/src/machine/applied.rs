//! What an entry did.

use std::sync::Arc;

use ringwatch_proto::v1;

/// What an entry did to the state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// One for each command, in their order.
    pub answers: Vec<v1::StateAnswer>,
    /// What the store has to write, in key order, each key once.
    pub changes: Vec<Change>,
    /// What subscribers may want to read again.
    pub touched: Vec<Touched>,
}

/// One record that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its key.
    pub key: Vec<u8>,
    /// What it holds now; `None`: it is gone.
    pub value: Option<Vec<u8>>,
}

/// What changed, by a command or because it expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// Anything may have: a snapshot took the place of the whole state. Never made by an entry.
    All,
    /// A circuit; it may be gone.
    Breaker {
        /// The breaker's name.
        breaker: String,
        /// The target's id.
        target: String,
    },
    /// Statements that a sampler has seen. Those that were only forgotten are not told.
    Seen {
        /// The sampler's name.
        sampler: String,
        /// The pipeline it works in.
        pipeline: String,
        /// Who saw them.
        node: String,
        /// Their fingerprints, in order.
        fingerprints: Arc<[u64]>,
    },
    /// Adapted rates of a sampler; they may be gone.
    Rates {
        /// The sampler's name.
        sampler: String,
        /// The pipeline it works in.
        pipeline: String,
        /// Who adapted them; empty: nobody, they expired.
        node: String,
        /// The targets' ids.
        targets: Vec<String>,
    },
    /// What a node used of its rules' caps.
    Caps {
        /// The sampler's name.
        sampler: String,
        /// The pipeline it works in.
        pipeline: String,
        /// The node.
        node: String,
    },
    /// There is a new view.
    View {
        /// Its number.
        number: u64,
    },
    /// Weights of targets; they may be gone.
    Weights {
        /// The targets' ids.
        targets: Vec<String>,
    },
    /// There is a new version of the data set.
    DataSet {
        /// Its number.
        version: u64,
    },
    /// An operator's action was logged.
    Actions,
}

/// The entry holds what this program does not know: a newer one made it. Nothing of it was applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// It needs a later format.
    #[error("the group's log needs format {needed} and this program knows {known}: upgrade this node")]
    Format {
        /// What the entry needs.
        needed: u32,
        /// What this program knows.
        known: u32,
    },
    /// A command, or a value in it, is unknown.
    #[error("the group's log holds a {what} that this program does not know: upgrade this node")]
    Command {
        /// What is not known.
        what: &'static str,
    },
    /// It is no entry at all.
    #[error("an entry of the group's log cannot be read: upgrade this node, or wipe its state: {0}")]
    Unreadable(String),
}

/// Records that are no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// A key of no table, or none that could be.
    #[error("a record has the impossible key {0}")]
    Key(String),
    /// A value that cannot be read, or not as this program writes it.
    #[error("the record {0} cannot be read")]
    Value(String),
    /// Records are out of order, or one came twice.
    #[error("the record {0} is out of order")]
    Order(String),
}
