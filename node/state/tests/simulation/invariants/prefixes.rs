//! At the end all nodes have applied the same log: equal indexes, equal digests, equal records.

use ringwatch_state::machine::record_hash;

use crate::world::World;

pub(crate) fn check(world: &World) -> Vec<String> {
    let running = world
        .nodes
        .iter()
        .filter_map(|node| Some((&node.name, node.running.as_ref()?)));
    let states: Vec<_> = running
        .map(|(name, running)| {
            let inspection = running.handle.inspect();
            let counted = running.handle.read(|machine| {
                let hashes = machine.records().map(|(key, value)| record_hash(&key, &value));
                hashes.fold(0, u64::wrapping_add)
            });
            (name, inspection.applied, inspection.digest, counted)
        })
        .collect();
    let mut wrong = Vec::new();
    for (name, applied, digest, counted) in &states {
        if digest != counted {
            wrong.push(format!("{name} has a wrong digest of its own records"));
        }
        let others = states
            .iter()
            .filter(|other| other.1 == *applied && other.2 != *digest);
        wrong.extend(others.map(|other| format!("{name} and {} differ after entry {applied}", other.0)));
    }
    wrong
}
