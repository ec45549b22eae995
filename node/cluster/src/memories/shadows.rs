//! What is remembered of targets that others own, and what was covered of them: pure but for the time.

mod cover;
mod former;
mod merge;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{StreamId, TargetId, TargetMemory, Tick};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::cover::Cover;
use self::former::{Former, Whose};
use super::bounds::Bounds;
use super::change::{Change, CoverWord, EndedTick, Word};
use super::remembered::{Ended, Gone as Parts, Remembered};
use crate::member::Incarnation;

/// How many targets may have a shadow.
pub(super) const MAX_SHADOWS: usize = 100_000;
/// How long a shadow that nobody wants is kept.
pub(super) const UNWANTED: Duration = Duration::from_secs(60);
/// How many words may wait for one owner.
const WORDS: usize = 4096;

/// All shadows of this node.
#[derive(Debug)]
pub(super) struct Shadows {
    bounds: Arc<Bounds>,
    by_target: BTreeMap<TargetId, Shadow>,
    /// From whom targets were taken over.
    former: BTreeMap<TargetId, Former>,
    /// Where each owner hears what is said to it.
    voices: BTreeMap<Incarnation, mpsc::Sender<Word>>,
    /// The targets for which this node stands by.
    covers: BTreeSet<TargetId>,
    next: u64,
    /// What was taken in, for a witness; `None`: there is none.
    pub(super) taken: Option<Vec<Testimony>>,
}

/// What a witness is shown.
#[derive(Debug)]
pub(super) struct Testimony {
    pub(super) from: Incarnation,
    pub(super) change: Change,
    /// It is the first word of a stream.
    pub(super) begins: bool,
}

#[derive(Debug)]
struct Shadow {
    owner: Incarnation,
    remembered: Remembered,
    unwanted: Option<Instant>,
    /// Its owner hears answers: else nothing is covered for it.
    hears: bool,
    /// The highest epoch that its owner told.
    epoch: u64,
    /// Somebody may be about to own the target: nothing is covered until then.
    recalled: Option<Instant>,
    /// Until then another node may be the one: it has asked what is known here.
    promised: Option<Instant>,
    streams: BTreeMap<StreamId, Cover>,
}

/// What is not remembered any more. The caller drops it when the lock is free again.
pub(super) type Gone = Option<Box<dyn Send>>;

/// An owner says that it owns what was taken over from it.
#[derive(Debug)]
pub(super) struct TakenOver;

