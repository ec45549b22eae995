//! Ticks that this node reads for an owner that does not.
//!
//! Under the one lock of the shadows a tick is either claimed here or taken from its owner, never both. What
//! an owner says of a stream while a tick of it is read here is held until that reading has ended.

use std::collections::BTreeSet;
use std::time::Duration;

use arrow_array::RecordBatch;
use ringwatch_frame::{StreamId, TargetId, Tick};
use tokio::time::Instant;

use super::{Ended, EndedTick, Former, Gone, Shadow, Shadows, Whose, as_told, refusal};
use crate::member::Incarnation;
use crate::memories::READING;
use crate::memories::change::{CoverWord, Leave, Word};

/// So long this node does not read a tick that its owner was told it may begin, nor one after it: the owner's would not
/// count then.
const PROMISE: Duration = Duration::from_secs(1);
/// So long nothing is covered of a target that another node wants to own.
const RECALLED: Duration = Duration::from_secs(2);
/// How much of one stream is held while a tick of it is read.
const MOST_HELD: usize = 256;
/// How many ticks of one stream its owner may have failed to read.
const MOST_DUE: usize = 64;

/// What this node covers of one stream.
#[derive(Debug, Default)]
pub(super) struct Cover {
    /// The last tick that was covered.
    pub(super) covered: Option<Tick>,
    /// The last tick that its owner said.
    pub(super) told: Option<Tick>,
    claim: Option<Claim>,
    /// A tick that is the owner's for now.
    promised: Option<(Tick, Instant)>,
    /// Ticks that the owner could not read, and nobody here was told yet; and those that may be claimed.
    pub(super) due: BTreeSet<Tick>,
    pub(super) granted: BTreeSet<Tick>,
    /// Ticks that its owner read without knowing of the cover before them: they do not count, though it has told of later
    /// ones.
    pub(super) refused: BTreeSet<Tick>,
}

#[derive(Debug)]
struct Claim {
    tick: Tick,
    since: Instant,
    /// How many pauses of this node there were.
    pauses: u64,
    /// When its owner was told first: it waits so long, and then goes on from where it had got to itself.
    told: Option<Instant>,
    held: Vec<EndedTick>,
}

impl Claim {
    /// Its owner is told of it.
    fn tell(&mut self) -> Tick {
        self.told.get_or_insert_with(Instant::now);
        self.tick
    }

    /// Whether its owner does not wait for it any more.
    fn is_late(&self) -> bool {
        self.told.is_some_and(|told| told.elapsed() >= READING)
    }
}

impl Cover {
    /// The last tick of its owner that may count.
    pub(super) fn taken(&self) -> Option<Tick> {
        let before = |tick: &Tick| Tick::from_unix_nanos(tick.unix_nanos().saturating_sub(1));
        let least = self.refused.first().map(before);
        least.map_or(self.told, |least| self.told.map(|told| told.min(least)))
    }

    /// A tick was read by its owner too, or on another base than what was covered.
    pub(super) fn refuse(&mut self, tick: Tick) {
        self.refused.insert(tick);
        while self.refused.len() > MOST_HELD {
            self.refused.pop_first();
        }
    }

    /// What its owner said while a tick is read here.
    pub(super) fn held(self) -> Vec<EndedTick> {
        self.claim.map(|claim| claim.held).unwrap_or_default()
    }

    /// Gives up what its owner has ended up to `told`, unless that is `known` here: then what it could not read is still
    /// to be read. Gives the tick that is still being read here.
    pub(super) fn outlives(&mut self, told: Option<Tick>, known: Option<Tick>) -> Option<Tick> {
        if told > known {
            let later = |tick: &Tick| Some(*tick) > told;
            self.due.retain(later);
            self.granted.retain(later);
            self.claim.take_if(|claim| !later(&claim.tick));
        }
        if let Some(claim) = &mut self.claim {
            // They are in the snapshot.
            claim.held.clear();
        }
        self.claim.as_mut().map(Claim::tell)
    }
}

impl Shadows {
    /// These are the targets for which this node stands by. What is being read of others does not count.
    pub(in crate::memories) fn set_covers(&mut self, covers: &BTreeSet<TargetId>) {
        if self.covers == *covers {
            return;
        }
        let before = std::mem::replace(&mut self.covers, covers.clone());
        for target in before.difference(covers) {
            self.give_up_all(target);
        }
    }

