//! The steering: all that the node decides, as one struct that is told what happened and says what to do.
//!
//! It does no I/O and waits for nothing, so that every case can be tested as a table. [`run`](super::run)
//! is its edge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{Epoch, TargetId, TargetMemory, Tick};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use xxhash_rust::xxh3::Xxh3;

use super::claims::Claims;
use super::covering::{Covering, Waking};
use super::effect::{Effect, Fixed, Look};
use super::events::{self, ClusterEvent, EventKind, Events};
use super::gate::{Gate, Grant};
use super::handoff::{Handoffs, Running};
use super::join::Joining;
use super::knowledge::Knowledge;
use super::metrics::Metrics;
use super::moves::Moves;
use super::notes;
use super::number::{Group, Numbers};
use super::offers::Offers;
use super::pause::PauseCheck;
use super::receive::Incoming;
use super::rivals::Rivals;
use super::status::{NodeFailure, Status};
use crate::member::{PROTOCOL, Said, Stage, State, TargetKey};
use crate::memories::{Memories, Parting};
use crate::peer::Refused;
use crate::plan::{self, Action, Holding, Situation, Why};
use crate::pulse::Pulse;
use crate::roster::{Membership, Roster};
use crate::view::View;

/// So long after a target came here, what others say that they own, and our own view, may be older than that.
const FRESH: Duration = Duration::from_secs(1);
/// So long what was let go without a successor is remembered.
const KEPT: Duration = Duration::from_secs(60);
/// How often shadows that nobody wants are looked for.
const SWEEP: Duration = Duration::from_secs(5);

/// What a node knows, owns and is about to do.
pub(crate) struct Steering {
    pub(super) fixed: Fixed,
    pub(super) pulse: Arc<Pulse>,
    pub(super) gate: Arc<Gate>,
    pub(super) memories: Arc<Memories>,
    pub(super) metrics: Metrics,
    pub(super) roster: Roster,
    pub(super) membership: Option<Membership>,
    pub(super) view: Option<View>,
    /// Since when targets are where they are by the view.
    pub(super) view_since: Instant,
    /// Where they were before.
    pub(super) view_before: Option<View>,
    pub(super) numbers: Numbers,
    /// The configured targets; and a hash of their names.
    pub(super) targets: BTreeMap<TargetKey, TargetId>,
    targets_hash: u64,
    /// What this node owns, with when it came.
    pub(super) owned: BTreeMap<TargetId, Instant>,
    /// Targets whose lanes still end. Nothing else is begun with them.
    pub(super) stopping: BTreeSet<TargetId>,
    /// There is no gossip: this node is alone by its configuration.
    pub(super) sole: bool,
    pub(super) claims: Claims,
    pub(super) handoffs: Handoffs,
    pub(super) incoming: Incoming,
    /// Peers that wait for a connection of ours to a target.
    pub(super) warming: BTreeMap<TargetId, oneshot::Sender<Result<(), Refused>>>,
    pub(super) pause: Option<PauseCheck>,
    /// Pauses that have been noticed.
    pub(super) pauses: u64,
    /// What waits for its standby after the last one.
    pub(super) waking: Option<Waking>,
    pub(super) covers: watch::Sender<Arc<[Covering]>>,
    /// Targets of dead owners that are covered for a moment yet, each since when.
    pub(super) bereft: BTreeMap<TargetId, Instant>,
    /// Targets of ours that nobody handed to us, and the epoch under which they were claimed.
    pub(super) claimed: BTreeMap<TargetId, u64>,
    /// A target is taken over when what is being read of it has ended.
    pub(super) closing: bool,
    pub(super) moves: Moves,
    /// Targets that stay because they have moved too often; said once.
    pub(super) capped: BTreeSet<TargetId>,
    pub(super) offers: Offers,
    pub(super) events: Events,
    /// When the present step began, on the wall clock.
    wall: Tick,
    pub(super) rivals: Rivals,
    joining: Joining,
    swept: Instant,
    /// What was let go without a successor, and when: for whoever claims it.
    pub(super) relics: BTreeMap<TargetId, (TargetMemory, Instant)>,
    pub(super) stage: Stage,
    pub(super) failure: Option<NodeFailure>,
    pub(super) todo: Vec<Effect>,
}

