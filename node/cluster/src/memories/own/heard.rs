//! What an owner hears from those that stand by for it.

use std::time::Duration;

use ringwatch_frame::{StreamId, StreamMemory, TargetId, Tick};
use tokio::time::Instant;

use super::{Own, Owned, Runs, Told, is_set_back};
use crate::member::{Incarnation, Member};
use crate::memories::change::{CoverWord, Word};
use crate::memories::waits::{Grounds, Heir, Look, Waits};
use crate::memories::{READING, Tie};

/// So long the standby may take to read what could not be read here.
const TRIES: Duration = Duration::from_millis(500);

/// What is known of the covers of one stream.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The last covered tick.
    covered: Option<Tick>,
    /// The one on which the next reading is based, or the present one.
    based: Option<Tick>,
    /// The lane does not know the last cover yet.
    fresh: bool,
    /// The standby reads a tick; until then at most.
    reading: Option<(Tick, Instant)>,
    /// The tick of the last reading of ours that counts.
    read: Option<Tick>,
    /// The tick of the last reading of ours, whether it counts or not.
    latest: Option<Tick>,
    /// A tick that could not be read here, and when that was told: the standby tries it, until it has taken a later one.
    unreached: Option<(Tick, Instant)>,
}

impl Heard {
    /// The lane goes on from all that was covered.
    pub(super) fn rebase(&mut self) {
        self.fresh = false;
        self.based = self.covered;
    }

    /// Whether the standby has covered this tick or a later one.
    pub(super) fn covers(&self, tick: Tick) -> bool {
        self.covered
            .is_some_and(|covered| tick <= covered && !is_set_back(tick, covered))
    }

    /// Whether what is read now is not based on the last cover.
    pub(super) fn is_stale(&self) -> bool {
        self.based < self.covered
    }

    /// What is known of the reading on which the next one is based, or the present one.
    pub(super) fn grounds(&self) -> Grounds {
        match () {
            () if self.is_stale() => Grounds::Stale,
            () if self.is_open() => Grounds::Doubtful,
            () => Grounds::Sure,
        }
    }

    /// The standby may have read what could not be read here, or what it said that it reads, and its word has not come.
    fn is_open(&self) -> bool {
        self.unreached.is_some() || self.reading.is_some()
    }

    /// Where what was covered was not taken over, because a later reading of ours waited: whether that has left
    /// meanwhile.
    fn is_resolved(&self, undecided: impl Fn(Tick) -> bool) -> bool {
        self.is_stale() && !self.fresh && !self.read.is_some_and(undecided)
    }

    /// The last reading of ours that counts is later than what was covered: what comes after it is based on that. Says
    /// whether the lane has read on from one that does not count: then the stream begins anew.
    fn go_on(&mut self) -> bool {
        self.fresh = self.latest > self.read;
        if !self.fresh {
            self.rebase();
        }
        self.fresh
    }

    pub(super) fn based(&self) -> Option<Tick> {
        self.based
    }

    /// The last covered tick that was heard of.
    pub(super) fn known(&self) -> Option<Tick> {
        self.covered
    }

    /// The last covered tick on which the memory is based.
    pub(super) fn adopted(&self) -> Option<Tick> {
        if self.fresh { self.covered } else { self.based }
    }

    /// The lane has read this tick, and the standby is told of it or not.
    pub(super) fn read(&mut self, tick: Tick, grounds: Grounds, told: bool) {
        self.latest = Some(tick);
        match grounds {
            Grounds::Sure | Grounds::Doubtful => self.read = Some(tick),
            // The standby will refuse it, and try it itself.
            Grounds::Stale if told => self.unreached(tick),
            Grounds::Stale => {}
        }
    }

    /// The standby has covered up to `last`, and has perhaps refused a tick.
    fn cover_came(&mut self, last: Tick, refused: Option<Tick>, now: Instant) {
        self.reading = None;
        self.unreached = self.unreached.filter(|(unreached, _)| *unreached > last);
        // What was refused for its base it tries again.
        if let Some(refused) = refused.filter(|refused| *refused > last) {
            self.unreached = self.unreached.max(Some((refused, now)));
        }
    }