    /// A tick has ended at its owner, which hears whether that counts.
    pub(super) fn ended(&mut self, from: &Incarnation, target: &TargetId, ended: EndedTick) -> Gone {
        let taken = Word::Taken {
            target: target.clone(),
            stream: ended.stream.clone(),
            tick: ended.tick,
            kept: false,
        };
        let former = self.former.get_mut(target).filter(|former| former.is(from));
        let whose = former.map(|former| former.decide(&ended.stream, ended.tick, Whose::Refused));
        let Some(shadow) = self.by_target.get_mut(target).filter(|_| whose.is_none()) else {
            let word = if whose == Some(Whose::Refused) {
                refusal(target, &ended.stream, ended.tick)
            } else {
                taken
            };
            Self::say(&mut self.voices, from, word);
            return Some(Box::new(ended));
        };
        if shadow.owner != *from {
            let epoch = ended.frame.as_ref().map(|frame| frame.meta.id.epoch.0);
            let old = epoch.is_some_and(|epoch| epoch < shadow.epoch);
            let word = if old {
                refusal(target, &ended.stream, ended.tick)
            } else {
                taken
            };
            Self::say(&mut self.voices, from, word);
            return Some(Box::new(ended));
        }
        let cover = shadow.streams.entry(ended.stream.clone()).or_default();
        let counts = cover.taken();
        if let Some(claim) = &mut cover.claim {
            let word = CoverWord {
                stream: ended.stream.clone(),
                tick: Some(ended.tick),
                taken: counts,
                last: claim.tell(),
                baseline: None,
                reading: true,
            };
            if claim.held.len() >= MOST_HELD {
                self.voices.remove(from);
                return Some(Box::new(ended));
            }
            claim.held.push(ended);
            let target = target.clone();
            Self::say(&mut self.voices, from, Word::Covered { target, cover: word });
            return None;
        }
        self.settle(target, ended)
    }

    /// This node reads a tick of another's target from now on, under its owner's epoch. `None`: it must not.
    pub(in crate::memories) fn claim(
        &mut self,
        target: &TargetId,
        stream: &StreamId,
        tick: Tick,
        pauses: u64,
    ) -> Option<u64> {
        let now = Instant::now();
        if !self.covers.contains(target) {
            return None;
        }
        let shadow = self.by_target.get_mut(target)?;
        let recalled = shadow.recalled.is_some_and(|until| now < until);
        let last = shadow
            .remembered
            .last(stream)
            .filter(|_| shadow.hears && !recalled)?;
        let cover = shadow.streams.entry(stream.clone()).or_default();
        let promised = cover
            .promised
            .is_some_and(|(promised, until)| promised <= tick && now < until);
        let free = tick > last || cover.granted.contains(&tick);
        if promised || !free || cover.claim.is_some() {
            return None;
        }
        cover.told.get_or_insert(last);
        cover.claim = Some(Claim {
            tick,
            since: now,
            pauses,
            told: None,
            held: Vec::new(),
        });
        Some(shadow.epoch)
    }

    /// A claimed tick was read. `false`: it does not count, because this node was paused meanwhile, is not the
    /// one to cover any more, or its owner waits for it no more.
    pub(in crate::memories) fn cover(
        &mut self,
        (target, stream, tick): (&TargetId, &StreamId, Tick),
        baseline: Option<RecordBatch>,
        pauses: Option<u64>,
    ) -> (bool, Gone) {
        let Some(shadow) = self.by_target.get_mut(target) else {
            return (false, None);
        };
        let cover = shadow.streams.get_mut(stream);
        let Some(cover) = cover.filter(|cover| cover.claim.as_ref().is_some_and(|claim| claim.tick == tick))
        else {
            return (false, None);
        };
        let stands = |claim: &&Claim| Some(claim.pauses) == pauses && !claim.is_late();
        if cover.claim.as_ref().filter(stands).is_none() {
            self.give_up(target, stream);
            return (false, None);
        }
        let held = cover.claim.take().map(|claim| claim.held).unwrap_or_default();
        cover.covered = cover.covered.max(Some(tick));
        cover.granted.remove(&tick);
        let taken = cover.taken();
        let gone = shadow.remembered.covered(stream, tick, baseline.clone());
        let (owner, word) = (
            shadow.owner.clone(),
            CoverWord {
                stream: stream.clone(),
                tick: None,
                taken,
                last: tick,
                baseline,
                reading: false,
            },
        );
        let target = target.clone();
        Self::say(
            &mut self.voices,
            &owner,
            Word::Covered {
                target: target.clone(),
                cover: word,
            },
        );
        self.settle_all(&target, held);
        (true, Some(Box::new(gone)))
    }