impl Steering {
    pub(crate) fn new(
        fixed: Fixed,
        shared: (Arc<Pulse>, Arc<Gate>, Arc<Memories>),
        metrics: Metrics,
        roster: Roster,
        now: Instant,
    ) -> Self {
        let (pulse, gate, memories) = shared;
        let moves = Moves::new(fixed.moves);
        Self {
            fixed,
            pulse,
            gate,
            memories,
            metrics,
            roster,
            membership: None,
            view: None,
            view_since: now,
            view_before: None,
            numbers: Numbers::default(),
            targets: BTreeMap::new(),
            targets_hash: 0,
            owned: BTreeMap::new(),
            stopping: BTreeSet::new(),
            sole: false,
            claims: Claims::default(),
            handoffs: Handoffs::default(),
            incoming: Incoming::default(),
            warming: BTreeMap::new(),
            pause: None,
            pauses: 0,
            waking: None,
            covers: watch::Sender::new(Arc::default()),
            bereft: BTreeMap::new(),
            claimed: BTreeMap::new(),
            closing: false,
            moves,
            capped: BTreeSet::new(),
            offers: Offers::default(),
            events: Events::default(),
            wall: Tick::from_unix_nanos(0),
            rivals: Rivals::default(),
            joining: Joining::new(now),
            swept: now,
            relics: BTreeMap::new(),
            stage: Stage::Joining,
            failure: None,
            todo: Vec::new(),
        }
    }

    /// One step: looks, decides, and says what to do. Call it whenever something has changed, and now and
    /// then.
    pub(crate) fn step(&mut self, look: &Look<'_>) -> Vec<Effect> {
        let now = look.now.instant;
        self.wall = look.now.tick;
        self.sole = look.sightings.is_none();
        self.configure(look.targets);
        self.look_at_group(look.group.clone(), now);
        self.notice_pause(now);
        self.look_around(look);
        self.resolve_pause(now);
        self.probe_rivals(now);
        self.follow_handoffs(now);
        self.act(now);
        self.care_for_heirs(now);
        self.wake(now);
        self.open();
        self.care_for_covers();
        self.make_offers(now);
        self.sweep(now);
        self.propose(now);
        self.take_effects()
    }

