//! The lock of a target: a lock of the user's level, which goes with its session.
//!
//! There is no place where a session could write under which epoch it holds the lock. So it holds one more lock for each
//! bit of the epoch that is set.

use std::fmt::Write as _;

use ringwatch_frame::Epoch;

use super::MysqlSession;
use super::schema::rows;
use crate::deadline::within;
use crate::fault::{Fault, FaultKind};
use crate::fence::{Lock, Locked, Other};

/// How many bits of an epoch are told.
const BITS: u32 = 40;
/// The first version of MySQL in which a session can hold several locks.
const SEVERAL_FROM: u32 = 50_705;

/// The name of the lock of one bit.
fn bit(lock: &Lock, bit: u32) -> String {
    format!("{}:e{bit}", lock.key.name())
}

/// Sets the bits of the epoch, and clears those that are not in it.
fn stamp(lock: &Lock) -> String {
    let mut sql = "/* ringwatch */ SELECT ".to_owned();
    let set = |at: &u32| lock.epoch.0 >> at & 1 == 1;
    // First those that are set: at no moment does it say less than the lower of the two epochs.
    let (ones, zeros): (Vec<u32>, Vec<u32>) = (0..BITS).partition(set);
    for at in ones {
        // Writing to a String cannot fail.
        let _ = write!(
            sql,
            "IF(IS_USED_LOCK('{0}') <=> CONNECTION_ID(), 1, GET_LOCK('{0}', 0)), ",
            bit(lock, at)
        );
    }
    for at in zeros {
        let _ = write!(sql, "RELEASE_LOCK('{}'), ", bit(lock, at));
    }
    sql.push_str("1 AS ringwatch_reads");
    sql
}

/// Who has the lock, who we are, and the epoch that the holder's bits make.
fn holder(lock: &Lock) -> String {
    let name = lock.key.name();
    let mut sql = format!("/* ringwatch */ SELECT IS_USED_LOCK('{name}'), CONNECTION_ID(), 0");
    for at in 0..BITS {
        let _ = write!(
            sql,
            " + IF(IS_USED_LOCK('{}') <=> IS_USED_LOCK('{name}'), {}, 0)",
            bit(lock, at),
            1_u64 << at
        );
    }
    sql.push_str(" AS ringwatch_reads");
    sql
}

/// Whether the holder's connection is one of those that have these names.
fn is_one_of(lock: &Lock, names: &[String]) -> String {
    let name = lock.key.name();
    let own: Vec<_> = names
        .iter()
        .map(|name| format!("IS_USED_LOCK('{name}')"))
        .collect();
    let own = if own.is_empty() {
        "NULL".to_owned()
    } else {
        own.join(", ")
    };
    format!("/* ringwatch */ SELECT COALESCE(IS_USED_LOCK('{name}') IN ({own}), 0) AS ringwatch_reads")
}

impl MysqlSession {
    /// Tries the lock, and says under which epoch it is held.
    pub(super) async fn take(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        if !self.version.mariadb && self.version.number < SEVERAL_FROM {
            return Ok(Locked::Unfit(
                "before MySQL 5.7.5 a session has one lock".to_owned(),
            ));
        }
        match self.tried(lock).await {
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
        let name = lock.key.name();
        let sql = format!("/* ringwatch */ SELECT GET_LOCK('{name}', 0), CONNECTION_ID() AS ringwatch_reads");
        let [taken, served_by] = self.numbers(sql).await?;
        let taken = taken == Some(1);
        if taken {
            self.write_epoch(lock).await?;
        }
        let [has, own, epoch] = self.numbers(holder(lock)).await?;
        let same = own == served_by;
        if taken && same && has == own {
            return Ok(Locked::Taken);
        }
        if taken {
            // Whichever session has it now: none must keep it.
            let sql = format!("/* ringwatch */ SELECT RELEASE_LOCK('{name}') AS ringwatch_reads");
            let [_] = self.numbers(sql).await?;
        }
        if taken || !same {
            let reason =
                "the connection goes through a pooler, which gives each statement a session of its own";
            return Ok(Locked::Unfit(reason.to_owned()));
        }
        self.elsewhere(lock, has, epoch).await
    }

    /// Who has the lock.
    pub(super) async fn look(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        let [has, _, epoch] = self.numbers(holder(lock)).await?;
        self.elsewhere(lock, has, epoch).await
    }

    /// The session that has the lock, with the epoch that its bits make.
    async fn elsewhere(
        &mut self,
        lock: &Lock,
        has: Option<i64>,
        epoch: Option<i64>,
    ) -> Result<Locked, Fault> {
        let [ours] = self.numbers(is_one_of(lock, &self.names)).await?;
        let node = self.node.clone().filter(|_| ours == Some(1));
        Ok(Locked::Elsewhere(has.map(|session| {
            Other {
                session,
                node,
                epoch: epoch
                    .filter(|epoch| *epoch > 0)
                    .map(|epoch| Epoch(epoch.unsigned_abs())),
            }
        })))
    }

    /// Says under which epoch the lock is held.
    pub(super) async fn write_epoch(&mut self, lock: &Lock) -> Result<(), Fault> {
        let sql = stamp(lock);
        within(self.timeout, rows(&mut self.connection, sql))
            .await
            .map(drop)
    }

    /// The numbers of the only row of an answer.
    async fn numbers<const N: usize>(&mut self, sql: String) -> Result<[Option<i64>; N], Fault> {
        let asked = within(self.timeout, rows(&mut self.connection, sql)).await?;
        let number = |at: usize| asked.first()?.get(at)?.as_deref()?.parse().ok();
        Ok(std::array::from_fn(number))
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::TargetId;

    use super::*;
    use crate::fence::LockKey;

    #[test]
    fn an_epoch_is_written_bit_by_bit() {
        let lock = Lock {
            key: LockKey::of("test", &TargetId::from_name("mysql://a:1")),
            epoch: Epoch(5),
        };
        let sql = stamp(&lock);
        assert_eq!(sql.matches("GET_LOCK").count(), 2);
        assert_eq!(sql.matches("RELEASE_LOCK").count() as u32, BITS - 2);
        assert!(sql.contains(":e0'") && sql.contains(":e2'"), "{sql}");
        assert!(bit(&lock, BITS).len() <= 64);
        assert!(holder(&lock).contains(&(1_u64 << (BITS - 1)).to_string()));
    }
}
