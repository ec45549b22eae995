//! Frames that were read and may not leave yet, because the standby may have read the same tick: pure.

use std::collections::BTreeMap;
use std::time::Duration;

use ringwatch_frame::{FrameId, StreamId, TargetId, Tick};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::member::Incarnation;

/// So long after the link to the standby broke, what was read since may leave.
pub(super) const DOWN: Duration = Duration::from_millis(300);
/// So long after its standby was lost, or is another one, what it was told and did not answer may leave.
const LEFT: Duration = Duration::from_secs(1);
/// A node that was never paused waits no longer than this: nobody has covered for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nobody waits longer than this.
const LONGEST: Duration = Duration::from_secs(30);
/// What was read before the target was lost to another is that one's after this time.
pub(super) const ORPHANED: Duration = Duration::from_secs(5);
/// How many superseded frames are kept until somebody asks for them.
const MOST_SUPERSEDED: usize = 1024;

/// Whether a frame may be delivered.
#[derive(Debug)]
pub enum Clearance {
    /// It may.
    Clear,
    /// That is not decided yet. `true`: it may; `false`: it is superseded by a reading of the standby. It may
    /// too where no answer comes.
    Wait(oneshot::Receiver<bool>),
}

type Key = (TargetId, StreamId, Tick);

/// All frames that wait.
#[derive(Debug, Default)]
pub(super) struct Waits {
    open: BTreeMap<Key, Wait>,
    /// Superseded before anybody asked.
    superseded: std::collections::VecDeque<Key>,
}

/// What is known of the reading on which a frame is based.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grounds {
    /// It is the last one that counts.
    Sure,
    /// It may not be: the standby tries a tick before it that could not be read here.
    Doubtful,
    /// It is not.
    Stale,
}

#[derive(Debug)]
pub(super) struct Wait {
    /// Its number among the pending frames.
    pub(super) number: u64,
    /// Whom it was told to.
    pub(super) told: Option<Incarnation>,
    /// Unless this is sure it may not leave without a word.
    pub(super) grounds: Grounds,
    at: Instant,
    /// How many pauses there were when it was read.
    pauses: u64,
    /// Since when its standby is another one than it was told to.
    left: Option<Instant>,
    orphaned: Option<Instant>,
    asks: Option<oneshot::Sender<bool>>,
}

/// What a moment looks like to what waits.
pub(super) struct Look<'a> {
    pub(super) now: Instant,
    /// This node runs, and knows that it is a member.
    pub(super) sure: bool,
    pub(super) pauses: u64,
    /// The heir of a target.
    pub(super) heir: &'a dyn Fn(&TargetId) -> Option<Heir>,
}

/// The heir of a target, as what waits sees it.
#[derive(Clone, Debug)]
pub(super) struct Heir {
    pub(super) who: Incarnation,
    /// It does not answer, being of an older version.
    pub(super) mute: bool,
    /// Since when the link is down.
    pub(super) down: Option<Instant>,
}

impl Heir {
    /// Whether it cannot be waited for.
    pub(super) fn is_away(&self, now: Instant) -> bool {
        self.mute || self.down.is_some_and(|since| now >= since + DOWN)
    }
}

fn key(id: &FrameId) -> Key {
    (id.target.clone(), id.stream.clone(), id.tick)
}

fn of_stream(target: &TargetId, stream: &StreamId) -> std::ops::RangeInclusive<Key> {
    let at = |nanos| (target.clone(), stream.clone(), Tick::from_unix_nanos(nanos));
    at(i64::MIN)..=at(i64::MAX)
}

