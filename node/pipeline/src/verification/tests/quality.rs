use arrow_array::Array;
use ringwatch_config::settings::{QualityValidation, RuleAction, SelfHealing, VerificationRule};
use ringwatch_frame::DropReason;

use super::super::{Check, FeedbackError, Verdict};
use super::*;
use crate::verification::FindingId;

use ColumnType::{Double, Int, Text, Time};

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings {
        quality_validation: QualityValidation {
            enabled: true,
            required_attributes: vec!["query_id".into(), "mean_exec_time".into()],
            ..QualityValidation::default()
        },
        ..Settings::default()
    };
    change(&mut settings);
    settings
}

const STATEMENT: [(&str, ColumnType); 8] = [
    ("queryid", Int),
    ("query_text", Text),
    ("calls", Int),
    ("total_exec_time", Double),
    ("min_exec_time", Double),
    ("mean_exec_time", Double),
    ("max_exec_time", Double),
    ("stats_since", Time),
];

/// A row that is as it should be.
fn good<'a>() -> [Cell<'a>; 8] {
    let since = Cell::Time(START * SECOND);
    let (min, mean, max) = (Cell::Double(1.0), Cell::Double(2.0), Cell::Double(9.0));
    [
        Cell::Int(-7),
        Cell::Text("select 1"),
        Cell::Int(10),
        Cell::Double(20.0),
        min,
        mean,
        max,
        since,
    ]
}

fn with<'a>(at: usize, cell: Cell<'a>) -> [Cell<'a>; 8] {
    let mut row = good();
    row[at] = cell;
    row
}

