//! The table: a situation and what is planned in it, seen from node a. The property tests are in `converges`.

use std::sync::Arc;

use ringwatch_frame::Tick;

use super::*;
use crate::member::{Incarnation, Member, Said, Stage};
use crate::numbering::{By, Committed, Pin, Seat};
use crate::ring::Ring;

mod converges;

/// A world in few words.
///
/// `members`: `b:R` ready, `J` joining, `D` draining, `S` suspect, `X` dead; node a is us. `ring` are the
/// members of the view, by default all that are ready. Targets have names like `b1` and `bc1`: owned by b
/// according to the full ring of a, b and c, `bc1` with c standing by. `theirs` is what others say they own:
/// `b:b1,c1`.
#[derive(Clone, Copy)]
struct Row {
    members: &'static str,
    view: InView,
    targets: &'static [&'static str],
    mine: &'static [(&'static str, Holding)],
    theirs: &'static str,
    can_claim: bool,
    quorum: bool,
    unheard: &'static str,
    /// Who knows a view of another number than 1, which is ours.
    views: &'static [(&'static str, u64)],
    /// Targets that are pinned, each with the node.
    pins: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy)]
enum InView {
    OfReady,
    Of(&'static str),
    /// Nobody is in it any more.
    Drained,
    None,
}

const ROW: Row = Row {
    members: "a:R b:R c:R",
    view: InView::OfReady,
    targets: &["ab", "bc", "ca"],
    mine: &[],
    theirs: "",
    can_claim: true,
    quorum: true,
    unheard: "",
    views: &[],
    pins: &[],
};

use Holding::{HandingOver, Starting, Steady};

/// The first target that the ring of a, b and c gives to the first letter's node with the second's standing
/// by.
fn target(place: &str) -> TargetId {
    let ring = ring("a b c");
    let wanted = |target: &TargetId| {
        let found = ring.place(TargetKey::from(target)).unwrap();
        found.owner.as_str() == &place[..1] && found.standby.unwrap().as_str() == &place[1..2]
    };
    (0..)
        .map(|n| TargetId::new("test", &format!("{}:{n}", &place[2..])))
        .find(wanted)
        .unwrap()
}

fn ring(nodes: &str) -> Ring {
    view_of(nodes).unwrap().ring().clone()
}

fn view_of(nodes: &str) -> Option<View> {
    let members = nodes
        .split_whitespace()
        .map(|node| member(&format!("{node}:R"), &[]));
    view_in(&membership("a", members.collect()))
}

/// The view in which all that are ready have a seat.
fn view_in(membership: &Membership) -> Option<View> {
    View::next(None, Some(&Arc::new(seats_of(1, membership))), membership)
}

fn seats_of(number: u64, membership: &Membership) -> Committed {
    let ready = membership
        .members
        .iter()
        .filter(|member| member.state == State::Ready);
    let seats = ready.map(|member| Seat {
        node: member.who.node.clone(),
        generation: member.who.generation,
        points: member.said.points,
    });
    Committed {
        number,
        seats: seats.collect(),
        pins: BTreeMap::new(),
    }
}

fn member(text: &str, owned: &[TargetKey]) -> Member {
    let (node, state) = text.split_once(':').unwrap();
    let state = match state {
        "R" => State::Ready,
        "J" => State::Joining,
        "D" => State::Draining,
        "S" => State::Suspect,
        _ => State::Dead,
    };
    Member {
        who: Incarnation {
            node: NodeId::new(node),
            generation: 1,
        },
        state,
        since: Tick::from_unix_nanos(0),
        gossip_address: None,
        said: Said {
            stage: Stage::Ready,
            grpc_address: String::new(),
            version: String::new(),
            points: 256,
            view: 1,
            targets: 0,
            owned: owned.into(),
            excluded: Arc::default(),
            raft: None,
            dataset: (0, 0),
            protocol: crate::member::PROTOCOL,
        },
    }
}

fn membership(me: &str, mut members: Vec<Member>) -> Membership {
    members.sort_by(|a, b| a.who.node.cmp(&b.who.node));
    Membership {
        me: NodeId::new(me),
        members,
        quorum: true,
        excluded: Vec::new(),
        rivals: Vec::new(),
        unheard: Vec::new(),
    }
}

impl Row {
    fn owned_by(&self, node: &str) -> Vec<TargetKey> {
        let lists = self
            .theirs
            .split_whitespace()
            .filter_map(|list| list.split_once(':'));
        let names = lists
            .filter(|(owner, _)| *owner == node)
            .flat_map(|(_, names)| names.split(','));
        names.map(|name| TargetKey::from(&target(name))).collect()
    }

