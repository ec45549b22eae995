use std::io::Cursor;

use super::format;
use super::*;
use crate::group::types::{LogId, StoredMembership};
use crate::machine::Machine;

fn header(index: u64, machine: &Machine) -> Header {
    let id = LogId::new(openraft::CommittedLeaderId::new(2, 1), index);
    let meta = SnapshotMeta {
        last_log_id: Some(id),
        last_membership: StoredMembership::default(),
        snapshot_id: format!("../{index}"),
    };
    Header::new(meta, machine.count(), machine.digest())
}

fn files(directory: &std::path::Path) -> Vec<String> {
    let listed = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = listed
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_last_two_are_kept_and_what_was_not_finished_is_removed() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("snapshots");
    let shelf = Shelf::open(directory.clone()).unwrap();
    assert!(shelf.newest().unwrap().is_none());
    let machine = Machine::new();
    for index in [5, 9, 1000, 70] {
        shelf.write(&header(index, &machine), machine.records()).unwrap();
    }
    let (newest, _) = shelf.newest().unwrap().unwrap();
    assert_eq!(newest.meta.last_log_id.unwrap().index, 1000);
    let names = files(&directory);
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(
        names
            .iter()
            .all(|name| name.ends_with(".snapshot") && !name.contains('/'))
    );

    std::fs::write(directory.join("x.part"), "half").unwrap();
    let shelf = Shelf::open(directory.clone()).unwrap();
    assert_eq!(files(&directory), names);
    let id = |index| Some(LogId::new(openraft::CommittedLeaderId::new(2, 1), index));
    shelf.keep_between(id(10), id(100)).unwrap();
    assert_eq!(
        shelf.newest().unwrap().unwrap().0.meta.last_log_id.unwrap().index,
        70
    );
    shelf.keep_between(id(71), id(100)).unwrap();
    assert!(shelf.newest().unwrap().is_none());
}

#[test]
fn a_later_format_is_known_as_such() {
    let machine = Machine::new();
    let mut bytes = Vec::new();
    format::write(&mut bytes, &header(1, &machine), machine.records()).unwrap();
    // The header begins with the format, one byte as long as it is small.
    assert_eq!(bytes[12], 1);
    bytes[12] = 2;
    let read = format::read_header(&mut Cursor::new(bytes));
    assert_eq!(read.unwrap_err(), StoreError::Newer { found: 2, known: 1 });
}

#[test]
fn sizes_that_are_only_announced_take_no_memory() {
    let mut bytes = b"rwsnap\x00\x01".to_vec();
    bytes.extend_from_slice(&u32::MAX.to_be_bytes());
    assert!(format::read_header(&mut Cursor::new(bytes)).is_err());
}
