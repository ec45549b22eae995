//! What is seen the moment it happens: two leaders with one id, or one with a lower id after another in one term, two states after one entry, two views of
//! one number, a node that goes back within its life, a store put aside, a part of the group that failed
//! though its disk did not.

use crate::world::World;

pub(crate) fn check(world: &World) -> Vec<String> {
    world.oracle.books().complaints.clone()
}
