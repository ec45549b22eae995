//! What becomes of nodes that come, fall silent, return and leave. The words of the stories are told in
//! [`story`].

use super::*;
use story::{Story, life, story};

mod story;

#[test]
fn members_are_what_they_say() {
    story().goes(&[
        (0, "", "a:R"),
        (50, "b1+J c1+R d1+D", "a:R b:J c:R d:D"),
        (100, "b1+R c1+D d1+D", "a:R b:R c:D d:D"),
        (150, "me:J b1+R c1+D d1+D", "a:J b:R c:D d:D"),
        (200, "me:D b1+R c1+D d1+D", "a:D b:R c:D d:D"),
        (250, "me:L b1+R c1+D d1+D", "b:R c:D d:D"),
    ]);
}

#[test]
fn silence_makes_suspect_and_then_dead() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (50, "b1-R c1+R", "a:R b:S c:R"),
        (249, "b1-R c1+R", "a:R b:S c:R"),
        (250, "b1-R c1+R", "a:R b:X c:R out:b1"),
        (900, "b1-R c1+R", "a:R b:X c:R out:b1"),
    ]);
}

#[test]
fn a_suspect_that_is_heard_again_is_ready_at_once() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (50, "b1-R c1+R", "a:R b:S c:R"),
        (200, "b1+R c1+R", "a:R b:R c:R"),
        (250, "b1-R c1+R", "a:R b:S c:R"),
        (440, "b1-R c1+R", "a:R b:S c:R"),
        (450, "b1-R c1+R", "a:R b:X c:R out:b1"),
    ]);
}

#[test]
fn who_was_dead_is_held_down_when_it_is_back() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1-R c1+R", "a:R b:S c:R"),
        (300, "b1-R c1+R", "a:R b:X c:R out:b1"),
        (5_000, "b1+R c1+R", "a:R b:J c:R out:b1"),
        (34_999, "b1+R c1+R", "a:R b:J c:R out:b1"),
        (35_000, "b1+R c1+R", "a:R b:R c:R"),
    ]);
}

#[test]
fn a_new_life_after_a_death_is_held_down_too() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1-R c1+R", "a:R b:S c:R"),
        (300, "b1-R c1+R", "a:R b:X c:R out:b1"),
        (1_000, "b1-R b2+J c1+R", "a:R b:J c:R out:b2"),
        (1_100, "b1-R b2+R c1+R", "a:R b:J c:R out:b2"),
        (30_999, "b1-R b2+R c1+R", "a:R b:J c:R out:b2"),
        (31_000, "b1-R b2+R c1+R", "a:R b:R c:R"),
    ]);
}

#[test]
fn hold_down_begins_anew_after_every_silence() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1-R c1+R", "a:R b:S c:R"),
        (300, "b1-R c1+R", "a:R b:X c:R out:b1"),
        (1_000, "b1+R c1+R", "a:R b:J c:R out:b1"),
        (20_000, "b1-R c1+R", "a:R b:S c:R out:b1"),
        (20_100, "b1+R c1+R", "a:R b:J c:R out:b1"),
        (31_100, "b1+R c1+R", "a:R b:J c:R out:b1"),
        (40_000, "b1-R c1+R", "a:R b:S c:R out:b1"),
        (40_200, "b1-R c1+R", "a:R b:X c:R out:b1"),
        (41_000, "b1+R c1+R", "a:R b:J c:R out:b1"),
        (70_999, "b1+R c1+R", "a:R b:J c:R out:b1"),
        (71_000, "b1+R c1+R", "a:R b:R c:R"),
    ]);
}

#[test]
fn a_held_down_node_that_is_replaced_stays_held_down() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b2+R c1+R", "a:R b:J c:R out:b2"),
        (20_000, "b2-R b3+R c1+R", "a:R b:J c:R out:b3"),
        (49_999, "b3+R c1+R", "a:R b:J c:R out:b3"),
        (50_000, "b3+R c1+R", "a:R b:R c:R"),
    ]);
}

#[test]
fn who_leaves_is_gone_at_once_and_may_return_at_once() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (50, "b1+D c1+R", "a:R b:D c:R"),
        (100, "b1+L c1+R", "a:R c:R"),
        (1_000, "b1-L c1+R", "a:R c:R"),
        (2_000, "b1-L b2+J c1+R", "a:R b:J c:R"),
        (2_050, "b1-L b2+R c1+R", "a:R b:R c:R"),
    ]);
}