impl Shadows {
    /// Nothing is known yet.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds: Arc::new(bounds),
            by_target: BTreeMap::new(),
            former: BTreeMap::new(),
            voices: BTreeMap::new(),
            covers: BTreeSet::new(),
            next: 0,
            taken: None,
        }
    }

    /// `owner` begins a new stream, and hears on it what is said to it.
    pub(super) fn listen(&mut self, owner: &Incarnation) -> mpsc::Receiver<Word> {
        let (sender, words) = mpsc::channel(WORDS);
        self.voices.retain(|_, voice| !voice.is_closed());
        self.voices.insert(owner.clone(), sender);
        words
    }

    /// Says something to an owner. One that does not keep up hears nothing more, and begins anew.
    fn say(voices: &mut BTreeMap<Incarnation, mpsc::Sender<Word>>, owner: &Incarnation, word: Word) {
        if voices
            .get(owner)
            .is_some_and(|voice| voice.try_send(word).is_err())
        {
            voices.remove(owner);
        }
    }

    /// What `from` says of a target that it owns. Words of an earlier life, and changes of a target of which
    /// `from` has given no snapshot, are of no use.
    ///
    /// # Errors
    /// When `from` owns the target no more, and does not know it.
    pub(super) fn take_in(&mut self, from: &Incarnation, change: Change) -> Result<Gone, TakenOver> {
        let target = change.target().clone();
        match change {
            Change::Snapshot {
                memory,
                covers,
                serial,
                view,
                ..
            } => {
                let old = |former: &Former| former.is_word_of(from, view);
                if self.former.get(&target).is_some_and(old) {
                    return Err(TakenOver);
                }
                return Ok(self.replace(from, target, memory, &covers, (serial, view)));
            }
            Change::Ended { ended, .. } => return Ok(self.ended(from, &target, ended)),
            _ => {}
        }
        let Some(shadow) = self.by_target.get_mut(&target) else {
            return Ok(None);
        };
        if shadow.owner != *from {
            return Ok(None);
        }
        if let (Some(taken), Change::Settled { .. } | Change::Forget { .. }) = (&mut self.taken, &change) {
            taken.push(Testimony {
                from: from.clone(),
                change: change.clone(),
                begins: false,
            });
        }
        let boxed = |gone: Parts| Box::new(gone) as Box<dyn Send>;
        Ok(match change {
            Change::Settled { stream, tick, .. } => shadow.remembered.settled(&stream, tick, None).map(boxed),
            Change::Forget { stream, .. } => {
                self.give_up(&target, &stream);
                let shadow = self.by_target.get_mut(&target);
                shadow.map(|shadow| {
                    shadow.streams.remove(&stream);
                    boxed(shadow.remembered.forget(&stream))
                })
            }
            Change::Release(_) => {
                self.give_up_all(&target);
                self.released(&target)
            }
            Change::Snapshot { .. } | Change::Ended { .. } => None,
        })
    }

    /// What the owner of `target` said before it died, with the frames that it did not deliver. `None` while
    /// it lives.
    pub(super) fn get(
        &self,
        target: &TargetId,
        alive: &dyn Fn(&Incarnation) -> bool,
    ) -> Option<TargetMemory> {
        let shadow = self
            .by_target
            .get(target)
            .filter(|shadow| !alive(&shadow.owner))?;
        Some(shadow.remembered.memory(true))
    }

    /// As [`get`](Self::get); the shadow is gone then, and what its owner says later under this epoch does not
    /// count.
    pub(super) fn take(
        &mut self,
        target: &TargetId,
        alive: &dyn Fn(&Incarnation) -> bool,
        epoch: u64,
    ) -> Option<TargetMemory> {
        let memory = self.get(target, alive)?;
        if let Some(shadow) = self.by_target.remove(target) {
            let Shadow { owner, streams, .. } = shadow;
            let mut former = Former::new(owner.clone(), epoch);
            for (stream, cover) in streams {
                for held in cover.held() {
                    former.decide(&stream, held.tick, Whose::Refused);
                    let word = refusal(target, &stream, held.tick);
                    Self::say(&mut self.voices, &owner, word);
                }
            }
            if self.former.len() >= MAX_SHADOWS {
                self.former.pop_first();
            }
            self.former.insert(target.clone(), former);
        }
        Some(memory)
    }

    /// The owner of a target tells this node no more of it. What was covered here, and the owner may not know,
    /// is kept for whoever goes on.
    fn released(&mut self, target: &TargetId) -> Gone {
        let covered = |shadow: &Shadow| shadow.streams.values().any(|cover| cover.covered.is_some());
        let Some(shadow) = self.by_target.get_mut(target).filter(|shadow| covered(shadow)) else {
            let gone = self.by_target.remove(target);
            return gone.map(|gone| Box::new(gone) as Box<dyn Send>);
        };
        shadow.hears = false;
        // What it has read is its own to deliver.
        let bare = Remembered::new(shadow.remembered.memory(false), &mut self.next, &self.bounds);
        Some(Box::new(std::mem::replace(&mut shadow.remembered, bare)))
    }

    /// Drops what the former owner of a target said, which was handed to this node.
    pub(super) fn drop_shadow(&mut self, target: &TargetId) -> Gone {
        self.give_up_all(target);
        let gone = self.by_target.remove(target);
        gone.map(|gone| Box::new(gone) as Box<dyn Send>)
    }

    /// Leaves a tick of a target that was taken over to its former owner, which had asked for it. `false`: it was told
    /// before that this reading does not count.
    pub(super) fn leave(&mut self, target: &TargetId, stream: &StreamId, tick: Tick) -> bool {
        let former = self.former.get_mut(target);
        former.is_none_or(|former| former.decide(stream, tick, Whose::Left) == Whose::Left)
    }

    /// Whether [`take`](Self::take) would give a memory.
    pub(super) fn has(&self, target: &TargetId, alive: &dyn Fn(&Incarnation) -> bool) -> bool {
        self.by_target
            .get(target)
            .is_some_and(|shadow| !alive(&shadow.owner))
    }

    /// Shows the witness, if there is one, a tick that ended at its owner.
    fn show(&mut self, from: &Incarnation, target: &TargetId, ended: EndedTick, begins: bool) {
        if let Some(taken) = &mut self.taken {
            let target = target.clone();
            taken.push(Testimony {
                from: from.clone(),
                change: Change::Ended { target, ended },
                begins,
            });
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.by_target.len()
    }

    /// Who owns each, as it said, and under which epoch.
    pub(super) fn owners(&self) -> impl Iterator<Item = (&TargetId, &Incarnation, u64)> {
        self.by_target
            .iter()
            .filter(|(_, shadow)| shadow.hears)
            .map(|(target, shadow)| (target, &shadow.owner, shadow.epoch))
    }

    /// Whether another node has asked for what is known of a target, to own it, and may be about to.
    pub(super) fn is_promised(&self, target: &TargetId, now: Instant) -> bool {
        let shadow = self.by_target.get(target);
        shadow.is_some_and(|shadow| shadow.promised.is_some_and(|until| now < until))
    }

    /// Who owned a target when it told of it last.
    pub(super) fn owner(&self, target: &TargetId) -> Option<&Incarnation> {
        self.by_target.get(target).map(|shadow| &shadow.owner)
    }

    /// Without pending frames.
    pub(super) fn memory(&self, target: &TargetId) -> TargetMemory {
        let shadow = self.by_target.get(target);
        shadow.map_or_else(TargetMemory::new, |shadow| shadow.remembered.memory(false))
    }

    /// The last tick of each stream that has ended.
    pub(super) fn lasts(&self, target: &TargetId) -> BTreeMap<StreamId, Tick> {
        let shadow = self.by_target.get(target);
        shadow.map_or_else(BTreeMap::new, |shadow| shadow.remembered.lasts())
    }

    /// Drops those that nobody has wanted for [`UNWANTED`].
    pub(super) fn expire(&mut self, now: Instant, wanted: &dyn Fn(&TargetId) -> bool) -> impl Sized + use<> {
        let expired = |(target, shadow): (&TargetId, &mut Shadow)| {
            if wanted(target) {
                shadow.unwanted = None;
                return None;
            }
            let since = *shadow.unwanted.get_or_insert(now);
            (now.duration_since(since) >= UNWANTED).then(|| target.clone())
        };
        let expired: Vec<TargetId> = self.by_target.iter_mut().filter_map(expired).collect();
        expired
            .iter()
            .map(|target| self.drop_shadow(target))
            .collect::<Vec<_>>()
    }
}

/// A reading of an owner does not count, and what counts is not known here.
fn refusal(target: &TargetId, stream: &StreamId, tick: Tick) -> Word {
    Word::Covered {
        target: target.clone(),
        cover: CoverWord {
            stream: stream.clone(),
            tick: Some(tick),
            taken: None,
            last: tick,
            baseline: None,
            reading: false,
        },
    }
}

/// What a witness is shown of a tick that ended at its owner, which hears this `word` of it.
fn as_told(word: &Word, ended: EndedTick) -> Option<EndedTick> {
    match word {
        Word::Taken { .. } => Some(ended),
        _ => ended
            .frame
            .is_some()
            .then(|| unread_at(&ended.stream, ended.tick)),
    }
}

/// The tick of a reading that was refused: unless it is read here, nobody has read it.
fn unread_at(stream: &StreamId, tick: Tick) -> EndedTick {
    EndedTick {
        stream: stream.clone(),
        tick,
        baseline: None,
        frame: None,
        based: None,
        unreachable: false,
        anew: false,
    }
}
