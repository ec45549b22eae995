//! What others' sessions are at, and how they are ended.
//!
//! The driver cannot tell the server the name of a program. So each session of a node's lanes holds a lock whose name is
//! made of the target and the node, and a number that no other session of theirs has: whoever knows the node finds them.

use std::fmt::Write as _;
use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::MysqlSession;
use super::error::fault_of;
use super::schema::rows;
use crate::deadline::within;
use crate::fault::{Fault, FaultKind};
use crate::fence::{LockKey, hash_of};
use crate::session::{Activity, Asked, LastQuestion, Whose};

/// How many sessions of one node's lanes have names.
const NAMES: usize = 8;

/// The names of a node's sessions at a target.
pub(super) fn names(lock: LockKey, node: &str) -> Vec<String> {
    let (target, node) = (lock.hash(), hash_of(node));
    let name = |number| format!("ringwatch:{target:016x}:{node:016x}:{number}");
    (0..NAMES).map(name).collect()
}

/// Takes the first of the names that is free.
pub(super) fn enlist(names: &[String]) -> String {
    let mut sql = "/* ringwatch */ SELECT ".to_owned();
    for name in names {
        // Writing to a String cannot fail.
        let _ = write!(sql, "IF(GET_LOCK('{name}', 0) = 1, 1, ");
    }
    sql.push('0');
    sql.push_str(&")".repeat(names.len()));
    sql.push_str(" AS ringwatch_reads");
    sql
}

/// The connections that have these names, as a list.
fn holders(names: &[String]) -> String {
    let used: Vec<_> = names
        .iter()
        .map(|name| format!("IS_USED_LOCK('{name}')"))
        .collect();
    used.join(", ")
}

/// Whether a connection that has none of the names holds the target's lock.
fn locked_by_others(lock: &str, names: &[String]) -> String {
    let own = holders(names);
    format!("IS_USED_LOCK('{lock}') IS NOT NULL AND NOT COALESCE(IS_USED_LOCK('{lock}') IN ({own}), 0)")
}

/// By the statement's instruments, which know picoseconds. The statement that asks has its own end just now.
fn activity_by_events(lock: &str, names: &[String]) -> String {
    format!(
        "/* ringwatch */ SELECT COUNT(DISTINCT ringwatch_reads.THREAD_ID), \
         COALESCE(SUM(ringwatch_reads.PROCESSLIST_COMMAND NOT IN ('Sleep')), 0), \
         CAST(MIN(COALESCE((asking.TIMER_END - e.TIMER_END) / 1000000, \
         ringwatch_reads.PROCESSLIST_TIME * 1000000)) AS SIGNED), {} \
         FROM performance_schema.threads ringwatch_reads \
         LEFT JOIN performance_schema.events_statements_current e ON e.THREAD_ID = ringwatch_reads.THREAD_ID \
         JOIN performance_schema.threads me ON me.PROCESSLIST_ID = CONNECTION_ID() \
         LEFT JOIN performance_schema.events_statements_current asking \
         ON asking.THREAD_ID = me.THREAD_ID AND asking.NESTING_EVENT_ID IS NULL \
         WHERE ringwatch_reads.PROCESSLIST_ID IN ({})",
        locked_by_others(lock, names),
        holders(names)
    )
}

/// By the list of processes: whole seconds, but on MariaDB.
fn activity_by_list(lock: &str, names: &[String], mariadb: bool) -> String {
    let micros = if mariadb {
        "TIME_MS * 1000"
    } else {
        "TIME * 1000000"
    };
    format!(
        "/* ringwatch */ SELECT COUNT(*), COALESCE(SUM(ringwatch_reads.COMMAND NOT IN ('Sleep')), 0), \
         CAST(MIN(ringwatch_reads.{micros}) AS SIGNED), {} FROM information_schema.PROCESSLIST ringwatch_reads \
         WHERE ringwatch_reads.ID IN ({})",
        locked_by_others(lock, names),
        holders(names)
    )
}

/// The sessions with these names: the number of each, whether it is or may be at a question, how many microseconds ago
/// it began its last one, and that one's text.
fn lanes_by_events(names: &[String]) -> String {
    format!(
        "/* ringwatch */ SELECT ringwatch_reads.PROCESSLIST_ID, ringwatch_reads.PROCESSLIST_COMMAND NOT IN ('Sleep'), \
         CAST(COALESCE((asking.TIMER_START - e.TIMER_START) / 1000000, \
         ringwatch_reads.PROCESSLIST_TIME * 1000000) AS SIGNED), LEFT(e.SQL_TEXT, 200) \
         FROM performance_schema.threads ringwatch_reads \
         LEFT JOIN performance_schema.events_statements_current e \
         ON e.THREAD_ID = ringwatch_reads.THREAD_ID AND e.NESTING_EVENT_ID IS NULL \
         JOIN performance_schema.threads me ON me.PROCESSLIST_ID = CONNECTION_ID() \
         LEFT JOIN performance_schema.events_statements_current asking \
         ON asking.THREAD_ID = me.THREAD_ID AND asking.NESTING_EVENT_ID IS NULL \
         WHERE ringwatch_reads.PROCESSLIST_ID IN ({})",
        holders(names)
    )
}

