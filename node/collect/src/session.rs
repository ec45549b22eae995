//! What the lanes ask of a connection. One implementation speaks to PostgreSQL; tests have others.

use std::future::Future;
use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_frame::ColumnType;

use crate::fault::Fault;
use crate::target::TargetSpec;

/// An argument of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arg {
    /// `text[]`.
    Texts(Vec<String>),
    /// `bigint`.
    Int(i64),
    /// `bigint[]`.
    Ints(Vec<i64>),
}

/// An extension as one database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    /// Its version, such as `1.10`.
    pub(crate) version: String,
    /// Its schema, quoted as SQL needs it.
    pub(crate) schema: String,
}

/// One column of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// Its name in the frame.
    pub(crate) name: &'a str,
    /// What it holds.
    pub(crate) kind: ColumnType,
}

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    /// The statement.
    pub(crate) sql: &'a Arc<str>,
    /// Its arguments.
    pub(crate) args: &'a [Arg],
    /// What must come back, in this order.
    pub(crate) columns: &'a [Expected<'a>],
}

/// Opens connections.
pub(crate) trait Connector: Send + Sync + 'static {
    /// The connections that it opens.
    type Session: Session;

    /// Connects to `database` of `target`, within the receiver's timeout.
    fn connect(
        &self,
        target: &TargetSpec,
        database: &str,
    ) -> impl Future<Output = Result<Self::Session, Fault>> + Send;
}

/// A connection. After a fault that [loses the connection](crate::FaultKind::loses_connection) it must be dropped.
pub(crate) trait Session: Send + 'static {
    /// The server's version as it counts: 150018 is 15.18.
    fn version(&self) -> u32;

    /// Asks and reads the whole answer, within the receiver's timeout.
    fn read(&mut self, question: &Question<'_>) -> impl Future<Output = Result<RecordBatch, Fault>> + Send;

    /// An extension of this database, if it is there.
    fn extension(&mut self, name: &str) -> impl Future<Output = Result<Option<Extension>, Fault>> + Send;

    /// Whether our role has the rights of the role `name`.
    fn has_role(&mut self, name: &str) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// The databases to read that exist now.
    fn databases(&mut self) -> impl Future<Output = Result<Vec<String>, Fault>> + Send;

    /// Says goodbye; takes no longer than a moment.
    fn close(self) -> impl Future<Output = ()> + Send;
}
