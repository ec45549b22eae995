//! What PostgreSQL's messages begin with, and the words that come before names.

/// Words behind which something in double quotes is a name, not data.
const KINDS: &str = "\
    aggregate authorization catalog class collation column columns configuration constraint conversion \
    cursor database databases dictionary directory domain encoding enum extension family field file \
    function group host identifier index indexes language library locale member method module named \
    namespace operator option parameter parser partition path policy portal procedure publication \
    reference relation restore role roles routine rule savepoint schema sequence server slot socket \
    statistics subscription table tablespace template trigger type user variable view worker";

/// What messages begin with whose numbers the server counted itself.
const HARMLESS: [&str; 106] = [
    "abnormal ",
    "aborting ",
    "All server processes",
    "all server processes",
    "Approaching ",
    "archive command ",
    "archive recovery ",
    "archived ",
    "automatic aggressive vacuum",
    "automatic analyze",
    "automatic vacuum",
    "autovacuum",
    "background worker ",
    "begin prepared",
    "canceling ",
    "changed ",
    "checkpoint ",
    "checkpointer ",
    "checkpoints ",
    "client ",
    "client backend ",
    "cluster was",
    "connecting",
    "connection authenticated",
    "connection authorized",
    "Connection matched ",
    "connection ready",
    "connection received",
    "Consider increasing",
    "consistent recovery state",
    "could not fork",
    "could not receive data from client",
    "could not send data to client",
    "could not truncate",
    "database \"",
    "database name ",
    "database system ",
    "disconnection",
    "ending log output",
    "entering standby mode",
    "exclusion ",
    "Failed on request of size",
    "fallback ",
    "finished ",
    "Future log output",
    "incomplete message",
    "incomplete startup",
    "invalid length of startup packet",
    "invalid magic number",
    "invalid page in block",
    "invalid record length at",
    "invalid resource manager",
    "issuing ",
    "Last completed transaction",
    "last completed transaction",
    "listening on",
    "lock file ",
    "logger shutting down",
    "logical decoding",
    "logical replication ",
    "Multixact ",
    "MultiXact ",
    "new timeline ",
    "newer ",
    "number of ",
    "out of memory",
    "page verification failed",
    "pg_stop_backup",
    "pgstat wait timeout",
    "primary server",
    "Process ",
    "process ",
    "Process holding the lock",
    "Processes holding the lock",
    "received ",
    "record with incorrect prev-link",
    "recovered ",
    "recovery ",
    "redo ",
    "remaining connection slots",
    "replication ",
    "restartpoint ",
    "restored log file",
    "selected new timeline",
    "sending cancel",
    "server process ",
    "server started",
    "shutting down",
    "skipping ",
    "sorry, too many clients",
    "standby ",
    "started streaming WAL",
    "starting ",
    "startup process",
    "Streaming transactions",
    "temporary file: ",
    "terminating ",
    "the database system is",
    "There are ",
    "there is no parameter",
    "To avoid a database shutdown",
    "unexpected ",
    "wal",
    "WAL ",
    "while ",
    "worker process: ",
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
    HARMLESS.iter().any(|begin| text.starts_with(begin))
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