    /// The standby has taken this tick: it does not try any before it.
    fn taken(&mut self, tick: Tick) {
        self.reading = None;
        self.unreached = self.unreached.filter(|(unreached, _)| *unreached >= tick);
    }

    /// The last reading of ours was superseded by nobody knows what: the stream begins anew after it.
    fn lose(&mut self, tick: Tick) -> bool {
        let last = self.read == Some(tick);
        if last {
            (self.covered, self.fresh) = (self.covered.max(Some(tick)), true);
            (self.read, self.unreached) = (None, None);
        }
        last
    }

    /// A tick could not be read here, and the standby was told.
    pub(super) fn unreached(&mut self, tick: Tick) {
        self.unreached = Some((tick, Instant::now()));
    }
}

impl Owned {
    /// What was heard of a cover while a later reading waited is taken over, once that has left.
    pub(super) fn resolve(&mut self, target: &TargetId, stream: &StreamId, waits: &mut Waits) {
        let heard = self.heard.get(stream);
        if heard.is_some_and(|heard| heard.is_resolved(|read| waits.has(target, stream, read))) {
            self.go_on(target, stream, waits);
        }
    }

    /// A stream goes on from a reading that has left, and is later than what was covered.
    fn go_on(&mut self, target: &TargetId, stream: &StreamId, waits: &mut Waits) {
        let Some(heard) = self.heard.get_mut(stream) else {
            return;
        };
        let left = heard.read;
        if heard.go_on() {
            drop(self.remembered.drop_baseline(stream));
        }
        // What was read before it and waits still is not based on the cover.
        for tick in left.map_or_else(Vec::new, |left| waits.through(target, stream, left)) {
            let number = waits.decide(target, stream, tick, false);
            drop(self.remembered.settled(stream, tick, number));
        }
    }
}

impl Own {
    /// What a lane goes on from, if something was covered since it was asked last.
    pub(in crate::memories) fn rebase(
        &mut self,
        target: &TargetId,
        stream: &StreamId,
    ) -> Option<StreamMemory> {
        let owned = self.targets.get_mut(target).filter(|owned| owned.ours)?;
        owned.resolve(target, stream, &mut self.waits);
        let heard = owned.heard.get_mut(stream)?;
        let fresh = heard.fresh;
        // To count from the baseline before might count twice.
        let open = heard.is_open();
        // Where the standby does not answer, what is read now leaves without its word.
        let now = Instant::now();
        let away = self.links.heir(target).is_none_or(|heir| heir.is_away(now));
        let unheard = open && (away || !self.links.listens(target, &owned.synced));
        if unheard {
            (heard.unreached, heard.reading) = (None, None);
            drop(owned.remembered.drop_baseline(stream));
        }
        if fresh {
            heard.rebase();
        }
        (fresh || unheard).then(|| owned.remembered.place(stream))
    }

    /// The last covered tick of a stream that is known here.
    pub(in crate::memories) fn known(&self, target: &TargetId, stream: &StreamId) -> Option<Tick> {
        self.targets.get(target)?.heard.get(stream)?.known()
    }

    /// Whether the standby is reading a tick of this stream, or may have read this very one, and cannot be heard.
    pub(in crate::memories) fn awaits(
        &self,
        target: &TargetId,
        stream: &StreamId,
        tick: Tick,
        now: Instant,
    ) -> bool {
        let Some(owned) = self.targets.get(target).filter(|owned| owned.ours) else {
            return false;
        };
        let reading = owned.heard.get(stream).and_then(|heard| heard.reading);
        reading.is_some_and(|(read, until)| {
            let deaf = |heir: Heir| heir.is_away(now) || !self.links.listens(target, &owned.synced);
            now < until || (tick <= read && self.links.heir(target).is_some_and(deaf))
        })
    }

