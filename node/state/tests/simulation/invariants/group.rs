//! There is one group only, whatever the nodes saw of each other when it was founded.

use crate::world::World;

pub(crate) fn check(world: &World) -> Vec<String> {
    let groups = world.oracle.books().groups.clone();
    let wrong = (groups.len() != 1).then(|| format!("there are {} groups: {groups:?}", groups.len()));
    wrong.into_iter().collect()
}
