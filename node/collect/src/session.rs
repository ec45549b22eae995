//! What the lanes ask of a connection. One implementation speaks to PostgreSQL, one to MySQL; tests have
//! others.

use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use ringwatch_frame::ColumnType;

use crate::fault::{Fault, FaultKind};
use crate::fence::{Lock, LockKey, Locked};
use crate::names::Station;
use crate::plans::Reason;
use crate::reader::Reader;
use crate::sqlquery::{Answered, Mapping};
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

/// A statement of the user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    /// The statement.
    pub(crate) sql: &'a Arc<str>,
    /// What its one parameter (`$1`, `?`) stands for, where it has one: text that is bound and never written
    /// into the statement, to be read as the type that the server gives to the parameter.
    pub(crate) tracking: Option<Option<&'a str>>,
    /// What the answer is for: which columns must be there, and what they must hold.
    pub(crate) mapping: &'a Mapping,
    /// The most rows that the answer may have.
    pub(crate) max_rows: usize,
    /// How long it may take from this side.
    pub(crate) timeout: Duration,
}

/// The columns of a statement that was prepared and not executed, as the server tells them.
pub(crate) type Described = Vec<(String, ColumnType)>;

/// A statement whose plan is asked for. It is proven to read and change nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Explain<'a> {
    /// The statement, as the server keeps it.
    pub(crate) text: &'a str,
    /// How many parameters it has.
    pub(crate) parameters: usize,
    /// Where it finds its names: a search path as a setting has it, or a schema.
    pub(crate) place: Option<&'a str>,
    /// The role that executes it.
    pub(crate) role: Option<&'a str>,
}

/// A plan as the server tells it, with its literals.
#[derive(Debug)]
pub(crate) struct Explained {
    /// The plan.
    pub(crate) plan: String,
    /// How it was asked for: `generic`, `prepared` or `explain`.
    pub(crate) source: &'static str,
}

/// Whose sessions are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose<'a> {
    /// The lock of the target that they read.
    pub(crate) lock: LockKey,
    /// The node, as names have it.
    pub(crate) node: &'a str,
    /// The roles that its readers log in as: others may call themselves what they like.
    pub(crate) roles: &'a [String],
}

/// What sessions are at, as the server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// How many there are.
    pub(crate) sessions: u64,
    /// Whether one of them is at a question, or may be.
    pub(crate) active: bool,
    /// How long ago the last question of any of them began or ended, or one of them was opened, by the server's clock.
    pub(crate) age: Option<Duration>,
    /// Whether a session of another node holds the target's lock.
    pub(crate) locked_by_others: bool,
}

/// What a session was at when it was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastQuestion {
    /// What it had asked last.
    pub(crate) asked: Asked,
    /// Whether the answer was still under way, or may have been: nobody has it whole.
    pub(crate) active: bool,
    /// How long before its end it had asked, by the server's clock.
    pub(crate) age: Duration,
    /// The database in which it read, where the server has several.
    pub(crate) database: Option<String>,
}

/// What a question was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A stream of this name.
    Stream(String),
    /// What has to be known before a stream can be read.
    Before,
    /// The server does not tell, or the statement is the user's.
    Unknown,
}

impl Asked {
    /// By the comment with which each statement of ours begins. A session that was opened just now has asked nothing, and
    /// its statement is empty.
    pub(crate) fn of(statement: Option<&str>) -> Self {
        if statement == Some("") {
            return Self::Before;
        }
        let begin = statement.and_then(|text| text.trim_start().strip_prefix("/* ringwatch"));
        let comment = begin.and_then(|rest| rest.split_once("*/"));
        match comment.map(|(name, _)| name.trim()) {
            None => Self::Unknown,
            Some("") => Self::Before,
            Some(name) => Self::Stream(name.to_owned()),
        }
    }
}

/// Why there is no plan.
#[derive(Debug)]
pub(crate) enum NoPlan {
    /// The server answered, for this reason and in these words.
    Refused(Reason, Fault),
    /// It did not.
    Fault(Fault),
}

impl From<Fault> for NoPlan {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Why a statement of the user has no answer.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What went wrong.
    pub(crate) fault: Fault,
    /// What the server says about the column that it does not have (SQLSTATE 42703, MySQL error 1054).
    pub(crate) missing: Option<Missing>,
    /// Where in the statement as it was sent the server found the error: a character, from 1.
    pub(crate) position: Option<usize>,
}

