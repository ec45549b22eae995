//! What can go wrong with a reading, and what an operator should do about it.

use std::fmt::Write as _;
use std::time::Duration;

use ringwatch_config::settings::Driver;

use crate::meters::Outcome;
use crate::mysql::advice_of_mysql;
use crate::ownership::Reach;

/// The longest part of a server's message that is shown.
const MESSAGE: usize = 200;

/// What went wrong, told by SQLSTATE and never by a message's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The server could not be reached, or the connection broke.
    Connection,
    /// No answer came before this side's deadline.
    Deadline,
    /// The server itself stopped the statement at `statement_timeout`.
    StatementTimeout,
    /// TLS could not be agreed on.
    Tls,
    /// The role, its password or `pg_hba.conf`.
    Login,
    /// The database does not exist.
    NoDatabase,
    /// The server has no free connection.
    TooManyConnections,
    /// The server starts, stops or recovers.
    Unavailable,
    /// The extension, or a relation or function, is not there.
    Absent,
    /// The extension is there but was not loaded when the server started.
    NotLoaded,
    /// A right is missing.
    Grant,
    /// Another session held a lock.
    Lock,
    /// The catalogue knows no statement for this version of the server or of the extension.
    Version,
    /// The answer has other columns than the catalogue says.
    Shape,
    /// The answer has more rows than a frame may hold.
    TooManyRows,
    /// A plan or a prepared statement is no longer valid: a fresh connection makes it anew.
    Stale,
    /// Another client's session answers: a pooler gives each transaction another one.
    Pooled,
    /// The server refused the statement for another reason.
    Statement,
    /// A statement of the user is wrong for this server, or its answer is not what its mapping names.
    Query,
    /// This node is not sure to own the target at this moment: nothing was sent.
    NotHeld,
    /// Another session holds the target's lock: nothing was sent.
    Fenced,
}

impl FaultKind {
    /// Whether the connection must not be used again.
    pub const fn loses_connection(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::Deadline
                | Self::Tls
                | Self::Login
                | Self::NoDatabase
                | Self::TooManyConnections
                | Self::Unavailable
                | Self::TooManyRows
                | Self::Stale
        )
    }

    /// Whether it says that the server could not do in time, or at all, what it does at other times.
    pub(crate) const fn is_of_load(self) -> bool {
        matches!(
            self,
            Self::Connection | Self::Deadline | Self::StatementTimeout | Self::Unavailable
        )
    }

    /// Whether a connection that was open for a while may be what is wrong, so that a fresh one may do
    /// better.
    pub(crate) const fn is_of_old_connection(self) -> bool {
        matches!(self, Self::Connection | Self::Unavailable | Self::Stale)
    }

    /// Whether the server answered, but let nobody in: it may do so for one database and not for another.
    pub(crate) const fn is_refusal(self) -> bool {
        matches!(self, Self::Login | Self::NoDatabase | Self::TooManyConnections)
    }

    /// Whether it is about the whole target, so that other streams fare no better. A refusal is, when `home` says
    /// that it came from the database that the receiver connects to and no connection of ours is `open`.
    pub(crate) const fn is_of_target(self, home: bool, open: bool) -> bool {
        if self.is_refusal() {
            return home && !open;
        }
        matches!(
            self,
            Self::Connection | Self::Deadline | Self::Tls | Self::Unavailable
        )
    }

    /// Whether nothing was sent, because this node must not or might not.
    pub(crate) const fn is_of_ownership(self) -> bool {
        matches!(self, Self::NotHeld | Self::Fenced)
    }

    /// Whether the server could be reached, where connections of ours are `open` or not. Who hears nothing does not know;
    /// a standby that does looks first whether the server is at the question.
    pub(crate) const fn reach(self, open: bool) -> Reach {
        match self {
            Self::Connection | Self::Tls | Self::Deadline => Reach::Unreachable,
            Self::Login | Self::NoDatabase | Self::TooManyConnections if !open => Reach::Unreachable,
            _ => Reach::Reached,
        }
    }

    /// The label of the ticks that are missed for it.
    pub(crate) const fn outcome(self) -> Outcome {
        match self {
            Self::Deadline | Self::StatementTimeout => Outcome::Timeout,
            Self::NotHeld => Outcome::Paused,
            Self::Fenced => Outcome::Fenced,
            _ => Outcome::Error,
        }
    }

    /// How long the stream is not asked again after it failed so many times `in_a_row` in this way, because asking
    /// would only fill the server's log, or burden it with work that it does not finish.
    pub(crate) const fn hold(self, in_a_row: u32) -> Duration {
        match self {
            Self::Absent
            | Self::NotLoaded
            | Self::Version
            | Self::Shape
            | Self::Stale
            | Self::Pooled
            | Self::TooManyRows
            | Self::Query => Duration::from_secs(60),
            Self::StatementTimeout if in_a_row > 1 => Duration::from_secs(30),
            Self::Grant | Self::Login | Self::NoDatabase | Self::TooManyConnections => {
                Duration::from_secs(10)
            }
            _ => Duration::ZERO,
        }
    }

    /// The kind that a server's SQLSTATE tells, for a statement that reads an extension. For others,
    /// [`Self::without_extension`] corrects it.
    pub(crate) fn of_sqlstate(code: &str) -> Self {
        match code {
            "42P01" | "42883" | "3F000" | "58P01" => Self::Absent,
            "42703" | "42804" => Self::Shape,
            "55000" => Self::NotLoaded,
            "42501" => Self::Grant,
            "53300" => Self::TooManyConnections,
            "57P01" | "57P02" | "57P03" | "57P05" => Self::Unavailable,
            "57014" => Self::StatementTimeout,
            "55P03" => Self::Lock,
            "28P01" | "28000" => Self::Login,
            "3D000" | "57P04" => Self::NoDatabase,
            "0A000" | "26000" => Self::Stale,
            // A fresh session knows no statement that this driver has not prepared in it.
            "42P05" => Self::Pooled,
            _ if code.starts_with("08") => Self::Connection,
            _ => Self::Statement,
        }
    }

    /// The kind for a statement of a user: what is wrong with it is the user's to correct.
    pub(crate) fn of_users_sqlstate(code: &str) -> Self {
        match Self::of_sqlstate(code) {
            Self::Shape => Self::Query,
            // Syntax and names, and what would write. A value that cannot be computed is an error like any other.
            Self::Statement if ["42", "25"].iter().any(|class| code.starts_with(class)) => Self::Query,
            kind => kind,
        }
    }

    /// The kind for a statement that reads no extension: there is none that could have been loaded.
    pub(crate) const fn without_extension(self) -> Self {
        if matches!(self, Self::NotLoaded) {
            Self::Statement
        } else {
            self
        }
    }
}