    /// The standby is reading nothing of this stream: what it had begun it has given up.
    pub(in crate::memories) fn hear_idle(&mut self, target: &TargetId, stream: &StreamId) {
        let owned = self.targets.get_mut(target);
        if let Some(heard) = owned.and_then(|owned| owned.heard.get_mut(stream)) {
            heard.reading = None;
        }
    }

    /// Whether anything of the target waits for a word of its standby.
    pub(in crate::memories) fn is_waiting(&mut self, target: &TargetId, now: Instant) -> bool {
        let busy = |heard: &Heard| {
            let tries = heard.unreached.is_some_and(|(_, told)| now < told + TRIES);
            tries || heard.reading.is_some_and(|(_, until)| now < until)
        };
        let owned = self.targets.get(target).filter(|owned| owned.ours);
        self.waits.waits(target) || owned.is_some_and(|owned| owned.heard.values().any(busy))
    }

    /// A word of a standby on this stream to it.
    pub(in crate::memories) fn hear(&mut self, peer: &Incarnation, stream: u64, word: Word) -> Told<()> {
        let now = Instant::now();
        if !self.links.hears(peer, stream, &word, now) {
            return Told::default();
        }
        match word {
            Word::Taken {
                target,
                stream,
                tick,
                kept,
            } => {
                self.waits.decide(&target, &stream, tick, true);
                let owned = self.targets.get_mut(&target);
                if let Some(owned) = owned {
                    if kept {
                        owned.remembered.take(&stream, tick);
                    }
                    if let Some(heard) = owned.heard.get_mut(&stream) {
                        heard.taken(tick);
                    }
                }
                Told::default()
            }
            Word::Covered { target, cover } => self.covered(peer, &target, cover, now),
            Word::Synced { target, serial, kept } => {
                self.synced(peer, &target, (serial, kept));
                Told::default()
            }
        }
    }

    fn synced(&mut self, peer: &Incarnation, target: &TargetId, (serial, kept): (u64, bool)) {
        let Some(owned) = self.targets.get_mut(target) else {
            return;
        };
        let Some(mark) = owned.synced.answered(serial) else {
            return;
        };
        if kept {
            owned.remembered.take_before(mark);
        }
        let mine = |told: Option<&Incarnation>| told == Some(peer);
        let waits = self.waits.of(target);
        let clear = waits.filter(|(_, _, wait)| wait.number < mark && mine(wait.told.as_ref()));
        let clear: Vec<_> = clear.map(|(stream, tick, _)| (stream.clone(), tick)).collect();
        for (stream, tick) in clear {
            self.waits.decide(target, &stream, tick, true);
        }
    }

    /// A standby has covered, or covers.
    pub(in crate::memories) fn covered(
        &mut self,
        peer: &Incarnation,
        target: &TargetId,
        cover: CoverWord,
        now: Instant,
    ) -> Told<()> {
        let mut told = Told::default();
        let CoverWord {
            stream,
            tick,
            taken,
            last,
            baseline,
            reading,
        } = cover;
        if reading {
            if let Some(owned) = self.targets.get_mut(target).filter(|owned| owned.ours) {
                owned.heard.entry(stream).or_default().reading = Some((last, now + READING));
            }
            return told;
        }
        let ticks = self
            .waits
            .through(target, &stream, tick.map_or(last, |tick| tick.max(last)));
        let mut numbers: Vec<(Tick, Option<u64>)> = Vec::new();
        for waits in ticks {
            // Its answer may have been lost.
            let counts = Some(waits) <= taken && Some(waits) != tick;
            let number = self.waits.decide(target, &stream, waits, counts);
            if !counts {
                numbers.push((waits, number));
            }
        }
        let Some(owned) = self.targets.get_mut(target) else {
            return told;
        };
        for (tick, number) in &numbers {
            if let Some(gone) = owned.remembered.settled(&stream, *tick, *number) {
                told.drop_later(gone);
            }
        }
        if !owned.ours {
            if owned.remembered.is_settled() {
                self.targets.remove(target);
            }
            return told;
        }
        let heard = owned.heard.entry(stream.clone()).or_default();
        heard.cover_came(last, tick, now);
        let superseded = |read: Tick| numbers.iter().any(|(tick, _)| *tick == read);
        heard.read = heard.read.filter(|read| !superseded(*read));
        if heard.covered.is_some_and(|covered| last < covered) {
            return told;
        }
        let new = heard.covered < Some(last);
        heard.covered = Some(last);
        owned.covered_at = Some(now);
        if !new && (heard.fresh || !heard.is_stale()) {
            return told;
        }
        let undecided = |read| self.waits.has(target, &stream, read);
        match heard.read {
            Some(read) if read > last && undecided(read) => return told,
            // It has left and is later.
            Some(read) if read > last => owned.go_on(target, &stream, &mut self.waits),
            _ => {
                heard.fresh = true;
                told.drop_later(owned.remembered.covered(&stream, last, baseline));
                // Its heir has the cover itself, unless that is another one.
                if self.links.heir(target).is_some_and(|heir| heir.who == *peer) {
                    return told;
                }
            }
        }
        self.links.renew(target, &mut owned.synced);
        told
    }

