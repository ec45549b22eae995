//! Figures of one row that contradict each other.

use arrow_array::RecordBatch;

use super::Fault;
use crate::verification::columns::Numbers;
use crate::verification::finding::Check;
use crate::verification::shape::{Figures, Shape};

/// Servers round, and differences of large sums lose digits: so much is allowed, as a share and in
/// milliseconds for each call.
const SHARE: f64 = 0.01;
const SLACK: f64 = 0.01;

/// Rows whose shortest, mean and longest time are not in this order, that have time without calls, or whose
/// calls cannot have taken the time that they took.
///
/// Counters are differences between two readings, while shortest, mean and longest are of all time; so calls
/// times mean need not be the total, but the total is between calls times shortest and calls times longest.
pub(in super::super) fn contradictions(rows: &RecordBatch, shape: &Shape, out: &mut Vec<Fault>) {
    let Figures {
        min,
        mean,
        max,
        calls,
        total,
    } = shape.figures;
    let numbers = |at: Option<usize>| rows.columns().get(at?).and_then(Numbers::of);
    let (min, mean, max) = (numbers(min), numbers(mean), numbers(max));
    if let (Some(min), Some(max)) = (min, max) {
        let wrong = (0..rows.num_rows())
            .filter(|row| !is_ordered(min.get(*row), mean.and_then(|mean| mean.get(*row)), max.get(*row)));
        push(
            out,
            "times",
            wrong.count(),
            "the mean time is not between the shortest and the longest",
        );
    }
    let (Some(calls), Some(total)) = (numbers(calls), numbers(total)) else {
        return;
    };
    let get = |figure: Option<Numbers<'_>>, row| figure.and_then(|figure| figure.get(row));
    let (mut idle, mut impossible) = (0, 0);
    for row in 0..rows.num_rows() {
        let (Some(calls), Some(total)) = (calls.get(row), total.get(row)) else {
            continue;
        };
        if calls <= 0.0 {
            idle += usize::from(total > SLACK);
            continue;
        }
        let slack = SLACK * calls + SHARE * total.abs();
        let is_over = get(max, row).is_some_and(|max| max > 0.0 && total > max * calls + slack);
        let is_under = get(min, row).is_some_and(|min| total + slack < min * calls);
        impossible += usize::from(is_over || is_under);
    }
    push(out, "calls", idle, "there is time without calls");
    push(
        out,
        "total",
        impossible,
        "so many calls cannot have taken so much time, or so little",
    );
}

fn is_ordered(min: Option<f64>, mean: Option<f64>, max: Option<f64>) -> bool {
    let (Some(min), Some(max)) = (min, max) else {
        return true;
    };
    let slack = SLACK + SHARE * max.abs();
    min <= max + slack && mean.is_none_or(|mean| mean >= min - slack && mean <= max + slack)
}

fn push(out: &mut Vec<Fault>, subject: &str, rows: usize, what: &str) {
    if rows > 0 {
        out.push(Fault {
            check: Check::Consistency,
            subject: subject.to_owned(),
            rows: rows as u64,
            what: what.to_owned(),
            column: None,
        });
    }
}
