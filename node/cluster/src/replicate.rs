//! Replication: one task per standby keeps one stream open to it.

#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::member::Incarnation;
use crate::memories::{Memories, Reset, Stream, Word};
use crate::peer::{PeerError, Peers, Throttle, clean};

/// The first and the longest time between two streams to one standby.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A stream that has lived this long was a good one.
const GOOD: Duration = Duration::from_secs(10);
/// How long a stream to a peer that stands by for nothing is kept.
const IDLE: Duration = Duration::from_secs(5);
/// How long the last words to a standby may take.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How many words of a standby may wait.
const WORDS: usize = 256;
/// How often a standby is looked at whether it answers.
const LOOK: Duration = Duration::from_millis(100);

/// Tells standbys what is remembered, until it is dropped.
#[derive(Debug)]
pub struct Replicator {
    _task: AbortOnDropHandle<()>,
}

/// Starts telling the heirs in `memories` what they must know, through `peers`.
pub fn start_replication(memories: &Arc<Memories>, peers: Arc<dyn Peers>) -> Replicator {
    let task = tokio::spawn(run(Arc::clone(memories), peers));
    Replicator {
        _task: AbortOnDropHandle::new(task),
    }
}

async fn run(memories: Arc<Memories>, peers: Arc<dyn Peers>) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            fresh = memories.fresh_links() => for peer in fresh {
                links.spawn(serve(Arc::clone(&memories), Arc::clone(&peers), peer));
            },
            Some(_) = links.join_next(), if !links.is_empty() => {}
        }
    }
}

/// Serves the link to one standby until it stands by for nothing.
async fn serve(memories: Arc<Memories>, peers: Arc<dyn Peers>, peer: Incarnation) {
    let mut back_off = BACK_OFF.0;
    let throttle = Throttle::default();
    while let Some(stream) = memories.open(&peer) {
        let begun = Instant::now();
        let end = converse(&memories, peers.as_ref(), &peer, stream).await;
        memories.close(&peer);
        let reason = match end {
            End::Idle => continue,
            // It was counted where it happened.
            End::Overflow => "the standby does not keep up".to_owned(),
            End::Silent => {
                memories.count_reset(Reset::Broken);
                "the standby does not answer".to_owned()
            }
            End::Broken(PeerError::Stale { .. }) => {
                // Our next view is on its way: there is nothing to wait longer for.
                memories.count_reset(Reset::Refused);
                sleep(BACK_OFF.0).await;
                continue;
            }
            End::Broken(error) => {
                memories.count_reset(match &error {
                    PeerError::Refused(_) | PeerError::Stale { .. } => Reset::Refused,
                    PeerError::Unreachable(_) | PeerError::Timeout => Reset::Broken,
                });
                clean(&error.to_string())
            }
        };
        if let Some(held_back) = throttle.pass() {
            tracing::warn!(peer = %peer.node, reason, held_back, "replication begins anew");
        }
        if begun.elapsed() >= GOOD {
            back_off = BACK_OFF.0;
        }
        sleep(back_off.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        back_off = (back_off * 2).min(BACK_OFF.1);
    }
}

/// Why a stream has ended.
enum End {
    /// The peer stands by for nothing.
    Idle,
    Overflow,
    /// It has not answered for too long.
    Silent,
    Broken(PeerError),
}

async fn converse(memories: &Memories, peers: &dyn Peers, peer: &Incarnation, stream: Stream) -> End {
    let Stream {
        peer: member,
        number,
        changes,
        sender,
        overflow,
        wake,
    } = stream;
    let (says, mut words) = mpsc::channel(WORDS);
    let mut call = pin!(peers.replicate(&member, changes, says));
    {
        let snapshots = async {
            loop {
                // Room first: a snapshot that is taken must find its place at once, before the change after
                // it.
                while let Ok(place) = sender.reserve().await
                    && memories.snapshot(peer, number, place)
                {}
                if timeout(IDLE, wake.notified()).await.is_err() && memories.is_idle(peer) {
                    return;
                }
            }
        };
        tokio::select! {
            error = &mut call => return End::Broken(error),
            () = overflow.cancelled() => return End::Overflow,
            () = hear(memories, peer, number, &mut words) => {}
            () = silence(memories, peer) => return End::Silent,
            () = snapshots => {}
        }
    }
    memories.close(peer);
    drop(sender);
    // What it still says is of no use, but must not hold up the rest.
    words.close();
    if timeout(LAST_WORDS, call).await.is_ok() {
        memories.heard(peer);
    }
    End::Idle
}

/// Takes in what the standby says, for as long as the call lasts.
async fn hear(memories: &Memories, peer: &Incarnation, stream: u64, words: &mut mpsc::Receiver<Word>) {
    while let Some(word) = words.recv().await {
        memories.hear(peer, stream, word);
    }
    // The call itself says how it ended.
    std::future::pending::<()>().await;
}

/// Waits until the standby should have answered long ago.
async fn silence(memories: &Memories, peer: &Incarnation) {
    while !memories.is_silent(peer) {
        sleep(LOOK).await;
    }
}
