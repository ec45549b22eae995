//! What the Collector's receiver of the same name has and ours does not: told by name, with what to do.

use crate::settings::ComponentId;

/// The keys of the Collector's `mysql` receiver that are not offered.
const OF_MYSQL: [(&str, &str); 10] = [
    (
        "metrics",
        "metrics of MySQL are not offered yet; take it out, or read single ones with a `sqlquery` receiver",
    ),
    (
        "query_sample_collection",
        "samples of MySQL's sessions are not offered yet; take it out",
    ),
    (
        "top_query_collection",
        "it is called `statements` here, and its `collection_interval` is `interval`",
    ),
    (
        "events",
        "records are switched on with the sections `statements` and `plans`; take it out",
    ),
    (
        "statement_events",
        "metrics of single statements are not offered; `statements` yields a record for each",
    ),
    ("transport", "only TCP is offered; take it out"),
    ("database", "the whole server is read; take it out"),
    ("db_auth", "use `username` and `password`"),
    (
        "allow_native_passwords",
        "the server decides how it asks for the password; take it out",
    ),
    (
        "initial_delay",
        "each stream begins at its first tick; take it out",
    ),
];

/// What to say of the unknown `key` at `path`, where it is known elsewhere.
pub(crate) fn not_offered(path: &[String], key: &str) -> Option<&'static str> {
    let [section, id] = path else { return None };
    let id: ComponentId = id.parse().ok()?;
    if section != "receivers" || id.kind != "mysql" {
        return None;
    }
    let (_, told) = OF_MYSQL.iter().find(|(name, _)| *name == key)?;
    Some(told)
}
