//! What holds for any log.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringwatch_proto::v1;
use v1::state_command::Kind;

use super::samples::{command_of, entries};
use super::{Applied, Machine, export, import, record_hash};

type Store = BTreeMap<Vec<u8>, Vec<u8>>;

/// Writes what an entry changed, as a store does.
fn write(store: &mut Store, applied: &Applied) {
    assert!(applied.changes.is_sorted_by(|one, next| one.key < next.key));
    for change in &applied.changes {
        match &change.value {
            Some(value) => drop(store.insert(change.key.clone(), value.clone())),
            // What came and went within one entry may be unknown.
            None => drop(store.remove(&change.key)),
        }
    }
}

/// The digest, number and size of records, counted anew.
fn counted(store: &Store) -> (u64, u64, u64) {
    store
        .iter()
        .fold((0, 0, 0), |(digest, count, bytes), (key, value)| {
            let hash = record_hash(key, value);
            let size = (key.len() + value.len()) as u64;
            (u64::wrapping_add(digest, hash), count + 1, bytes + size)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A machine that is written and read again between any entries answers, changes and ends as one that
    /// is not, and what it says that the store has to write is exactly what it is.
    #[test]
    fn a_loaded_machine_goes_on_as_the_one_that_wrote_it(
        entries in entries(25),
        reloads in prop::collection::vec(any::<bool>(), 25),
    ) {
        let (mut whole, mut loaded, mut store) = (Machine::new(), Machine::new(), Store::new());
        for (entry, reload) in entries.iter().zip(reloads) {
            let applied = whole.apply(entry).unwrap();
            prop_assert_eq!(applied.answers.len(), entry.commands.len());
            write(&mut store, &applied);
            prop_assert_eq!(loaded.apply(entry).unwrap(), applied);
            let counts = (whole.digest(), whole.count(), whole.bytes());
            prop_assert_eq!(counts, counted(&store));
            prop_assert!(whole.records().eq(store.clone()));
            if reload {
                loaded = Machine::load(store.clone().into_iter()).unwrap();
            }
            prop_assert_eq!(whole.digest(), loaded.digest());
            prop_assert_eq!(whole.dataset().hash(), loaded.dataset().hash());
        }
    }

    /// What is sent again right away changes nothing, whatever it is.
    #[test]
    fn a_command_sent_twice_is_done_once(entries in entries(15)) {
        let mut machine = Machine::new();
        for entry in &entries {
            for command in &entry.commands {
                let mut one = entry.clone();
                one.commands = vec![command.clone()];
                // What a proposer does with what may have been done: it sends it under the present view.
                one.view = machine.view().map_or(0, |view| view.number);
                // What has expired goes first, or it may stand in the way of the first one alone.
                let nothing = v1::StateEntry { commands: Vec::new(), ..one.clone() };
                machine.apply(&nothing).unwrap();
                machine.apply(&one).unwrap();
                let before = content(&machine);
                one.view = machine.view().map_or(0, |view| view.number);
                machine.apply(&one).unwrap();
                let is_rollback_or_unnamed = matches!(
                    &command.kind,
                    Some(Kind::Rollback(rollback)) if rollback.action.is_none()
                );
                if !is_rollback_or_unnamed {
                    prop_assert_eq!(content(&machine), before, "{:?}", command);
                }
            }
        }
    }

    /// A back-up gives the same state, also after it was text.
    #[test]
    fn an_exported_state_is_imported_as_it_was(entries in entries(25)) {
        let mut machine = Machine::new();
        for entry in &entries {
            machine.apply(entry).unwrap();
        }
        let exported = export(&machine);
        prop_assert!(exported.is_object());
        let text = serde_json::to_string(&exported).unwrap();
        let commands = import(serde_json::from_str(&text).unwrap()).unwrap();
        let mut restored = Machine::new();
        for command in commands {
            let applied = restored.apply(&v1::StateEntry {
                time_unix_nano: machine.time(),
                node: "n9".to_owned(),
                generation: 99,
                view: restored.view().map_or(0, |view| view.number),
                commands: vec![command],
                requires: 0,
            });
            for answer in applied.unwrap().answers {
                prop_assert_ne!(answer.outcome(), v1::StateOutcome::Refused, "{:?}", answer);
            }
        }
        // An empty back-up brings no entry and no time.
        if restored.time() > 0 {
            prop_assert_eq!(export(&restored), exported);
            prop_assert_eq!(restored.dataset().hash(), machine.dataset().hash());
        }
    }
}

/// All records but the machine's own and the times of receipt that a repetition renews.
fn content(machine: &Machine) -> serde_json::Value {
    let mut exported = export(machine);
    let map = exported.as_object_mut().unwrap();
    map.remove("time");
    exported
}

#[test]
fn what_is_not_known_is_not_applied() {
    let mut machine = Machine::new();
    let flag = command_of(Kind::FlagSet(v1::FlagSet {
        name: "plans".to_owned(),
        value: Some(true),
        ..v1::FlagSet::default()
    }));
    let mut entry = v1::StateEntry {
        time_unix_nano: 5,
        commands: vec![flag.clone(), v1::StateCommand { kind: None }],
        ..v1::StateEntry::default()
    };
    let unknown = machine.apply(&entry).unwrap_err();
    assert!(unknown.to_string().ends_with("upgrade this node"), "{unknown}");
    entry.commands = vec![flag];
    entry.requires = 1;
    machine.apply(&entry).unwrap_err();
    assert_eq!((machine.count(), machine.time()), (0, 0));
    entry.requires = 0;
    machine.apply(&entry).unwrap();
    assert_eq!(machine.time(), 5);
}

#[test]
fn damaged_records_are_not_believed() {
    let mut machine = Machine::new();
    let flag = v1::FlagSet {
        name: "plans".to_owned(),
        value: Some(true),
        ..v1::FlagSet::default()
    };
    let entry = v1::StateEntry {
        time_unix_nano: 5,
        commands: vec![command_of(Kind::FlagSet(flag))],
        ..v1::StateEntry::default()
    };
    machine.apply(&entry).unwrap();
    let records: Vec<_> = machine.records().collect();
    Machine::load(records.iter().cloned()).unwrap();
    for at in 0..records.len() {
        let mut damaged = records.clone();
        // A field that no program wrote there.
        damaged[at].1.extend_from_slice(&[0xf8, 0x07, 0x01]);
        Machine::load(damaged.into_iter()).unwrap_err();
        let mut damaged = records.clone();
        damaged[at].0.push(b'x');
        Machine::load(damaged.into_iter()).unwrap_err();
    }
    Machine::load(records.iter().rev().cloned()).unwrap_err();
    Machine::load([(vec![200], vec![])].into_iter()).unwrap_err();
    Machine::load([(vec![], vec![])].into_iter()).unwrap_err();
}