#[test]
fn who_left_stays_away_whatever_it_says_later() {
    story().goes(&[
        (0, "b1+R", "a:R b:R"),
        (50, "b1+L", "a:R"),
        (100, "b1+R", "a:R"),
        (150, "b1+?", "a:R"),
        (200, "", "a:R"),
        (250, "b2+R", "a:R b:R"),
    ]);
}

#[test]
fn a_fast_restart_is_held_down_while_the_old_life_still_seems_alive() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (300, "b1+R b2+J c1+R", "a:R b:R c:R"),
        (350, "b1+R b2+R c1+R", "a:R b:J c:R out:b2"),
        (400, "b1-R b2+R c1+R", "a:R b:J c:R out:b2"),
        (30_350, "b1-R b2+R c1+R", "a:R b:R c:R"),
    ]);
}

#[test]
fn a_restart_that_still_joins_takes_the_place_as_soon_as_the_old_life_is_silent() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (300, "b1+R b2+J c1+R", "a:R b:R c:R"),
        (400, "b1-R b2+J c1+R", "a:R b:J c:R out:b2"),
    ]);
}

#[test]
fn one_that_joins_elsewhere_does_not_count_while_the_old_life_is_only_suspect() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (300, "b1-R b2@+J c1+R", "a:R b:S c:R"),
        (400, "b1+R b2@+J c1+R", "a:R b:R c:R"),
        (500, "b1-R b2@+J c1+R", "a:R b:S c:R"),
        (700, "b1-R b2@+J c1+R", "a:R b:X c:R out:b1"),
        (750, "b1-R b2@+J c1+R", "a:R b:J c:R out:b2"),
    ]);
}

#[test]
fn of_two_nodes_with_one_name_the_one_that_joins_does_not_count() {
    let mut told = story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1+R b9+J c1+R", "a:R b:R c:R"),
        (200, "b1+D b9+J c1+R", "a:R b:D c:R"),
        (300, "b1+R b9-J c1+R", "a:R b:R c:R"),
    ]);
    assert_eq!(
        told.look(400, "b1+R b9+J c1+R")
            .member(&NodeId::new("b"))
            .unwrap()
            .who,
        life("b1")
    );
}

#[test]
fn a_later_life_that_leaves_takes_nobody_with_it() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1+R b9+L c1+R", "a:R b:R c:R"),
    ]);
    let mut both_at_work = story();
    both_at_work.look(0, "b1+R c1+R");
    both_at_work.look(100, "b1+R b9+R c1+R");
    both_at_work.look(200, "b1+R b9+L c1+R");
    let after = both_at_work.look(300, "b1+R b9-L c1+R");
    assert_eq!(after.member(&NodeId::new("b")).unwrap().who, life("b1"));
}

#[test]
fn a_life_that_never_was_at_work_gives_way() {
    story().goes(&[(0, "b1+J", "a:R b:J"), (100, "b1+J b2+J", "a:R b:J out:b2")]);
}

#[test]
fn a_later_life_that_is_not_alive_replaces_nobody() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1+R b2-R c1+R", "a:R b:R c:R"),
    ]);
}

#[test]
fn an_older_life_never_comes_back() {
    let told = story().goes(&[
        (0, "b2+R c1+R", "a:R b:R c:R"),
        (100, "b1+R b2+R c1+R", "a:R b:R c:R"),
        (200, "b1+R b2-R c1+R", "a:R b:S c:R"),
        (400, "b1+R b2-R c1+R", "a:R b:X c:R out:b2"),
    ]);
    assert!(told.roster.excludes(&life("b1")) && told.roster.excludes(&life("b2")));
}

#[test]
fn after_a_pause_of_our_own_nobody_dies_for_a_second() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (5_000, "paused b1-R c1-R", "a:R b:S c:S"),
        (5_500, "b1-R c1-R", "a:R b:S c:S"),
        (5_900, "b1+R c1-R", "a:R b:R c:S"),
        (5_999, "b1+R c1-R", "a:R b:R c:S"),
        (6_000, "b1+R c1-R", "a:R b:R c:X out:c1"),
    ]);
}

