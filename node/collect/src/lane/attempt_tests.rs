use std::sync::Mutex;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use ringwatch_frame::{StreamId, TargetId};

use super::*;
use crate::delta::Uncertain;
use crate::guard::Guard;

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Guard for Told {
    fn admit(&self, _: &TargetId, _: &StreamId, _: Tick, _: Duration) -> Result<(), Refusal> {
        Ok(())
    }

    fn at_ease(&self, _: &TargetId) -> bool {
        true
    }

    fn deadline(&self, _: &TargetId, _: &StreamId) -> Option<Duration> {
        None
    }

    fn ended(&self, _: &TargetId, _: &StreamId, end: &ReadingEnd<'_>) {
        let end = match end {
            ReadingEnd::Read { .. } => "read".to_owned(),
            ReadingEnd::Failed { kind, .. } => format!("{kind:?}"),
            ReadingEnd::NotMade => "not made".to_owned(),
        };
        self.0.lock().unwrap().push(end);
    }
}

#[test]
fn each_end_is_told_once_and_as_what_it_is() {
    let made = |fault: Option<FaultKind>| {
        Ok(Made {
            reading: Reading {
                rows: RecordBatch::new_empty(Schema::empty().into()),
                uncertain: Uncertain::default(),
                baseline: None,
                fault: fault.map(|kind| Fault::new(kind, "")),
            },
            version: 0,
            took: Duration::ZERO,
        })
    };
    let failed = |kind| Err(Fault::new(kind, ""));
    for (read, expected) in [
        (made(None), "read"),
        (made(Some(FaultKind::Shape)), "read"),
        (made(Some(FaultKind::Deadline)), "Deadline"),
        (failed(FaultKind::Login), "Login"),
        (failed(FaultKind::Grant), "Grant"),
        (failed(FaultKind::NotHeld), "not made"),
        (failed(FaultKind::Fenced), "not made"),
        (failed(FaultKind::Version), "not made"),
    ] {
        let told = Arc::new(Told::default());
        let guard: Arc<dyn Guard> = Arc::clone(&told) as Arc<dyn Guard>;
        let (target, stream) = (TargetId::new("x", "a:1"), StreamId::of_server("s"));
        let tick = Tick::from_unix_nanos(0);
        let leave = Leave::ask(&guard, &target, &stream, tick, Duration::ZERO).unwrap();
        tell(leave, &read, Duration::ZERO);
        assert_eq!(*told.0.lock().unwrap(), [expected]);
    }
}
