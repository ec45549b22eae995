//! The oracle: sees everything that happens in the simulated world, as no node can.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use ringwatch_cluster::member::{Incarnation, NodeId};
use ringwatch_frame::{StreamId, TargetId, Tick};

use crate::story::Fault;

/// A stream of a target.
pub(crate) type Series = (TargetId, StreamId);

/// A frame that reached the backend.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delivered {
    /// The life that had read it.
    pub(crate) read_by: Incarnation,
    /// The counter at the reading before, and at this one. The first of a chain has no reading before.
    pub(crate) counter: (Option<i64>, i64),
    /// Under which epoch it was read.
    pub(crate) epoch: u64,
}

/// A question that was sent to a target, as it looked at that moment.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "what is not compared is printed when an invariant fails")]
pub(crate) struct Issued {
    pub(crate) by: Incarnation,
    pub(crate) series: Series,
    pub(crate) tick: Tick,
    pub(crate) at: Tick,
    pub(crate) epoch: u64,
    /// Other lives that had begun to read the target later, each since when, and that do not stand still.
    pub(crate) others: BTreeMap<Incarnation, Tick>,
}

/// A target that somebody took without its being handed over.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "what is not compared is printed when an invariant fails")]
pub(crate) struct Claim {
    pub(crate) by: Incarnation,
    pub(crate) target: TargetId,
    pub(crate) at: Tick,
    /// For how long it had seen no quorum of the group.
    pub(crate) without: Duration,
}

/// A fault that has happened, and to which life.
#[derive(Clone, Debug)]
pub(crate) struct Happened {
    pub(crate) at: Tick,
    pub(crate) fault: Fault,
    pub(crate) life: Option<Incarnation>,
    /// The targets that this life read.
    pub(crate) held: BTreeSet<TargetId>,
}

#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) delivered: BTreeMap<Series, BTreeMap<Tick, Vec<Delivered>>>,
    pub(crate) issued: Vec<Issued>,
    pub(crate) claims: Vec<Claim>,
    /// Who read each target at which tick to the end, and when.
    pub(crate) read: BTreeMap<(Series, Tick), Vec<(Incarnation, Tick)>>,
    /// Who reads a target now, each since when.
    pub(crate) holders: BTreeMap<TargetId, BTreeMap<Incarnation, Tick>>,
    /// Who began to read it, one after the other.
    pub(crate) moves: BTreeMap<TargetId, Vec<(Tick, Incarnation)>>,
    pub(crate) happened: Vec<Happened>,
    pub(crate) removed: BTreeMap<TargetId, Tick>,
    pub(crate) paused: BTreeSet<Incarnation>,
    /// Nodes that cannot reach any target now.
    pub(crate) blind: BTreeSet<NodeId>,
    /// Who asked a target last, and when, as its owner.
    asked: BTreeMap<TargetId, BTreeMap<Incarnation, Tick>>,
    /// Whose session holds the lock of a target, and under which epoch.
    locks: BTreeMap<TargetId, (Incarnation, u64)>,
    /// What each life asked last of a stream, and whether that was answered.
    questions: BTreeMap<(TargetId, Incarnation), BTreeMap<StreamId, (Tick, bool)>>,
    /// Who had the lock of a target since it reads it.
    held: BTreeSet<(Incarnation, TargetId)>,
    /// How many sessions were ended by a newer owner.
    pub(crate) fenced: usize,
    /// Ticks that were covered, each with how late.
    pub(crate) covered: Vec<(Series, Tick, Duration)>,
}

impl Books {
    /// What `target` knows of others than `me`: whether anybody has a session, and when one asked last.
    pub(crate) fn sessions(&self, target: &TargetId, me: &Incarnation) -> (bool, Option<Tick>) {
        let holders = self.holders.get(target);
        let present = holders.is_some_and(|holders| holders.keys().any(|life| life != me));
        let asked = self.asked.get(target).into_iter().flatten();
        let last = asked.filter(|(life, _)| *life != me).map(|(_, at)| *at).max();
        (present, last)
    }
}

/// What the sessions of a life were at that were ended for the lock.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// When one asked last.
    pub(crate) asked: Option<Tick>,
    /// Up to when each stream was read.
    pub(crate) read: BTreeMap<StreamId, Tick>,
}