/// The checks that find something in a row beside nine good ones, and the score of the stream.
fn found(row: [Cell<'_>; 8]) -> (Vec<(Check, String)>, f64) {
    let mut world = World::new(&settings(|_| ()));
    let good = good();
    let mut cells: Vec<&[Cell<'_>]> = vec![&good; 9];
    cells.push(&row);
    let came = rows(&STATEMENT, &cells);
    let left = world.pass("postgresql.statements", 0, came.clone());
    assert_eq!(left.num_rows(), came.num_rows(), "quality drops nothing");
    let findings = world.control.findings(9).into_iter();
    let findings = findings.map(|finding| (finding.check, finding.subject)).collect();
    (
        findings,
        world.metric(
            "verification_quality_score",
            &[("stream", "postgresql.statements")],
        ),
    )
}

#[test]
fn a_row_as_it_should_be_has_no_finding() {
    assert_eq!(found(good()), (vec![], 1.0));
    assert_eq!(found(with(5, Cell::Double(9.05))).0, [], "servers round");
}

#[test]
fn each_fault_is_found_by_its_check() {
    for (row, check, subject) in [
        (with(0, Cell::Null), Check::Missing, "query_id"),
        (with(5, Cell::Null), Check::Missing, "mean_exec_time"),
        (with(2, Cell::Int(-1)), Check::Range, "calls"),
        (with(3, Cell::Double(f64::NAN)), Check::Range, "total_exec_time"),
        (
            with(6, Cell::Double(f64::INFINITY)),
            Check::Range,
            "max_exec_time",
        ),
        (
            with(7, Cell::Time((START + 601) * SECOND)),
            Check::Range,
            "stats_since",
        ),
        (with(5, Cell::Double(0.5)), Check::Consistency, "times"),
        (with(5, Cell::Double(10.0)), Check::Consistency, "times"),
        (with(4, Cell::Double(9.5)), Check::Consistency, "times"),
        (with(3, Cell::Double(200.0)), Check::Consistency, "total"),
        (with(3, Cell::Double(5.0)), Check::Consistency, "total"),
        (with(2, Cell::Int(0)), Check::Consistency, "calls"),
    ] {
        let (findings, score) = found(row);
        assert!(
            findings.contains(&(check, subject.to_owned())),
            "{row:?}: {findings:?}"
        );
        assert!(score < 1.0 && score > 0.9, "{score}");
    }
    assert_eq!(found(with(7, Cell::Time((START + 599) * SECOND))).0, []);
}

#[test]
fn a_stream_is_judged_only_by_what_it_can_have_and_a_row_only_with_a_statement() {
    let mut world = World::new(&settings(|_| ()));
    let columns = [("query_id", Int), ("query_text", Text)];
    let idle = rows(
        &columns,
        &[&[Cell::Null, Cell::Null], &[Cell::Null, Cell::Text("")]],
    );
    world.pass("postgresql.activity", 0, idle);
    world.pass("postgresql.locks", 0, rows(&[("pid", Int)], &[&[Cell::Null]]));
    assert_eq!(world.control.findings(9), []);
    world.pass(
        "postgresql.activity",
        1,
        rows(&columns, &[&[Cell::Null, Cell::Text("select 1")]]),
    );
    let finding = &world.control.findings(9)[0];
    assert_eq!(
        (finding.check, finding.subject.as_str()),
        (Check::Missing, "query_id")
    );
}

fn rule(name: &str, condition: &str, action: RuleAction) -> VerificationRule {
    VerificationRule {
        name: name.into(),
        stream: Some("postgresql.statements".into()),
        condition: condition.into(),
        action,
    }
}

#[test]
fn rules_count_tag_and_drop() {
    let settings = settings(|settings| {
        settings.quality_validation.rules = vec![
            rule("many", "calls > 100", RuleAction::Tag),
            rule(
                "text",
                "IsMatch(attributes[\"db.query.text\"], \"^drop\")",
                RuleAction::Drop,
            ),
            rule("all", "calls > 0", RuleAction::Count),
        ];
    });
    let mut world = World::new(&settings);
    let cells = [
        good(),
        with(2, Cell::Int(1000)),
        with(1, Cell::Text("drop table t")),
    ];
    let cells: Vec<&[Cell<'_>]> = cells.iter().map(|row| &row[..]).collect();
    let left = world.pass("postgresql.statements", 0, rows(&STATEMENT, &cells));
    assert_eq!(texts(&left, "verification.rule"), [None, Some("many".to_owned())]);
    assert_eq!(crate::testing::dropped(&world.books, DropReason::Verification), 1);
    for (name, broken) in [("many", 1.0), ("text", 1.0), ("all", 3.0)] {
        assert_eq!(
            world.metric("verification_rule_rows_total", &[("rule", name)]),
            broken
        );
    }
    let other = world.pass("postgresql.other", 0, rows(&STATEMENT, &cells));
    assert_eq!(other.num_rows(), 3, "the rules are for one stream");
    assert!(
        super::super::check(
            "v",
            &self::settings(|settings| {
                settings.quality_validation.rules = vec![rule("x", "calls >", RuleAction::Count)];
            })
        )
        .is_err()
    );
}

fn healing(settings: &mut Settings) {
    settings.self_healing = SelfHealing {
        enabled: true,
        ..SelfHealing::default()
    };
}

#[test]
fn a_column_that_changes_its_type_gets_it_back_where_its_values_allow() {
    let mut world = World::new(&settings(healing));
    let of = |kind, cell| rows(&[("n", kind), ("m", Int)], &[&[cell, Cell::Int(1)]]);
    let kind = |rows: &RecordBatch| ColumnType::of(rows.column(0).data_type()).unwrap();
    assert_eq!(kind(&world.pass("s", 0, of(Int, Cell::Int(1)))), Int);
    for (second, rows) in [(1, of(Double, Cell::Double(2.0))), (2, of(Text, Cell::Text("3")))] {
        assert_eq!(kind(&world.pass("s", second, rows)), Int);
    }
    let findings = world.control.findings(9);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].check, findings[0].rows), (Check::Schema, 2));
    // A value that is no whole number stays, and after a while it is what the stream has.
    for second in 3..9 {
        assert_eq!(
            kind(&world.pass("s", second, of(Double, Cell::Double(0.5)))),
            Double
        );
    }
    assert_eq!(
        world.metric("verification_auto_fixes_total", &[("fix", "reset_schema")]),
        1.0
    );
    assert_eq!(world.control.findings(9)[0].rows, 5, "then it is none any more");
    world.pass("s", 10, rows(&[("n", Double)], &[&[Cell::Null]]));
    assert_eq!(world.control.findings(9)[0].subject, "presence of m");
}

