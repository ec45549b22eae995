//! Plans, by plain `EXPLAIN FORMAT=JSON`, never by `ANALYZE`.
//!
//! EXPLAIN is not free of doing: to choose a plan, both servers compute what they take for constant. That may be a
//! subquery (all of it on MySQL, up to some rows on MariaDB) or a function, stored ones included, and those may write. So
//! the proof that a statement reads and changes nothing knows these servers' own functions and refuses all others, the
//! session is read-only, and the server ends EXPLAIN after [`MOST`]. The statement goes to the server to be prepared, which
//! it refuses for a text that is more than one statement.

use std::time::Duration;

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, MySql, Row as _};

use super::MysqlSession;
use super::error::{fault_of, kind_of, number_of};
use crate::fault::{Fault, FaultKind};
use crate::plans::Reason;
use crate::session::{Explain, Explained, NoPlan};

/// What all of these statements begin with.
const MARK: &str = "/* ringwatch mysql.plans */ ";
/// How long the server may look for a plan.
const MOST: Duration = Duration::from_secs(1);
/// Hints that lift the limits of a session.
const LIFTING: [&str; 3] = ["set_var", "max_execution_time", "resource_group"];
/// The number of the error that a function does not exist.
const NO_FUNCTION: u16 = 1305;
/// How its plans were asked for.
const SOURCE: &str = "explain";

/// Asks for a plan.
pub(super) async fn explain(session: &mut MysqlSession, explain: &Explain<'_>) -> Result<Explained, NoPlan> {
    if let Some((reason, words)) = unfit(explain) {
        return Err(NoPlan::Refused(reason, Fault::new(FaultKind::Query, words)));
    }
    session.limit(session.timeout.min(MOST)).await?;
    if let Some(schema) = explain.place {
        let schema = format!("{MARK}USE `{}`", schema.replace('`', "``"));
        let used = sqlx::raw_sql(AssertSqlSafe(schema)).execute(&mut session.connection);
        used.await.map_err(|e| no_plan(&e))?;
    }
    let plan = fetch(session, explain.text).await;
    release(session).await?;
    let source = SOURCE;
    Ok(Explained { plan: plan?, source })
}

/// A view may have taken a lock while the server planned. This session holds none of its own.
async fn release(session: &mut MysqlSession) -> Result<(), NoPlan> {
    let sql = AssertSqlSafe(format!("{MARK}DO RELEASE_ALL_LOCKS()"));
    match sqlx::raw_sql(sql).execute(&mut session.connection).await {
        // MariaDB before 10.5.2 has no such function
        Err(error) if number_of(&error) != Some(NO_FUNCTION) => Err(NoPlan::Fault(fault_of(&error))),
        _ => Ok(()),
    }
}

/// What speaks against the EXPLAIN of a statement that is proven to only read.
fn unfit(explain: &Explain<'_>) -> Option<(Reason, &'static str)> {
    if explain.parameters > 0 {
        let words = "the server keeps the text without the values of its parameters";
        return Some((Reason::Parameters, words));
    }
    let text = explain.text.to_ascii_lowercase();
    let lifts = text.contains("/*+") && LIFTING.iter().any(|hint| text.contains(hint));
    lifts.then_some((
        Reason::NotReadOnly,
        "it holds a hint that sets variables or limits",
    ))
}

/// The plan that an EXPLAIN answers.
async fn fetch(session: &mut MysqlSession, text: &str) -> Result<String, NoPlan> {
    let text = text.trim_end().trim_end_matches(';');
    let sql = AssertSqlSafe(format!("{MARK}EXPLAIN FORMAT=JSON {text}"));
    let query = sqlx::query::<MySql>(sql).persistent(false);
    let row: MySqlRow = query
        .fetch_one(&mut session.connection)
        .await
        .map_err(|e| no_plan(&e))?;
    let shape = |e: sqlx::Error| Fault::new(FaultKind::Shape, &e.to_string());
    let bytes: Option<&[u8]> = row.try_get_unchecked(0).map_err(shape)?;
    let Some(bytes) = bytes else {
        let fault = Fault::new(FaultKind::Shape, "the plan is null");
        return Err(NoPlan::Refused(Reason::Unreadable, fault));
    };
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// Why the server gives no plan. What it says may quote values of the statement, so that only its number is told.
fn no_plan(error: &sqlx::Error) -> NoPlan {
    let Some(number) = number_of(error) else {
        return NoPlan::Fault(fault_of(error));
    };
    let kind = kind_of(number);
    let reason = match number {
        1064 | 1149 | 1295 => Reason::Syntax,
        1044 | 1142 | 1143 | 1227 | 1345 | 1356 | 1370 => Reason::Permission,
        1046 | 1049 | 1051 | 1054 | 1109 | 1146 | 1305 | 1176 => Reason::Undefined,
        1792 | 1290 => Reason::NotReadOnly,
        3024 | 1969 | 1317 => Reason::Timeout,
        _ if kind == FaultKind::Lock => Reason::Locked,
        _ if kind.loses_connection() => return NoPlan::Fault(fault_of(error)),
        _ => Reason::Other,
    };
    NoPlan::Refused(reason, Fault::new(kind, &format!("error {number}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_values_or_lifts_limits_is_not_explained() {
        for (text, parameters, expected) in [
            ("select a from t where b = 5", 0, None),
            ("select /*+ NO_INDEX_MERGE(t) */ a from t", 0, None),
            ("select a from t where b = ?", 1, Some(Reason::Parameters)),
            (
                "select /*+ Max_Execution_Time(100000) */ 2",
                0,
                Some(Reason::NotReadOnly),
            ),
            (
                "select /*+ bka(t) set_var(sort_buffer_size = 16M) */ 2",
                0,
                Some(Reason::NotReadOnly),
            ),
        ] {
            let explain = Explain {
                text,
                parameters,
                place: None,
                role: None,
            };
            assert_eq!(unfit(&explain).map(|(reason, _)| reason), expected, "{text}");
        }
    }
}
