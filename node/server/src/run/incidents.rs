//! What this node tells of single ticks so that people see it: that it covers for an owner, and that the
//! database's lock keeps it from reading. One word when it begins and one when it is over, not one a tick.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringwatch_cluster::node::{ClusterControl, ClusterEvent, EventKind};
use ringwatch_frame::{FrameId, StreamId, TargetId};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// It is over when nothing has come for so long.
const QUIET: Duration = Duration::from_secs(15);
/// How often it is looked whether something is over.
const LOOK: Duration = Duration::from_secs(1);

/// What goes on at this moment, by target: as many as are configured.
#[derive(Default)]
pub(super) struct Incidents {
    now: Mutex<Now>,
    fresh: Notify,
}

#[derive(Default)]
struct Now {
    covered: BTreeMap<TargetId, Going>,
    fenced: BTreeMap<TargetId, Going>,
}

/// One that goes on.
struct Going {
    since: Instant,
    last: Instant,
    /// The stream with which it began.
    stream: StreamId,
    ticks: u64,
    told: bool,
}

/// What is to be told.
#[derive(Debug, PartialEq)]
struct News {
    kind: EventKind,
    target: TargetId,
    stream: Option<StreamId>,
    took: Option<Duration>,
    reason: String,
}

impl Incidents {
    /// A tick was read in place of its owner.
    pub(super) fn covered(&self, id: &FrameId) {
        let fresh = note(&mut self.now().covered, &id.target, &id.stream);
        if fresh {
            self.fresh.notify_one();
        }
    }

    /// A tick of ours was not read, because another session holds the target's lock.
    pub(super) fn fenced(&self, target: &TargetId, stream: &StreamId) {
        let fresh = note(&mut self.now().fenced, target, stream);
        if fresh {
            self.fresh.notify_one();
        }
    }

    /// Tells `control` what begins and ends.
    pub(super) fn tend(self: &Arc<Self>, control: ClusterControl) -> AbortOnDropHandle<()> {
        let incidents = Arc::clone(self);
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = incidents.fresh.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
                for news in incidents.news() {
                    tell(&control, news);
                }
            }
        }))
    }

    fn news(&self) -> Vec<News> {
        let mut now = self.now();
        let mut news = Vec::new();
        let began = |target: &TargetId, going: &Going, kind| News {
            kind,
            target: target.clone(),
            stream: Some(going.stream.clone()),
            took: None,
            reason: String::new(),
        };
        for (target, going) in now.covered.iter_mut().filter(|(_, going)| !going.told) {
            going.told = true;
            news.push(began(target, going, EventKind::CoverBegan));
        }
        for (target, going) in now.fenced.iter_mut().filter(|(_, going)| !going.told) {
            going.told = true;
            news.push(began(target, going, EventKind::Fenced));
        }
        now.covered.retain(|target, going| {
            let over = going.last.elapsed() >= QUIET;
            if over {
                let ticks = going.ticks;
                news.push(News {
                    kind: EventKind::CoverEnded,
                    target: target.clone(),
                    stream: None,
                    took: Some(going.last.duration_since(going.since)),
                    reason: format!("{ticks} {}", if ticks == 1 { "tick" } else { "ticks" }),
                });
            }
            !over
        });
        now.fenced.retain(|_, going| going.last.elapsed() < QUIET);
        news
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says whether it has just begun.
fn note(going: &mut BTreeMap<TargetId, Going>, target: &TargetId, stream: &StreamId) -> bool {
    let now = Instant::now();
    if let Some(known) = going.get_mut(target) {
        known.last = now;
        known.ticks += 1;
        return false;
    }
    let fresh = Going {
        since: now,
        last: now,
        stream: stream.clone(),
        ticks: 1,
        told: false,
    };
    going.insert(target.clone(), fresh);
    true
}

fn tell(control: &ClusterControl, news: News) {
    let knowledge = control.knowledge();
    let knowledge = Arc::clone(&knowledge.borrow());
    let placed = knowledge
        .targets
        .iter()
        .find(|placed| placed.target == news.target);
    let owner = placed.and_then(|placed| placed.owner.clone());
    let mut event = ClusterEvent::new(news.kind);
    event.target = Some(news.target);
    event.stream = news.stream;
    event.from = owner;
    event.to = Some(knowledge.me.clone());
    event.view = knowledge.view;
    event.took = news.took;
    event.reason = news.reason;
    control.note(event);
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::{Epoch, Tick};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_goes_on_is_told_when_it_begins_and_when_it_is_over() {
        let incidents = Incidents::default();
        let id = FrameId {
            target: TargetId::from_name("a"),
            stream: StreamId::of_server("s"),
            tick: Tick::from_unix_nanos(1),
            epoch: Epoch(1),
        };
        let kinds = |incidents: &Incidents| {
            let news = incidents.news();
            news.into_iter()
                .map(|news| (news.kind, news.reason))
                .collect::<Vec<_>>()
        };
        incidents.covered(&id);
        incidents.fenced(&id.target, &id.stream);
        let expected = [EventKind::CoverBegan, EventKind::Fenced].map(|kind| (kind, String::new()));
        assert_eq!(kinds(&incidents), expected);
        for _ in 0..3 {
            tokio::time::advance(QUIET / 2).await;
            incidents.covered(&id);
            assert!(kinds(&incidents).is_empty());
        }
        tokio::time::advance(QUIET).await;
        assert_eq!(kinds(&incidents), [(EventKind::CoverEnded, "4 ticks".to_owned())]);
        incidents.fenced(&id.target, &id.stream);
        assert_eq!(kinds(&incidents), [(EventKind::Fenced, String::new())], "again");
    }
}
