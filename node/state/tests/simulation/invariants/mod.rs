//! What has to hold of every run.

mod acknowledged;
mod group;
mod immediate;
mod prefixes;
pub(crate) mod settled;
mod valid;

use crate::world::World;

/// What is wrong with a run that has settled.
pub(crate) fn verdict(world: &World) -> Vec<String> {
    let all = [
        valid::check(world),
        immediate::check(world),
        group::check(world),
        acknowledged::check(world),
        prefixes::check(world),
    ];
    all.into_iter().flatten().collect()
}
