//! What sessions call themselves, what others' are at, and how they are ended.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{Postgres as Sql, Row as _};

use super::PgSession;
use super::error::fault_of;
use crate::deadline::within;
use crate::fault::Fault;
use crate::names::lane_of;
use crate::session::{Activity, Asked, LastQuestion, Whose};

/// The sessions of one node's lanes at a target, by their name and the roles that its readers log in as.
macro_rules! lanes {
    () => {
        "FROM pg_catalog.pg_stat_activity a WHERE a.usename::text = ANY ($2::text[]) \
         AND a.pid <> pg_catalog.pg_backend_pid() \
         AND (a.application_name = $1::text OR pg_catalog.starts_with(a.application_name, $1::text || '/'))"
    };
}

/// Sessions of one node's lanes: how many, how many that are or may be at a question, and how many microseconds ago the
/// last sign of life of any of them was; and whether another session holds the target's lock. What the role may not see
/// of a session counts as a question; one whose answer nobody takes is none.
const ACTIVITY: &str = concat!(
    "/* ringwatch */ WITH lane AS MATERIALIZED (\
     SELECT a.pid, a.state, a.wait_event, greatest(a.query_start, a.state_change, a.backend_start) AS sign ",
    lanes!(),
    ") SELECT pg_catalog.count(*)::int8, \
     (pg_catalog.count(*) FILTER (WHERE coalesce(lane.state NOT LIKE 'idle%', true) \
       AND lane.wait_event IS DISTINCT FROM 'ClientWrite'))::int8, \
     (extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.max(lane.sign)) * 1000000)::int8, \
     EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) \
       AND l.classid::int8 = (($3::int8 >> 32) & 4294967295::int8) AND l.objid::int8 = ($3::int8 & 4294967295::int8) \
       AND l.pid NOT IN (SELECT lane.pid FROM lane)) \
     FROM lane"
);
/// Ends them where they are of our own role, and says of each whether it was at a question, how many microseconds ago it
/// began it, where, and which, and whether it was within a transaction: then it has no answer yet.
const END_LANES: &str = concat!(
    "/* ringwatch */ WITH lane AS MATERIALIZED (\
     SELECT a.pid, coalesce(a.state NOT LIKE 'idle%', true) AS active, \
     (extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(a.query_start, a.backend_start)) * 1000000)::int8 AS age, \
     a.datname::text AS datname, pg_catalog.left(a.query, 200) AS query, \
     coalesce(a.state LIKE 'idle in transaction%', false) AS within ",
    lanes!(),
    " AND a.usename = current_user) \
     SELECT lane.active, lane.age, lane.datname, lane.query, lane.within, pg_catalog.pg_terminate_backend(lane.pid) \
     FROM lane"
);
/// What this session calls itself from here on.
pub(super) const NAME: &str =
    "/* ringwatch */ SELECT pg_catalog.set_config('application_name', $1::text, false)";
/// Ends a session of our own role, if it is still there: the server warns of one that is gone.
const END: &str = "/* ringwatch */ SELECT pg_catalog.pg_terminate_backend(a.pid) \
    FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1::int8::int4";

impl PgSession {
    /// What the sessions of a node's lanes are at.
    pub(super) async fn activity_of(&mut self, whose: &Whose<'_>) -> Result<Activity, Fault> {
        let asked = sqlx::query::<Sql>(ACTIVITY)
            .bind(lane_of(whose.node, whose.lock))
            .bind(whose.roles)
            .bind(whose.lock.number())
            .fetch_one(&mut self.connection);
        let row: PgRow = within(self.plan.timeout(), async {
            asked.await.map_err(|e| fault_of(&e))
        })
        .await?;
        let count = |at: usize| row.try_get::<i64, _>(at).map_err(|e| fault_of(&e));
        let age: Option<i64> = row.try_get(2).map_err(|e| fault_of(&e))?;
        Ok(Activity {
            sessions: count(0)?.unsigned_abs(),
            active: count(1)? > 0,
            age: age.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0))),
            locked_by_others: row.try_get(3).map_err(|e| fault_of(&e))?,
        })
    }

    /// Ends the sessions of a node's lanes.
    pub(super) async fn terminate_lanes(&mut self, whose: &Whose<'_>) -> Result<Vec<LastQuestion>, Fault> {
        let asked = sqlx::query::<Sql>(END_LANES)
            .bind(lane_of(whose.node, whose.lock))
            .bind(whose.roles)
            .fetch_all(&mut self.connection);
        let rows = within(self.plan.timeout(), async {
            asked.await.map_err(|e| fault_of(&e))
        });
        rows.await?.iter().map(last_question).collect()
    }

    /// Calls the session so.
    pub(super) async fn call(&mut self, name: &str) -> Result<(), Fault> {
        let done = sqlx::query::<Sql>(NAME).bind(name).execute(&mut self.connection);
        within(self.plan.timeout(), async {
            done.await.map(drop).map_err(|e| fault_of(&e))
        })
        .await
    }

    /// Ends another session of our role.
    pub(super) async fn terminate(&mut self, session: i64) -> Result<(), Fault> {
        let done = sqlx::query::<Sql>(END)
            .bind(session)
            .execute(&mut self.connection);
        within(self.plan.timeout(), async {
            done.await.map(drop).map_err(|e| fault_of(&e))
        })
        .await
    }
}

/// A row of [`END_LANES`].
fn last_question(row: &PgRow) -> Result<LastQuestion, Fault> {
    let age: Option<i64> = row.try_get(1).map_err(|e| fault_of(&e))?;
    let statement: Option<String> = row.try_get(3).map_err(|e| fault_of(&e))?;
    let within: bool = row.try_get(4).map_err(|e| fault_of(&e))?;
    Ok(LastQuestion {
        asked: if within {
            Asked::Before
        } else {
            Asked::of(statement.as_deref())
        },
        active: row.try_get(0).map_err(|e| fault_of(&e))?,
        age: Duration::from_micros(age.map_or(0, |micros| u64::try_from(micros).unwrap_or(0))),
        database: row.try_get(2).map_err(|e| fault_of(&e))?,
    })
}
