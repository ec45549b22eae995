//! Writers from outside: each changes the limit of a target again and again, and writes down what it was promised.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ringwatch_proto::v1::runtime_client::RuntimeClient;
use ringwatch_proto::v1::{ListLimitsRequest, SetLimitRequest};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{Channel, Endpoint};

use super::Cluster;
use crate::node::NodeConfig;
use crate::wait;

/// A node that does not answer within this time is not asked again before the others.
const PATIENCE: Duration = Duration::from_secs(3);
/// The limits that are set are far beyond what is read: this one and more, in readings a second.
const BASE: u64 = 1_000_000;

/// One write that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    /// When.
    pub asked: Instant,
    /// When the answer came, or the waiting ended.
    pub answered: Instant,
    /// The number that was written.
    pub number: u64,
    /// The version that it made, where it was acknowledged.
    pub version: Option<u64>,
}

/// What a writer was told.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// All writes, in order.
    pub writes: Vec<Write>,
    /// What the nodes said where they did not write, each once.
    pub refusals: BTreeMap<String, u64>,
}

/// Somebody who writes, one write after the other, to any node that takes it.
#[derive(Debug)]
pub struct Writer {
    target: String,
    acknowledged: Arc<AtomicU64>,
    enough: Arc<AtomicBool>,
    task: JoinHandle<Written>,
}

impl Writer {
    /// Makes limits something that nodes with this configuration can be told.
    pub fn allow(config: &mut NodeConfig) {
        config
            .processors
            .insert("rate_limiter".into(), serde_json::json!({}));
        config.order.insert(0, "rate_limiter".into());
    }

    /// Starts to write limits of `target`, with a rest after each.
    ///
    /// # Errors
    /// Never for the addresses of a cluster.
    pub fn start(cluster: &Cluster, target: &str, rest: Duration) -> Result<Self> {
        let ports: Vec<u16> = cluster.seats().iter().map(|seat| seat.ports().grpc).collect();
        let clients = ports
            .iter()
            .map(|port| client(*port))
            .collect::<Result<Vec<_>>>()?;
        let (acknowledged, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, stop, name) = (Arc::clone(&acknowledged), Arc::clone(&enough), target.to_owned());
        let task = tokio::spawn(async move {
            let (mut written, mut at) = (Written::default(), 0);
            for number in 1.. {
                if stop.load(SeqCst) {
                    break;
                }
                let asked = Instant::now();
                let version = match set(&clients[at % clients.len()], &name, number).await {
                    Ok(version) => Some(version),
                    Err(why) => {
                        at += 1;
                        *written.refusals.entry(why).or_default() += 1;
                        None
                    }
                };
                let answered = Instant::now();
                written.writes.push(Write {
                    asked,
                    answered,
                    number,
                    version,
                });
                counted.fetch_add(u64::from(version.is_some()), SeqCst);
                // A node that refuses does it at once, and so would the next one.
                sleep(if version.is_some() {
                    rest
                } else {
                    rest.max(Duration::from_millis(20))
                })
                .await;
            }
            written
        });
        Ok(Self {
            target: target.to_owned(),
            acknowledged,
            enough,
            task,
        })
    }

    /// Waits until `count` more writes than now were acknowledged.
    ///
    /// # Errors
    /// They were not after `limit`.
    pub async fn more(&self, count: u64, limit: Duration) -> Result<()> {
        let wanted = self.acknowledged.load(SeqCst) + count;
        wait::until(&format!("{count} more acknowledged writes"), limit, async || {
            let now = self.acknowledged.load(SeqCst);
            wait::when(now >= wanted, || format!("{now} of {wanted}"))
        })
        .await
    }

    /// Ends it, and proves at every node that is awake that nothing acknowledged is lost.
    ///
    /// # Errors
    /// Something is, or a node does not answer.
    pub async fn proven(self, cluster: &Cluster) -> Result<Written> {
        self.enough.store(true, SeqCst);
        let written = self.task.await?;
        written.consistent()?;
        let Some(last) = written.acknowledged().last() else {
            return Ok(written);
        };
        for n in cluster.awake() {
            let grpc = cluster.seat(n).ports().grpc;
            wait::until("the last acknowledged write", 10 * PATIENCE, async || {
                let found = limit(grpc, &self.target).await.map_err(|e| format!("{e:#}"))?;
                wait::when(found.is_some_and(|found| found >= last.number), || {
                    format!("node {n} has {found:?}, acknowledged was {last:?}")
                })
            })
            .await?;
        }
        Ok(written)
    }
}

