//! The edge of the steering: waits for whatever may change something, and carries out what the steering says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{Clock, TargetId};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::effect::{Effect, Event, Look};
use super::number::Group;
use super::orders::Asked;
use super::receive::Question;
use super::status::Status;
use super::steer::Steering;
use super::{Collecting, Knowledge, Wishes};
use crate::gossip::{Gossip, Sightings};
use crate::member::{Said, Stage};
use crate::memories::Memories;
use crate::numbering::{Announced, Committed, GroupStanding, NotCommitted, Numbering};
use crate::peer::Peers;
use crate::pulse::{BEAT, Pulse};
use crate::replicate::Replicator;
use crate::roster::Moment;
use crate::timekeeping::Timekeeper;

/// The next step while something waits for time to pass.
const SOON: Duration = Duration::from_millis(50);
/// The next step while nothing does.
const LATER: Duration = Duration::from_millis(500);
/// A connection that takes longer to make is none.
const WARM: Duration = Duration::from_secs(9);
/// Lanes have deadlines of their own that are far shorter; one that is stuck beyond this holds nothing up
/// any more.
const STOP: Duration = Duration::from_secs(60);
/// A proposal to the group has a shorter time limit of its own.
const NUMBER: Duration = Duration::from_secs(5);
/// How often it is looked at which frames may leave.
const PASS: Duration = Duration::from_millis(50);
/// How often it is looked at whether a target's standby has answered; and how long that may take before the
/// target is handed over without.
const LOOK: Duration = Duration::from_millis(5);
const ANSWERED: Duration = Duration::from_millis(1_200);
/// When the node ends, its lanes have this long.
const LAST_STOP: Duration = Duration::from_secs(2);

/// All that the loop owns.
pub(crate) struct Inner {
    pub(crate) steering: Steering,
    pub(crate) questions: mpsc::Receiver<Question>,
    pub(crate) orders: mpsc::Receiver<Asked>,
    pub(crate) group: Groups,
    pub(crate) knowledge: watch::Sender<Arc<Knowledge>>,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) wishes: watch::Receiver<Wishes>,
    pub(crate) targets: watch::Receiver<Arc<[TargetId]>>,
    pub(crate) clock: Clock,
    pub(crate) gossip: Option<Gossip>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) peers: Arc<dyn Peers>,
    pub(crate) collecting: Arc<dyn Collecting>,
    pub(crate) memories: Arc<Memories>,
    pub(crate) _replicator: Replicator,
    pub(crate) _timekeeper: Option<Timekeeper>,
}

/// Where the group is looked at.
pub(crate) struct Groups {
    pub(crate) numbering: Arc<dyn Numbering>,
    pub(crate) committed: watch::Receiver<Option<Arc<Committed>>>,
    pub(crate) standing: watch::Receiver<GroupStanding>,
    pub(crate) announcement: watch::Receiver<Announced>,
}

impl Groups {
    fn look(&mut self) -> Group {
        Group {
            committed: self.committed.borrow_and_update().clone(),
            standing: self.standing.borrow_and_update().clone(),
            weights: self.numbering.weights(),
            rebalances: self.numbering.rebalances(),
            announced: self.announcement.borrow_and_update().clone(),
        }
    }

    /// Waits until something has changed.
    async fn changed(&mut self) {
        tokio::select! {
            Ok(()) = self.committed.changed() => {}
            Ok(()) = self.standing.changed() => {}
            Ok(()) = self.announcement.changed() => {}
            // The group has ended: what was known of it last stays.
            else => std::future::pending().await,
        }
    }
}

/// Child tasks, each with the event that takes the place of its own if it panics.
#[derive(Default)]
pub(super) struct Tasks {
    set: JoinSet<Event>,
    otherwise: HashMap<Id, Event>,
}

impl Tasks {
    pub(super) fn spawn(&mut self, work: impl Future<Output = Event> + Send + 'static, otherwise: Event) {
        let id = self.set.spawn(work).id();
        self.otherwise.insert(id, otherwise);
    }

    /// The next event; pending while there is no task.
    async fn next(&mut self) -> Option<Event> {
        match self.set.join_next_with_id().await {
            None => std::future::pending().await,
            Some(Ok((id, event))) => {
                self.otherwise.remove(&id);
                Some(event)
            }
            Some(Err(error)) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &JoinError) -> Option<Event> {
        tracing::error!("a task of the cluster has failed: {error}");
        self.otherwise.remove(&error.id())
    }
}

/// Runs the node until it is told to stop.
pub(crate) async fn run(mut inner: Inner, stop: CancellationToken) {
    let mut sightings = inner.gossip.as_ref().map(Gossip::sightings);
    let mut tasks = Tasks::default();
    let mut said = None;
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut passes = interval(PASS);
    passes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        inner.step(sightings.as_mut(), &mut said, &mut tasks).await;
        let now = Instant::now();
        let at = now
            + if inner.steering.is_pending(now) {
                SOON
            } else {
                LATER
            };
        loop {
            tokio::select! {
                () = stop.cancelled() => return inner.end(tasks).await,
                event = tasks.next() => {
                    if let Some(event) = event {
                        inner.steering.on(event, Instant::now());
                    }
                }
                Some(question) = inner.questions.recv() => inner.steering.answer(question, Instant::now()),
                Some(asked) = inner.orders.recv() => match asked {
                    Asked::Order(order) => inner.steering.order(order),
                    Asked::Unreachable(target) => inner.steering.offers.add(target, Instant::now()),
                },
                () = inner.group.changed() => {}
                Ok(()) = changed(sightings.as_mut()) => {}
                Ok(()) = inner.targets.changed() => {}
                Ok(()) = inner.wishes.changed() => {}
                _ = beats.tick(), if inner.gossip.is_none() => {
                    // Without gossip nobody else beats.
                    if inner.pulse.beat().is_none() {
                        continue;
                    }
                }
                _ = passes.tick() => {
                    inner.memories.pass();
                    continue;
                }
                () = sleep_until(at) => {}
            }
            break;
        }
    }
}

