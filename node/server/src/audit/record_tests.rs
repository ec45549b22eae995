use ringwatch_frame::DropReason;

use super::*;
use crate::audit::run::{End, What};

const EDGES: Edges = Edges {
    since: 5,
    whole: 7,
    ended: true,
};

fn sheet() -> Sheet {
    let all = [
        (What::Heard(true), End::Pending),
        (What::Heard(false), End::NoFrame),
        (What::Superseded, End::NoFrame),
        (What::Missed("timeout"), End::NoFrame),
        (What::Inherited, End::Elsewhere),
        (What::Covered, End::DeliveredTwice),
        (What::Collected, End::Dropped(DropReason::QueueFull)),
        (What::Collected, End::Delivered),
        (What::Collected, End::Unknown),
    ];
    let runs = (0..).zip(all).map(|(place, (what, end))| Run {
        first: -3 + place * 100,
        step: 10,
        count: 4,
        what,
        end,
        epoch: 300,
    });
    let of = |stream, closings: &[i64], runs| Account {
        target: TargetId::from_name("mysql://a:1"),
        stream,
        step: 10,
        closings: closings.to_vec(),
        runs,
    };
    Sheet {
        accounts: vec![
            of(StreamId::of_server("s"), &[], runs.collect()),
            of(StreamId::of_database("s", "d"), &[9, 11], Vec::new()),
        ],
        edges: EDGES,
    }
}

pub(in crate::audit) fn written(sheet: Sheet, node: &str) -> Vec<u8> {
    let mut pen = Pen::begin(Vec::new(), node).unwrap();
    for account in sheet.accounts {
        pen.stream(account).unwrap();
    }
    pen.end(sheet.edges).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let bytes = written(sheet(), "n1");
    assert_eq!(read(&bytes, "n1"), Ok(sheet()));
    assert_eq!(read(&bytes, "n2"), Err(Unfit::Node("n1".into())));
}

/// The next release reads what this one has written, or has another version.
#[test]
fn the_bytes_of_this_version_stay_what_they_are() {
    let bytes = written(sheet(), "n1");
    assert_eq!((bytes.len(), xxh3_64(&bytes)), (161, 13_839_713_893_182_048_829));
}

#[test]
fn no_cut_and_no_flipped_bit_is_taken_for_books() {
    let whole = written(sheet(), "n1");
    for cut in 0..whole.len() {
        assert_eq!(read(&whole[..cut], "n1"), Err(Unfit::Damaged), "cut at {cut}");
    }
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let found = read(&flipped, "n1");
        let is_version = (8..12).contains(&(bit / 8));
        let expected = matches!(found, Err(Unfit::Damaged)) && !is_version
            || matches!(found, Err(Unfit::Version(_))) && is_version;
        assert!(expected, "bit {bit}: {found:?}");
    }
}

/// Puts the right sum under what was changed.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - 8);
    let sum = xxh3_64(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

#[test]
fn what_is_whole_and_none_of_ours_is_refused() {
    let whole = written(sheet(), "n1");
    let mut newer = whole.clone();
    newer[8] = 3;
    let error = read(&signed(newer), "n1").unwrap_err();
    assert_eq!(error, Unfit::Version(3));
    assert_eq!(
        error.to_string(),
        "it is of version 3, and this release reads version 2"
    );
    for (word, other) in [("timeout", "time\0\0\u{7f}"), ("queue_full", "queue_pull")] {
        let at = whole
            .windows(word.len())
            .position(|part| part == word.as_bytes())
            .unwrap();
        let mut changed = whole.clone();
        changed[at..at + word.len()].copy_from_slice(other.as_bytes());
        let found = read(&signed(changed), "n1");
        // Reasons for missed ticks are whatever the collector says, those for dropped frames are known.
        assert_eq!(found.is_ok(), word == "timeout", "{found:?}");
    }
    let mut longer = whole[..whole.len() - 8].to_vec();
    longer.extend([0; 9]);
    assert_eq!(read(&signed(longer), "n1"), Err(Unfit::Damaged));
}

/// So that the bound of the file is above all that the bound of the memory lets be written.
#[test]
fn a_run_takes_at_most_twice_its_memory() {
    let run = Run {
        first: i64::MIN,
        step: i64::MAX,
        count: u32::MAX,
        what: What::Missed("switched_off"),
        end: End::Dropped(DropReason::RateLimited),
        epoch: u64::MAX,
    };
    let of = |count| {
        let mut sheet = sheet();
        sheet.accounts[0].runs = vec![run; count];
        written(sheet, "n1").len()
    };
    let longest = (of(101) - of(100), 2 * size_of::<Run>());
    assert!(longest.0 <= longest.1, "{longest:?}");
}
