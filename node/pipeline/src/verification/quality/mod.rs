//! Whether rows are whole and make sense.

mod cardinality;
mod figures;
mod ranges;
mod required;
mod schema;

pub(super) use cardinality::Guard;
pub(super) use figures::contradictions;
pub(super) use ranges::{blanked, out_of_range};
pub(super) use required::missing;
pub(super) use schema::{Difference, SETTLED, Schemas, cast};

use super::finding::Check;

/// Something that is wrong with a frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) check: Check,
    /// The column or rule that it is about.
    pub(super) subject: String,
    /// How many rows it is about.
    pub(super) rows: u64,
    /// What it is. It holds no value of a row.
    pub(super) what: String,
    /// The column, where something may be done about it.
    pub(super) column: Option<usize>,
}

/// How good a frame is, from 0 to 1: of each kind of fault the share of the rows that have it is taken off,
/// by its weight. Rows without what they must have weigh most.
pub(super) fn score(rows: u64, faults: &[Fault]) -> f64 {
    if rows == 0 {
        return 1.0;
    }
    let kinds = [
        (Check::Missing, 0.4),
        (Check::Range, 0.2),
        (Check::Consistency, 0.2),
        (Check::Schema, 0.1),
        (Check::Rule, 0.1),
    ];
    let mut score = 1.0;
    for (check, weight) in kinds {
        // One row may have several faults of a kind: the worst column counts.
        let worst = faults
            .iter()
            .filter(|fault| fault.check == check)
            .map(|fault| fault.rows)
            .max();
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
        let share = worst.unwrap_or(0).min(rows) as f64 / rows as f64;
        score -= weight * share;
    }
    score.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_falls_by_the_share_of_the_rows_that_are_faulty() {
        let fault = |check, rows| Fault {
            check,
            subject: String::new(),
            rows,
            what: String::new(),
            column: None,
        };
        assert!((score(10, &[]) - 1.0).abs() < 1e-9);
        assert!((score(0, &[fault(Check::Missing, 0)]) - 1.0).abs() < 1e-9);
        assert!((score(10, &[fault(Check::Missing, 5), fault(Check::Missing, 3)]) - 0.8).abs() < 1e-9);
        let all = [
            Check::Missing,
            Check::Range,
            Check::Consistency,
            Check::Schema,
            Check::Rule,
        ];
        let all: Vec<Fault> = all.into_iter().map(|check| fault(check, 99)).collect();
        assert!(score(10, &all).abs() < 1e-9);
        assert!((score(10, &[fault(Check::Unscanned, 10)]) - 1.0).abs() < 1e-9);
    }
}
