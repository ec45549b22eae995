//! A look at a user's statement: it is prepared and not executed.

use super::missing::Mended;
use super::reading::{placed, read_as_text};
use super::{Answer, PlannedQuery};
use crate::fault::Fault;
use crate::session::Session;

/// What is read in another way than it is written, and why the statement cannot be read, if it cannot.
pub(crate) async fn look<S: Session>(
    planned: &PlannedQuery,
    session: &mut S,
) -> (Vec<String>, Result<(), Fault>) {
    let mut mended = Mended::new(planned.driver(), planned.sql());
    let mut notes = Vec::new();
    loop {
        let query = planned.query(mended.sql(), None);
        match session.describe(&query).await {
            Ok(described) => return (notes, Answer::new(&query, &described).map(|_| ())),
            Err(refused) => {
                let replaced = refused.missing.as_ref();
                match replaced.and_then(|missing| mended.mend(missing, planned.mapping())) {
                    Some((column, read_as)) => {
                        let of_column = format!("no column `{column}`:");
                        notes.retain(|note: &String| !note.contains(&of_column));
                        notes.push(read_as_text(&column, read_as));
                    }
                    // What was replaced before is not read either.
                    None => return (Vec::new(), Err(placed(planned, &mended, refused))),
                }
            }
        }
    }
}
