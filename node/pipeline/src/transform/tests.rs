use std::sync::Mutex;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use ringwatch_config::settings::{StatementContext, StatementGroup};
use ringwatch_frame::{Books, Cell, ColumnType, Columns, Place, Role, Value, role_of};

use super::*;
use crate::testing::{assert_at_rest, dropped, frame_of, metrics};

fn group(context: Option<StatementContext>, statements: &[&str]) -> StatementGroup {
    StatementGroup {
        context,
        conditions: Vec::new(),
        statements: statements.iter().map(|text| (*text).to_owned()).collect(),
    }
}

/// The log statements of the reference configuration.
fn severity() -> Settings {
    Settings {
        error_mode: ErrorMode::Ignore,
        metric_statements: vec![group(
            Some(StatementContext::Datapoint),
            &[r#"replace_pattern(attributes["db.query.normalized"], "IN\\s*\\([^)]+\\)", "IN (?)")"#],
        )],
        log_statements: vec![group(
            Some(StatementContext::Log),
            &[
                r#"set(severity_number, 1) where severity_text == "idle""#,
                r#"set(severity_number, 9) where severity_text == "active""#,
                r#"set(severity_number, 17) where severity_text == "idle in transaction""#,
            ],
        )],
    }
}

/// `severity_text` is column `state`. `asked` holds what was asked for.
fn lookup(asked: &Arc<Mutex<Vec<String>>>) -> Lookup {
    let asked = Arc::clone(asked);
    Lookup {
        column: Arc::new(move |source, stream, place| {
            asked.lock().unwrap().push(format!("{source} {stream} {place:?}"));
            (place == Place::SeverityText).then(|| "state".into())
        }),
        attributes: Arc::new(|_, _| vec![("user.name".into(), "usename".into())]),
    }
}

struct Rig {
    books: Arc<Books>,
    resource: Arc<Resource>,
    asked: Arc<Mutex<Vec<String>>>,
    metrics: PipelineMetrics,
    processor: TransformProcessor,
}

impl Rig {
    fn new(settings: &Settings, signal: Signal) -> Self {
        let asked = Arc::default();
        let (metrics, clock) = (metrics(), Clock::simulated(Tick::from_unix_nanos(5_000_000_000)));
        let processor =
            TransformProcessor::new("transform/x", settings, signal, lookup(&asked), clock, &metrics)
                .unwrap();
        Self {
            books: Arc::default(),
            resource: Arc::default(),
            asked,
            metrics,
            processor,
        }
    }

    /// A frame of sessions in these states.
    fn frame(&self, states: &[&str]) -> Frame {
        let mut columns = Columns::new([("state", ColumnType::Text), ("usename", ColumnType::Text)]);
        for state in states {
            columns.push(&[Cell::Text(state), Cell::Text("alice")]).unwrap();
        }
        frame_of(&self.books, columns.finish().unwrap(), &self.resource)
    }

    fn process(&mut self, frames: Vec<Frame>) -> Vec<Batch> {
        let mut batch = Batch::default();
        frames.into_iter().for_each(|frame| batch.push(frame));
        let mut out = Vec::new();
        self.processor.process(batch, &mut out);
        out
    }

    fn faults(&self) -> u64 {
        self.metrics
            .transform_faults
            .with_label_values(&["transform/x"])
            .get()
    }
}

#[tokio::test(start_paused = true)]
async fn severities_are_set_by_states_and_the_catalogue_is_asked_once() {
    let mut rig = Rig::new(&severity(), Signal::Logs);
    let states = ["active", "idle", "other", "idle in transaction"];
    let frames = vec![rig.frame(&states), rig.frame(&states), rig.frame(&states[..2])];
    let out = rig.process(frames);
    let frames = out[0].frames();
    assert_eq!(frames.len(), 3);
    let schema = frames[0].batch().schema();
    let numbers = frames[0].batch().column_by_name("severity_number").unwrap();
    let numbers: Vec<_> = numbers.as_primitive::<Int64Type>().iter().collect();
    assert_eq!(numbers, [Some(9), Some(1), None, Some(17)]);
    assert_eq!(
        role_of(schema.field_with_name("severity_number").unwrap()),
        Some(Role::SeverityNumber)
    );
    for frame in frames {
        assert!(
            Arc::ptr_eq(&frame.batch().schema(), &schema),
            "frames alike share their schema"
        );
    }
    let mut asked = rig.asked.lock().unwrap().clone();
    let all = asked.len();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), all, "{asked:?}");
    out.into_iter().for_each(Batch::deliver);
    assert_at_rest(&rig.books);
    assert_eq!(rig.faults(), 0);
}

