//! Nodes that come, go, drain and die, each planning for itself in any order: as long as what they see of
//! each other is true, no target ever has two owners, and in the end each is where the ring wants it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What happens in the world, one thing after another. Nodes and targets are numbers.
#[derive(Clone, Copy, Debug)]
enum Event {
    Join(usize),
    Ready(usize),
    Drain(usize),
    Suspect(usize),
    Die(usize),
    AddTarget(usize),
    RemoveTarget(usize),
    /// The group commits a view of all that are ready.
    Commit,
    /// The group commits that a target is kept at a node.
    Pin(usize, usize),
    /// The node looks around, plans, and does it all at once.
    Turn(usize),
}

struct Node {
    member: Member,
    view: Option<View>,
    owned: BTreeSet<TargetId>,
}

#[derive(Default)]
struct World {
    nodes: BTreeMap<NodeId, Node>,
    targets: BTreeMap<TargetKey, TargetId>,
    committed: Option<Arc<Committed>>,
    generation: u64,
    /// It began with several owners of one target.
    messy: bool,
}

fn node_id(nth: usize) -> NodeId {
    NodeId::new(&format!("node-{nth}"))
}

impl World {
    fn happens(&mut self, event: Event) {
        match event {
            Event::Join(nth) => {
                if let Some(node) = self.nodes.get_mut(&node_id(nth)) {
                    node.member.state = State::Joining;
                } else {
                    self.join(node_id(nth));
                }
            }
            Event::Ready(nth) => self.set(nth, State::Ready),
            Event::Drain(nth) => self.set(nth, State::Draining),
            Event::Suspect(nth) => self.set(nth, State::Suspect),
            Event::Die(nth) => {
                self.nodes.remove(&node_id(nth));
            }
            Event::AddTarget(nth) => {
                let target = TargetId::new("test", &nth.to_string());
                self.targets.insert(TargetKey::from(&target), target);
            }
            Event::RemoveTarget(nth) => {
                let target = TargetId::new("test", &nth.to_string());
                self.targets.remove(&TargetKey::from(&target));
            }
            Event::Commit => self.commit(),
            Event::Pin(target, node) => {
                if let Some(committed) = &mut self.committed {
                    let committed = Arc::make_mut(committed);
                    committed.number += 1;
                    let pin = Pin {
                        to: node_id(node),
                        by: By::Operator,
                    };
                    committed
                        .pins
                        .insert(TargetId::new("test", &target.to_string()), pin);
                }
            }
            Event::Turn(nth) => {
                self.turn(&node_id(nth));
            }
        }
    }

    fn commit(&mut self) {
        let all = membership(
            "nobody",
            self.nodes.values().map(|node| node.member.clone()).collect(),
        );
        let (number, pins) = self
            .committed
            .as_ref()
            .map_or((0, BTreeMap::new()), |view| (view.number, view.pins.clone()));
        let seats = seats_of(number + 1, &all);
        self.committed = Some(Arc::new(Committed { pins, ..seats }));
    }

    fn join(&mut self, id: NodeId) {
        self.generation += 1;
        let mut member = member(&format!("{id}:J"), &[]);
        member.who.generation = self.generation;
        let node = Node {
            member,
            view: None,
            owned: BTreeSet::new(),
        };
        self.nodes.insert(id, node);
    }

    fn set(&mut self, nth: usize, state: State) {
        if let Some(node) = self.nodes.get_mut(&node_id(nth)) {
            node.member.state = state;
        }
    }

    /// What a node sees of the others is true and of this very moment. Itself it never suspects.
    fn seen_by(&self, me: &NodeId) -> Membership {
        let see = |node: &Node| {
            let mut member = node.member.clone();
            member.said.owned = node.owned.iter().map(TargetKey::from).collect();
            if member.who.node == *me && member.state == State::Suspect {
                member.state = State::Ready;
            }
            member
        };
        membership(me.as_str(), self.nodes.values().map(see).collect())
    }

    fn turn(&mut self, me: &NodeId) -> usize {
        let membership = self.seen_by(me);
        let Some(node) = self.nodes.get_mut(me) else {
            return 0;
        };
        if let Some(next) = View::next(node.view.as_ref(), self.committed.as_ref(), &membership) {
            node.view = Some(next);
        }
        let actions = plan(&Situation {
            membership: &membership,
            view: node.view.as_ref(),
            targets: &self.targets,
            mine: &node
                .owned
                .iter()
                .map(|target| (target.clone(), Holding::Steady))
                .collect(),
            can_claim: true,
        });
        for action in &actions {
            self.act(me, action);
        }
        actions.len()
    }