/// The same as the list of processes has it, which forgets what was asked.
fn lanes_by_list(names: &[String], mariadb: bool) -> String {
    let micros = if mariadb {
        "TIME_MS * 1000"
    } else {
        "TIME * 1000000"
    };
    format!(
        "/* ringwatch */ SELECT ringwatch_reads.ID, ringwatch_reads.COMMAND NOT IN ('Sleep'), \
         CAST(ringwatch_reads.{micros} AS SIGNED), LEFT(ringwatch_reads.INFO, 200) \
         FROM information_schema.PROCESSLIST ringwatch_reads WHERE ringwatch_reads.ID IN ({})",
        holders(names)
    )
}

impl MysqlSession {
    /// Ends the sessions of a node's lanes.
    pub(super) async fn kill_lanes(&mut self, whose: &Whose<'_>) -> Result<Vec<LastQuestion>, Fault> {
        let names = names(whose.lock, whose.node);
        let mut found = None;
        if !self.version.mariadb && self.has_events {
            found = self.lanes_as(lanes_by_events(&names)).await.ok();
        }
        let lanes = match found {
            Some(lanes) => lanes,
            None => self.lanes_as(lanes_by_list(&names, self.version.mariadb)).await?,
        };
        let mut last = Vec::with_capacity(lanes.len());
        for (session, question) in lanes {
            self.kill(session).await?;
            last.push(question);
        }
        Ok(last)
    }

    async fn lanes_as(&mut self, sql: String) -> Result<Vec<(i64, LastQuestion)>, Fault> {
        let asked = within(self.timeout, rows(&mut self.connection, sql)).await?;
        let lane = |row: &Vec<Option<String>>| {
            let number = |at: usize| -> Option<i64> {
                let text = row.get(at)?.as_deref()?;
                text.split('.').next()?.parse().ok()
            };
            let question = LastQuestion {
                asked: Asked::of(row.get(3).and_then(Option::as_deref)),
                active: number(1) != Some(0),
                age: Duration::from_micros(u64::try_from(number(2).unwrap_or(0)).unwrap_or(0)),
                database: None,
            };
            Some((number(0)?, question))
        };
        Ok(asked.iter().filter_map(lane).collect())
    }

    /// What the sessions of a node's lanes are at.
    pub(super) async fn activity_of(&mut self, whose: &Whose<'_>) -> Result<Activity, Fault> {
        let names = names(whose.lock, whose.node);
        let lock = whose.lock.name();
        if !self.version.mariadb && self.has_events {
            match self.activity_as(activity_by_events(&lock, &names)).await {
                Err(fault)
                    if matches!(
                        fault.kind,
                        FaultKind::Grant | FaultKind::Statement | FaultKind::Shape | FaultKind::Absent
                    ) =>
                {
                    self.has_events = false;
                }
                answer => return answer,
            }
        }
        self.activity_as(activity_by_list(&lock, &names, self.version.mariadb))
            .await
    }

    async fn activity_as(&mut self, sql: String) -> Result<Activity, Fault> {
        let asked = within(self.timeout, rows(&mut self.connection, sql)).await?;
        let number = |at: usize| -> Option<i64> {
            let text = asked.first()?.get(at)?.as_deref()?;
            text.split('.').next()?.parse().ok()
        };
        let wrong = || Fault::new(FaultKind::Shape, "the list of sessions is no list of numbers");
        let sessions = number(0).ok_or_else(wrong)?.unsigned_abs();
        Ok(Activity {
            sessions,
            active: number(1).ok_or_else(wrong)? > 0,
            age: number(2).map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0))),
            locked_by_others: number(3) == Some(1),
        })
    }

    /// Takes a name that says whose session it is. What keeps it from that costs nothing but the name.
    pub(super) async fn take_name(&mut self) -> Result<(), Fault> {
        if self.names.is_empty() {
            return Ok(());
        }
        let sql = enlist(&self.names);
        match within(self.timeout, rows(&mut self.connection, sql)).await {
            Err(fault) if fault.kind.loses_connection() => Err(fault),
            _ => Ok(()),
        }
    }

    /// Ends another session of our account.
    pub(super) async fn kill(&mut self, session: i64) -> Result<(), Fault> {
        let sql = AssertSqlSafe(format!("/* ringwatch */ KILL {session}"));
        let done = sqlx::raw_sql(sql).execute(&mut self.connection);
        let done = within(self.timeout, async { done.await.map_err(|e| fault_of(&e)) }).await;
        match done {
            // It has gone by itself.
            Err(fault) if fault.message.contains("error 1094") => Ok(()),
            done => done.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::TargetId;

    use super::*;

    #[test]
    fn names_fit_and_are_those_of_one_node_at_one_target() {
        let lock = LockKey::of("test", &TargetId::from_name("mysql://db:3306"));
        let names = names(lock, "node-1");
        assert_eq!(names.len(), NAMES);
        assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
        let others = super::names(lock, "node-2");
        assert!(names.iter().all(|name| !others.contains(name)));
        let sql = enlist(&names[..2]);
        assert_eq!(sql.matches('(').count(), sql.matches(')').count(), "{sql}");
    }
}