    fn membership(&self) -> Membership {
        let members = self.members.split_whitespace();
        let mut all = membership(
            "a",
            members
                .map(|text| member(text, &self.owned_by(&text[..1])))
                .collect(),
        );
        for (node, view) in self.views {
            let other = all
                .members
                .iter_mut()
                .find(|member| member.who.node.as_str() == *node);
            other.unwrap().said.view = *view;
        }
        all.quorum = self.quorum;
        all.unheard = self.unheard.split_whitespace().map(NodeId::new).collect();
        all
    }

    fn view(&self) -> Option<View> {
        match self.view {
            InView::OfReady => {
                let membership = membership("a", self.membership().members);
                let mut seats = seats_of(1, &membership);
                let pin = |to: &str| Pin {
                    to: NodeId::new(to),
                    by: By::Operator,
                };
                seats.pins = self
                    .pins
                    .iter()
                    .map(|(name, to)| (target(name), pin(to)))
                    .collect();
                View::next(None, Some(&Arc::new(seats)), &membership)
            }
            InView::Of(nodes) => view_of(nodes),
            InView::Drained => View::next(
                view_of("a").as_ref(),
                None,
                &membership("a", vec![member("a:D", &[])]),
            ),
            InView::None => None,
        }
    }

    /// The actions in words (`claim ab`, `ab to b`, `stop ab: b`), then the heirs (`ab at b`).
    fn told(&self) -> String {
        let name_of = |found: &TargetId| {
            let all = self.targets.iter().chain(self.mine.iter().map(|(name, _)| name));
            (*all.into_iter().find(|name| target(name) == *found).unwrap()).to_owned()
        };
        let targets = self.targets.iter().map(|name| target(name));
        let targets = targets.map(|target| (TargetKey::from(&target), target)).collect();
        let mine = self
            .mine
            .iter()
            .map(|(name, holding)| (target(name), *holding))
            .collect();
        let (membership, view) = (self.membership(), self.view());
        let actions = plan(&Situation {
            membership: &membership,
            view: view.as_ref(),
            targets: &targets,
            mine: &mine,
            can_claim: self.can_claim,
        });
        assert!(
            actions.is_sorted_by(|a, b| a.target() < b.target()),
            "sorted, one for each: {actions:?}"
        );
        let action = |action: &Action| match action {
            Action::Claim(target) => format!("claim {}", name_of(target)),
            Action::HandOver { target, to } => format!("{} to {to}", name_of(target)),
            Action::Stop { target, why } => match why {
                Why::NotConfigured => format!("stop {}", name_of(target)),
                Why::OwnedByOther(owner) => format!("stop {}: {owner}", name_of(target)),
            },
        };
        let mut actions: Vec<String> = actions.iter().map(action).collect();
        actions.sort();
        let heirs = heirs(&membership, view.as_ref(), &mine);
        let mut heirs: Vec<String> = heirs
            .iter()
            .map(|(target, node)| format!("{} at {node}", name_of(target)))
            .collect();
        heirs.sort();
        format!("{} | {}", actions.join(", "), heirs.join(", "))
            .trim()
            .to_owned()
    }
}

/// One test per row: its name, what differs from three ready nodes that own nothing, and what is planned.
macro_rules! table {
    ($($name:ident { $($field:ident: $value:expr),* $(,)? } => $told:literal;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(Row { $($field: $value,)* ..ROW }.told(), $told);
        }
    )*};
}

