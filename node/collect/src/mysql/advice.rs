//! What an operator of MySQL or MariaDB does about a fault, where that is another thing than for PostgreSQL.

use crate::fault::FaultKind;

/// What to do about it, in one sentence; `None` where the general words fit.
pub(crate) fn advice_of_mysql(kind: FaultKind, role: &str) -> Option<String> {
    let advice = match kind {
        FaultKind::NotLoaded => {
            "set `performance_schema=ON` in the server's configuration and restart it, or switch the stream off".into()
        }
        FaultKind::Absent => "run `UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = ...` for \
            the consumer that is named, and set it in the server's configuration too, so that it stays; or switch the \
            stream off"
            .into(),
        FaultKind::Grant => {
            let account: String = role.chars().filter(|c| !c.is_control()).take(80).collect();
            let account = account.replace('\'', "''");
            format!("run `GRANT SELECT ON performance_schema.* TO '{account}'@...`")
        }
        FaultKind::Lock => "find the session that holds the lock: `performance_schema.metadata_locks`".into(),
        FaultKind::Login => {
            "check the receiver's `username` and `password`, and from which hosts the server lets the account in".into()
        }
        FaultKind::NoDatabase => "create the database or correct the name".into(),
        _ => return None,
    };
    Some(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_what_to_type() {
        let advice = |kind| advice_of_mysql(kind, "mon'itor").unwrap();
        assert!(advice(FaultKind::Grant).contains("GRANT SELECT ON performance_schema.* TO 'mon''itor'"));
        assert!(advice(FaultKind::NotLoaded).contains("performance_schema=ON"));
        assert!(advice(FaultKind::Absent).contains("setup_consumers"));
        assert_eq!(advice_of_mysql(FaultKind::Deadline, "u"), None);
    }
}
