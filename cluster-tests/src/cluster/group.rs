//! What the nodes say of the group that remembers, by their own metrics, and waiting until it is well.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Cluster;
use crate::node::Metrics;
use crate::wait;

/// How long a group may take until it is founded, or well again.
pub const WELL: Duration = Duration::from_secs(45);

/// What one node says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether it leads.
    pub leads: bool,
    /// Whether it knows of a leader with a majority.
    pub quorum: bool,
    /// The term.
    pub term: u64,
    /// The last committed entry that it knows of.
    pub commit: u64,
    /// Committed entries that it has not applied.
    pub lag: u64,
    /// Nodes that vote.
    pub voters: u64,
    /// Nodes that have a copy and do not vote.
    pub learners: u64,
}

impl Said {
    /// Reads a node's metrics.
    pub fn of(metrics: &Metrics) -> Self {
        let count = |name: &str| metrics.count(name, &[]);
        Self {
            leads: count("ringwatch_raft_leader") == 1,
            quorum: count("ringwatch_state_quorum") == 1,
            term: count("ringwatch_raft_term"),
            commit: count("ringwatch_raft_commit_index"),
            lag: count("ringwatch_raft_apply_lag"),
            voters: count("ringwatch_raft_voters"),
            learners: count("ringwatch_raft_learners"),
        }
    }
}

/// A group that is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The seat of the node that leads.
    pub leader: usize,
    /// The term.
    pub term: u64,
    /// The last committed entry.
    pub commit: u64,
}

impl Cluster {
    /// What every node says that is awake, with the number of its seat.
    ///
    /// # Errors
    /// One does not answer.
    pub async fn said(&self) -> Result<Vec<(usize, Said)>> {
        let mut all = Vec::new();
        for n in self.awake() {
            all.push((n, Said::of(&self.node(n)?.metrics().await?)));
        }
        Ok(all)
    }

    /// Waits until the nodes that are awake have one leader among them.
    ///
    /// # Errors
    /// They have not after `limit`; the message holds what they say.
    pub async fn led(&self, limit: Duration) -> Result<Group> {
        wait::until("a group with a leader", limit, async || {
            let said = self.said().await.map_err(|e| format!("{e:#}"))?;
            led(&said)
        })
        .await
    }

    /// Waits until the group is whole: led, with so many voters and learners in the eyes of everyone who is awake, and
    /// everyone has applied all that is committed.
    ///
    /// # Errors
    /// It is not after `limit`; the message holds what they say.
    pub async fn whole(&self, voters: u64, learners: u64, limit: Duration) -> Result<Group> {
        let what = format!("a group of {voters} voters and {learners} learners");
        wait::until(&what, limit, async || {
            let said = self.said().await.map_err(|e| format!("{e:#}"))?;
            let group = led(&said)?;
            let here = said.iter().all(|(_, one)| {
                (one.voters, one.learners) == (voters, learners) && one.lag == 0 && one.commit == group.commit
            });
            wait::when(here, || format!("{said:?}")).map(|()| group)
        })
        .await
    }

    /// The state of every awake node is the same, entry for entry: the digest that each tells is compared.
    ///
    /// # Errors
    /// They differ and go on to.
    pub async fn same_state(&self, limit: Duration) -> Result<()> {
        wait::until("the same state everywhere", limit, async || {
            let mut all = Vec::new();
            for n in self.awake() {
                let grpc = self.node(n).map_err(|e| e.to_string())?.ports().grpc;
                all.push(digest(grpc).map_err(|e| format!("{e:#}"))?);
            }
            wait::when(all.windows(2).all(|two| two[0] == two[1]), || format!("{all:?}"))
        })
        .await
    }
}

fn led(said: &[(usize, Said)]) -> Result<Group, String> {
    let leaders: Vec<_> = said.iter().filter(|(_, one)| one.leads).collect();
    let [(leader, of)] = leaders[..] else {
        return Err(format!("{} leaders: {said:?}", leaders.len()));
    };
    let known = said.iter().all(|(_, one)| one.quorum && one.term == of.term);
    wait::when(known, || format!("{said:?}"))?;
    Ok(Group {
        leader: *leader,
        term: of.term,
        commit: of.commit,
    })
}

/// How far a node has applied, and the digest of what it holds then, as `ringwatch state inspect` tells them.
fn digest(grpc: u16) -> Result<(String, String)> {
    let output = super::client(grpc, &["state", "inspect", "-o", "json"])?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let json: serde_json::Value = serde_json::from_str(&said)?;
    let (applied, digest) = (json["applied"].to_string(), json["digest"].to_string());
    ensure!(
        applied != "null" && digest != "null",
        "neither applied nor digest in {said}"
    );
    Ok((applied, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(leads: bool, term: u64) -> Said {
        Said {
            leads,
            term,
            quorum: true,
            commit: 9,
            lag: 0,
            voters: 3,
            learners: 0,
        }
    }

    #[test]
    fn one_leader_whom_all_know() {
        let table = [
            (vec![said(true, 2), said(false, 2)], Some(0)),
            (vec![said(false, 2), said(true, 2)], Some(1)),
            (vec![said(false, 2), said(false, 2)], None),
            (vec![said(true, 2), said(true, 3)], None),
            (vec![said(true, 3), said(false, 2)], None),
            (vec![], None),
        ];
        for (all, wanted) in table {
            let all: Vec<_> = all.into_iter().enumerate().collect();
            assert_eq!(led(&all).ok().map(|group| group.leader), wanted, "{all:?}");
        }
    }

    #[test]
    fn metrics_are_read() {
        let text = "ringwatch_raft_leader 1\nringwatch_raft_term 4\nringwatch_raft_commit_index 7\n\
                    ringwatch_raft_apply_lag 1\nringwatch_raft_voters 3\nringwatch_raft_learners 2\n\
                    ringwatch_state_quorum 1\n";
        let wanted = Said {
            leads: true,
            quorum: true,
            term: 4,
            commit: 7,
            lag: 1,
            voters: 3,
            learners: 2,
        };
        assert_eq!(Said::of(&Metrics::parse(text)), wanted);
    }
}
