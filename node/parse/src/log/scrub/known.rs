//! What PostgreSQL's messages begin with, and the words that come before names.

/// Words behind which something in double quotes is a name, not data.
const KINDS: &str = "\
    aggregate authorization catalog class collation column columns configuration constraint conversion \
    cursor database databases dictionary directory domain encoding enum extension family field file \
    function group host identifier index indexes language library locale member method module named \
    namespace operator option parameter parser partition path policy portal procedure publication \
    reference relation restore role roles routine rule savepoint schema sequence server slot socket \
    statistics subscription table tablespace template trigger type user variable view worker";

/// What messages begin with whose numbers the server counted itself. Whole phrases of the server's: who
/// writes messages in a function may begin them with any word.
pub(super) const HARMLESS: [&str; 162] = [
    "abnormal database system shutdown",
    "aborting any active transactions",
    "aborting startup due to",
    "All server processes terminated",
    "all server processes terminated",
    "archive command failed with",
    "archive command was terminated by",
    "archive recovery complete",
    "archived transaction log file",
    "archived write-ahead log file",
    "automatic aggressive vacuum of table",
    "automatic aggressive vacuum to prevent wraparound of table",
    "automatic analyze of table",
    "automatic vacuum of table",
    "automatic vacuum to prevent wraparound of table",
    "autovacuum launcher",
    "autovacuum not started",
    "autovacuum worker",
    "autovacuum: dropping orphan",
    "autovacuum: found orphan",
    "background worker process",
    "background writer process",
    "canceling authentication due to",
    "canceling autovacuum task",
    "canceling statement due to",
    "canceling the wait for synchronous replication",
    "canceling wait for synchronous replication",
    "checkpoint complete:",
    "checkpoint record is at",
    "checkpoint request failed",
    "checkpoint starting:",
    "checkpointer process",
    "checkpoints are occurring too frequently",
    "connection authenticated: identity=",
    "connection authorized: user=",
    "Connection matched file",
    "Connection matched pg_hba.conf line",
    "connection ready: setup total=",
    "connection received: host=",
    "Consider increasing the configuration parameter",
    "consistent recovery state reached",
    "could not fork",
    "could not receive data from client",
    "could not send data to client",
    "could not truncate file",
    "database system identifier",
    "database system is",
    "database system shutdown was",
    "database system was",
    "disconnection: session time:",
    "ending log output to",
    "entering standby mode",
    "Failed on request of size",
    "finished analyzing table",
    "finished vacuuming",
    "Future log output will",
    "incomplete message from client",
    "incomplete startup packet",
    "invalid length of startup packet",
    "invalid magic number",
    "invalid page in block",
    "invalid record length at",
    "invalid resource manager ID",
    "issuing SIGKILL to",
    "Last completed transaction was at log time",
    "last completed transaction was at log time",
    "listening on IPv4 address",
    "listening on IPv6 address",
    "listening on Unix socket",
    "lock file",
    "logger shutting down",
    "logical decoding found",
    "logical decoding will",
    "logical replication apply worker",
    "logical replication launcher",
    "logical replication parallel apply worker",
    "logical replication table synchronization worker",
    "logical replication worker",
    "MultiXact member",
    "number of page slots needed",
    "number of requested standby connections exceeds",
    "out of memory",
    "page verification failed",
    "pg_stop_backup cleanup done",
    "pg_stop_backup still waiting",
    "pgstat wait timeout",
    "primary server contains no more WAL",
    "Process holding the lock:",
    "Processes holding the lock:",
    "received direct SSL connection",
    "received fast shutdown",
    "received immediate shutdown",
    "received promote",
    "received SIGHUP",
    "received smart shutdown",
    "record with incorrect prev-link",
    "recovered replication",
    "recovery ending",
    "recovery finished waiting after",
    "recovery has paused",
    "recovery restart point at",
    "recovery still waiting after",
    "recovery stopping",
    "redo done at",
    "redo in progress, elapsed time:",
    "redo is not required",
    "redo starts at",
    "remaining connection slots are reserved",
    "replication terminated by",
    "restartpoint complete:",
    "restartpoint starting:",
    "restored log file",
    "selected new timeline ID:",
    "sending cancel to blocking autovacuum PID",
    "skipping analyze of",
    "skipping missing configuration file",
    "skipping vacuum of",
    "sorry, too many clients",
    "started streaming WAL",
    "starting archive recovery",
    "starting background worker process",
    "starting backup recovery",
    "starting logical decoding for slot",
    "starting point-in-time recovery to",
    "starting PostgreSQL",
    "Streaming transactions committing after",
    "temporary file: path",
    "terminating any other active server processes",
    "terminating autovacuum process",
    "terminating background worker",
    "terminating connection because",
    "terminating connection due to",
    "terminating logical replication worker",
    "terminating walreceiver process",
    "terminating walsender process",
    "the database system is",
    "there is no parameter $",
    "To avoid a database shutdown, execute",
    "unexpected EOF on",
    "unexpected pageaddr",
    "WAL ends before",
    "WAL file is from different",
    "WAL receiver process",
    "WAL redo at",
    "WAL was generated with",
    "WAL writer process",
    "wal_",
    "walreceiver",
    "walsender",
    "while checking uniqueness of tuple",
    "while cleaning up index",
    "while deleting tuple",
    "while inserting index tuple",
    "while locking tuple",
    "while rechecking updated tuple",
    "while scanning block",
    "while scanning relation",
    "while truncating relation",
    "while updating tuple",
    "while vacuuming block",
    "while vacuuming index",
    "while vacuuming relation",
];

