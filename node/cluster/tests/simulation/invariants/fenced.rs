//! No harm: a process that was paused asks nothing of a target that another one took meanwhile.

use crate::oracle::{Books, millis, shifted};
use crate::story::Fault;

pub(crate) fn faults(books: &Books) -> Vec<String> {
    let mut faults = Vec::new();
    for happened in &books.happened {
        let (Fault::Pause(_, time), Some(woken)) = (happened.fault, &happened.life) else {
            continue;
        };
        let wakes = shifted(happened.at, millis(time));
        for issued in books
            .issued
            .iter()
            .filter(|issued| issued.by == *woken && issued.at >= wakes)
        {
            let taken = issued
                .others
                .values()
                .any(|since| happened.at <= *since && *since <= wakes);
            if taken {
                faults.push(format!(
                    "{woken:?} woke at {wakes} and read what another had taken: {issued:?}"
                ));
            }
        }
    }
    faults
}
