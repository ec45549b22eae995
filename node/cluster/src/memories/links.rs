//! Who stands by for what is ours, and the queues to them: pure but for the channels.
//!
//! A target is told to its heir by a snapshot first and then change by change. Both go into the same queue
//! under the same lock that guards the memory, so that none is missing between them and none is told twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::TargetId;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::change::{Change, Word};
use super::shadows::UNWANTED;
use super::waits::Heir;
use crate::member::{ANSWERING, Incarnation, Member};

/// A standby that answers nothing for so long is given up, unless it has a snapshot to read.
const SILENT: Duration = Duration::from_secs(1);
/// So long it may read a snapshot.
const READS: Duration = Duration::from_secs(10);

/// How many changes may wait for one standby.
pub(crate) const QUEUE: usize = 4096;

/// All standbys.
#[derive(Debug, Default)]
pub(super) struct Links {
    by_peer: BTreeMap<Incarnation, Link>,
    heirs: BTreeMap<TargetId, Incarnation>,
    streams: u64,
    /// The last snapshot's name.
    serials: u64,
    /// Peers whose link has no task yet.
    fresh: Vec<Incarnation>,
}

#[derive(Debug)]
struct Link {
    peer: Member,
    /// The targets for which it stands by, ours or not yet.
    targets: BTreeSet<TargetId>,
    /// Those of which it must get a snapshot.
    todo: BTreeSet<TargetId>,
    /// Those of which it had a snapshot at any time: what it was told last may have been lost with its
    /// stream.
    known: BTreeSet<TargetId>,
    /// Those that it must be told to forget.
    released: BTreeSet<TargetId>,
    /// Since when it stands by for nothing.
    needless: Option<Instant>,
    queue: Option<Queue>,
    wake: Arc<Notify>,
    /// Since when no stream is known to reach it.
    down: Option<Instant>,
    /// What it has not answered: changes, and snapshots.
    owes: (usize, usize),
    /// When it answered last, or was first told what it has not answered.
    heard: Instant,
}

#[derive(Debug)]
struct Queue {
    stream: u64,
    sender: mpsc::Sender<Change>,
    overflow: CancellationToken,
}

/// A target's place in the replication.
#[derive(Debug, Default)]
pub(super) struct Synced {
    /// The stream on which its heir had a snapshot.
    stream: Option<u64>,
    /// The last snapshot's name, and the number of the first frame that is not in it.
    serial: (u64, u64),
    answered: bool,
}

/// One replication stream, for the task that serves it.
#[derive(Debug)]
pub(crate) struct Stream {
    /// To whom.
    pub(crate) peer: Member,
    /// Which one; names it to the memories.
    pub(crate) number: u64,
    /// What is to be sent.
    pub(crate) changes: mpsc::Receiver<Change>,
    /// Where the snapshots go.
    pub(crate) sender: mpsc::Sender<Change>,
    /// Cancelled when the queue was full.
    pub(crate) overflow: CancellationToken,
    /// Told when a snapshot is wanted.
    pub(crate) wake: Arc<Notify>,
}

impl Links {
    /// Whether the heir of `target` has had a snapshot on the present stream.
    pub(super) fn listens(&self, target: &TargetId, synced: &Synced) -> bool {
        let link = self.heirs.get(target).and_then(|heir| self.by_peer.get(heir));
        link.is_some_and(|link| link.queue(synced).is_some())
    }

    /// Tells the heir of `target`, if it listens. Says whether its queue was full: the stream is given up
    /// then.
    pub(super) fn tell(
        &mut self,
        target: &TargetId,
        synced: &Synced,
        change: impl FnOnce() -> Change,
    ) -> bool {
        let Some(heir) = self.heirs.get(target) else {
            return false;
        };
        self.by_peer
            .get_mut(heir)
            .is_some_and(|link| link.tell(synced, change))
    }

    /// Who stands by for `target`.
    pub(super) fn heir(&self, target: &TargetId) -> Option<Heir> {
        let link = self.by_peer.get(self.heirs.get(target)?)?;
        Some(Heir {
            who: link.peer.who.clone(),
            mute: !link.answers(),
            down: link.down,
        })
    }

    /// A standby, as it was when it became one.
    pub(super) fn member(&self, peer: &Incarnation) -> Option<&Member> {
        self.by_peer.get(peer).map(|link| &link.peer)
    }

    /// `peer` says a word on a stream to it. Says whether it counts: those of an earlier stream do not, as
    /// their snapshot is due again.
    pub(super) fn hears(&mut self, peer: &Incarnation, stream: u64, word: &Word, now: Instant) -> bool {
        let Some(link) = self.by_peer.get_mut(peer) else {
            return false;
        };
        if link.queue.as_ref().is_none_or(|queue| queue.stream != stream) {
            return false;
        }
        (link.down, link.heard) = (None, now);
        match word {
            Word::Synced { .. } => link.owes.1 = link.owes.1.saturating_sub(1),
            Word::Taken { .. } => link.owes.0 = link.owes.0.saturating_sub(1),
            Word::Covered { cover, .. } => {
                let answers = usize::from(cover.tick.is_some());
                link.owes.0 = link.owes.0.saturating_sub(answers);
            }
        }
        true
    }

