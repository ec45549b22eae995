//! How often targets have changed their owner lately: too often, and they stay where they are for a while.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ringwatch_frame::TargetId;
use tokio::time::Instant;

use crate::peer::MOST_MOVES;

/// Who gave a target away and who got it see the same move at two moments, so far apart at most. Moves of one target are
/// further apart.
const SAME: Duration = Duration::from_secs(2);

/// So often a target may be handed over, in so long a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovesCap {
    /// How often.
    pub most: usize,
    /// In which time.
    pub within: Duration,
}

impl Default for MovesCap {
    fn default() -> Self {
        Self {
            most: 4,
            within: Duration::from_secs(300),
        }
    }
}

/// The moves of targets that this node has seen. Those for the death of an owner do not count.
#[derive(Debug)]
pub(super) struct Moves {
    cap: MovesCap,
    by_target: BTreeMap<TargetId, VecDeque<Instant>>,
}

impl Moves {
    pub(super) fn new(cap: MovesCap) -> Self {
        Self {
            cap,
            by_target: BTreeMap::new(),
        }
    }

    /// The target was handed to this node; `before` says how long ago it changed its owner before that.
    pub(super) fn arrived(&mut self, target: &TargetId, before: &[Duration], now: Instant) {
        self.learn(target, before, now);
        self.left(target, now);
    }

    /// Another node has told how long ago the target changed its owner. An owner that is lost cannot tell its heir.
    pub(super) fn learn(&mut self, target: &TargetId, before: &[Duration], now: Instant) {
        if before.is_empty() {
            return;
        }
        let known = self.by_target.remove(target).unwrap_or_default();
        let told = before.iter().filter_map(|ago| now.checked_sub(*ago));
        let mut all: Vec<Instant> = known.into_iter().chain(told).collect();
        all.sort_unstable();
        all.dedup_by(|later, earlier| later.duration_since(*earlier) < SAME);
        self.by_target.insert(target.clone(), all.into());
        self.trim(target, now);
    }

    /// The target was handed over from here.
    pub(super) fn left(&mut self, target: &TargetId, now: Instant) {
        self.by_target.entry(target.clone()).or_default().push_back(now);
        self.trim(target, now);
    }

    /// Whether the target has moved so often that it must stay.
    pub(super) fn too_many(&mut self, target: &TargetId, now: Instant) -> bool {
        self.trim(target, now);
        let moves = self.by_target.get(target);
        moves.is_some_and(|moves| moves.len() >= self.cap.most)
    }

    /// How long ago the target changed its owner, for each time.
    pub(super) fn ages(&self, target: &TargetId, now: Instant) -> Vec<Duration> {
        let moves = self.by_target.get(target).into_iter().flatten();
        moves.map(|at| now.saturating_duration_since(*at)).collect()
    }

    fn trim(&mut self, target: &TargetId, now: Instant) {
        let Some(moves) = self.by_target.get_mut(target) else {
            return;
        };
        moves.make_contiguous().sort_unstable();
        let old = |at: &Instant| now.saturating_duration_since(*at) >= self.cap.within;
        while moves.front().is_some_and(old) || moves.len() > MOST_MOVES {
            moves.pop_front();
        }
        if moves.is_empty() {
            self.by_target.remove(target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::events::EventKind;
    use crate::node::testing::{Scene, target_of};

    #[tokio::test(start_paused = true)]
    async fn that_a_target_stays_is_told_once() {
        let target = target_of(&["a", "b"], "b", "a");
        let mut scene = Scene::new(&["b"], &[&target]);
        scene.own(&target, 9);
        for _ in 0..MovesCap::default().most {
            scene.steering.moves.left(&target, Instant::now());
        }
        let mut events = scene.steering.events.subscribe();
        scene.step();
        assert!(scene.pass(2_000).await.is_empty());
        let mut kept = Vec::new();
        while let Ok(event) = events.try_recv() {
            kept.extend((event.kind == EventKind::Abandoned).then_some(event));
        }
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert!(kept[0].reason.contains("too often"), "{kept:?}");
        assert_eq!(scene.pass(300_000).await, ["prepare at b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_that_moves_too_often_stays_for_a_while() {
        let (mut a, mut b) = (Moves::new(MovesCap::default()), Moves::new(MovesCap::default()));
        let (target, mut now) = (TargetId::from_name("t"), Instant::now());
        for nth in 0..4 {
            let (from, to) = if nth % 2 == 0 {
                (&mut a, &mut b)
            } else {
                (&mut b, &mut a)
            };
            assert!(!from.too_many(&target, now), "move {nth}");
            let ages = from.ages(&target, now);
            from.left(&target, now);
            to.arrived(&target, &ages, now);
            now += Duration::from_secs(30);
        }
        assert!(a.too_many(&target, now) && b.too_many(&target, now));
        assert_eq!(a.ages(&target, now).len(), 4, "each move counts once");
        let mut heir = Moves::new(MovesCap::default());
        for told in [&b, &a] {
            heir.learn(
                &target,
                &told.ages(&target, now),
                now + Duration::from_millis(300),
            );
        }
        assert!(heir.too_many(&target, now), "whoever takes it over is told");
        assert_eq!(heir.ages(&target, now).len(), 4);
        now += Duration::from_secs(180);
        assert!(!a.too_many(&target, now), "the first one is five minutes ago");
        a.too_many(&target, now + Duration::from_secs(300));
        assert!(a.by_target.is_empty());
    }
}
