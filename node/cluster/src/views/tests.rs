use std::sync::Arc;

use ringwatch_frame::Tick;

use super::*;
use crate::member::{Incarnation, Member, Said, Stage};
use crate::numbering::By;

/// The leader a, what it sees, and a group that commits what it proposes.
struct Leader {
    committed: Option<Committed>,
    view: Option<View>,
    membership: Membership,
    standing: GroupStanding,
    targets: BTreeMap<TargetKey, TargetId>,
    weights: BTreeMap<TargetId, f64>,
    rebalances: bool,
    memory: Memory,
    start: Instant,
    now: Instant,
    /// Targets arrive where the view wants them, and their owners say so.
    arrive: bool,
}

impl Leader {
    /// Members as in `a1R b1R`: name, life and state.
    fn new(members: &str) -> Self {
        let now = Instant::now();
        let mut leader = Self {
            committed: None,
            view: None,
            membership: Membership {
                me: NodeId::new("a"),
                members: Vec::new(),
                quorum: true,
                excluded: Vec::new(),
                rivals: Vec::new(),
                unheard: Vec::new(),
            },
            standing: GroupStanding {
                leads: true,
                quorum: true,
                founded: true,
                ..GroupStanding::default()
            },
            targets: BTreeMap::new(),
            weights: BTreeMap::new(),
            rebalances: true,
            memory: Memory::default(),
            start: now,
            now,
            arrive: true,
        };
        leader.sees(members);
        leader
    }

    /// As `new`, when their view is there.
    fn settled(members: &str) -> Self {
        let mut leader = Self::new(members);
        assert_eq!(leader.pass(1_000).len(), 1);
        leader.start = leader.now;
        leader
    }

    fn sees(&mut self, members: &str) {
        let mut members: Vec<Member> = members.split_whitespace().map(member).collect();
        members.sort_by(|a, b| a.who.node.cmp(&b.who.node));
        self.membership.members = members;
    }

    fn weighs(&mut self, weights: &[f64]) {
        let named = weights
            .iter()
            .enumerate()
            .map(|(nth, weight)| (TargetId::new("test", &nth.to_string()), *weight));
        self.weights = named.collect();
        self.targets = self
            .weights
            .keys()
            .map(|target| (target.into(), target.clone()))
            .collect();
    }

    /// One look, and the commit of what it proposes: `300: 1 a1,b1`.
    fn look(&mut self) -> Option<String> {
        let record = self.committed.clone().map(Arc::new);
        if let Some(view) = View::next(self.view.as_ref(), record.as_ref(), &self.membership) {
            self.view = Some(view);
        }
        if let Some(view) = self.view.as_ref().filter(|_| self.arrive) {
            for member in &mut self.membership.members {
                let mine = |key: &&TargetKey| {
                    let place = view.place(**key);
                    place.is_some_and(|place| *place.owner == member.who.node)
                };
                member.said.owned = self.targets.keys().filter(mine).copied().collect();
            }
        }
        let outlook = Outlook {
            committed: self.committed.as_ref(),
            view: self.view.as_ref(),
            membership: &self.membership,
            standing: &self.standing,
            targets: &self.targets,
            weights: &self.weights,
            rebalances: self.rebalances,
            now: self.now,
        };
        let proposal = next(&outlook, &mut self.memory)?;
        let view = proposal.view;
        let seats = view
            .seats
            .iter()
            .map(|seat| format!("{}{}", seat.node, seat.generation));
        let seats = seats.collect::<Vec<_>>().join(",");
        let at = self.now.duration_since(self.start).as_millis();
        let text = format!("{at}: {} {seats}", view.number);
        self.committed = Some(view);
        Some(text)
    }

    /// Lets time pass, with a look every 50 ms. All that was proposed.
    fn pass(&mut self, millis: u64) -> Vec<String> {
        let looks = 0..millis / 50;
        let mut found = Vec::new();
        for _ in looks {
            found.extend(self.look());
            self.now += Duration::from_millis(50);
        }
        found
    }

    fn pins(&self) -> usize {
        self.committed.as_ref().map_or(0, |view| view.pins.len())
    }

    fn pin(&mut self, target: usize, to: &str, by: By) {
        let pin = Pin {
            to: NodeId::new(to),
            by,
        };
        let view = self.committed.as_mut().unwrap();
        view.pins.insert(TargetId::new("test", &target.to_string()), pin);
        view.number += 1;
    }
}

fn member(text: &str) -> Member {
    let state = match &text[2..3] {
        "R" => State::Ready,
        "J" => State::Joining,
        "D" => State::Draining,
        "S" => State::Suspect,
        _ => State::Dead,
    };
    Member {
        who: Incarnation {
            node: NodeId::new(&text[..1]),
            generation: text[1..2].parse().unwrap(),
        },
        state,
        since: Tick::from_unix_nanos(0),
        gossip_address: None,
        said: Said {
            stage: Stage::Ready,
            grpc_address: String::new(),
            version: String::new(),
            points: text
                .get(3..)
                .and_then(|points| points.parse().ok())
                .unwrap_or(256),
            view: 0,
            targets: 0,
            owned: Arc::default(),
            excluded: Arc::default(),
            raft: None,
            dataset: (0, 0),
            protocol: crate::member::PROTOCOL,
        },
    }
}