    /// What has to be done since the last call.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.todo)
    }

    /// Whether something waits that time alone brings on.
    pub(crate) fn is_pending(&self, now: Instant) -> bool {
        let suspects = |m: &Membership| m.members.iter().any(|member| member.state == State::Suspect);
        self.membership.as_ref().is_none_or(suspects)
            || self.pause.is_some()
            || self.waking.is_some()
            || self.closing
            || self.offers.is_pending()
            || self.claims.is_pending()
            || self.handoffs.is_pending()
            || self.numbers.is_pending()
            || self.owned.values().any(|since| now < *since + FRESH)
            || self.stage != Stage::Ready
    }

    /// What this node says of itself now.
    pub(crate) fn said(&self) -> Said {
        let excluded = self
            .membership
            .as_ref()
            .map(|m| m.excluded.as_slice())
            .unwrap_or_default();
        let mut owned: Vec<TargetKey> = self.owned.keys().map(TargetKey::from).collect();
        owned.sort_unstable();
        Said {
            stage: self.stage,
            grpc_address: self.fixed.grpc_address.clone(),
            version: self.fixed.version.clone(),
            points: self.fixed.points,
            view: self.number(),
            targets: self.targets_hash,
            owned: owned.into(),
            excluded: excluded.into(),
            raft: self.numbers.group.announced.raft,
            dataset: self.numbers.group.announced.dataset,
            protocol: PROTOCOL,
        }
    }

    /// What it knows now; the metrics show the same.
    pub(crate) fn knowledge(&self) -> Knowledge {
        let (cluster, me) = (&self.fixed.cluster, &self.fixed.me.node);
        let Some(membership) = &self.membership else {
            return Knowledge::nothing(cluster, me);
        };
        let mut knowledge = Knowledge::of(
            cluster,
            membership,
            self.view.as_ref(),
            &self.targets,
            &self.numbers.group,
        );
        let epoch = self.epoch();
        knowledge
            .targets
            .iter_mut()
            .for_each(|placed| placed.epoch = epoch);
        self.metrics.show(
            &knowledge,
            self.owned.len(),
            knowledge.standby_of(me),
            self.pulse.pauses(),
        );
        knowledge
    }

    /// How far this node is.
    pub(crate) fn status(&self, now: Instant) -> Status {
        let others = self.membership.iter().flat_map(Membership::others_alive);
        Status {
            stage: self.stage,
            joined: self.joining.joined(),
            waiting_for_seeds: self.joining.waits(now),
            waiting_for_group: self.view.is_none().then(|| self.numbers.waits_for()),
            owned: self.owned.len(),
            others_ready: others.filter(|member| member.state == State::Ready).count(),
            failure: self.failure.clone(),
        }
    }

    /// Nothing more is owned: it has left, or cannot go on.
    pub(crate) fn end(&mut self, now: Instant) -> Vec<Effect> {
        self.stage = Stage::Left;
        self.let_go("this node stops", Parting::Ends, now);
        self.care_for_covers();
        self.take_effects()
    }

    /// Whether no lane runs any more, after [`end`](Self::end).
    pub(crate) fn is_stopped(&self) -> bool {
        self.owned.is_empty() && self.stopping.is_empty()
    }

    fn configure(&mut self, targets: &[TargetId]) {
        let changed = self.targets.len() != targets.len()
            || targets
                .iter()
                .any(|target| self.targets.get(&target.into()) != Some(target));
        if changed || self.targets_hash == 0 {
            self.targets = targets
                .iter()
                .map(|target| (target.into(), target.clone()))
                .collect();
            let mut hash = Xxh3::new();
            for key in self.targets.keys() {
                hash.update(&key.0.to_le_bytes());
            }
            self.targets_hash = hash.digest().max(1);
        }
    }

    fn look_at_group(&mut self, group: Group, now: Instant) {
        let (before, after) = (&self.numbers.group.standing, &group.standing);
        if before.quorum != after.quorum && after.founded {
            notes::group_quorum(after.quorum, &after.missing);
        }
        self.numbers.look(group, now);
    }

    /// Members and view, from what the gossip has seen.
    fn look_around(&mut self, look: &Look<'_>) {
        let now = look.now.instant;
        let seen = look.sightings.map(|s| s.seen.as_slice()).unwrap_or_default();
        let words = |sighting: &crate::member::Sighting| {
            sighting.live && sighting.said.is_some() && sighting.who.node != self.fixed.me.node
        };
        self.joining.step(look.sightings, seen.iter().any(words), now);
        if self.joining.remind(now) {
            let seeds = look.sightings.map_or(0, |s| s.seeds);
            tracing::warn!(
                seeds,
                "waiting for seeds: none has answered yet; check cluster.gossip.seeds"
            );
        }
        let seen_as_me = |sighting: &&crate::member::Sighting| {
            sighting.live && sighting.who.node == self.fixed.me.node && sighting.who != self.fixed.me
        };
        let seen_as_me: Vec<_> = seen.iter().filter(seen_as_me).collect();
        self.stage = match (self.stage, look.wishes) {
            (Stage::Left, _) => Stage::Left,
            (_, wishes) if wishes.left => Stage::Left,
            _ if !self.joining.joined() => Stage::Joining,
            // Whoever takes part cannot go again without being missed.
            (Stage::Joining, _) if self.rivals.undecided(&seen_as_me, &self.fixed.grpc_address) => {
                Stage::Joining
            }
            (_, wishes) if wishes.leaving || wishes.draining => Stage::Draining,
            (_, wishes) if wishes.ready => Stage::Ready,
            _ => Stage::Joining,
        };
        let membership = self.roster.step(look.now, seen, &self.said());
        notes::changes(
            self.membership.as_ref(),
            &membership,
            self.stage != Stage::Joining,
        );
        for event in events::member_changes(self.membership.as_ref(), &membership) {
            self.tell(event);
        }
        let committed = self.numbers.group.committed.as_ref();
        if let Some(next) = View::next(self.view.as_ref(), committed, &membership) {
            let before = self.view.take();
            notes::new_view(before.as_ref(), &next, &membership);
            self.events.tell(ClusterEvent {
                at: self.wall,
                view: next.number(),
                reason: format!(
                    "{} of {} members",
                    next.ring().members().len(),
                    membership.members.len()
                ),
                ..ClusterEvent::new(EventKind::View)
            });
            if !before.as_ref().is_some_and(|before| before.places_like(&next)) {
                (self.view_since, self.view_before) = (now, before);
            }
            self.view = Some(next);
        }
        self.membership = Some(membership);
        if let Some(ended) = look.sightings.and_then(|s| s.ended.as_ref()) {
            self.fail(NodeFailure::Gossip(ended.clone()));
        }
    }

    /// Tells whoever watches.
    pub(super) fn tell(&self, mut event: ClusterEvent) {
        event.at = self.wall;
        event.view = self.epoch();
        self.events.tell(event);
    }

    pub(super) fn fail(&mut self, failure: NodeFailure) {
        if self.failure.is_none() {
            tracing::error!("{failure}");
            self.failure = Some(failure);
        }
    }

    /// Whether nothing stands between what is planned and its doing.
    pub(super) fn may_act(&self) -> bool {
        self.pulse.sure() && self.failure.is_none() && self.stage != Stage::Left
    }

    /// Plans, and begins what is planned.
    fn act(&mut self, now: Instant) {
        let cleared = self.claims.take_cleared();
        if !self.may_act() {
            self.claims.clear();
            return;
        }
        let Some(membership) = self.membership.take() else {
            return;
        };
        let mine = self.holdings(now);
        let actions = plan::plan(&Situation {
            membership: &membership,
            view: self.view.as_ref(),
            targets: &self.targets,
            mine: &mine,
            can_claim: self.stage == Stage::Ready && self.numbers.may_claim(now),
        });
        let mut wanted = BTreeSet::new();
        for action in actions {
            match action {
                Action::Claim(target) => {
                    if !self.stopping.contains(&target) {
                        wanted.insert(target);
                    }
                }
                Action::HandOver { target, to } => self.hand_over(&target, &to, &membership, now),
                Action::Stop { target, why } => self.stop(&target, &why, now),
            }
        }
        self.claim(wanted, cleared, &membership, now);
        self.membership = Some(membership);
    }

    fn holdings(&self, now: Instant) -> BTreeMap<TargetId, Holding> {
        let holding = |target: &TargetId, since: Instant| match () {
            () if self.handoffs.is_active(target) => Holding::HandingOver,
            () if now < since + FRESH => Holding::Starting,
            () => Holding::Steady,
        };
        let mine = self.owned.iter();
        mine.map(|(target, since)| (target.clone(), holding(target, *since)))
            .collect()
    }

    /// The plan stops only what is not on its way to another. The other owner may be about to let go too: it was away,
    /// and does not know yet that it was replaced. Whoever claims the target then goes on from here.
    fn stop(&mut self, target: &TargetId, why: &Why, now: Instant) {
        notes::stopped(target, why);
        self.tell(ClusterEvent::of(EventKind::Released, target));
        let memory = self.drop_target(target, Parting::Handed);
        self.owned.remove(target);
        self.relics.insert(target.clone(), (memory, now));
    }

    /// Shuts the gate to what is not ours, before anything else is done.
    pub(super) fn open(&self) {
        let grant = |target: &TargetId| match self.handoffs.phase(target) {
            Running::All if self.is_waking(target) => Some((target.clone(), Grant::Waking)),
            Running::All => Some((target.clone(), Grant::Open)),
            Running::Ending => Some((target.clone(), Grant::Closing)),
            Running::None => None,
        };
        let epoch = self.epoch();
        self.memories.set_view(self.number(), epoch);
        // Whoever hears that this node has left takes over at once.
        let owned = self.owned.keys().filter(|_| self.stage != Stage::Left);
        self.gate.set(Epoch(epoch), owned.filter_map(grant).collect());
    }

    fn care_for_heirs(&self, now: Instant) {
        let Some(membership) = &self.membership else {
            return;
        };
        let mine = self.holdings(now);
        let heirs = plan::heirs(membership, self.view.as_ref(), &mine);
        let heirs = heirs
            .into_iter()
            .filter_map(|(target, node)| Some((target, membership.member(&node)?.clone())));
        self.memories.set_heirs(&heirs.collect());
    }

    /// Drops what is remembered of targets for which this node does not stand by any more.
    fn sweep(&mut self, now: Instant) {
        let Some(view) = self.view.as_ref().filter(|_| now >= self.swept + SWEEP) else {
            return;
        };
        let me = &self.fixed.me.node;
        self.memories.expire_shadows(&|target| {
            let place = view.place(target.into());
            place.is_some_and(|place| place.owner == me || place.standby == Some(me))
        });
        self.relics.retain(|_, (_, since)| now < *since + KEPT);
        self.swept = now;
    }
}