    /// Whether `peer` should have answered long ago.
    pub(super) fn is_silent(&self, peer: &Incarnation, now: Instant) -> bool {
        self.by_peer.get(peer).is_some_and(|link| {
            let most = match link.owes {
                (_, 1..) => READS,
                (1.., 0) => SILENT,
                (0, 0) => return false,
            };
            link.answers() && now >= link.heard + most
        })
    }

    /// The heir of `target` must get a snapshot.
    pub(super) fn renew(&mut self, target: &TargetId, synced: &mut Synced) {
        *synced = Synced::default();
        let heir = self.heirs.get(target);
        if let Some(link) = heir.and_then(|heir| self.by_peer.get_mut(heir)) {
            link.want(target);
        }
    }

    /// The target is not ours any more, or its heir not its heir. Says whether the queue was full.
    pub(super) fn release(&mut self, target: &TargetId, synced: &mut Synced) -> bool {
        let heir = self.heirs.get(target);
        let Some(link) = heir.and_then(|heir| self.by_peer.get_mut(heir)) else {
            return false;
        };
        let overflow = link.tell(synced, || Change::Release(target.clone()));
        link.todo.remove(target);
        if link.queue(synced).is_none() && link.known.contains(target) {
            link.released.insert(target.clone());
            link.wake.notify_one();
        }
        *synced = Synced::default();
        overflow
    }

    /// The target is not ours any more, and nobody is known to own it: its heir keeps what it was told.
    pub(super) fn leave(&mut self, target: &TargetId) {
        let heir = self.heirs.get(target);
        if let Some(link) = heir.and_then(|heir| self.by_peer.get_mut(heir)) {
            link.todo.remove(target);
            link.known.remove(target);
        }
    }

    /// The targets whose heir is not the one that `heirs` names.
    pub(super) fn changed(&self, heirs: &BTreeMap<TargetId, Member>) -> Vec<TargetId> {
        let stays =
            |target: &TargetId, heir: &Incarnation| heirs.get(target).is_some_and(|new| new.who == *heir);
        let changed = self.heirs.iter().filter(|(target, heir)| !stays(target, heir));
        changed.map(|(target, _)| target.clone()).collect()
    }

    /// `target` has no heir for now; the one that it had has been told if the target is ours.
    pub(super) fn disinherit(&mut self, target: &TargetId) {
        let heir = self.heirs.remove(target);
        if let Some(link) = heir.and_then(|heir| self.by_peer.get_mut(&heir)) {
            link.targets.remove(target);
            link.todo.remove(target);
            link.wake.notify_one();
        }
    }

    /// Adds those of `heirs` that are new. `ours` says whether a target is ours. Says whether there are links
    /// that need a task.
    pub(super) fn add_heirs(
        &mut self,
        heirs: &BTreeMap<TargetId, Member>,
        ours: impl Fn(&TargetId) -> bool,
    ) -> bool {
        for (target, member) in heirs {
            if self.heirs.contains_key(target) {
                continue;
            }
            self.heirs.insert(target.clone(), member.who.clone());
            let fresh = &mut self.fresh;
            let link = self.by_peer.entry(member.who.clone()).or_insert_with(|| {
                fresh.push(member.who.clone());
                Link::new(member.clone())
            });
            link.targets.insert(target.clone());
            if ours(target) {
                link.want(target);
            }
        }
        !self.fresh.is_empty()
    }

    /// The peers whose link needs a task.
    pub(super) fn fresh(&mut self) -> Vec<Incarnation> {
        std::mem::take(&mut self.fresh)
    }

    /// Begins a new stream to `peer`; all targets for which it stands by need a snapshot. `None`: it stands
    /// by for nothing and knows that, or cannot be told; there is no link any more.
    pub(super) fn open(&mut self, peer: &Incarnation, ours: impl Fn(&TargetId) -> bool) -> Option<Stream> {
        let link = self.by_peer.get_mut(peer)?;
        let due = link.targets.iter().filter(|target| ours(target));
        link.todo = due.cloned().collect();
        link.released = link.known.difference(&link.todo).cloned().collect();
        let needless = link
            .targets
            .is_empty()
            .then(|| *link.needless.get_or_insert_with(Instant::now));
        link.needless = needless;
        // By then it has dropped the shadow itself.
        if needless.is_some_and(|since| link.released.is_empty() || since.elapsed() >= UNWANTED) {
            self.by_peer.remove(peer);
            return None;
        }
        self.streams += 1;
        (link.owes, link.heard) = ((0, 0), Instant::now());
        let (sender, changes) = mpsc::channel(QUEUE);
        let overflow = CancellationToken::new();
        link.queue = Some(Queue {
            stream: self.streams,
            sender: sender.clone(),
            overflow: overflow.clone(),
        });
        Some(Stream {
            peer: link.peer.clone(),
            number: self.streams,
            changes,
            sender,
            overflow,
            wake: Arc::clone(&link.wake),
        })
    }

