//! The lock of a target: a session advisory lock in the database that its first receiver connects to.

use sqlx::postgres::PgRow;
use sqlx::{Postgres as Sql, Row as _};

use super::PgSession;
use super::error::fault_of;
use crate::deadline::within;
use crate::fault::{Fault, FaultKind};
use crate::fence::{Lock, Locked, Other};
use crate::names::named;

/// The process that serves us, and whether it has the lock now.
const TRY: &str =
    "/* ringwatch */ SELECT pg_catalog.pg_backend_pid()::int8, pg_catalog.pg_try_advisory_lock($1::int8)";
/// Gives it back.
const UNLOCK: &str = "/* ringwatch */ SELECT pg_catalog.pg_advisory_unlock($1::int8)";
/// The process that serves us, the one that has the lock, and what that one calls itself. `$2`: in any database.
const HOLDER: &str = "/* ringwatch */ SELECT pg_catalog.pg_backend_pid()::int8, l.pid::int8, a.application_name::text \
    FROM (VALUES (1)) one LEFT JOIN pg_catalog.pg_locks l ON l.locktype = 'advisory' AND l.granted AND ($2::bool \
    OR l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())) \
    AND l.classid::int8 = (($1::int8 >> 32) & 4294967295::int8) AND l.objid::int8 = ($1::int8 & 4294967295::int8) \
    AND l.objsubid = 1 LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid LIMIT 1";

/// Why there is no lock behind a pooler.
const POOLER: &str = "the connection goes through a pooler, which gives each statement a session of its own";

/// Who serves us, and who has the lock.
struct Seen {
    own: i64,
    holder: Option<(i64, Option<String>)>,
}

impl Seen {
    fn other(self) -> Option<Other> {
        let (session, name) = self.holder?;
        let name = name.as_deref().and_then(named);
        Some(Other {
            session,
            node: name.map(|(node, _)| node.to_owned()),
            epoch: name.and_then(|(_, epoch)| epoch),
        })
    }
}

impl PgSession {
    /// Tries the lock, and says under which epoch it is held.
    pub(super) async fn take(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        match self.tried(lock).await {
            Err(fault) if fault.kind == FaultKind::Pooled => Ok(Locked::Unfit(POOLER.to_owned())),
            Err(fault)
                if matches!(
                    fault.kind,
                    FaultKind::Absent | FaultKind::Grant | FaultKind::Statement | FaultKind::Shape
                ) =>
            {
                Ok(Locked::Unfit(fault.message))
            }
            tried => tried,
        }
    }

    async fn tried(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        let key = lock.key.number();
        let row = self.row(TRY, key).await?;
        let served_by: i64 = row.try_get(0).map_err(|e| fault_of(&e))?;
        let taken: bool = row.try_get(1).map_err(|e| fault_of(&e))?;
        if taken {
            self.call(&self.names.holder(*lock)).await?;
        }
        let seen = self.seen(key, false).await?;
        let same = seen.own == served_by;
        let ours = seen.holder.as_ref().is_some_and(|(pid, _)| *pid == served_by);
        if taken && same && ours {
            return Ok(Locked::Taken);
        }
        if taken {
            // Whichever session has it now: none must keep it.
            self.row(UNLOCK, key).await?;
        }
        if taken || !same {
            return Ok(Locked::Unfit(POOLER.to_owned()));
        }
        Ok(Locked::Elsewhere(seen.other()))
    }

    /// Who has the lock, from whichever database.
    pub(super) async fn look(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        let seen = self.seen(lock.key.number(), true).await?;
        Ok(Locked::Elsewhere(seen.other()))
    }

    async fn seen(&mut self, key: i64, anywhere: bool) -> Result<Seen, Fault> {
        let asked = sqlx::query::<Sql>(HOLDER)
            .bind(key)
            .bind(anywhere)
            .fetch_one(&mut self.connection);
        let row: PgRow = within(self.plan.timeout(), async {
            asked.await.map_err(|e| fault_of(&e))
        })
        .await?;
        let pid: Option<i64> = row.try_get(1).map_err(|e| fault_of(&e))?;
        let name: Option<String> = row.try_get(2).map_err(|e| fault_of(&e))?;
        Ok(Seen {
            own: row.try_get(0).map_err(|e| fault_of(&e))?,
            holder: pid.map(|pid| (pid, name)),
        })
    }

    async fn row(&mut self, sql: &'static str, key: i64) -> Result<PgRow, Fault> {
        let asked = sqlx::query::<Sql>(sql).bind(key).fetch_one(&mut self.connection);
        within(self.plan.timeout(), async {
            asked.await.map_err(|e| fault_of(&e))
        })
        .await
    }
}