#[test]
fn values_that_are_no_numbers_are_taken_out_but_only_so_many_fixes_are_begun() {
    let mut world = World::new(&settings(|settings| {
        healing(settings);
        settings.self_healing.max_auto_fixes = 1;
    }));
    let came = rows(
        &[("a", Double), ("b", Double)],
        &[
            &[Cell::Double(f64::NAN), Cell::Double(f64::NAN)],
            &[Cell::Double(1.0); 2],
            &[Cell::Double(1.0); 2],
        ],
    );
    let left = world.pass("s", 0, came);
    assert_eq!([left.column(0).null_count(), left.column(1).null_count()], [1, 0]);
    let finding = &world.control.findings(9)[0];
    let fixes = world
        .control
        .findings(9)
        .into_iter()
        .find(|finding| finding.check == Check::Fixes);
    assert!(fixes.is_some(), "{finding:?}");
    assert_eq!(world.metric("verification_refused_fixes_total", &[]), 1.0);
    let status = world.control.status();
    assert!(!status.is_healthy() && status.fixes == (1, 1), "{status:?}");
    let id = fixes.unwrap().id;
    assert!(matches!(
        world.control.feedback(id, Verdict::Wrong, "x"),
        Err(FeedbackError::NoJudgement(Check::Fixes))
    ));
}

#[test]
fn a_column_of_which_most_values_cannot_be_is_hidden_after_a_while() {
    let mut world = World::new(&settings(healing));
    let came = rows(
        &[("wait_time", Int)],
        &[&[Cell::Int(-5)], &[Cell::Int(-6)], &[Cell::Int(1)]],
    );
    let nulls: Vec<usize> = (0..4)
        .map(|second| world.pass("s", second, came.clone()).column(0).null_count())
        .collect();
    assert_eq!(nulls, [0, 0, 3, 3]);
}

#[test]
fn a_check_that_was_wrong_says_nothing_more_of_that_for_a_time() {
    let mut world = World::new(&settings(|_| ()));
    let came = || {
        rows(
            &[("wait_time", Int), ("read_time", Int)],
            &[&[Cell::Int(-5), Cell::Int(1)]],
        )
    };
    world.pass("s", 0, came());
    let id = world.control.findings(1)[0].id;
    assert_eq!(
        world.control.feedback(FindingId(id.0 ^ 1), Verdict::Wrong, "x"),
        Err(FeedbackError::Unknown(FindingId(id.0 ^ 1)))
    );
    world.control.feedback(id, Verdict::Wrong, "tester").unwrap();
    world.pass("s", 3600, came());
    assert_eq!(world.control.findings(9).len(), 1);
    assert_eq!(
        world.metric("verification_quality_score", &[("stream", "s")]),
        1.0
    );
    world.pass("s", 25 * 3600, came());
    assert_eq!(world.control.findings(9).len(), 2, "a day has passed");
    assert_eq!(world.control.status().muted_checks, 1);
}

#[test]
fn attributes_have_only_so_many_values() {
    let mut world = World::new(&settings(|settings| {
        settings.quality_validation.cardinality.max_distinct_per_attribute = 2;
    }));
    let cell = Cell::Text;
    let came = rows(
        &[("query_text", Text), ("application_name", Text)],
        &[
            &[cell("q1"), cell("a")],
            &[cell("q2"), cell("b")],
            &[cell("q3"), cell("c")],
        ],
    );
    let left = world.pass("s", 0, came);
    let expected = ["a", "b", "other"].map(|text| Some(text.to_owned()));
    assert_eq!(texts(&left, "application_name"), expected);
    assert_eq!(
        texts(&left, "query_text")[2].as_deref(),
        Some("q3"),
        "statements are not limited"
    );
    assert_eq!(world.control.findings(1)[0].check, Check::Cardinality);
}