/// One fault, with what the server or the system said. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// In words, cut and free of control characters.
    pub message: String,
}

impl Fault {
    /// A fault; the message is cut, and its control characters are escaped.
    pub fn new(kind: FaultKind, message: &str) -> Self {
        Self {
            kind,
            message: printable(message),
        }
    }
}

/// What advice is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    /// Whose server it is.
    pub(crate) driver: Driver,
    /// The role that logged in.
    pub(crate) role: &'a str,
    /// The database that was read.
    pub(crate) database: &'a str,
    /// The extension that the stream needs.
    pub(crate) extension: Option<&'a str>,
}

/// What to do about it, in one sentence.
pub(crate) fn advice(kind: FaultKind, scene: Scene<'_>) -> String {
    let (role, database) = (quoted(scene.role), quoted(scene.database));
    if scene.driver == Driver::Mysql
        && let Some(advice) = advice_of_mysql(kind, scene.role)
    {
        return advice;
    }
    match (kind, scene.extension) {
        (FaultKind::Absent, Some(name)) => {
            format!("run `CREATE EXTENSION IF NOT EXISTS {name}` in database {database}, or switch the stream off")
        }
        (FaultKind::Absent, None) => {
            "the server lacks what this stream reads: check its version, or switch the stream off".into()
        }
        (FaultKind::Pooled, _) => {
            "connect to the server itself, or let the pooler pool by session: this one gives each transaction another session".into()
        }
        (FaultKind::NotLoaded, name) => {
            let name = name.unwrap_or("the extension");
            format!("add {name} to `shared_preload_libraries` and restart the server")
        }
        (FaultKind::Grant, _) => {
            format!("run `GRANT pg_monitor TO {role}`, and `GRANT CONNECT ON DATABASE {database} TO {role}` where it was revoked")
        }
        (FaultKind::TooManyConnections, _) => {
            "free connections or raise `max_connections`; it is tried again, more and more seldom".into()
        }
        (FaultKind::Unavailable, _) => "nothing if the server restarts: it is tried again".into(),
        (FaultKind::StatementTimeout, _) => "look at the server's load, or raise the receiver's `timeout`".into(),
        (FaultKind::Deadline, _) => "check network and server load, or raise the receiver's `timeout`".into(),
        (FaultKind::Lock, _) => "find the session that holds the lock: `pg_locks`".into(),
        (FaultKind::Login, _) => {
            format!("check the receiver's `username` ({role}) and `password`, and the server's `pg_hba.conf`")
        }
        (FaultKind::NoDatabase, _) => format!("create database {database} or correct the receiver's `connect_database`"),
        (FaultKind::Tls, _) => {
            "check the receiver's `tls`: `ca_file` for an authority of your own, `insecure: true` for a server without TLS".into()
        }
        (FaultKind::Connection, _) => "check that the server runs and listens at this endpoint".into(),
        (FaultKind::Fenced, _) => {
            "nothing: the target is read when the session of its former owner has ended".into()
        }
        (FaultKind::NotHeld, _) => "nothing: it goes on when the other members have been heard".into(),
        (FaultKind::Version, _) => "upgrade the server or the extension, or switch the stream off".into(),
        (FaultKind::Query, _) => "correct the query or its mapping in the configuration; the other streams go on".into(),
        (FaultKind::TooManyRows, _) => "narrow the query, or read fewer databases with this receiver".into(),
        (FaultKind::Shape | FaultKind::Stale | FaultKind::Statement, _) => {
            "report it with the server's version; the other streams go on".into()
        }
    }
}

