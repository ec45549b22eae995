//! What is remembered of statements as a record batch and back, for whoever goes on with the stream.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use ringwatch_frame::{Cell, ColumnType, Columns, Tick};

use super::budget::Bucket;
use super::change::{Pending, Sum, Watch};
use super::reason::Reason;
use super::state::{MOST, Outcome, Plan, State, States, Told};
use crate::fault::{Fault, FaultKind};

/// Schema metadata: how many plans may still be asked of the target.
const LEFT: &str = "ringwatch.plans.left";
/// Schema metadata: as of which instant, in nanoseconds since the Unix epoch.
const AT: &str = "ringwatch.plans.at";
/// The longest texts that are taken from others.
const LONGEST: usize = 64 * 1024;

const TEXT: ColumnType = ColumnType::Text;
const INT: ColumnType = ColumnType::Int;
const DOUBLE: ColumnType = ColumnType::Double;
/// Its columns. Instants are nanoseconds since the Unix epoch, times milliseconds.
const COLUMNS: [(&str, ColumnType); 20] = [
    ("key", TEXT),
    ("asked", INT),
    ("hour", INT),
    ("count", INT),
    ("failure", TEXT),
    ("until", INT),
    ("hash", TEXT),
    ("seen_calls", INT),
    ("seen_time", DOUBLE),
    ("window_calls", INT),
    ("window_time", DOUBLE),
    ("confirmed_calls", INT),
    ("confirmed_time", DOUBLE),
    ("previous_hash", TEXT),
    ("before_calls", INT),
    ("before_time", DOUBLE),
    ("sent", INT),
    ("source", TEXT),
    ("query", TEXT),
    ("plan", TEXT),
];

/// A fingerprint as rows have it.
pub(crate) fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

/// The states and what is left of the budget as a record batch.
pub(crate) fn to_batch(states: &States, left: Bucket) -> Option<RecordBatch> {
    let mut columns = Columns::new(COLUMNS);
    let mut known: Vec<_> = states.known.iter().collect();
    known.sort_by_key(|(key, _)| Arc::clone(key));
    for (key, state) in known {
        push(&mut columns, key, state).ok()?;
    }
    let mut batch = columns.finish().ok()?;
    batch.schema_metadata_mut().extend([
        (LEFT.to_owned(), left.left.to_string()),
        (AT.to_owned(), left.at.unix_nanos().to_string()),
    ]);
    Some(batch)
}

fn push(columns: &mut Columns, key: &str, state: &State) -> Result<(), ringwatch_frame::ColumnsError> {
    let nanos = |tick: Tick| Cell::Int(tick.unix_nanos());
    let text = |text: Option<&Arc<str>>| text.map(|text| text.to_string());
    let mut row = vec![
        Cell::Text(key),
        nanos(state.asked),
        nanos(state.hour),
        Cell::Int(state.count.into()),
    ];
    match &state.outcome {
        Outcome::Failure { reason, until } => {
            row.extend([Cell::Text(reason.as_str()), nanos(*until)]);
            row.resize(COLUMNS.len(), Cell::Null);
            columns.push(&row)
        }
        Outcome::Plan(plan) => {
            let watch = &plan.watch;
            let (hash, previous) = (hex(watch.hash), watch.pending.as_ref().map(|p| hex(p.hash)));
            let before = watch.pending.as_ref().map(|pending| pending.before);
            let told = plan.told.as_ref();
            let texts = [
                text(told.map(|told| &told.source)),
                text(told.and_then(|told| told.query.as_ref())),
                text(told.and_then(|told| told.plan.as_ref())),
            ];
            row.extend([Cell::Null, Cell::Null, Cell::Text(&hash)]);
            for sum in [watch.seen, watch.window, watch.confirmed] {
                row.extend([Cell::Int(sum.calls), Cell::Double(sum.time)]);
            }
            row.extend([
                previous.as_deref().map_or(Cell::Null, Cell::Text),
                before.map_or(Cell::Null, |sum| Cell::Int(sum.calls)),
                before.map_or(Cell::Null, |sum| Cell::Double(sum.time)),
                nanos(plan.sent),
            ]);
            row.extend(
                texts
                    .iter()
                    .map(|text| text.as_deref().map_or(Cell::Null, Cell::Text)),
            );
            columns.push(&row)
        }
    }
}

