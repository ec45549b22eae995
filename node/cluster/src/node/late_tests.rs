use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use prometheus::Registry;
use ringwatch_frame::TargetMemory;
use tokio::sync::mpsc;

use super::*;
use crate::member::{Member, NodeId};
use crate::memories::{Change, CoverWord, Leave, Word};
use crate::node::testing::ready;
use crate::peer::{Handed, PeerError, Recalled};

/// What a standby answers, one after the other; the last of them again and again.
struct Standby(Mutex<VecDeque<Leave>>);

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

    async fn replicate(&self, _: &Member, _: mpsc::Receiver<Change>, _: mpsc::Sender<Word>) -> PeerError {
        PeerError::Timeout
    }

    async fn may(&self, _: &Member, _: Late) -> Result<Leave, PeerError> {
        let mut answers = self.0.lock().unwrap();
        let next = if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        };
        next.ok_or(PeerError::Timeout)
    }

    async fn offer(&self, _: &Member, _: &TargetId, _: &NodeId) -> Result<(), PeerError> {
        Err(PeerError::Timeout)
    }

    async fn time(&self, _: &Member) -> Result<i64, PeerError> {
        Err(PeerError::Timeout)
    }
}

/// What the owner is told by a standby with these answers, after how long, and whether it waits for a reading then.
async fn told(answers: Vec<Leave>) -> (bool, Duration, bool) {
    let (db, activity) = (
        TargetId::from_name("postgresql://db1:5432"),
        StreamId::of_server("activity"),
    );
    let memories = Memories::new(&Registry::new()).unwrap();
    memories.own(&db, TargetMemory::new());
    memories.set_heirs(&[(db.clone(), ready("standby"))].into());
    let peers: Arc<dyn Peers> = Arc::new(Standby(Mutex::new(answers.into())));
    let began = Instant::now();
    let yes = May::new(&memories, &peers)
        .ask(&db, &activity, Tick::from_unix_nanos(2))
        .await;
    (
        yes,
        began.elapsed(),
        memories.awaits(&db, &activity, Tick::from_unix_nanos(2)),
    )
}

fn says(yes: bool, last: Option<i64>, reading: bool) -> Leave {
    let covered = last.map(|last| CoverWord {
        stream: StreamId::of_server("activity"),
        tick: None,
        taken: None,
        last: Tick::from_unix_nanos(last),
        baseline: None,
        reading,
    });
    Leave {
        yes,
        covered,
        later: false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_the_standby_gives_up_is_ours_again() {
    let reads = says(false, Some(2), true);
    let (yes, took, waits) = told(vec![reads.clone(), reads, says(true, None, false)]).await;
    assert!(yes && !waits && took < AGAIN * 3, "{yes} {took:?} {waits}");
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_the_standby_has_read_is_not_ours() {
    for tick in [1, 2] {
        let answers = vec![says(false, Some(tick), true), says(tick == 1, Some(tick), false)];
        let (yes, took, waits) = told(answers).await;
        assert!(
            yes == (tick == 1) && !waits && took <= AGAIN * 2,
            "{tick}: {yes} {took:?} {waits}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_reads_for_too_long_has_no_say() {
    // The link counts as cut before its time is up, as nothing is heard on it here.
    let (yes, took, _) = told(vec![says(false, Some(2), true)]).await;
    assert!(yes && (ANSWER..READING).contains(&took), "{yes} {took:?}");
    assert!(told(Vec::new()).await.0, "nor one that does not answer");
}
