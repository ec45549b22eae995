use std::sync::Arc;

use ringwatch_frame::Books;

use super::*;
use crate::testing::{assert_at_rest, dropped, frame};

#[test]
fn the_first_rows_pass_and_the_others_are_counted() {
    let books = Arc::new(Books::default());
    let settings = Settings { max_rows: 2 };
    let mut processor = NewStepProcessor::new("new_step/a", &settings).unwrap();
    assert_eq!(processor.name(), "new_step/a");
    let mut out = Vec::new();
    for rows in [1, 2, 5] {
        processor.process(frame(&books, 0, rows).into(), &mut out);
    }
    assert_eq!(out.iter().map(Batch::rows).collect::<Vec<_>>(), [1, 2, 2]);
    assert_eq!(dropped(&books, DropReason::RateLimited), 3);
    out.into_iter().for_each(Batch::deliver);
    assert_at_rest(&books);
}

#[test]
fn settings_that_let_nothing_pass_are_refused() {
    assert!(NewStepProcessor::new("new_step", &Settings { max_rows: 0 }).is_err());
    assert!(NewStepProcessor::new("new_step", &Settings::default()).is_ok());
}