    /// Ticks up to this one are the owner's, which does not tell their end: what it had read of them counts, and what is
    /// read here next cannot count from before them.
    pub(in crate::memories) fn excuse(&mut self, target: &TargetId, stream: &StreamId, until: Tick) -> Gone {
        let shadow = self.by_target.get_mut(target)?;
        let last = shadow.remembered.last(stream)?;
        let cover = shadow.streams.entry(stream.clone()).or_default();
        if until <= last || cover.claim.is_some() {
            return None;
        }
        cover.told = cover.told.max(Some(until));
        Some(Box::new(shadow.remembered.covered(stream, until, None)))
    }

    /// A claimed tick is not read after all.
    pub(in crate::memories) fn abandon(&mut self, target: &TargetId, stream: &StreamId, tick: Tick) {
        let shadow = self.by_target.get(target);
        let cover = shadow.and_then(|shadow| shadow.streams.get(stream));
        let claim = cover.and_then(|cover| cover.claim.as_ref());
        if claim.is_some_and(|claim| claim.tick == tick) {
            self.give_up(target, stream);
        }
    }

    /// Gives up a claim: what its owner said meanwhile counts.
    pub(super) fn give_up(&mut self, target: &TargetId, stream: &StreamId) {
        let shadow = self.by_target.get_mut(target);
        let cover = shadow.and_then(|shadow| shadow.streams.get_mut(stream));
        if let Some(claim) = cover.and_then(|cover| cover.claim.take()) {
            self.settle_all(target, claim.held);
        }
    }

    pub(super) fn give_up_all(&mut self, target: &TargetId) {
        let shadow = self.by_target.get(target);
        let claimed = |(stream, cover): (&StreamId, &Cover)| cover.claim.is_some().then(|| stream.clone());
        let claimed: Vec<StreamId> = shadow
            .into_iter()
            .flat_map(|shadow| shadow.streams.iter().filter_map(claimed))
            .collect();
        for stream in claimed {
            self.give_up(target, &stream);
        }
    }

    fn settle_all(&mut self, target: &TargetId, held: Vec<EndedTick>) {
        for ended in held {
            drop(self.settle(target, ended));
        }
    }

    /// A tick has ended at its owner, and none of its stream is read here.
    fn settle(&mut self, target: &TargetId, ended: EndedTick) -> Gone {
        let shadow = self.by_target.get_mut(target)?;
        let copy = self.taken.as_ref().map(|_| ended.clone());
        let begins = ended.frame.is_none() && shadow.remembered.last(&ended.stream).is_none();
        let (word, gone) = shadow.settle(target, ended, &mut self.next);
        let (seen, owner) = (copy.and_then(|ended| as_told(&word, ended)), shadow.owner.clone());
        if shadow.hears {
            Self::say(&mut self.voices, &owner, word);
        }
        if let Some(ended) = seen {
            self.show(&owner, target, ended, begins);
        }
        gone
    }

    /// The owner of a target is late with a tick, and asks whether it may begin it.
    pub(in crate::memories) fn may(
        &mut self,
        from: &Incarnation,
        (target, stream, tick): (&TargetId, &StreamId, Tick),
        (known, epoch): (Option<Tick>, u64),
    ) -> Leave {
        let word = |taken, last, baseline, reading| CoverWord {
            stream: stream.clone(),
            tick: None,
            taken,
            last,
            baseline,
            reading,
        };
        let yes = Leave {
            yes: true,
            ..Leave::default()
        };
        let taken = |former: &Former| former.is_word_of(from, epoch);
        if self.former.get(target).is_some_and(taken) {
            return Leave::default();
        }
        let Some(shadow) = self.by_target.get(target) else {
            return yes;
        };
        if shadow.owner != *from {
            if shadow.hears && epoch <= shadow.epoch {
                return Leave {
                    later: true,
                    ..Leave::default()
                };
            }
            // It owns the target now, and has not told of it yet: what is read here for its owner before does not
            // count.
            self.give_up_all(target);
            if let Some(shadow) = self.by_target.get_mut(target) {
                shadow.recalled = Some(Instant::now() + RECALLED);
            }
            return yes;
        }
        let Some(shadow) = self.by_target.get_mut(target) else {
            return yes;
        };
        let cover = shadow.streams.entry(stream.clone()).or_default();
        let counts = cover.taken();
        if let Some(claim) = &mut cover.claim {
            return Leave {
                yes: false,
                covered: Some(word(counts, claim.tell(), None, true)),
                later: false,
            };
        }
        let yes = cover.covered < Some(tick);
        if yes {
            cover.promised = Some((tick, Instant::now() + PROMISE));
        }
        let unknown = cover.covered.filter(|covered| known < Some(*covered));
        let (taken, baseline) = (cover.taken(), shadow.remembered.baseline(stream));
        Leave {
            yes,
            covered: unknown.map(|covered| word(taken, covered, baseline, false)),
            later: false,
        }
    }