/// What `batch` holds, which may come from another node. `None` where it is not what [`to_batch`] makes: then all
/// begins anew. No instant is later than `now`, however the other's clock goes.
pub(crate) fn from_batch(batch: &RecordBatch, now: Tick) -> Option<(States, Option<Bucket>)> {
    if batch.num_rows() > MOST {
        return None;
    }
    let fields = batch.schema_ref().fields().iter();
    let came = fields.map(|field| (field.name().as_str(), field.data_type().clone()));
    if !came.eq(COLUMNS.map(|(name, kind)| (name, kind.data_type()))) {
        return None;
    }
    let mut states = States::default();
    for at in 0..batch.num_rows() {
        let row = Row { batch, at, now };
        let key: Arc<str> = row.text("key")?.into();
        if states.known.insert(key, row.state()?).is_some() {
            return None;
        }
    }
    let metadata = batch.schema_ref().metadata();
    let left = metadata.get(LEFT).and_then(|left| left.parse::<f64>().ok());
    let at = metadata.get(AT).and_then(|at| at.parse::<i64>().ok());
    let bucket = left
        .zip(at)
        .filter(|(left, _)| left.is_finite())
        .map(|(left, at)| Bucket {
            left,
            at: Tick::from_unix_nanos(at).min(now),
        });
    Some((states, bucket))
}

/// The fault of a batch that is none of ours.
pub(crate) fn unfit() -> Fault {
    Fault::new(FaultKind::Shape, "it is not what this version remembers of plans")
}

struct Row<'a> {
    batch: &'a RecordBatch,
    at: usize,
    now: Tick,
}

impl<'a> Row<'a> {
    fn state(&self) -> Option<State> {
        let outcome = match self.text("failure") {
            Some(reason) => Outcome::Failure {
                reason: Reason::of_name(reason)?,
                // What lies in the future may be far in it: it is asked again a little too soon rather than never.
                until: self.until()?,
            },
            None => Outcome::Plan(self.plan()?),
        };
        Some(State {
            outcome,
            asked: self.tick("asked")?,
            hour: self.tick("hour")?,
            count: u32::try_from(self.int("count")?).ok()?,
        })
    }

    /// At most a week from now.
    fn until(&self) -> Option<Tick> {
        let week = super::state::later(self.now, std::time::Duration::from_secs(7 * 24 * 3600));
        Some(Tick::from_unix_nanos(self.int("until")?).min(week))
    }

    fn plan(&self) -> Option<Plan> {
        let pending = match self.text("previous_hash") {
            Some(hash) => Some(Pending {
                hash: u64::from_str_radix(hash, 16).ok()?,
                before: self.sum("before_calls", "before_time")?,
            }),
            None => None,
        };
        let watch = Watch {
            hash: u64::from_str_radix(self.text("hash")?, 16).ok()?,
            seen: self.sum("seen_calls", "seen_time")?,
            window: self.sum("window_calls", "window_time")?,
            confirmed: self.sum("confirmed_calls", "confirmed_time")?,
            pending,
        };
        let short = |name| {
            self.text(name)
                .filter(|text| text.len() <= LONGEST)
                .map(Arc::from)
        };
        let told = self.text("source").map(|source| Told {
            source: source.into(),
            query: short("query"),
            plan: short("plan"),
        });
        Some(Plan {
            watch,
            sent: self.tick("sent")?,
            told,
        })
    }

    fn sum(&self, calls: &str, time: &str) -> Option<Sum> {
        let column = self
            .batch
            .column_by_name(time)?
            .as_primitive_opt::<Float64Type>()?;
        let time = column.is_valid(self.at).then(|| column.value(self.at))?;
        let calls = self.int(calls)?;
        (time.is_finite() && time >= 0.0 && calls >= 0).then_some(Sum { calls, time })
    }

    fn tick(&self, name: &str) -> Option<Tick> {
        Some(Tick::from_unix_nanos(self.int(name)?).min(self.now))
    }

    fn int(&self, name: &str) -> Option<i64> {
        let column = self.batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
        column.is_valid(self.at).then(|| column.value(self.at))
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        let column = self
            .batch
            .column_by_name(name)?
            .as_dictionary_opt::<Int32Type>()?;
        let key = column.key(self.at)?;
        let texts = column.values().as_string_opt::<i32>()?;
        (key < texts.len() && texts.is_valid(key)).then(|| texts.value(key))
    }
}