    /// `peer` has heard all that it was told.
    pub(super) fn heard(&mut self, peer: &Incarnation) {
        if let Some(link) = self.by_peer.get_mut(peer) {
            link.known.clear();
        }
    }

    /// Nothing is put into the queue to `peer` any more.
    pub(super) fn close(&mut self, peer: &Incarnation) {
        if let Some(link) = self.by_peer.get_mut(peer) {
            link.hang_up();
        }
    }

    /// Whether `peer` stands by for nothing, and knows that.
    pub(super) fn idle(&self, peer: &Incarnation) -> bool {
        let idle = |link: &Link| link.targets.is_empty() && link.released.is_empty();
        self.by_peer.get(peer).is_none_or(idle)
    }

    /// Takes one target of which `peer` must be told.
    pub(super) fn next(&mut self, peer: &Incarnation, stream: u64) -> Option<Due> {
        let link = self.by_peer.get_mut(peer)?;
        link.queue.as_ref().filter(|queue| queue.stream == stream)?;
        let released = link.released.pop_first().map(Due::Release);
        released.or_else(|| {
            let target = link.todo.pop_first()?;
            link.known.insert(target.clone());
            let mut serial = 0;
            if link.answers() {
                self.serials += 1;
                serial = self.serials;
                link.owe(|owes| &mut owes.1);
            }
            Some(Due::Snapshot { target, serial })
        })
    }

    /// The links, for tests and figures.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_peer.len()
    }
}

/// What a standby must be told of a target.
#[derive(Debug)]
pub(super) enum Due {
    Snapshot { target: TargetId, serial: u64 },
    Release(TargetId),
}

impl Synced {
    /// The heir gets a snapshot on this stream, with all frames before the one of number `next`.
    pub(super) fn on(&mut self, stream: u64, serial: u64, next: u64) {
        *self = Self {
            stream: Some(stream),
            serial: (serial, next),
            answered: false,
        };
    }

    /// The heir has that snapshot: gives the number of the first frame that is not in it. `None`: it is not
    /// the last one.
    pub(super) fn answered(&mut self, serial: u64) -> Option<u64> {
        let last = serial > 0 && self.stream.is_some() && self.serial.0 == serial;
        self.answered |= last;
        last.then_some(self.serial.1)
    }

    /// Whether the heir has said that it has the last snapshot.
    pub(super) fn is_answered(&self) -> bool {
        self.answered
    }
}

impl Link {
    fn new(peer: Member) -> Self {
        Self {
            peer,
            targets: BTreeSet::new(),
            todo: BTreeSet::new(),
            known: BTreeSet::new(),
            released: BTreeSet::new(),
            needless: None,
            queue: None,
            wake: Arc::default(),
            down: Some(Instant::now()),
            owes: (0, 0),
            heard: Instant::now(),
        }
    }

    /// Whether it answers at all: nodes of an older version do not.
    fn answers(&self) -> bool {
        self.peer.said.protocol >= ANSWERING
    }

    /// It has something more to answer.
    fn owe(&mut self, which: impl FnOnce(&mut (usize, usize)) -> &mut usize) {
        if self.owes == (0, 0) {
            self.heard = Instant::now();
        }
        *which(&mut self.owes) += 1;
    }

    /// Nothing is told on the present stream any more.
    fn hang_up(&mut self) {
        self.queue = None;
        self.down.get_or_insert_with(Instant::now);
    }

    /// It must get a snapshot of `target`.
    fn want(&mut self, target: &TargetId) {
        self.released.remove(target);
        self.todo.insert(target.clone());
        self.wake.notify_one();
    }

    fn queue(&self, synced: &Synced) -> Option<&Queue> {
        self.queue
            .as_ref()
            .filter(|queue| synced.stream == Some(queue.stream))
    }

    fn tell(&mut self, synced: &Synced, change: impl FnOnce() -> Change) -> bool {
        let Some(queue) = self.queue(synced) else {
            return false;
        };
        let change = change();
        let asks = matches!(change, Change::Ended { .. });
        let Err(error) = queue.sender.try_send(change) else {
            if asks && self.answers() {
                self.owe(|owes| &mut owes.0);
            }
            return false;
        };
        let full = matches!(error, mpsc::error::TrySendError::Full(_));
        if full {
            queue.overflow.cancel();
        }
        self.hang_up();
        full
    }
}
