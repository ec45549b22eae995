//! A snapshot, and what this node has covered beyond it.

use std::collections::BTreeMap;

use ringwatch_frame::{StreamId, StreamMemory, TargetId, TargetMemory, Tick};

use super::cover::Cover;
use super::{Gone, MAX_SHADOWS, Shadow, Shadows, unread_at};
use crate::member::Incarnation;
use crate::memories::change::{CoverWord, Word};
use crate::memories::own::is_set_back;
use crate::memories::remembered::Remembered;

impl Shadows {
    /// This node owns a target from now on, and goes on from `memory`. What it has covered itself, and whoever gave the
    /// memory may not know, has ended too. What that one could not read, and nobody here yet, has not.
    pub(in crate::memories) fn end_cover(&mut self, target: &TargetId, memory: &mut TargetMemory) -> Gone {
        self.give_up_all(target);
        let shadow = self.by_target.remove(target)?;
        for (stream, cover) in &shadow.streams {
            let last = memory.get(stream).and_then(|known| known.last);
            let unread = last.filter(|last| cover.due.contains(last) || cover.granted.contains(last));
            let set_back = last
                .zip(cover.covered)
                .is_some_and(|(last, covered)| is_set_back(last, covered));
            let read_on = last > cover.told.max(cover.covered);
            if (cover.covered.is_none() && unread.is_none()) || read_on || set_back {
                continue;
            }
            let before = unread.map(|unread| Tick::from_unix_nanos(unread.unix_nanos().saturating_sub(1)));
            let known = memory.entry(stream.clone()).or_default();
            known.last = before.or_else(|| last.max(cover.covered));
            known.baseline = shadow.remembered.baseline(stream);
        }
        Some(Box::new(shadow))
    }

    pub(super) fn replace(
        &mut self,
        from: &Incarnation,
        target: TargetId,
        memory: TargetMemory,
        covers: &BTreeMap<StreamId, Tick>,
        (serial, epoch): (u64, u64),
    ) -> Gone {
        let before = self.by_target.get(&target);
        let late =
            |shadow: &Shadow| shadow.owner.node == from.node && shadow.owner.generation > from.generation;
        if before.is_some_and(late) {
            return Some(Box::new(memory));
        }
        if before.is_none() && self.by_target.len() >= MAX_SHADOWS {
            // It is not covered, so what its owner reads counts.
            let word = Word::Synced {
                target,
                serial,
                kept: false,
            };
            Self::say(&mut self.voices, from, word);
            return Some(Box::new(memory));
        }
        self.former.remove(&target);
        // What takes its place must not be measured against what it replaces.
        let mut before = self.by_target.remove(&target);
        let unburdened = before.as_mut().map(|before| before.remembered.unburden());
        let frames: usize = memory.values().map(|stream| stream.pending.len()).sum();
        let mut shadow = Shadow {
            owner: from.clone(),
            remembered: Remembered::new(memory, &mut self.next, &self.bounds),
            unwanted: None,
            hears: serial > 0,
            epoch,
            recalled: None,
            promised: None,
            streams: BTreeMap::new(),
        };
        let kept = shadow.remembered.count() == frames;
        let (mut words, mut unread) = (Vec::new(), Vec::new());
        if let Some(before) = before.as_mut().filter(|before| before.owner == *from) {
            shadow.recalled = before.recalled;
            let released = !before.hears;
            shadow.epoch = epoch.max(before.epoch);
            for (stream, cover) in std::mem::take(&mut before.streams) {
                let own = before.remembered.place(&stream);
                let known = covers.get(&stream).copied();
                // What its owner read after it had left this node was taken by another, or by nobody: it counts.
                let told = shadow.remembered.last(&stream);
                if released && told > cover.covered {
                    continue;
                }
                words.extend(shadow.merge(stream.clone(), cover, own, known));
                let refused = shadow.streams.get(&stream).map(|cover| &cover.refused);
                unread.extend(
                    refused
                        .into_iter()
                        .flatten()
                        .map(|tick| unread_at(&stream, *tick)),
                );
            }
        }
        self.by_target.insert(target.clone(), shadow);
        for ended in unread {
            self.show(from, &target, ended, false);
        }
        for cover in words {
            let word = Word::Covered {
                target: target.clone(),
                cover,
            };
            Self::say(&mut self.voices, from, word);
        }
        if serial > 0 {
            let word = Word::Synced { target, serial, kept };
            Self::say(&mut self.voices, from, word);
        }
        Some(Box::new((before, unburdened)))
    }
}

impl Shadow {
    /// Keeps what this node has covered of a stream, as far as the snapshot does not go beyond it. Gives what
    /// the owner must hear.
    fn merge(
        &mut self,
        stream: StreamId,
        mut cover: Cover,
        own: StreamMemory,
        known: Option<Tick>,
    ) -> Vec<CoverWord> {
        let mut told = self.remembered.last(&stream);
        let mut words = Vec::new();
        let StreamMemory { last, baseline, .. } = own;
        let taken = cover.taken();
        let word = |tick, last, baseline, reading| CoverWord {
            stream: stream.clone(),
            tick,
            taken,
            last,
            baseline,
            reading,
        };
        if let Some(covered) = cover.covered {
            if told.is_some_and(|told| is_set_back(told, covered)) {
                return words;
            }
            if known < Some(covered) {
                // What its owner read meanwhile, not knowing of the cover, does not count unless it has left.
                // It says so then, by another snapshot.
                let through = told.map_or(covered, |told| told.max(covered));
                drop(self.remembered.cut(&stream, |tick| {
                    let unknowing = Some(tick) > taken && tick <= through;
                    if unknowing && tick > covered {
                        cover.refuse(tick);
                    }
                    unknowing
                }));
                // What it missed meanwhile and has told has ended all the same.
                let ended = last.min(told).max(Some(covered)).unwrap_or(covered);
                drop(self.remembered.rewind(&stream, ended, baseline.clone()));
                words.push(word(
                    told.filter(|told| *told > covered),
                    covered,
                    baseline,
                    false,
                ));
                told = Some(covered);
            } else {
                cover.refused.clear();
            }
        }
        let known = cover.told;
        if told != cover.covered {
            cover.told = known.max(told);
        }
        // What the owner has ended meanwhile is not read here.
        if let Some(claim) = cover.outlives(told, known) {
            words.push(word(None, claim, None, true));
        }
        self.streams.insert(stream, cover);
        words
    }
}
