//! No harm: nobody asks anything of a target that another one has begun to read since.
//!
//! Above all not a process that was paused, and for which another one took over: that holds in every run.
//! Where the network is cut a target may have two owners otherwise.

use ringwatch_frame::Tick;

use crate::oracle::{Books, millis, shifted};
use crate::story::{Fault, Kind, Story};

pub(crate) fn faults(story: &Story, books: &Books) -> Vec<String> {
    let mut faults = Vec::new();
    for issued in books.issued.iter().filter(|issued| !issued.others.is_empty()) {
        let while_it_stood = books.happened.iter().any(|happened| {
            let Fault::Pause(_, time) = happened.fault else {
                return false;
            };
            let wakes = shifted(happened.at, millis(time));
            let meanwhile = |since: &Tick| happened.at <= *since && *since <= wakes;
            happened.life.as_ref() == Some(&issued.by) && issued.others.values().any(meanwhile)
        });
        if while_it_stood || !matches!(story.kind, Kind::Everything | Kind::Cuts) {
            faults.push(format!(
                "another one had taken the target (paused: {while_it_stood}): {issued:?}"
            ));
        }
    }
    faults
}
