//! The tasks under paused time, with peers that do as they are told.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use prometheus::Registry;
use ringwatch_frame::{TargetId, TargetMemory, Tick};
use tokio::sync::mpsc;

use super::*;
use crate::member::{Member, NodeId, Said, Stage, State};
use crate::memories::{Change, Leave};
use crate::peer::{Handed, Late, Recalled};

/// A standby that takes one change in `pace`, or lets every stream break.
struct Standby {
    pace: Option<Duration>,
    answers: bool,
    began: Mutex<Vec<Instant>>,
    heard: Mutex<Vec<Change>>,
    ended: Mutex<usize>,
}

impl Standby {
    fn new(pace: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            pace,
            answers: true,
            began: Mutex::default(),
            heard: Mutex::default(),
            ended: Mutex::default(),
        })
    }

    fn snapshots(&self) -> usize {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .filter(|change| matches!(change, Change::Snapshot { .. }))
            .count()
    }
}

#[async_trait]
impl Peers for Standby {
    async fn confirm(&self, _: &Member) -> Result<bool, PeerError> {
        Err(PeerError::Timeout)
    }

    async fn prepare(&self, _: &Member, _: &TargetId, _: u64, _: u64) -> Result<(), PeerError> {
        Err(PeerError::Timeout)
    }

    async fn commit(&self, _: &Member, _: Handed) -> Result<(), PeerError> {
        Err(PeerError::Timeout)
    }

    async fn recall(&self, _: &Member, _: &[TargetId], _: u64) -> Result<Vec<Recalled>, PeerError> {
        Err(PeerError::Timeout)
    }

    async fn may(&self, _: &Member, _: Late) -> Result<Leave, PeerError> {
        Err(PeerError::Timeout)
    }

    async fn offer(&self, _: &Member, _: &TargetId, _: &NodeId) -> Result<(), PeerError> {
        Err(PeerError::Timeout)
    }

    async fn time(&self, _: &Member) -> Result<i64, PeerError> {
        Err(PeerError::Timeout)
    }

    async fn replicate(
        &self,
        _: &Member,
        mut changes: mpsc::Receiver<Change>,
        words: mpsc::Sender<Word>,
    ) -> PeerError {
        self.began.lock().unwrap().push(Instant::now());
        let Some(pace) = self.pace else {
            return PeerError::Unreachable("nobody there".into());
        };
        while let Some(change) = changes.recv().await {
            if let Some(word) = self.answers.then(|| answer(&change)).flatten() {
                let _gone = words.send(word).await;
            }
            self.heard.lock().unwrap().push(change);
            sleep(pace).await;
        }
        *self.ended.lock().unwrap() += 1;
        PeerError::Unreachable("the stream has ended".into())
    }
}

/// What a standby says to a change.
fn answer(change: &Change) -> Option<Word> {
    match change {
        Change::Snapshot { target, serial, .. } => Some(Word::Synced {
            target: target.clone(),
            serial: *serial,
            kept: true,
        }),
        Change::Ended { target, ended } => Some(Word::Taken {
            target: target.clone(),
            stream: ended.stream.clone(),
            tick: ended.tick,
            kept: true,
        }),
        _ => None,
    }
}

fn heirs(targets: usize) -> BTreeMap<TargetId, Member> {
    let standby = Member {
        who: Incarnation {
            node: NodeId::new("standby"),
            generation: 1,
        },
        state: State::Ready,
        since: Tick::from_unix_nanos(1),
        gossip_address: None,
        said: Said {
            stage: Stage::Ready,
            grpc_address: "127.0.0.1:1".into(),
            version: "0.1.0".into(),
            points: 256,
            view: 1,
            targets: 0,
            owned: [].into(),
            excluded: [].into(),
            raft: None,
            dataset: (0, 0),
            protocol: crate::member::PROTOCOL,
        },
    };
    (0..targets).map(|n| (target(n), standby.clone())).collect()
}

fn target(n: usize) -> TargetId {
    TargetId::new("postgresql", &format!("db{n}:5432"))
}

fn owner(targets: usize, standby: &Arc<Standby>) -> (Arc<Memories>, Replicator) {
    let memories = Memories::new(&Registry::new()).unwrap();
    let replicator = start_replication(&memories, Arc::clone(standby) as Arc<dyn Peers>);
    for n in 0..targets {
        memories.own(&target(n), TargetMemory::new());
    }
    memories.set_heirs(&heirs(targets));
    (memories, replicator)
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_cannot_be_reached_is_called_ever_less_often() {
    let standby = Standby::new(None);
    let (_memories, _replicator) = owner(1, &standby);
    sleep(Duration::from_secs(60)).await;
    let began = standby.began.lock().unwrap().clone();
    let gaps: Vec<Duration> = began.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let slack = Duration::from_millis(2);
    for (n, gap) in gaps.iter().enumerate() {
        let longest = (BACK_OFF.0 * 2_u32.pow(n.min(10) as u32)).min(BACK_OFF.1);
        assert!((longest / 2..=longest + slack).contains(gap), "{n}: {gap:?}");
    }
    assert!((15..35).contains(&gaps.len()), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn more_targets_than_the_queue_has_places_are_no_overflow() {
    let standby = Standby::new(Some(Duration::from_millis(1)));
    let (_memories, _replicator) = owner(6000, &standby);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(
        (standby.snapshots(), standby.began.lock().unwrap().len()),
        (6000, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_needs_ends_after_its_last_word_and_begins_again_when_needed() {
    let standby = Standby::new(Some(Duration::ZERO));
    let (memories, _replicator) = owner(1, &standby);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(
        *standby.ended.lock().unwrap(),
        0,
        "it is needed, though nothing is said"
    );
    memories.set_heirs(&BTreeMap::new());
    sleep(IDLE * 3).await;
    assert_eq!(*standby.ended.lock().unwrap(), 1);
    assert_eq!(
        standby.heard.lock().unwrap().last(),
        Some(&Change::Release(target(0)))
    );
    memories.set_heirs(&heirs(1));
    sleep(Duration::from_secs(1)).await;
    assert_eq!((standby.snapshots(), standby.began.lock().unwrap().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_when_the_replicator_is_gone() {
    let standby = Standby::new(Some(Duration::ZERO));
    let (memories, replicator) = owner(1, &standby);
    sleep(Duration::from_secs(1)).await;
    drop(replicator);
    sleep(Duration::from_secs(1)).await;
    memories.own(&target(0), TargetMemory::new());
    sleep(Duration::from_secs(10)).await;
    assert_eq!((standby.snapshots(), Arc::strong_count(&memories)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_answers_nothing_is_given_up() {
    let standby = Arc::new(Standby {
        answers: false,
        ..Arc::into_inner(Standby::new(Some(Duration::ZERO))).unwrap()
    });
    let (memories, _replicator) = owner(1, &standby);
    sleep(Duration::from_secs(9)).await;
    assert_eq!(
        standby.began.lock().unwrap().len(),
        1,
        "a snapshot takes its time"
    );
    sleep(Duration::from_secs(2)).await;
    assert_eq!(standby.began.lock().unwrap().len(), 2);
    drop(memories);
}
