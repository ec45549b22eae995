//! The loop that beats the pulse, speaks for this node and publishes what the gossip knows.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chitchat::{
    Chitchat, ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, ProtocolVersion,
};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::meters::Meters;
use super::seeds::Seeds;
use super::sightings::{Hearing, Sightings};
use super::{GossipParts, words};
use crate::member::Said;
use crate::pulse::{BEAT, Pulse};

/// How often a node gossips with up to three others.
const INTERVAL: Duration = Duration::from_millis(100);
/// Silence of this many usual intervals is death.
const PHI: f64 = 8.0;
/// Silences longer than this are no usual interval: they are not learnt.
const MAX_INTERVAL: Duration = Duration::from_secs(1);
/// A dead life is forgotten after this time.
const DEAD_GRACE: Duration = Duration::from_secs(600);
/// The library's own number of intervals to learn from.
const WINDOW: usize = 1_000;
/// The loop waits no longer than this for chitchat to end.
const STOP_LIMIT: Duration = Duration::from_millis(100);

type Ended = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// chitchat's settings for the life of this node that others reach at `address`.
pub(super) fn settings(parts: &GossipParts, address: SocketAddr) -> ChitchatConfig {
    ChitchatConfig {
        chitchat_id: ChitchatId::new(parts.me.node.as_str(), parts.me.generation, address),
        cluster_id: parts.cluster.clone(),
        gossip_interval: INTERVAL,
        listen_addr: parts.listen,
        // Seeds are resolved and spoken to by us: chitchat would resolve them once a minute.
        seed_nodes: Vec::new(),
        failure_detector_config: FailureDetectorConfig::new(PHI, WINDOW, MAX_INTERVAL, INTERVAL, DEAD_GRACE),
        marked_for_deletion_grace_period: DEAD_GRACE,
        catchup_callback: None,
        extra_liveness_predicate: None,
        protocol_version: ProtocolVersion::V1,
    }
}

/// Everything that the loop owns.
pub(super) struct Room {
    chitchat: ChitchatHandle,
    ended: Option<Ended>,
    pulse: Arc<Pulse>,
    said: watch::Receiver<Said>,
    out: Publisher,
    seeds: Seeds,
    hearing: Hearing,
    meters: Arc<Meters>,
    /// The words that were said last, or that could not be said.
    spoken: Said,
}

impl Room {
    pub(super) fn new(
        chitchat: ChitchatHandle,
        pulse: Arc<Pulse>,
        seeds: Seeds,
        meters: Arc<Meters>,
        (said, sightings): (watch::Receiver<Said>, watch::Sender<Arc<Sightings>>),
    ) -> Self {
        let spoken = said.borrow().clone();
        Self {
            ended: Some(Box::pin(chitchat.termination_watcher())),
            chitchat,
            pulse,
            spoken,
            said,
            out: Publisher {
                to: sightings,
                last: Sightings::default(),
            },
            seeds,
            hearing: Hearing::default(),
            meters,
        }
    }

    /// Beats and publishes until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ended = None;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                why = end_of(&mut self.ended) => {
                    self.ended = None;
                    tracing::error!(why, "gossip has ended, others are not seen any more: restart this node");
                    ended = Some(why);
                }
                _ = beat.tick() => {}
                // Nobody who could still speak is left: then the beat alone goes on.
                Ok(()) = self.said.changed() => {}
            }
            self.beat(ended.as_deref()).await;
        }
        let handle = self.chitchat;
        let _ = tokio::time::timeout(STOP_LIMIT, handle.shutdown()).await;
    }

    async fn beat(&mut self, ended: Option<&str>) {
        let paused = self.pulse.beat();
        let chitchat = self.chitchat.chitchat();
        let mut chitchat = chitchat.lock().await;
        let said = self.said.borrow_and_update();
        if *said != self.spoken {
            self.spoken = said.clone();
            speak(&mut chitchat, &said);
        }
        drop(said);
        let seen = self.hearing.look(&chitchat, &self.meters);
        self.meters.detection.set(detection(&chitchat));
        drop(chitchat);
        let live: HashSet<SocketAddr> = seen.iter().filter(|s| s.live).map(|s| s.gossip_address).collect();
        if ended.is_none() {
            for seed in self.seeds.step(Instant::now(), &live) {
                // It fails only when the gossip has ended, which is seen above.
                let _ = self.chitchat.gossip(seed);
            }
        }
        self.out.publish(Sightings {
            contacted: self.out.last.contacted || !live.is_empty(),
            seen,
            seed_rank: self.seeds.rank(),
            seeds: self.seeds.count(),
            paused,
            ended: ended.map(str::to_owned),
        });
    }
}

/// Waits for the end of the gossip, which is a failure as long as this loop runs.
async fn end_of(ended: &mut Option<Ended>) -> String {
    match ended {
        Some(watcher) => match watcher.await {
            Ok(()) => "it has stopped".to_owned(),
            Err(fault) => format!("{fault:#}"),
        },
        None => std::future::pending().await,
    }
}

/// Sets our own keys to these words. Words that cannot be said leave those that stand.
fn speak(chitchat: &mut Chitchat, said: &Said) {
    let keys = match words::encode(said) {
        Ok(keys) => keys,
        Err(fault) => {
            tracing::error!(%fault, "the other nodes go on with what this node said before");
            return;
        }
    };
    let state = chitchat.self_node_state();
    // Parts that are not needed any more are emptied, not deleted: forgetting a deletion makes chitchat start
    // over.
    let known: HashSet<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
    let surplus = state
        .key_values()
        .filter(|(key, value)| !known.contains(key) && !value.is_empty());
    let surplus: Vec<String> = surplus.map(|(key, _)| key.to_owned()).collect();
    for key in surplus {
        state.set(key, "");
    }
    for (key, value) in keys {
        state.set(key, value);
    }
}

/// The longest time, in seconds, that any live node may be silent before it is taken for dead.
fn detection(chitchat: &Chitchat) -> f64 {
    let timeouts = chitchat
        .live_nodes()
        .filter_map(|id| chitchat.failure_detection_timeout(id));
    timeouts.max().unwrap_or_default().as_secs_f64()
}

/// Publishes what has changed, and says so too when this loop dies of a fault of its own.
struct Publisher {
    to: watch::Sender<Arc<Sightings>>,
    /// What was published last, without the pause.
    last: Sightings,
}

impl Publisher {
    fn publish(&mut self, mut sightings: Sightings) {
        let paused = sightings.paused.take();
        if paused.is_none() && sightings == self.last {
            return;
        }
        self.last = sightings.clone();
        sightings.paused = paused;
        self.to.send_replace(Arc::new(sightings));
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut last = self.last.clone();
            last.ended = Some("the gossip has panicked".to_owned());
            self.to.send_replace(Arc::new(last));
        }
    }
}