#[tokio::test(start_paused = true)]
async fn statements_are_of_the_signal_of_their_pipeline() {
    let mut rig = Rig::new(&severity(), Signal::Metrics);
    let frame = rig.frame(&["active"]);
    let before = frame.batch().clone();
    let out = rig.process(vec![frame]);
    assert_eq!(*out[0].frames()[0].batch(), before);
    out.into_iter().for_each(Batch::deliver);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_carried_out_is_counted_and_ends_frames_where_told() {
    for (mode, kept) in [
        (ErrorMode::Ignore, 2),
        (ErrorMode::Silent, 2),
        (ErrorMode::Propagate, 0),
    ] {
        let statement = r#"set(attributes["n"], state - 1)"#;
        let settings = Settings {
            error_mode: mode,
            log_statements: vec![group(
                None,
                &[statement, r#"set(attributes["seen"], Unix(5) == Now())"#],
            )],
            ..Settings::default()
        };
        let mut rig = Rig::new(&settings, Signal::Logs);
        let frame = rig.frame(&["active", "idle"]);
        let out = rig.process(vec![frame]);
        assert_eq!(out.iter().map(Batch::rows).sum::<u64>(), kept, "{mode:?}");
        for frame in out.iter().flat_map(Batch::frames) {
            let batch = frame.batch();
            assert!(batch.column_by_name("n").is_none());
            assert!(
                batch.column_by_name("seen").unwrap().as_boolean().value(0),
                "the next statement goes on"
            );
        }
        out.into_iter().for_each(Batch::deliver);
        assert_eq!(dropped(&rig.books, DropReason::Invalid), 2 - kept, "{mode:?}");
        assert_eq!(rig.faults(), 1, "{mode:?}");
        assert_at_rest(&rig.books);
    }
}

#[tokio::test(start_paused = true)]
async fn frames_of_one_resource_still_share_it() {
    let settings = Settings {
        metric_statements: vec![
            group(
                Some(StatementContext::Resource),
                &[r#"set(attributes["env"], "prod")"#],
            ),
            group(None, &[r#"truncate_all(datapoint.attributes, 2)"#]),
        ],
        ..Settings::default()
    };
    let mut rig = Rig::new(&settings, Signal::Metrics);
    let frames = vec![rig.frame(&["active"]), rig.frame(&[])];
    let out = rig.process(frames);
    let frames = out[0].frames();
    assert_eq!(frames[0].meta().resource.get("env"), Some(&Value::from("prod")));
    assert!(Arc::ptr_eq(
        &frames[0].meta().resource,
        &frames[1].meta().resource
    ));
    let users = frames[0].batch().column_by_name("usename").unwrap();
    let users = users.as_dictionary::<arrow_array::types::Int32Type>().values();
    assert_eq!(users.as_string::<i32>().value(0), "al");
    out.into_iter().for_each(Batch::deliver);
    assert_at_rest(&rig.books);
}

#[test]
fn wrong_statements_are_told_with_their_place() {
    for (context, statement, part) in [
        (
            None,
            "sett(body, 1)",
            "`log_statements[0]`: `sett(body, 1)`: there is no function `sett`: is `set` meant?",
        ),
        (
            Some(StatementContext::Datapoint),
            "set(body, 1)",
            "`datapoint` is not there: write `log` or `resource`",
        ),
        (None, "set(datapoint.attributes['x'], 1)", "at character 5"),
        (None, "set(metric.name, 'x')", "only when they are exported"),
    ] {
        let settings = Settings {
            log_statements: vec![group(context, &[statement])],
            ..Settings::default()
        };
        let error = check("transform", &settings).unwrap_err().to_string();
        assert!(
            error.starts_with("processor `transform`: ") && error.contains(part),
            "{error}"
        );
    }
    check("transform", &severity()).unwrap();
}