/// An identifier as SQL writes it.
fn quoted(name: &str) -> String {
    printable(&format!("\"{}\"", name.replace('"', "\"\"")))
}

/// At most [`MESSAGE`] characters on one line.
fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(MESSAGE) {
        if c.is_control() {
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    if text.chars().nth(MESSAGE).is_some() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_are_told_apart() {
        let table = [
            ("42P01", FaultKind::Absent),
            ("55000", FaultKind::NotLoaded),
            ("42501", FaultKind::Grant),
            ("53300", FaultKind::TooManyConnections),
            ("57P03", FaultKind::Unavailable),
            ("57014", FaultKind::StatementTimeout),
            ("55P03", FaultKind::Lock),
            ("28P01", FaultKind::Login),
            ("3D000", FaultKind::NoDatabase),
            ("08006", FaultKind::Connection),
            ("0A000", FaultKind::Stale),
            ("26000", FaultKind::Stale),
            ("42P05", FaultKind::Pooled),
            ("XX000", FaultKind::Statement),
            ("", FaultKind::Statement),
        ];
        for (code, kind) in table {
            assert_eq!(FaultKind::of_sqlstate(code), kind, "{code}");
        }
        for (code, kind) in [
            ("42703", FaultKind::Query),
            ("42601", FaultKind::Query),
            ("22012", FaultKind::Statement),
            ("25006", FaultKind::Query),
            ("42501", FaultKind::Grant),
            ("42P01", FaultKind::Absent),
            ("XX000", FaultKind::Statement),
        ] {
            assert_eq!(FaultKind::of_users_sqlstate(code), kind, "{code}");
        }
        assert_eq!(
            FaultKind::of_sqlstate("55000").without_extension(),
            FaultKind::Statement
        );
    }

    #[test]
    fn a_refusal_is_about_the_target_only_when_nobody_is_let_in() {
        let table = [
            (true, false, true),
            (true, true, false),
            (false, false, false),
            (false, true, false),
        ];
        for (home, open, of_target) in table {
            assert_eq!(
                FaultKind::Login.is_of_target(home, open),
                of_target,
                "{home} {open}"
            );
            assert!(FaultKind::Deadline.is_of_target(home, open));
            assert!(!FaultKind::Grant.is_of_target(home, open));
            assert!(!FaultKind::Stale.is_of_target(home, open));
        }
    }

    #[test]
    fn what_asking_again_would_not_mend_is_held() {
        let table = [
            (FaultKind::Shape, 1, 60),
            (FaultKind::Stale, 1, 60),
            (FaultKind::TooManyRows, 1, 60),
            (FaultKind::Grant, 1, 10),
            (FaultKind::StatementTimeout, 1, 0),
            (FaultKind::StatementTimeout, 2, 30),
            (FaultKind::StatementTimeout, 9, 30),
            (FaultKind::Lock, 9, 0),
        ];
        for (kind, in_a_row, seconds) in table {
            assert_eq!(
                kind.hold(in_a_row),
                Duration::from_secs(seconds),
                "{kind:?} {in_a_row}"
            );
        }
    }

    #[test]
    fn advice_names_what_to_type() {
        let scene = Scene {
            driver: Driver::Postgres,
            role: "mon\"itor",
            database: "app",
            extension: Some("pg_stat_statements"),
        };
        assert!(
            advice(FaultKind::Absent, scene).contains("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        );
        assert!(advice(FaultKind::Grant, scene).contains("GRANT pg_monitor TO \"mon\"\"itor\""));
    }

    #[test]
    fn messages_are_one_short_line() {
        let fault = Fault::new(
            FaultKind::Statement,
            &format!("a\nb\u{1b}[31m{}", "é".repeat(500)),
        );
        assert!(fault.message.starts_with("a\\nb\\u{1b}[31m"));
        assert!(fault.message.chars().count() < 230, "{}", fault.message);
    }
}