#[test]
fn a_call_from_a_suspect_counts_for_a_second() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1-R c1+R", "a:R b:S c:R"),
        (200, "heard:b1 b1-R c1+R", "a:R b:R c:R"),
        (1_199, "b1-R c1+R", "a:R b:R c:R"),
        (1_200, "b1-R c1+R", "a:R b:S c:R"),
        (1_400, "b1-R c1+R", "a:R b:X c:R out:b1"),
    ]);
}

#[test]
fn a_call_raises_no_dead_and_another_life_is_not_heard() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1-R c1+R", "a:R b:S c:R"),
        (200, "heard:b2 heard:z1 b1-R c1+R", "a:R b:S c:R"),
        (300, "b1-R c1+R", "a:R b:X c:R out:b1"),
        (400, "heard:b1 b1-R c1+R", "a:R b:X c:R out:b1"),
    ]);
}

#[test]
fn quorum_counts_all_that_are_known_and_have_not_left() {
    story().goes(&[
        (0, "", "a:R"),
        (100, "b1+R c1+R d1+R", "a:R b:R c:R d:R"),
        (200, "b1-R c1-R d1+R", "a:R b:S c:S d:R"),
        (400, "b1-R c1-R d1+R", "a:R b:X c:X d:R no-quorum"),
        (500, "b1-L c1-R d1+R", "a:R c:X d:R"),
    ]);
}

#[test]
fn the_dead_are_forgotten_with_quorum_only() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1-R c1+R", "a:R b:S c:R"),
        (300, "b1-R c1+R", "a:R b:X c:R out:b1"),
        (600_000, "c1+R", "a:R c:R"),
        (600_100, "c1-R", "a:R c:S"),
        (600_300, "c1-R", "a:R c:X no-quorum"),
        (1_200_000, "", "a:R c:X no-quorum"),
        (1_200_100, "d1+R", "a:R d:R"),
    ]);
}

#[test]
fn who_vanishes_from_the_gossip_is_silent() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "c1+R", "a:R b:S c:R"),
        (300, "c1+R", "a:R c:R"),
    ]);
}

#[test]
fn deaths_seen_without_quorum_are_not_held_against_anybody() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1-R c1+R", "a:R b:S c:R"),
        (300, "b1-R c1-R", "a:R b:X c:S out:b1"),
        (500, "b1-R c1-R", "a:R b:X c:X no-quorum"),
        (5_000, "b1+R c1-R", "a:R b:R c:X"),
        (5_100, "b1+R c2+R", "a:R b:R c:R"),
        (5_200, "b1-R c2+R", "a:R b:S c:R"),
        (5_400, "b1-R c2+R", "a:R b:X c:R out:b1"),
        (5_500, "b1+R c2+R", "a:R b:J c:R out:b1"),
    ]);
}

#[test]
fn who_was_held_down_already_is_not_forgiven_by_a_loss_of_quorum() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b2+R c1+R", "a:R b:J c:R out:b2"),
        (200, "b2-R c1-R", "a:R b:S c:S out:b2"),
        (400, "b2-R c1-R", "a:R b:X c:X no-quorum"),
        (500, "b3+R c1+R", "a:R b:J c:R out:b3"),
    ]);
}

#[test]
fn a_death_long_before_quorum_was_lost_is_still_held_against_the_dead() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1-R c1+R", "a:R b:S c:R"),
        (300, "b1-R c1+R", "a:R b:X c:R out:b1"),
        (5_000, "b1-R c1-R", "a:R b:X c:S out:b1"),
        (5_200, "b1-R c1-R", "a:R b:X c:X no-quorum"),
        (6_000, "b1+R c1-R", "a:R b:J c:X out:b1"),
        (6_100, "b1+R c1+R", "a:R b:J c:R out:b1"),
    ]);
}

#[test]
fn excluded_by_a_peer_we_join_again() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b1+R!a5 c1+R", "a:J b:R c:R"),
        (200, "b1+R c1+R", "a:R b:R c:R"),
        (300, "b1+R!a4 c1+R", "a:R b:R c:R"),
        (400, "b1+J!a5 c1+R", "a:R b:J c:R"),
        (500, "b1+D!a5 c1+R", "a:J b:D c:R"),
        (600, "b1-R!a5 c1+R", "a:R b:S c:R"),
    ]);
}