    /// What time decides about frames that wait.
    pub(in crate::memories) fn pass(&mut self, runs: Runs, now: Instant) -> Told<()> {
        let mut told = Told::default();
        self.withdraw_lost(now);
        if self.waits.is_empty() {
            return told;
        }
        let links = &self.links;
        let look = Look {
            now,
            sure: runs.sure,
            pauses: runs.pauses,
            heir: &|target| links.heir(target),
        };
        for ((target, stream, tick), number) in self.waits.pass(&look) {
            let Some(owned) = self.targets.get_mut(&target) else {
                continue;
            };
            if let Some(gone) = owned.remembered.settled(&stream, tick, Some(number)) {
                told.drop_later(gone);
            }
            if owned.heard.get_mut(&stream).is_some_and(|heard| heard.lose(tick)) {
                told.drop_later(owned.remembered.covered(&stream, tick, None));
            }
            if !owned.ours && owned.remembered.is_settled() {
                self.targets.remove(&target);
            }
        }
        told
    }

    /// All targets of ours must be told to their heirs anew: this node was paused.
    pub(in crate::memories) fn resync(&mut self) {
        let Self { targets, links, .. } = self;
        for (target, owned) in targets.iter_mut().filter(|(_, owned)| owned.ours) {
            links.renew(target, &mut owned.synced);
        }
    }

    /// How a target of ours and its heir are tied.
    pub(in crate::memories) fn tie(&self, target: &TargetId, now: Instant) -> Tie {
        let Some(owned) = self.targets.get(target).filter(|owned| owned.ours) else {
            return Tie::Alone;
        };
        let Some(heir) = self.links.heir(target).filter(|heir| !heir.mute) else {
            return Tie::Alone;
        };
        match heir.down {
            None if self.links.listens(target, &owned.synced) && owned.synced.is_answered() => Tie::Synced,
            Some(since) => Tie::Down(now.saturating_duration_since(since)),
            None => Tie::Waits,
        }
    }

    /// The heir of a target, if the link to it is up.
    pub(in crate::memories) fn heir_in_reach(&self, target: &TargetId, now: Instant) -> Option<Member> {
        let heir = self.links.heir(target).filter(|heir| !heir.is_away(now))?;
        self.links.member(&heir.who).cloned()
    }

    /// When anything of a target of ours was read last.
    pub(in crate::memories) fn read_at(&self, target: &TargetId) -> Option<Instant> {
        self.targets.get(target)?.read_at
    }

    /// When its standby said last that it has covered anything of a target of ours.
    pub(in crate::memories) fn covered_at(&self, target: &TargetId) -> Option<Instant> {
        self.targets.get(target)?.covered_at
    }
}