async fn changed(sightings: Option<&mut watch::Receiver<Arc<Sightings>>>) -> Result<(), ()> {
    match sightings {
        Some(sightings) => sightings.changed().await.map_err(drop),
        None => std::future::pending().await,
    }
}

impl Inner {
    async fn step(
        &mut self,
        sightings: Option<&mut watch::Receiver<Arc<Sightings>>>,
        said: &mut Option<Said>,
        tasks: &mut Tasks,
    ) {
        let seen = sightings.map(|sightings| Arc::clone(&sightings.borrow_and_update()));
        let targets = Arc::clone(&self.targets.borrow_and_update());
        let now = Moment {
            instant: Instant::now(),
            tick: self.clock.now(),
        };
        let wishes = *self.wishes.borrow_and_update();
        let look = Look {
            now,
            sightings: seen.as_deref(),
            targets: &targets,
            wishes,
            group: self.group.look(),
        };
        let effects = self.steering.step(&look);
        self.carry_out(effects, tasks).await;
        self.publish(said);
    }

    /// Tells everyone what has changed.
    fn publish(&self, said: &mut Option<Said>) {
        let now = self.steering.said();
        if said.as_ref() != Some(&now) {
            if let Some(gossip) = &self.gossip {
                gossip.say(now.clone());
            }
            *said = Some(now);
        }
        let knowledge = self.steering.knowledge();
        self.knowledge.send_if_modified(|known| {
            let changed = !known.same(&knowledge);
            if changed {
                *known = Arc::new(knowledge);
            }
            changed
        });
        let status = self.steering.status(Instant::now());
        self.status.send_if_modified(|known| {
            let changed = *known != status;
            *known = status;
            changed
        });
    }

    async fn carry_out(&self, effects: Vec<Effect>, tasks: &mut Tasks) {
        for effect in effects {
            match effect {
                // These return at once, and their order matters.
                Effect::Receive { target, companion } => self.collecting.received(&target, companion),
                Effect::Start(target) => self.collecting.start(&target).await,
                Effect::Deliver(frames) => self.collecting.deliver(frames),
                other => self.begin(other, tasks),
            }
        }
    }

    /// Begins what takes time.
    fn begin(&self, effect: Effect, tasks: &mut Tasks) {
        let collecting = Arc::clone(&self.collecting);
        match effect {
            Effect::Start(_) | Effect::Deliver(_) | Effect::Receive { .. } => {}
            Effect::Number { view, reason } => {
                let (number, numbering) = (view.number, Arc::clone(&self.group.numbering));
                let build = move |answer| Event::Numbered { number, answer };
                let failed = build(Err(NotCommitted::Unknown));
                let work = async move {
                    let answer = timeout(NUMBER, numbering.propose(view, reason)).await;
                    build(answer.unwrap_or(Err(NotCommitted::Unknown)))
                };
                tasks.spawn(work, failed);
            }
            Effect::Stop { target, number } => {
                let event = Event::Stopped {
                    target: target.clone(),
                    number,
                };
                let memories = Arc::clone(&self.memories);
                let work = async move {
                    let _ = timeout(STOP, collecting.stop(&target)).await;
                    // Whoever it is handed to must know what of it counts.
                    let answered = async {
                        while number > 0 && memories.is_waiting(&target) {
                            sleep(LOOK).await;
                        }
                    };
                    let _ = timeout(ANSWERED, answered).await;
                    Event::Stopped { target, number }
                };
                tasks.spawn(work, event);
            }
            Effect::Warm {
                target,
                from,
                handoff,
            } => {
                let build = move |target, answer| Event::Warmed {
                    target,
                    from,
                    handoff,
                    answer,
                };
                let failed = build.clone()(target.clone(), Err("it has failed".into()));
                let work = async move {
                    let late = |_| Err("the target does not answer in time".into());
                    let answer = timeout(WARM, collecting.warm(&target)).await.unwrap_or_else(late);
                    build(target, answer)
                };
                tasks.spawn(work, failed);
            }
            calling => self.begin_to_call(calling, tasks),
        }
    }

    /// The end: nothing may be read any more, lanes end, the others hear the last words if there were any.
    async fn end(mut self, mut tasks: Tasks) {
        let left = self.steering.status(Instant::now()).stage == Stage::Left;
        let effects = self.steering.end(Instant::now());
        self.carry_out(effects, &mut tasks).await;
        if left && let Some(gossip) = &self.gossip {
            gossip.say(self.steering.said());
        }
        let stopped = async {
            while !self.steering.is_stopped() {
                if let Some(event) = tasks.next().await {
                    self.steering.on(event, Instant::now());
                }
            }
        };
        let _ = timeout(LAST_STOP, stopped).await;
        if let Some(gossip) = self.gossip {
            gossip.stop().await;
        }
    }
}