    /// This node is about to own a target: nothing more is claimed of it. Says whether a tick of it is still
    /// being read that began a moment ago.
    pub(in crate::memories) fn closes(&mut self, target: &TargetId) -> bool {
        let now = Instant::now();
        let Some(shadow) = self.by_target.get_mut(target) else {
            return false;
        };
        shadow.recalled = Some(now + RECALLED);
        let claims = shadow.streams.values().filter_map(|cover| cover.claim.as_ref());
        claims.into_iter().any(|claim| now < claim.since + READING)
    }

    /// What is known of a target, for a node that may own it next: nothing is covered for a while.
    pub(in crate::memories) fn recall(&mut self, target: &TargetId) -> Option<ringwatch_frame::TargetMemory> {
        self.give_up_all(target);
        let shadow = self.by_target.get_mut(target)?;
        let until = Some(Instant::now() + RECALLED);
        (shadow.recalled, shadow.promised) = (until, until);
        Some(shadow.remembered.memory(true))
    }

    /// The ticks that the owner of a target could not read; each is told once.
    pub(in crate::memories) fn unreachable(&mut self, target: &TargetId) -> Vec<(StreamId, Tick)> {
        let mut due = Vec::new();
        let shadow = self.by_target.get_mut(target);
        for (stream, cover) in shadow.into_iter().flat_map(|shadow| &mut shadow.streams) {
            let ticks = std::mem::take(&mut cover.due);
            due.extend(ticks.iter().map(|tick| (stream.clone(), *tick)));
            cover.granted.extend(ticks);
            while cover.granted.len() > MOST_DUE {
                cover.granted.pop_first();
            }
        }
        due
    }
}

impl Shadow {
    /// What becomes of a tick that has ended at the owner, while none is read here.
    fn settle(&mut self, target: &TargetId, ended: EndedTick, next: &mut u64) -> (Word, Gone) {
        let EndedTick {
            stream,
            tick,
            baseline,
            frame,
            based,
            unreachable,
            anew,
        } = ended;
        let cover = self.streams.entry(stream.clone()).or_default();
        let read = frame.is_some();
        if let Some(covered) = cover.covered
            && (tick <= covered || (read && based < Some(covered)))
        {
            if read {
                cover.refuse(tick);
            }
            // Read on another base than what was covered: it is read again here, on that.
            if tick > covered {
                cover.due.insert(tick);
            }
            let word = CoverWord {
                tick: Some(tick),
                taken: cover.taken(),
                last: covered,
                baseline: self.remembered.baseline(&stream),
                reading: false,
                stream,
            };
            let target = target.clone();
            return (
                Word::Covered { target, cover: word },
                Some(Box::new((baseline, frame))),
            );
        }
        cover.told = cover.told.max(Some(tick));
        // It has tried what it was promised.
        cover.promised.take_if(|(promised, _)| *promised <= tick);
        let epoch = frame.as_ref().map_or(0, |frame| frame.meta.id.epoch.0);
        self.epoch = self.epoch.max(epoch);
        if read {
            cover.due = cover.due.split_off(&tick);
            cover.granted.clear();
            cover.refused.clear();
        } else if unreachable && cover.due.len() < MOST_DUE {
            cover.due.insert(tick);
        }
        let gone = match self.remembered.ended(&stream, tick, baseline, frame, next) {
            Ended::New(gone) => Some(Box::new(gone) as Box<dyn Send>),
            Ended::Old | Ended::Full => None,
        };
        if anew {
            drop(self.remembered.drop_baseline(&stream));
        }
        let word = Word::Taken {
            target: target.clone(),
            kept: self.remembered.entry(&stream, tick).is_some(),
            stream,
            tick,
        };
        (word, gone)
    }
}
