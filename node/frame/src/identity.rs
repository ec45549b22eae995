//! Who and what a frame is about. No identity holds the name of the node that made it.

use std::fmt;
use std::sync::Arc;

/// One watched database server, named by its endpoint alone: `postgresql://db1:5432`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId(Arc<str>);

impl TargetId {
    /// The target of `engine` (`postgresql`) at `endpoint` (`host:port`).
    pub fn new(engine: &str, endpoint: &str) -> Self {
        Self(format!("{engine}://{endpoint}").into())
    }

    /// A target from its whole name, as it came over a wire or out of a file.
    pub fn from_name(name: &str) -> Self {
        Self(name.into())
    }

    /// The whole name, `postgresql://db1:5432`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One kind of reading of a target, or of one database in it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    name: Arc<str>,
    database: Option<Arc<str>>,
}

impl StreamId {
    /// A stream of the whole server, such as `postgresql.activity`.
    pub fn of_server(name: &str) -> Self {
        Self {
            name: name.into(),
            database: None,
        }
    }

    /// A stream of one database in the server, such as `postgresql.tables` of `billing`.
    pub fn of_database(name: &str, database: &str) -> Self {
        Self {
            name: name.into(),
            database: Some(database.into()),
        }
    }

    /// The catalogue's name of the stream.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The database it reads, if it reads only one.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.database {
            Some(database) => write!(f, "{}/{database}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number of the view under which something was done; a higher one wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a frame. Two frames that differ in nothing but the epoch are two readings of the same
/// instant: the higher epoch stays.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FrameId {
    /// The server that was read.
    pub target: TargetId,
    /// What was read of it.
    pub stream: StreamId,
    /// The scheduled instant.
    pub tick: crate::Tick,
    /// The view under which it was read.
    pub epoch: Epoch,
}
