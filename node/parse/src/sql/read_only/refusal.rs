//! Why a text is not given to `EXPLAIN`.

/// What speaks against a text. It never holds a part of it: the text may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotReadOnly {
    /// It is no SQL of the dialect.
    #[error("the statement cannot be read, so it is not explained")]
    Unreadable,
    /// It ends inside of a string, a comment or brackets, or where a tool or the server cut it off.
    #[error(
        "the statement was cut off, so it is not explained; raise the server's limit for the length of \
         statements (track_activity_query_size, performance_schema_max_sql_text_length)"
    )]
    Truncated,
    /// More than one statement.
    #[error("the text holds several statements, so it is not explained")]
    SeveralStatements,
    /// A statement, or a part that should be one, that is no `SELECT`, `VALUES` or `TABLE`.
    #[error("the statement is no query, so it is not explained")]
    NotAQuery,
    /// It writes, or a part of it does.
    #[error("the statement changes data, so it is not explained")]
    Modifies,
    /// `SELECT ... INTO` a table, a file or a variable.
    #[error("the query writes its result with INTO, so it is not explained")]
    Into,
    /// `FOR UPDATE` and the like.
    #[error("the query locks rows, so it is not explained")]
    Locks,
    /// `:=` of MySQL.
    #[error("the query assigns a variable, so it is not explained")]
    Assignment,
    /// `PROCEDURE` of MySQL.
    #[error("the query hands its result to a procedure, so it is not explained")]
    Procedure,
    /// It calls a function that is known to have effects, or takes a value of a sequence.
    #[error("the query calls a function that has effects, so it is not explained")]
    Function,
    /// It calls a function of which nothing is known.
    #[error("the query calls a function that may have effects, so it is not explained")]
    UnknownFunction,
    /// It holds a comment that the server may run.
    #[error("the statement holds a comment that a server may execute, so it is not explained")]
    VersionComment,
    /// Its brackets or its common table expressions are not in an order that is known.
    #[error("the statement has an order of words that is not known, so it is not explained")]
    Unclear,
}

impl NotReadOnly {
    /// A word for counters and attributes. It stays the same.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Truncated => "truncated",
            Self::SeveralStatements => "several_statements",
            Self::NotAQuery => "not_a_query",
            Self::Modifies => "modifies_data",
            Self::Into => "into",
            Self::Locks => "locks_rows",
            Self::Assignment => "assignment",
            Self::Procedure => "procedure",
            Self::Function => "function_with_effects",
            Self::UnknownFunction => "unknown_function",
            Self::VersionComment => "version_comment",
            Self::Unclear => "unclear",
        }
    }
}
