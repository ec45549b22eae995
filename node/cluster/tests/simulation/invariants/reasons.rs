//! Targets move for a reason only: each fault moves a target away and back again at most, and each change
//! of the pins once.

use crate::oracle::Books;
use crate::story::Fault;

/// So often the start moves a target: to the first node, and to where it belongs as the others join.
const START: usize = 5;

pub(crate) fn faults(books: &Books, pinned: usize) -> Vec<String> {
    let moves = |fault: Fault| match fault {
        Fault::Join(_) | Fault::Drain(_) | Fault::Undrain(_) => 1,
        Fault::AddTarget(_) | Fault::RemoveTarget(_) | Fault::Move(..) => 0,
        Fault::Leave(..) | Fault::Kill(..) | Fault::Pause(..) | Fault::Blind(..) => 2,
        // Two owners, and each may hand over to the other.
        Fault::Partition(..) | Fault::Unheard(..) | Fault::Weather(_) => 4,
    };
    let most = START
        + pinned
        + books
            .happened
            .iter()
            .map(|happened| moves(happened.fault))
            .sum::<usize>();
    let busy = books.moves.iter().filter(|(_, moves)| moves.len() > most);
    busy.map(|(target, moves)| {
        format!(
            "{target} moved {} times, at most {most} were due: {moves:?}",
            moves.len()
        )
    })
    .collect()
}