/// The same where a number follows, or the number of a process.
const NUMBERED: [&str; 8] = [
    "client backend (PID ",
    "new timeline ",
    "Process ",
    "process ",
    "server process (PID ",
    "startup process (PID ",
    "terminating process ",
    "worker process (PID ",
];

/// The same where a name is between the two.
const NAMED: [(&str, &str); 2] = [
    ("database \"", "\" must be vacuumed within "),
    ("standby \"", " synchronous standby with priority "),
];

/// What statements begin with.
const VERBS: &str = "\
    ABORT ALTER ANALYZE BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE \
    DECLARE DELETE DISCARD DO DROP END EXECUTE EXPLAIN FETCH GRANT IMPORT INSERT LISTEN LOAD LOCK MERGE \
    MOVE NOTIFY PREPARE REASSIGN REFRESH REINDEX RELEASE RESET REVOKE ROLLBACK SAVEPOINT SECURITY \
    SELECT SET SHOW START TABLE TRUNCATE UNLISTEN UPDATE VACUUM VALUES WITH";

/// What comes before a statement.
const BEFORE_STATEMENT: [&str; 12] = [
    "SQL statement \"",
    "SQL expression \"",
    "PL/pgSQL assignment \"",
    "PL/pgSQL expression \"",
    "remote SQL command: ",
    "Remote SQL command: ",
    "Failed process was running: ",
    "Query was: ",
    "The query was: ",
    "query was: ",
    "Offending query: ",
    "Query: ",
];

/// What begins the next context below a context.
const CONTEXTS: [&str; 12] = [
    "PL/pgSQL ",
    "SQL statement \"",
    "SQL expression \"",
    "SQL function ",
    "COPY ",
    "JSON data, ",
    "remote SQL command: ",
    "Remote SQL command: ",
    "PL/Python ",
    "PL/Perl ",
    "unnamed portal ",
    "while ",
];

/// Whether this word before a quoted text says that it is a name.
pub(super) fn is_kind(word: &str) -> bool {
    KINDS.split(' ').any(|kind| kind.eq_ignore_ascii_case(word))
}

/// Whether the numbers of a message are the server's own.
pub(super) fn is_harmless(text: &str) -> bool {
    let is_numbered = |begin: &&str| {
        let rest = text.strip_prefix(*begin);
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let is_named = |(begin, behind): &(&str, &str)| text.starts_with(begin) && text.contains(behind);
    HARMLESS.iter().any(|begin| text.starts_with(begin))
        || NUMBERED.iter().any(is_numbered)
        || NAMED.iter().any(is_named)
}

/// Whether a text looks like a statement.
pub(super) fn begins_statement(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    if text.starts_with("--") || text.starts_with("/*") {
        return true;
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let word = text.get(..end).unwrap_or_default();
    !word.is_empty() && VERBS.split(' ').any(|verb| verb.eq_ignore_ascii_case(word))
}

/// Whether a line begins another part of the message.
pub(super) fn begins_segment(line: &str) -> bool {
    CONTEXTS.iter().any(|begin| line.starts_with(begin)) || process(line).is_some()
}

/// What comes before the statement that the text holds.
pub(super) fn before_statement(text: &str) -> Option<&str> {
    let head = BEFORE_STATEMENT.iter().find(|head| text.starts_with(**head));
    head.copied().or_else(|| process(text))
}

/// `Process 7: ` of a deadlock.
fn process(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("Process ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let head = "Process ".len() + digits + 2;
    let is_process = digits > 0 && rest.get(digits..)?.starts_with(": ");
    if is_process { text.get(..head) } else { None }
}

/// A text and where in the statement it is about: ` at character 15`.
pub(super) fn split_place(text: &str) -> (&str, &str) {
    const PLACE: &str = " at character ";
    let Some(at) = text.rfind(PLACE) else {
        return (text, "");
    };
    let number = text.get(at + PLACE.len()..).unwrap_or_default();
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return (text, "");
    }
    text.split_at_checked(at).unwrap_or((text, ""))
}