table! {
    // Beginnings.
    at_a_cold_start_each_claims_its_own {} => "claim ab |";
    a_cluster_of_one_claims_everything { members: "a:R" } => "claim ab, claim bc, claim ca |";
    without_a_view_nothing_is_claimed { view: InView::None, mine: &[("bc", Steady)] } => "|";
    without_a_view_what_is_not_configured_stops {
        view: InView::None, targets: &["ab"], mine: &[("ab", Steady), ("bc", Steady)]
    } => "stop bc |";
    who_joins_claims_nothing { members: "a:J b:R c:R", view: InView::Of("a b c") } => "|";
    a_claim_that_is_held_back_waits { can_claim: false } => "|";
    without_quorum_nothing_is_claimed { quorum: false, view: InView::Of("a b c") } => "|";
    while_somebody_has_not_spoken_nothing_is_claimed { members: "a:R b:R c:R d:J", unheard: "d" } => "|";
    what_we_claim_already_is_not_claimed_again { mine: &[("ab", Starting)] } => "| ab at b";

    // Keeping.
    what_is_ours_is_kept_and_the_standby_remembers_it {
        mine: &[("ab", Steady)], theirs: "b:bc c:ca"
    } => "| ab at b";
    a_target_that_is_added_is_claimed {
        targets: &["ab", "ac"], mine: &[("ab", Steady)]
    } => "claim ac | ab at b";
    a_target_that_is_removed_stops {
        targets: &["bc"], mine: &[("ab", Steady)]
    } => "stop ab | ab at b";
    a_target_that_is_removed_stops_without_quorum_too {
        targets: &["bc"], mine: &[("ab", Steady)], quorum: false
    } => "stop ab | ab at b";
    a_removed_target_that_another_has_too_stops_for_that_reason {
        targets: &["ca"], mine: &[("bc", Steady)], theirs: "b:bc"
    } => "stop bc | bc at b";
    what_others_own_and_is_not_configured_here_is_ignored {
        targets: &["ab"], theirs: "b:ac,bc c:bax"
    } => "claim ab |";

    // Waiting for the holder, as a newcomer does.
    a_newcomer_waits_for_the_holder { theirs: "b:ab" } => "|";
    a_newcomer_waits_for_a_holder_that_drains { members: "a:R b:D c:R", theirs: "b:ab" } => "|";
    a_newcomer_waits_for_a_holder_that_is_held_down { members: "a:R b:J c:R", theirs: "b:ab" } => "|";
    a_newcomer_waits_for_a_holder_that_is_suspect {
        members: "a:R b:S c:R", view: InView::Of("a b c"), theirs: "b:ab"
    } => "|";
    a_holder_that_dies_before_it_hands_over_is_not_waited_for {
        members: "a:R b:X c:R", theirs: "b:ab"
    } => "claim ab |";
    after_a_loss_the_standby_claims_and_what_it_had_stays {
        members: "a:R b:X c:R", targets: &["ab", "ba", "bc"], mine: &[("ab", Steady)], theirs: "b:ba,bc"
    } => "claim ba | ab at c";

    // Pins.
    what_is_pinned_goes_there {
        pins: &[("ab", "c")], mine: &[("ab", Steady)]
    } => "ab to c | ab at c";
    what_is_pinned_here_is_ours_and_the_rings_owner_remembers_it {
        pins: &[("bc", "a")], targets: &["bc"], mine: &[("bc", Steady)], theirs: ""
    } => "| bc at b";
    what_is_pinned_here_and_nobody_has_is_claimed {
        pins: &[("bc", "a"), ("ab", "b")]
    } => "claim bc |";
    what_is_pinned_to_who_is_dead_is_the_rings {
        members: "a:R b:R c:X", pins: &[("ab", "c")], targets: &["ab"]
    } => "claim ab |";

    // Handing over.
    to_those_that_join_goes_what_is_theirs {
        mine: &[("ab", Steady), ("bc", Steady), ("ca", Steady)]
    } => "bc to b, ca to c | ab at b, bc at b, ca at c";
    who_still_joins_gets_nothing {
        members: "a:R b:R c:J", targets: &["ca"], mine: &[("ca", Steady)]
    } => "| ca at b";
    a_suspect_gets_nothing {
        members: "a:R b:S c:R", view: InView::Of("a b c"), mine: &[("bc", Steady)]
    } => "claim ab | bc at b";
    the_dead_get_nothing_though_the_view_is_old {
        members: "a:R b:X c:R", view: InView::Of("a b c"), mine: &[("bc", Steady)], quorum: false
    } => "| bc at c";
    when_all_others_are_dead_everything_is_kept_without_heir {
        members: "a:R b:X c:X", view: InView::Of("a b c"), mine: &[("bc", Steady)], quorum: false
    } => "|";
    without_quorum_the_old_view_still_moves_targets {
        quorum: false, view: InView::Of("a b c"), mine: &[("bc", Steady)]
    } => "bc to b | bc at b";
    a_handoff_under_way_is_not_begun_again {
        mine: &[("ab", Steady), ("bc", HandingOver)]
    } => "| ab at b, bc at b";
    a_handoff_under_way_ends_though_the_other_says_it_has_it {
        mine: &[("ab", Steady), ("bc", HandingOver)], theirs: "b:bc"
    } => "| ab at b, bc at b";
    a_handoff_under_way_ends_before_a_removed_target_stops {
        targets: &["ab"], mine: &[("ab", Steady), ("bc", HandingOver)]
    } => "| ab at b, bc at b";
    a_draining_node_hands_over_everything {
        members: "a:D b:R c:R", mine: &[("ab", Steady), ("bc", Steady), ("ca", Steady)]
    } => "ab to b, bc to b, ca to c | ab at b, bc at b, ca at c";
    the_last_node_keeps_what_it_has_while_it_drains {
        members: "a:D", view: InView::Drained, mine: &[("ab", Steady)]
    } => "|";
    a_draining_node_keeps_what_it_has_while_the_others_join {
        members: "a:D b:J", view: InView::Drained, mine: &[("ab", Steady)]
    } => "|";
    who_is_excluded_hands_over_what_nobody_took {
        members: "a:J b:R c:R", mine: &[("ab", Steady)]
    } => "ab to b | ab at b";

    // Two owners.
    the_owner_by_the_ring_goes_on { mine: &[("ab", Steady)], theirs: "b:ab c:ab" } => "| ab at b";
    beside_the_owner_by_the_ring_we_stop {
        targets: &["bc"], mine: &[("bc", Steady)], theirs: "b:bc c:bc"
    } => "stop bc: b | bc at b";
    of_two_wrong_owners_the_later_on_the_ring_stops {
        targets: &["bc"], mine: &[("bc", Steady)], theirs: "c:bc"
    } => "stop bc: c | bc at b";
    of_two_wrong_owners_the_earlier_on_the_ring_hands_over {
        targets: &["ca"], mine: &[("ca", Steady)], theirs: "b:ca"
    } => "ca to c | ca at c";
    of_two_owners_outside_the_ring_the_first_by_name_hands_over {
        members: "a:J b:J c:R", targets: &["ab"], mine: &[("ab", Steady)], theirs: "b:ab"
    } => "ab to c | ab at c";
    of_two_owners_outside_the_ring_the_second_by_name_stops {
        members: "0:J a:J c:R", targets: &["ab"], mine: &[("ab", Steady)], theirs: "0:ab"
    } => "stop ab: 0 | ab at c";
    who_wakes_up_excluded_stops_what_another_took {
        members: "a:J b:R c:R", targets: &["ab"], mine: &[("ab", Steady)], theirs: "b:ab"
    } => "stop ab: b | ab at b";
    whoever_has_the_newer_view_goes_on { mine: &[("ab", Steady)], theirs: "c:ab", views: &[("c", 2)] } => "stop ab: c | ab at b";
    whoever_has_the_older_view_stops_nobody {
        targets: &["bc"], mine: &[("bc", Steady)], theirs: "b:bc", views: &[("b", 0)]
    } => "bc to b | bc at b";
    of_several_the_newest_view_counts {
        mine: &[("ab", Steady)], theirs: "b:ab c:ab", views: &[("b", 3), ("c", 2)]
    } => "stop ab: b | ab at b";
    a_suspect_that_said_it_is_the_owner_stops_nobody {
        members: "a:R b:S c:R", view: InView::Of("a b c"),
        targets: &["bc"], mine: &[("bc", Steady)], theirs: "b:bc"
    } => "| bc at b";
    a_dead_node_that_said_it_is_the_owner_stops_nobody {
        members: "a:R b:X c:R", view: InView::Of("a b c"),
        targets: &["bc"], mine: &[("bc", Steady)], theirs: "b:bc"
    } => "| bc at c";
    what_we_just_took_is_not_given_up_for_old_words {
        targets: &["bc"], mine: &[("bc", Starting)], theirs: "b:bc"
    } => "| bc at b";
}