impl Waits {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether a frame waits.
    pub(super) fn has(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> bool {
        self.open.contains_key(&(target.clone(), stream.clone(), tick))
    }

    /// A frame waits from now on.
    pub(super) fn add(&mut self, id: &FrameId, wait: Wait) {
        self.open.insert(key(id), wait);
    }

    /// A frame that does not count, and of which nobody has asked yet.
    pub(super) fn refuse(&mut self, id: &FrameId) {
        self.refuse_key(key(id));
    }

    fn refuse_key(&mut self, key: Key) {
        if self.superseded.len() >= MOST_SUPERSEDED {
            self.superseded.pop_front();
        }
        self.superseded.push_back(key);
    }

    /// Whether a frame may leave.
    pub(super) fn ask(&mut self, id: &FrameId) -> Clearance {
        let key = key(id);
        if let Some(wait) = self.open.get_mut(&key) {
            let (sender, receiver) = oneshot::channel();
            wait.asks = Some(sender);
            return Clearance::Wait(receiver);
        }
        let Some(at) = self.superseded.iter().position(|known| *known == key) else {
            return Clearance::Clear;
        };
        self.superseded.remove(at);
        let (sender, receiver) = oneshot::channel();
        let _ = sender.send(false);
        Clearance::Wait(receiver)
    }

    /// Decides on one frame, if it waits. Gives its number.
    pub(super) fn decide(
        &mut self,
        target: &TargetId,
        stream: &StreamId,
        tick: Tick,
        go: bool,
    ) -> Option<u64> {
        let key = (target.clone(), stream.clone(), tick);
        let wait = self.open.remove(&key)?;
        self.end(key, wait.asks, go);
        Some(wait.number)
    }

    fn end(&mut self, key: Key, asks: Option<oneshot::Sender<bool>>, go: bool) {
        let heard = asks.is_some_and(|asks| asks.send(go).is_ok());
        if !heard && !go {
            // Who asks later hears it then.
            self.refuse_key(key);
        }
    }

    /// The ticks of a stream up to and including `through` that wait.
    pub(super) fn through(&self, target: &TargetId, stream: &StreamId, through: Tick) -> Vec<Tick> {
        let all = self.open.range(of_stream(target, stream));
        all.map(|((_, _, tick), _)| *tick)
            .take_while(|tick| *tick <= through)
            .collect()
    }

    /// The frames of a target that wait.
    pub(super) fn of(&mut self, target: &TargetId) -> impl Iterator<Item = (&StreamId, Tick, &mut Wait)> {
        let from = (
            target.clone(),
            StreamId::of_server(""),
            Tick::from_unix_nanos(i64::MIN),
        );
        let target = target.clone();
        self.open
            .range_mut(from..)
            .take_while(move |item| item.0.0 == target)
            .map(|((_, stream, tick), wait)| (stream, *tick, wait))
    }

    /// Whether a frame of the target waits.
    pub(super) fn waits(&mut self, target: &TargetId) -> bool {
        self.of(target).next().is_some()
    }

    /// All frames of a target may leave.
    pub(super) fn clear(&mut self, target: &TargetId) {
        let all = self.of(target);
        let all: Vec<_> = all.map(|(stream, tick, _)| (stream.clone(), tick)).collect();
        for (stream, tick) in all {
            self.decide(target, &stream, tick, true);
        }
    }

    /// The frames of a target that wait and of which another node may know better: read before one of the
    /// `pauses` of this node, since when its standby may have read the same, or on a base that may not count.
    pub(super) fn doubtful(&mut self, target: &TargetId, pauses: u64) -> Vec<(StreamId, Tick, Grounds)> {
        let doubtful = |wait: &Wait| wait.pauses != pauses || wait.grounds != Grounds::Sure;
        let which = self.of(target).filter(|(_, _, wait)| doubtful(wait));
        which
            .map(|(stream, tick, wait)| (stream.clone(), tick, wait.grounds))
            .collect()
    }

    /// The target was lost to another, which may have read what waits here.
    pub(super) fn orphan(&mut self, target: &TargetId, now: Instant) {
        self.of(target).for_each(|(_, _, wait)| {
            wait.orphaned.get_or_insert(now);
        });
    }

    /// What time decides: gives what is superseded, with its number.
    pub(super) fn pass(&mut self, look: &Look<'_>) -> Vec<(FrameKey, u64)> {
        let mut decided = Vec::new();
        // The stream of the last frame that waits for a word because of a doubt.
        let mut waits: Option<(&TargetId, &StreamId)> = None;
        for (key, wait) in &mut self.open {
            let heir = (look.heir)(&key.0);
            let series = (&key.0, &key.1);
            match wait.due(heir.as_ref(), look, waits == Some(series)) {
                Some(go) => decided.push((key.clone(), go)),
                None if wait.grounds == Grounds::Doubtful => waits = Some(series),
                None => {}
            }
        }
        let mut superseded = Vec::new();
        for ((target, stream, tick), go) in decided {
            let number = self.decide(&target, &stream, tick, go);
            if let (false, Some(number)) = (go, number) {
                superseded.push(((target, stream, tick), number));
            }
        }
        superseded
    }
}

/// Names a frame without its epoch.
pub(super) type FrameKey = Key;

impl Wait {
    /// A frame of this number that was read now, after so many pauses, and `told` to a standby or not yet.
    pub(super) fn new(number: u64, told: Option<Incarnation>, grounds: Grounds, pauses: u64) -> Self {
        Self {
            number,
            told,
            grounds,
            at: Instant::now(),
            pauses,
            left: None,
            orphaned: None,
            asks: None,
        }
    }

    /// What time decides about it, if it does now. `follows`: it counts from a frame that waits for a word.
    fn due(&mut self, heir: Option<&Heir>, look: &Look<'_>, follows: bool) -> Option<bool> {
        let now = look.now;
        if let Some(since) = self.orphaned {
            return (now >= since + ORPHANED).then_some(false);
        }
        if !look.sure {
            return None;
        }
        let go = Some(self.grounds == Grounds::Sure);
        let elsewhere = self.told.is_some() && self.told.as_ref() != heir.map(|heir| &heir.who);
        self.left = elsewhere.then(|| *self.left.get_or_insert(now));
        let never_paused = self.pauses == look.pauses;
        match heir {
            _ if elsewhere => self.left.filter(|since| now >= *since + LEFT).and(go),
            None => go,
            Some(heir) if heir.mute => go,
            // It may have taken what it was told, and count from it.
            Some(heir)
                if never_paused
                    && heir.is_away(now)
                    && !((follows || self.told.is_some()) && go == Some(false)) =>
            {
                go
            }
            Some(_) if never_paused && now >= self.at + PATIENCE => go,
            Some(_) if now >= self.at + LONGEST => go,
            Some(_) => None,
        }
    }
}