impl Written {
    /// The writes that were acknowledged.
    pub fn acknowledged(&self) -> impl Iterator<Item = &Write> {
        self.writes.iter().filter(|write| write.version.is_some())
    }

    /// How long the acknowledged ones took, from the question to the answer.
    pub fn latencies(&self) -> Vec<Duration> {
        self.acknowledged()
            .map(|write| write.answered - write.asked)
            .collect()
    }

    /// From `since` until the first write that was asked for after it was acknowledged.
    pub fn unavailable(&self, since: Instant) -> Option<Duration> {
        let first = self.acknowledged().find(|write| write.asked >= since);
        first.map(|write| write.answered - since)
    }

    /// The longest time from `since` on in which no write was acknowledged.
    pub fn longest_wait(&self, since: Instant) -> Option<Duration> {
        let answers: Vec<Instant> = self.acknowledged().map(|write| write.answered).collect();
        let pairs = answers.windows(2).filter(|two| two[1] >= since);
        pairs.map(|two| two[1] - two[0]).max()
    }

    /// A later write made a later version: a lost one would have left its version to another.
    fn consistent(&self) -> Result<()> {
        let mut before: Option<&Write> = None;
        for write in self.acknowledged() {
            let later = before.is_none_or(|before| before.version < write.version);
            ensure!(later, "{write:?} came after {before:?}");
            before = Some(write);
        }
        Ok(())
    }
}

/// A client that connects when it is used.
///
/// # Errors
/// Never for a port.
pub fn client(grpc: u16) -> Result<RuntimeClient<Channel>> {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{grpc}"))?.connect_timeout(PATIENCE);
    Ok(RuntimeClient::new(endpoint.connect_lazy()))
}

/// Writes a number as the limit of a target; gives the version that it made, or what the node says.
async fn set(client: &RuntimeClient<Channel>, target: &str, number: u64) -> Result<u64, String> {
    #[expect(clippy::cast_precision_loss, reason = "numbers of writes are far below 2^53")]
    let request = SetLimitRequest {
        target_id: target.to_owned(),
        queries_per_second: Some((BASE + number) as f64),
        expected_version: 0,
    };
    match timeout(PATIENCE, client.clone().set_limit(request)).await {
        Ok(Ok(answer)) => Ok(answer.into_inner().version),
        Ok(Err(status)) => Err(format!("{:?}: {}", status.code(), status.message())),
        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
    }
}

/// The number that a node has as the limit of a target.
async fn limit(grpc: u16, target: &str) -> Result<Option<u64>> {
    let answer = timeout(PATIENCE, client(grpc)?.list_limits(ListLimitsRequest {})).await;
    let limits = answer.context("no answer")??.into_inner().limits;
    let found = limits.iter().find(|limit| limit.target_id == target);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was written as a whole number"
    )]
    Ok(found.map(|limit| (limit.queries_per_second as u64).saturating_sub(BASE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_version_that_comes_again_is_a_lost_write() {
        let at = Instant::now();
        let of = |versions: &[Option<u64>]| Written {
            writes: (1..)
                .zip(versions)
                .map(|(number, version)| Write {
                    asked: at + Duration::from_secs(number),
                    answered: at + Duration::from_secs(number + 1),
                    number,
                    version: *version,
                })
                .collect(),
            refusals: BTreeMap::new(),
        };
        assert!(of(&[Some(1), None, Some(3), Some(4)]).consistent().is_ok());
        assert!(of(&[Some(1), None, Some(1)]).consistent().is_err());
        assert!(of(&[Some(2), Some(1)]).consistent().is_err());
        let written = of(&[Some(1), None, None, Some(2)]);
        assert_eq!(
            written.unavailable(at + Duration::from_secs(2)),
            Some(Duration::from_secs(3))
        );
        assert_eq!(written.longest_wait(at), Some(Duration::from_secs(3)));
        assert_eq!(written.latencies().len(), 2);
    }
}