const NOTHING: [&str; 0] = [];

#[tokio::test(start_paused = true)]
async fn who_is_alone_is_numbered_at_once() {
    let mut leader = Leader::new("a3R");
    assert_eq!(leader.pass(1_000), ["0: 1 a3"]);
    // After a restart its own former life has the seat.
    leader.sees("a4R");
    assert_eq!(leader.pass(1_000), ["1000: 2 a4"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_view_has_all_that_come_together() {
    let mut leader = Leader::new("a1R b1R c1J");
    assert_eq!(leader.pass(200), NOTHING);
    leader.sees("a1R b1R c1R d1J");
    assert_eq!(leader.pass(1_000), ["500: 1 a1,b1,c1"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_who_comes_waits_for_others_for_ever() {
    let mut leader = Leader::settled("a1R");
    let mut proposed = Vec::new();
    for all in ["a1R b1R", "a1R b1R c1R", "a1R b1R c1R d1R", "a1R b1R c1R d1R e1R"] {
        leader.sees(all);
        proposed.extend(leader.pass(250));
    }
    proposed.extend(leader.pass(500));
    assert_eq!(proposed, ["1000: 2 a1,b1,c1,d1,e1"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_lost_goes_out_at_once_together_with_others() {
    for lost in [
        "a1R b1X c1R d1R",
        "a1R b1D c1R d1R",
        "a1R b1J c1R d1R",
        "a1R c1R d1R",
    ] {
        let mut leader = Leader::settled("a1R b1R c1R d1R");
        leader.sees(lost);
        assert_eq!(leader.pass(1_000), ["50: 2 a1,c1,d1"], "{lost}");
    }
    let mut leader = Leader::settled("a1R b1R c1R d1R");
    leader.sees("a1R b1X c1R d1R");
    leader.pass(50);
    leader.sees("a1R b1X c1X d1R");
    assert_eq!(leader.pass(1_000), ["50: 2 a1,d1"]);
}

#[tokio::test(start_paused = true)]
async fn a_moments_silence_changes_nothing() {
    let mut leader = Leader::settled("a1R b1R");
    leader.sees("a1R b1S");
    assert_eq!(leader.pass(2_000), NOTHING);
    // Who had no seat before gets none by being silent.
    leader.sees("a1R b2S");
    assert_eq!(leader.pass(1_000), ["2050: 2 a1"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_takes_the_seat_away_and_gives_it_to_the_new_life() {
    let mut leader = Leader::settled("a1R b1R");
    leader.sees("a1R b2R");
    assert_eq!(leader.pass(2_000), ["50: 2 a1", "300: 3 a1,b2"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_takes_no_seat_from_whom_it_has_not_met_yet() {
    let mut old = Leader::settled("a1R b1R c1R d1R");
    let mut leader = Leader::new("a2R b1R");
    leader.committed = old.committed.take();
    assert_eq!(leader.pass(1_000), ["50: 2 b1,c1,d1", "300: 3 a2,b1,c1,d1"]);
    leader.sees("a2R b1R c1R");
    assert_eq!(leader.pass(1_000), NOTHING);
    leader.sees("a2R b1R");
    assert_eq!(leader.pass(1_000), ["2050: 4 a2,b1,d1"], "c was met, and is gone");
    assert_eq!(leader.pass(20_000), ["10050: 5 a2,b1"], "d never came");
}

#[tokio::test(start_paused = true)]
async fn a_loss_does_not_wait_for_who_comes() {
    let mut leader = Leader::settled("a1R b1R c1R");
    leader.sees("a1R b1R c1R d1R");
    leader.pass(100);
    leader.sees("a1R b1X c1R d1R");
    assert_eq!(leader.pass(1_000), ["150: 2 a1,c1", "300: 3 a1,c1,d1"]);
}

#[tokio::test(start_paused = true)]
async fn another_weight_is_another_view() {
    let mut leader = Leader::settled("a1R b1R");
    leader.sees("a1R b1R512");
    assert_eq!(leader.pass(1_000), ["300: 2 a1,b1"]);
    assert_eq!(leader.committed.unwrap().seats[1].points, 512);
}

#[tokio::test(start_paused = true)]
async fn only_the_leader_of_a_group_with_quorum_proposes() {
    let changes: [fn(&mut Leader); 4] = [
        |leader| leader.standing.leads = false,
        |leader| leader.standing.quorum = false,
        |leader| leader.standing.founded = false,
        |leader| leader.membership.quorum = false,
    ];
    for change in changes {
        let mut leader = Leader::settled("a1R b1R");
        leader.sees("a1R b1X");
        change(&mut leader);
        assert_eq!(leader.pass(3_000), NOTHING);
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_never_gets_empty() {
    let mut leader = Leader::settled("a1R b1R");
    leader.sees("a1D b1D");
    assert_eq!(leader.pass(3_000), NOTHING);
    leader.sees("a1D");
    assert_eq!(leader.pass(3_000), NOTHING, "nor when b has left");
    leader.sees("a1R");
    assert_eq!(leader.pass(3_000), ["6000: 2 a1"]);
}

/// Weights of which the ring of a, b and c has one member bear far too much.
const UNEVEN: [f64; 12] = [9.0, 8.0, 7.0, 6.0, 5.0, 5.0, 4.0, 3.0, 2.0, 2.0, 1.0, 1.0];

fn highest(leader: &Leader) -> f64 {
    let view = leader.committed.as_ref().unwrap();
    Load::new(&view.seats, &leader.targets, &leader.weights, &view.pins).highest()
}

#[tokio::test(start_paused = true)]
async fn when_somebody_comes_the_load_is_evened_out_at_once_few_targets_at_a_time() {
    let mut leader = Leader::settled("a1R");
    leader.weighs(&UNEVEN);
    leader.arrive = false;
    leader.sees("a1R b1R c1R");
    let first = leader.pass(2_000);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!((1..=AT_ONCE + 1).contains(&leader.pins()), "{}", leader.pins());
    // The next ones wait until these have arrived.
    leader.arrive = true;
    leader.pass(10_000);
    assert!(highest(&leader) <= balance::LIMIT + 1e-9, "{}", highest(&leader));
    let pins = leader.pins();
    assert_eq!(leader.pass(5_000), NOTHING, "and stays so");
    assert_eq!(leader.pins(), pins);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_arrive_is_not_waited_for_for_ever() {
    let mut leader = Leader::settled("a1R");
    leader.weighs(&UNEVEN);
    leader.sees("a1R b1R c1R");
    leader.pass(350);
    leader.arrive = false;
    leader
        .membership
        .members
        .iter_mut()
        .for_each(|member| member.said.owned = Arc::default());
    let early = leader.pass(50_000);
    let late = leader.pass(3_600_000);
    assert_eq!(early, NOTHING);
    assert!(highest(&leader) <= balance::LIMIT + 1e-9, "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn otherwise_it_is_looked_at_every_ten_minutes_and_moved_only_for_a_gain() {
    let mut leader = Leader::settled("a1R b1R c1R");
    leader.weighs(&UNEVEN);
    assert!(highest(&leader) > 1.5);
    assert_eq!(leader.pass(590_000), NOTHING);
    let moved = leader.pass(30_000);
    assert!(!moved.is_empty() && highest(&leader) <= balance::LIMIT + 1e-9);
    // A load that is a little too high later is not worth a move.
    let view = leader.committed.clone().unwrap();
    let load = Load::new(&view.seats, &leader.targets, &leader.weights, &view.pins);
    let plan = load.plan();
    let (most, bears) = plan
        .before
        .iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .cloned()
        .unwrap();
    let total: f64 = plan.before.iter().map(|(_, load)| load).sum();
    let now = leader.view.as_ref().unwrap();
    let of_most = |target: &TargetId| *now.place(target.into()).unwrap().owner == most;
    let grow = 1.2 * (total / 3.0) / bears;
    for (target, weight) in &mut leader.weights {
        *weight *= if of_most(target) { grow } else { 1.0 };
    }
    let high = highest(&leader);
    assert!(high > balance::LIMIT && high < 1.25, "{high}");
    assert_eq!(leader.pass(1_300_000), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn where_moves_for_the_load_are_switched_off_only_an_operator_has_them() {
    let mut leader = Leader::settled("a1R");
    leader.weighs(&UNEVEN);
    leader.rebalances = false;
    leader.sees("a1R b1R c1R");
    leader.pass(2_000_000);
    assert_eq!(leader.pins(), 0);
    leader.memory.rebalance(leader.now);
    leader.pass(10_000);
    assert!(highest(&leader) <= balance::LIMIT + 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_pin_goes_with_its_node_and_an_operators_waits_for_it() {
    let mut leader = Leader::settled("a1R b1R c1R");
    leader.weighs(&[1.0; 6]);
    leader.rebalances = false;
    leader.pin(0, "b", By::Load);
    leader.pin(1, "b", By::Operator);
    leader.sees("a1R c1R");
    leader.pass(1_000);
    assert_eq!(leader.pins(), 1);
    leader.sees("a1R b2R c1R");
    leader.pass(1_000_000);
    assert_eq!(leader.pins(), 1, "b is back");
    leader.sees("a1R c1R");
    leader.pass(590_000);
    assert_eq!(leader.pins(), 1);
    leader.pass(20_000);
    assert_eq!(leader.pins(), 0);
    // The load's go with their targets too.
    leader.pin(2, "c", By::Load);
    leader
        .targets
        .remove(&TargetKey::from(&TargetId::new("test", "2")));
    leader.pass(100);
    assert_eq!(leader.pins(), 0);
}