#[test]
fn whom_a_peer_excludes_we_exclude_as_well() {
    story().goes(&[
        (0, "b1+R!c1 c1+R d1+R", "a:R b:R c:J d:R"),
        (100, "b1+R!c1 c1+R!d1 d1+R", "a:R b:R c:J d:R"),
        (200, "b1+R!c1 c1+R!b1 d1+R", "a:R b:R c:J d:R"),
        (300, "b1+R!c9 c1+R d1+R!z1", "a:R b:R c:R d:R"),
    ]);
}

#[test]
fn whom_we_hold_down_has_no_say() {
    story().goes(&[
        (0, "b1+R c1+R", "a:R b:R c:R"),
        (100, "b2+R!a5 c1+R", "a:R b:J c:R out:b2"),
        (200, "b2+R!c1 c1+R", "a:R b:J c:R out:b2"),
    ]);
}

#[test]
fn a_live_node_without_words_joins_and_is_waited_for() {
    story().goes(&[
        (0, "b1+? c1+R", "a:R b:J c:R unheard:b"),
        (1_999, "b1+? c1+R", "a:R b:J c:R unheard:b"),
        (2_000, "b1+? c1+R", "a:R b:J c:R"),
        (60_000, "b1+? c1+R", "a:R b:J c:R"),
        (60_100, "b1+R c1+R", "a:R b:R c:R"),
    ]);
}

#[test]
fn words_that_turn_to_garbage_leave_the_last_good_ones() {
    story().goes(&[
        (0, "b1+R", "a:R b:R"),
        (100, "b1+?", "a:R b:R"),
        (200, "b1+D", "a:R b:D"),
    ]);
}

#[test]
fn whom_we_never_saw_alive_does_not_count_and_is_not_held_down() {
    story().goes(&[
        (0, "b1-R c1-R", "a:R b:J c:J no-quorum"),
        (300, "b1+R c1-R", "a:R b:R c:J"),
        (2_000, "b1+R c1-R", "a:R b:R c:X"),
        (9_000, "b1+R c1+R", "a:R b:R c:R"),
    ]);
}

#[test]
fn other_lives_under_our_name_are_rivals_while_they_live() {
    story().goes(&[
        (0, "a4-R b1+R", "a:R b:R"),
        (50, "a4+R a6+J b1+R", "a:R b:R rival:a4 rival:a6"),
        (100, "a5+R b1+R", "a:R b:R"),
    ]);
}

#[test]
fn since_changes_only_with_the_state() {
    let mut story = story();
    let node = NodeId::new("b");
    let mut since = |millis, seen| {
        let membership = story.look(millis, seen);
        let member = membership.member(&node).unwrap().since;
        (
            member.unix_nanos() / 1_000_000,
            membership.mine().unwrap().since.unix_nanos() / 1_000_000,
        )
    };
    assert_eq!(since(10, "b1+J c1+R"), (10, 10));
    assert_eq!(since(50, "b1+J c1+R"), (10, 10));
    assert_eq!(since(100, "b1+R c1+R"), (100, 10));
    assert_eq!(since(150, "b1+R c1+R!b1"), (150, 10));
    assert_eq!(since(200, "b1+R c1+R!a5"), (200, 200));
    assert_eq!(since(250, "b1-R c1+R!a5"), (250, 200));
    assert_eq!(since(400, "b1-R c1+R"), (250, 400));
    assert_eq!(since(450, "b1-R c1+R"), (450, 400));
}

#[test]
fn who_is_excluded_for_a_caller() {
    let mut told = story().goes(&[(0, "b1+R c2+R", "a:R b:R c:R")]);
    let excludes = |told: &Story, who: &str| told.roster.excludes(&life(who));
    assert!(!excludes(&told, "b1") && !excludes(&told, "z1"));
    assert!(excludes(&told, "c1"), "a later life came after it");
    told.look(100, "b1-R c2+R");
    assert!(!excludes(&told, "b1"), "a suspect is still a member");
    told.look(300, "b1-R c2+R");
    assert!(excludes(&told, "b1"), "it is dead");
    assert!(excludes(&told, "b2"), "what comes after it will be held down");
    told.look(400, "b1+R c2+R");
    assert!(excludes(&told, "b1"), "it is held down");
    told.look(30_400, "b1+R c2+R");
    assert!(!excludes(&told, "b1"));
}