impl Books {
    fn ended(&self, target: &TargetId, life: &Incarnation) -> Ended {
        let asked = self.asked.get(target).and_then(|asked| asked.get(life));
        let questions = self.questions.get(&(target.clone(), life.clone()));
        let read = questions.into_iter().flatten().map(|(stream, (tick, answered))| {
            let tick = if *answered { *tick } else { shifted(*tick, -1) };
            (stream.clone(), tick)
        });
        Ended {
            asked: asked.copied(),
            read: read.collect(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Oracle(Mutex<Books>);

impl Oracle {
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Books) -> T) -> T {
        look(&self.0.lock().unwrap())
    }

    pub(crate) fn note(&self, note: impl FnOnce(&mut Books)) {
        note(&mut self.0.lock().unwrap());
    }

    /// `without`: it took the target of its own, and had seen no quorum of the group for so long.
    pub(crate) fn begins(&self, who: &Incarnation, target: &TargetId, now: Tick, without: Option<Duration>) {
        self.note(|books| {
            let again = books
                .moves
                .get(target)
                .and_then(|moves| moves.last())
                .is_some_and(|(_, last)| last == who);
            books
                .claims
                .extend(without.filter(|_| !again).map(|without| Claim {
                    by: who.clone(),
                    target: target.clone(),
                    at: now,
                    without,
                }));
            books
                .holders
                .entry(target.clone())
                .or_default()
                .insert(who.clone(), now);
            let moves = books.moves.entry(target.clone()).or_default();
            // One that begins again after a failed handoff has not moved.
            if moves.last().is_none_or(|(_, last)| last != who) {
                moves.push((now, who.clone()));
            }
        });
    }

    /// Whether a session of another node has the lock of a target under a newer epoch, or has taken it from this one under
    /// the same.
    pub(crate) fn is_outranked(&self, who: &Incarnation, target: &TargetId, epoch: u64) -> bool {
        let books = &self.0.lock().unwrap();
        let lock = books.locks.get(target);
        let was_held = books.held.contains(&(who.clone(), target.clone()));
        lock.is_some_and(|(holder, held)| holder != who && (*held > epoch || (*held == epoch && was_held)))
    }

    /// Tries the lock of a target, as its owner under this epoch. `outranks` says whether the session that has
    /// it may be ended; gives then what that one was at.
    pub(crate) fn locks(
        &self,
        who: &Incarnation,
        target: &TargetId,
        epoch: u64,
        outranks: impl Fn(&NodeId, u64) -> bool,
    ) -> Option<Option<Ended>> {
        let books = &mut *self.0.lock().unwrap();
        let mut ended = None;
        if let Some((holder, held)) = books.locks.get(target).filter(|(holder, _)| holder != who) {
            if !outranks(&holder.node, *held) {
                return None;
            }
            ended = Some(books.ended(target, holder));
            books.fenced += 1;
        }
        books.locks.insert(target.clone(), (who.clone(), epoch));
        books.held.insert((who.clone(), target.clone()));
        Some(ended)
    }

    /// Whether the lock was that life's since it reads the target.
    pub(crate) fn was_held(&self, who: &Incarnation, target: &TargetId) -> bool {
        self.look(|books| books.held.contains(&(who.clone(), target.clone())))
    }

    /// Whether the lock of a target is that life's now.
    pub(crate) fn has_lock(&self, who: &Incarnation, target: &TargetId) -> bool {
        self.look(|books| books.locks.get(target).is_some_and(|(holder, _)| holder == who))
    }

    pub(crate) fn ends(&self, who: &Incarnation, target: &TargetId) {
        self.note(|books| {
            books
                .locks
                .retain(|of, (holder, _)| of != target || holder != who);
            books.held.remove(&(who.clone(), target.clone()));
            books.holders.entry(target.clone()).or_default().remove(who);
        });
    }

    pub(crate) fn dies(&self, who: &Incarnation) {
        self.note(|books| {
            books.locks.retain(|_, (holder, _)| holder != who);
            books
                .holders
                .values_mut()
                .for_each(|holders| holders.retain(|life, _| life != who));
        });
    }

    pub(crate) fn issues(&self, by: &Incarnation, series: &Series, (tick, epoch): (Tick, u64), at: Tick) {
        self.note(|books| {
            let asked = books.asked.entry(series.0.clone()).or_default();
            asked.insert(by.clone(), at);
            let of = (series.0.clone(), by.clone());
            let questions = books.questions.entry(of).or_default();
            questions.insert(series.1.clone(), (tick, false));
            let mut others = books.holders.get(&series.0).cloned().unwrap_or_default();
            let mine = others.remove(by);
            others.retain(|other, since| Some(*since) > mine && !books.paused.contains(other));
            let issued = Issued {
                by: by.clone(),
                series: series.clone(),
                tick,
                at,
                epoch,
                others,
            };
            books.issued.push(issued);
        });
    }

    pub(crate) fn has_read(&self, by: &Incarnation, series: &Series, tick: Tick, at: Tick) {
        self.note(|books| {
            books
                .read
                .entry((series.clone(), tick))
                .or_default()
                .push((by.clone(), at));
            let questions = books.questions.get_mut(&(series.0.clone(), by.clone()));
            let question = questions.and_then(|questions| questions.get_mut(&series.1));
            if let Some(question) = question.filter(|(asked, _)| *asked == tick) {
                question.1 = true;
            }
        });
    }

    pub(crate) fn covers(&self, by: &Incarnation, series: &Series, tick: Tick, at: Tick) {
        self.has_read(by, series, tick, at);
        self.note(|books| books.covered.push((series.clone(), tick, tick.lateness(at))));
    }

    pub(crate) fn delivers(&self, series: &Series, tick: Tick, delivered: Delivered) {
        self.note(|books| {
            let ticks = books.delivered.entry(series.clone()).or_default();
            ticks.entry(tick).or_default().push(delivered);
        });
    }

    pub(crate) fn happens(&self, at: Tick, fault: Fault, life: Option<&Incarnation>) {
        self.note(|books| {
            let holds = |(target, holders): (&TargetId, &BTreeMap<Incarnation, Tick>)| {
                life.is_some_and(|life| holders.contains_key(life))
                    .then(|| target.clone())
            };
            let held = books.holders.iter().filter_map(holds).collect();
            books.happened.push(Happened {
                at,
                fault,
                life: life.cloned(),
                held,
            });
        });
    }
}

/// The instant `by` after `tick`; before it for a negative one.
pub(crate) fn shifted(tick: Tick, by: i64) -> Tick {
    Tick::from_unix_nanos(tick.unix_nanos() + by * 1_000_000)
}

/// Milliseconds of a duration.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}
