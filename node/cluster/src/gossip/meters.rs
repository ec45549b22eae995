//! The gossip's own metrics, and the lines about what was refused.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::{Gauge, IntCounter, IntCounterVec, Opts, Registry};
use tokio::time::Instant;

/// A line about one reason is written at most this often.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Why something that came from others was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reason {
    /// It is too short or too long for a sealed datagram.
    Length,
    /// It is of another version, or no gossip at all.
    Version,
    /// No key opens it.
    Key,
    /// It was not made for this process by one that we have met.
    Session,
    /// It has been here before.
    Replay,
    /// It answers a question that we did not ask.
    Challenge,
    /// It is authentic and makes no sense.
    Malformed,
    /// It came to the inner socket from outside.
    Relay,
    /// A node's words say what cannot be.
    Words,
}

impl Reason {
    const ALL: [Self; 9] = [
        Self::Length,
        Self::Version,
        Self::Key,
        Self::Session,
        Self::Replay,
        Self::Challenge,
        Self::Malformed,
        Self::Relay,
        Self::Words,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Length => "short",
            Self::Version => "version",
            Self::Key => "key",
            Self::Session => "session",
            Self::Replay => "replay",
            Self::Challenge => "challenge",
            Self::Malformed => "malformed",
            Self::Relay => "relay",
            Self::Words => "words",
        }
    }

    const fn explanation(self) -> &'static str {
        match self {
            Self::Length | Self::Version => {
                "not a datagram of this program: see who sends to the gossip port"
            }
            Self::Key => {
                "sealed with another key or for another cluster name: compare `key_file` and `cluster.name`"
            }
            Self::Session => "not made for this process: a peer that has restarted, or a replay",
            Self::Replay => "seen before: somebody replays datagrams",
            Self::Challenge => "an answer that was not asked for: a slow network, or a replay",
            Self::Malformed => "authentic and malformed: compare the program's versions",
            Self::Relay => "sent to the inner socket by another local process",
            Self::Words => "a node's words that cannot be: compare the program's versions",
        }
    }
}

/// Datagrams and bytes that went one way.
#[derive(Debug, Clone)]
pub(super) struct Traffic {
    datagrams: IntCounter,
    bytes: IntCounter,
}

impl Traffic {
    /// One datagram of `length` bytes went by.
    pub(super) fn count(&self, length: usize) {
        self.datagrams.inc();
        self.bytes.inc_by(length as u64);
    }
}

/// All metrics of the gossip.
#[derive(Debug)]
pub(super) struct Meters {
    /// What came from the network.
    pub(super) received: Traffic,
    /// What went to the network.
    pub(super) sent: Traffic,
    /// How long the failure detector waits for the most uneven of the live nodes, in seconds.
    pub(super) detection: Gauge,
    refused: [Refused; Reason::ALL.len()],
}

#[derive(Debug)]
struct Refused {
    counter: IntCounter,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    last: Option<Instant>,
    held_back: u64,
}

impl Meters {
    /// Registers the metrics.
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let datagrams = counters(
            registry,
            (
                "ringwatch_gossip_datagrams_total",
                "Gossip datagrams on the network.",
            ),
            "direction",
        )?;
        let bytes = counters(
            registry,
            (
                "ringwatch_gossip_bytes_total",
                "Bytes of gossip on the network, without IP and UDP headers.",
            ),
            "direction",
        )?;
        let refused = counters(
            registry,
            (
                "ringwatch_gossip_refused_total",
                "What came by gossip and was not believed.",
            ),
            "reason",
        )?;
        let detection = Gauge::new(
            "ringwatch_gossip_detection_seconds",
            "Silence after which a live node is taken for dead, the longest of all live nodes.",
        )?;
        registry.register(Box::new(detection.clone()))?;
        let traffic = |direction| Traffic {
            datagrams: datagrams.with_label_values(&[direction]),
            bytes: bytes.with_label_values(&[direction]),
        };
        Ok(Self {
            received: traffic("received"),
            sent: traffic("sent"),
            detection,
            refused: Reason::ALL.map(|reason| Refused {
                counter: refused.with_label_values(&[reason.as_str()]),
                line: Mutex::default(),
            }),
        })
    }

    /// Counts something that was refused, and says so in the log at most once a minute for each reason.
    pub(super) fn refused(&self, reason: Reason, from: SocketAddr, what: Option<&str>) {
        let Some(refused) = self.refused.get(reason as usize) else {
            return;
        };
        refused.counter.inc();
        let mut line = refused.line.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if line
            .last
            .is_some_and(|last| now.duration_since(last) < LINE_EVERY)
        {
            line.held_back += 1;
            return;
        }
        line.last = Some(now);
        let before = std::mem::take(&mut line.held_back);
        tracing::warn!(
            %from, reason = reason.as_str(), what, not_logged_before = before,
            "gossip refused: {}", reason.explanation()
        );
    }
}

fn counters(
    registry: &Registry,
    (name, help): (&str, &str),
    label: &str,
) -> Result<IntCounterVec, prometheus::Error> {
    let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}