/// How the server tells which column it does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The character of the statement at which it stands, from 1.
    At(usize),
    /// Its name as the statement writes it, with the table's before a dot where it stands there.
    Named(String),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            missing: None,
            position: None,
        }
    }
}

/// Opens connections.
pub(crate) trait Connector: Send + Sync + 'static {
    /// The connections that it opens.
    type Session: Session;

    /// Connects to a database of `target` as a reader logs in, within the reader's timeout.
    fn connect(
        &self,
        target: &TargetSpec,
        login: (&Reader, &str),
        station: Station,
    ) -> impl Future<Output = Result<Self::Session, Fault>> + Send;
}

/// A connection. After a fault that [loses the connection](crate::FaultKind::loses_connection) it must be
/// dropped.
pub(crate) trait Session: Send + 'static {
    /// The server's version as it counts: 150018 is 15.18 of PostgreSQL.
    fn version(&self) -> u32;

    /// Asks and reads the whole answer, within the receiver's timeout.
    fn read(&mut self, _: &Question<'_>) -> impl Future<Output = Result<RecordBatch, Fault>> + Send {
        ready(Err(not_of_catalogue()))
    }

    /// An extension of this database, if it is there.
    fn extension(&mut self, _: &str) -> impl Future<Output = Result<Option<Extension>, Fault>> + Send {
        ready(Err(not_of_catalogue()))
    }

    /// Whether our role has the rights of the role `name`.
    fn has_role(&mut self, _: &str) -> impl Future<Output = Result<bool, Fault>> + Send {
        ready(Err(not_of_catalogue()))
    }

    /// The databases to read that exist now.
    fn databases(&mut self) -> impl Future<Output = Result<Vec<String>, Fault>> + Send {
        ready(Err(not_of_catalogue()))
    }

    /// Asks what a user wants to know. [`crate::sqlquery::Answer`] makes rows of it.
    fn query(&mut self, query: &Query<'_>) -> impl Future<Output = Result<Answered, Refused>> + Send;

    /// Prepares a statement of the user without executing it, and says which columns it yields.
    fn describe(&mut self, query: &Query<'_>) -> impl Future<Output = Result<Described, Refused>> + Send;

    /// Asks how a statement would be executed. It is not executed.
    fn explain(&mut self, _: &Explain<'_>) -> impl Future<Output = Result<Explained, NoPlan>> + Send {
        ready(Err(not_of_catalogue().into()))
    }

    /// When the server started, in nanoseconds since the Unix epoch; asked of the server once in a session.
    fn started(&mut self) -> impl Future<Output = Result<Option<i64>, Fault>> + Send;

    /// What the sessions of another member's lanes are at.
    fn activity(&mut self, _: &Whose<'_>) -> impl Future<Output = Result<Activity, Fault>> + Send {
        ready(Err(not_of_catalogue()))
    }

    /// A session of a standby becomes one of a lane, and calls itself so.
    fn enlist(&mut self) -> impl Future<Output = Result<(), Fault>> + Send {
        ready(Ok(()))
    }

    /// Tries to take the target's lock, and says so to others who ask for its holder. It never waits.
    fn lock(&mut self, _: &Lock) -> impl Future<Output = Result<Locked, Fault>> + Send {
        ready(Ok(Locked::Unfit(
            "the server has no locks that this node knows".into(),
        )))
    }

    /// Who has the target's lock. It is not tried.
    fn holder(&mut self, _: &Lock) -> impl Future<Output = Result<Locked, Fault>> + Send {
        ready(Err(not_of_catalogue()))
    }

    /// Says anew under which epoch it holds the lock.
    fn stamp(&mut self, _: &Lock) -> impl Future<Output = Result<(), Fault>> + Send {
        ready(Ok(()))
    }

    /// Ends all sessions of another member's lanes that are of our account, and says what they were at.
    fn end_lanes(&mut self, _: &Whose<'_>) -> impl Future<Output = Result<Vec<LastQuestion>, Fault>> + Send {
        ready(Err(not_of_catalogue()))
    }

    /// Ends another session of our account, by its number at the server.
    fn end_session(&mut self, _: i64) -> impl Future<Output = Result<(), Fault>> + Send {
        ready(Err(not_of_catalogue()))
    }

    /// Whether it must stay open as long as anything is read: it holds the target's lock.
    fn is_pinned(&self) -> bool {
        false
    }

    /// Says goodbye; takes no longer than a moment.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// The fault of what only servers of the catalogue are asked.
fn not_of_catalogue() -> Fault {
    Fault::new(FaultKind::Version, "the catalogue has no streams for this server")
}
