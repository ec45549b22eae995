//! Orders of things that had once let two readings leave, or counted calls twice.

use super::*;

/// `Due0`, `Pass300` or `Cut`.
fn parse(word: &str) -> Op {
    let (name, figure) = word.split_at(word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len()));
    let figure = || figure.parse::<usize>().unwrap();
    match name {
        "Due" => Op::Due(figure()),
        "Begin" => Op::Begin(figure()),
        "End" => Op::End(figure()),
        "Read" => Op::Read(figure()),
        "Fail" => Op::Fail(figure()),
        "Claim" => Op::Claim(figure()),
        "Cover" => Op::Cover(figure()),
        "Open" => Op::Open,
        "Cut" => Op::Cut,
        "Snapshot" => Op::Snapshot,
        "Deliver" => Op::Deliver(figure()),
        "Hear" => Op::Hear(figure()),
        "Settle" => Op::Settle,
        "Freeze" => Op::Freeze,
        "Wake" => Op::Wake,
        "May" => Op::May(figure()),
        "Pass" => Op::Pass(u64::try_from(figure()).unwrap()),
        _ => panic!("what is {word}?"),
    }
}

#[test]
fn none_of_these_counts_anything_twice() {
    for (what, story) in [
        (
            "the standby has read what it said it reads, and its word does not come",
            "Freeze Due1 Claim1 Wake Settle Pass474 Cut Due1 Open Snapshot Cover1 Pass526 Read1",
        ),
        (
            "what was refused for its base is tried again by the standby",
            "Due0 Fail0 Wake Due0 Snapshot Read0 Freeze Claim0 Cover0 Due0 Wake Settle Cut Claim0 Read0 Pass300 Cover0",
        ),
        (
            "what is based on a tick in doubt waits while a later one leaves",
            "Due0 Due0 Due0 Snapshot Fail0 Deliver1 Due0 Snapshot Claim0 Read0 Due0 Cut Cover0 Due0 Pass300 Read0 May0",
        ),
        (
            "what a snapshot brought and was refused is brought again",
            "Due1 Due1 Read1 Open Due1 Snapshot Fail1 Freeze Claim1 Cover1 Deliver2 Cut",
        ),
        (
            "the very tick that the standby said it reads is due still",
            "Freeze Due1 Claim1 Wake Settle Pass328 Cut Cover1 Pass672 Read1",
        ),
        (
            "the same, and the link is there again, but has not been answered",
            "Freeze Due1 Claim1 Wake Settle Cut Pass106 Pass406 Open Cover1 Snapshot Pass488 Read1",
        ),
        (
            "the word that it is read is late",
            "Due1 Freeze Claim1 Wake Snapshot Deliver1 Hear2 Pass411 Cover1 Pass589 Due1 Read1 Cut Pass300",
        ),
        (
            "a reading was begun before the cover, and the standby reads its tick again",
            "Due1 Fail1 Due1 Begin1 Deliver1 Claim1 Cover1 Hear2 Due1 End1 Deliver1 Read1 Claim1 Cut Cover1 Pass300",
        ),
        (
            "the lane goes on from a reading that is refused later",
            "Due0 Fail0 Settle Open Due0 Read0 Claim0 Cut Cover0 May0 Due0 Read0 Pass300 Due0 Read0",
        ),
        (
            "the same, and the cover is heard of again",
            "Due1 Fail1 Settle Cut Due1 Claim1 Read1 Cover1 Due1 May1 Read1 Pass300 Settle Due1 Read1",
        ),
        (
            "one that was not told counts from one that waits",
            "Due1 Fail1 Snapshot Snapshot Due1 Wake Settle Begin1 End1 Due1 Begin1 Cut End1 Claim1 Cover1 Pass300",
        ),
        (
            "both have read a tick, and the owner has told of a later one",
            "Due0 Fail0 Due0 Deliver1 Claim0 Read0 Due0 Cover0 Fail0 Freeze Claim0 Deliver2 Cover0 Cut",
        ),
        (
            "a later one leaves, and the lane only looks",
            "Due1 Fail1 Due1 Deliver1 Read1 Open Claim1 Cover1 Due1 Read1 Hear1 Cut Pass300 Read1",
        ),
    ] {
        let told = play(story.split_whitespace().map(parse).collect());
        assert!(told.is_ok(), "{what}: {told:?}");
    }
}