    fn act(&mut self, me: &NodeId, action: &Action) {
        let mine = &mut self.nodes.get_mut(me).unwrap().owned;
        match action {
            Action::Claim(target) => {
                assert!(mine.insert(target.clone()), "{me} claims what it has: {target}");
            }
            Action::HandOver { target, to } => {
                assert!(mine.remove(target), "{me} hands over what it has not: {target}");
                let receiver = self.nodes.get_mut(to).unwrap();
                assert_eq!(receiver.member.state, State::Ready, "{me} gives {target} to {to}");
                receiver.owned.insert(target.clone());
            }
            Action::Stop { target, .. } => {
                assert!(mine.remove(target), "{me} stops what it has not: {target}");
            }
        }
        if self.messy {
            return;
        }
        let owned: Vec<&TargetId> = self.nodes.values().flat_map(|node| &node.owned).collect();
        let distinct: BTreeSet<&TargetId> = owned.iter().copied().collect();
        assert_eq!(
            owned.len(),
            distinct.len(),
            "two owners after {me} did {action:?}"
        );
    }

    /// Nobody is suspect any more, and everybody plans until nobody has anything to do.
    fn calm_down(&mut self) {
        for node in self
            .nodes
            .values_mut()
            .filter(|node| node.member.state == State::Suspect)
        {
            node.member.state = State::Ready;
        }
        self.commit();
        for _ in 0..=self.nodes.len() + 1 {
            let ids: Vec<NodeId> = self.nodes.keys().cloned().collect();
            if ids.iter().map(|id| self.turn(id)).sum::<usize>() == 0 {
                return;
            }
        }
        panic!("they never come to rest");
    }

    fn check(&self) {
        let ready: Vec<&Node> = self
            .nodes
            .values()
            .filter(|node| node.member.state == State::Ready)
            .collect();
        let Some(view) = ready.first().and_then(|node| node.view.as_ref()) else {
            assert!(ready.is_empty(), "a ready node without view");
            return;
        };
        for node in &ready {
            assert_eq!(node.view.as_ref().map(View::number), Some(view.number()));
        }
        for (key, target) in &self.targets {
            let owners = self.nodes.iter().filter(|(_, node)| node.owned.contains(target));
            let owners: Vec<&NodeId> = owners.map(|(id, _)| id).collect();
            assert_eq!(owners, [view.place(*key).unwrap().owner], "owners of {target}");
        }
        let owned: usize = self.nodes.values().map(|node| node.owned.len()).sum();
        assert_eq!(
            owned,
            self.targets.len(),
            "nothing is owned that is not configured"
        );
    }
}

fn event() -> impl Strategy<Value = Event> {
    let node = || 0..6_usize;
    let target = || 0..24_usize;
    prop_oneof![
        2 => node().prop_map(Event::Join),
        4 => node().prop_map(Event::Ready),
        1 => node().prop_map(Event::Drain),
        1 => node().prop_map(Event::Suspect),
        1 => node().prop_map(Event::Die),
        3 => target().prop_map(Event::AddTarget),
        1 => target().prop_map(Event::RemoveTarget),
        3 => Just(Event::Commit),
        1 => (target(), node()).prop_map(|(target, node)| Event::Pin(target, node)),
        8 => node().prop_map(Event::Turn),
    ]
}

proptest! {
    #[test]
    fn never_two_owners_and_in_the_end_the_ring_is_right(events in prop::collection::vec(event(), 1..120)) {
        let mut world = World::default();
        for event in events {
            world.happens(event);
        }
        world.calm_down();
        world.check();
    }

    /// Whoever owns what at first, however many at once: it ends with one owner each, the right one.
    #[test]
    fn any_mess_is_cleaned_up(mess in prop::collection::vec((0..5_usize, 0..20_usize), 0..60)) {
        let mut world = World::default();
        for nth in 0..4 {
            world.happens(Event::Join(nth));
            world.happens(Event::Ready(nth));
        }
        world.happens(Event::Join(4));
        (0..16).for_each(|nth| world.happens(Event::AddTarget(nth)));
        for (node, target) in mess {
            let node = world.nodes.get_mut(&node_id(node)).unwrap();
            node.owned.insert(TargetId::new("test", &target.to_string()));
        }
        world.messy = true;
        world.commit();
        (0..3).for_each(|nth| world.happens(Event::Pin(nth, nth)));
        world.calm_down();
        world.check();
    }
}
