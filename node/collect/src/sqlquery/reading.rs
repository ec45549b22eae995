//! One asking of a user's statement.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{RecordBatch, StringArray};
use arrow_schema::Schema;
use ringwatch_config::settings::Driver;
use ringwatch_frame::{Cell, ColumnType, Columns};

use super::missing::{Mended, ReadAs, dialect};
use super::{Answered, PlannedQuery, STARTED};
use crate::clean::Cleaner;
use crate::fault::{Fault, FaultKind};
use crate::session::{Refused, Session};
use crate::written::Written;

/// Within so much a start of MySQL is the one that is known: the server tells it in whole seconds only.
const SAME_START: i64 = 2_000_000_000;

/// What is remembered of a user's statement between its askings.
#[derive(Debug, Default)]
pub(crate) struct QueryMemory {
    /// The last value of the tracking column.
    pub(crate) tracking: Option<String>,
    /// When the server started, as it was told last.
    started: Option<i64>,
    /// The statement as this version of the server can be asked.
    mended: Option<(u32, Mended)>,
}

impl QueryMemory {
    /// Takes what was remembered elsewhere of the tracking column `name`. Says whether it could be used: what is
    /// remembered of another column is none of its values.
    pub(crate) fn resume(&mut self, name: &str, batch: &RecordBatch) -> bool {
        let column = batch.column_by_name(name).filter(|_| batch.num_rows() == 1);
        let texts = column.and_then(|column| column.as_dictionary_opt::<Int32Type>());
        let texts = texts.and_then(|texts| texts.downcast_dict::<StringArray>());
        self.tracking = texts.and_then(|texts| texts.into_iter().next()?.map(str::to_owned));
        self.tracking.is_some()
    }

    /// The server's start, which does not waver where the server tells it in whole seconds.
    fn start(&mut self, driver: Driver, told: Option<i64>) -> Option<i64> {
        let near = |known: &i64| told.is_some_and(|told| known.abs_diff(told) <= SAME_START.unsigned_abs());
        let known = self
            .started
            .filter(|known| driver == Driver::Mysql && near(known));
        self.started = known.or(told);
        self.started
    }

    /// It failed: what the server lacks is looked for anew.
    pub(crate) fn failed(&mut self) {
        self.mended = None;
    }
}

/// What is remembered of a tracking column, as a batch of one cell under the column's name.
pub(crate) fn tracking_batch(name: &str, value: &str) -> Option<RecordBatch> {
    let mut columns = Columns::new([(name, ColumnType::Text)]);
    columns.push(&[Cell::Text(value)]).ok()?;
    columns.finish().ok()
}

/// Asks once.
pub(crate) async fn ask_user<S: Session>(
    planned: &PlannedQuery,
    memory: &mut QueryMemory,
    session: &mut S,
    cleaner: &Arc<Cleaner>,
) -> Result<Answered, Fault> {
    let started = if planned.needs_start() {
        memory.start(planned.driver(), session.started().await?)
    } else {
        None
    };
    let mut answered = answer(planned, memory, session).await?;
    for (column, count) in &answered.unread {
        planned.tell(column, || {
            tracing::warn!(
                stream = planned.name(),
                column,
                count,
                "values of this column are not of the type that it is wanted as, and are read as NULL"
            );
        });
    }
    let hidden = planned.hidden().of_rows(&answered.rows);
    if let Some(tracking) = planned.mapping().tracking().filter(|name| hidden.has(name)) {
        let message = format!(
            "tracking column `{tracking}` seems to hold SQL, plans or log messages, whose values must not be \
             remembered: track another column, or say in `sql_columns`, `plan_columns` and `log_columns` which hold them"
        );
        return Err(Fault::new(FaultKind::Query, &message));
    }
    let sql = Written::Sql(dialect(planned.driver()));
    let kinds = [
        (sql, &hidden.sql),
        (Written::Plan, &hidden.plans),
        (Written::Log, &hidden.messages),
    ];
    for (written, columns) in kinds {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        answered.rows = cleaner.columns(written, answered.rows, &columns).await?;
    }
    if planned.needs_start() {
        answered.rows = with_start(&answered.rows, started)?;
    }
    Ok(answered)
}

/// The answer to the statement without the columns that the server lacks.
async fn answer<S: Session>(
    planned: &PlannedQuery,
    memory: &mut QueryMemory,
    session: &mut S,
) -> Result<Answered, Fault> {
    let version = session.version();
    let known = memory.mended.take().filter(|(of, _)| *of == version);
    let mut mended = known.map_or_else(
        || Mended::new(planned.driver(), planned.sql()),
        |(_, mended)| mended,
    );
    let last = memory.tracking.as_deref();
    let (mut locked, mut replaced) = (false, Vec::new());
    let answered = loop {
        match session.query(&planned.query(mended.sql(), last)).await {
            Ok(answered) => break answered,
            // Once more at once when another session held a lock for a moment.
            Err(refused) if refused.fault.kind == FaultKind::Lock && !locked => locked = true,
            Err(refused) => replaced.push(mend(planned, &mut mended, refused)?),
        }
    };
    // A column that was replaced twice counts as what it was replaced with last.
    for (column, read_as) in replaced.into_iter().rev() {
        planned.tell(&column, || {
            let message = read_as_text(&column, read_as);
            tracing::warn!(stream = planned.name(), "{message}");
        });
    }
    memory.mended = Some((version, mended));
    Ok(answered)
}

/// Replaces what the server lacks and says which column is read as what, or why the server cannot be asked.
fn mend(planned: &PlannedQuery, mended: &mut Mended, refused: Refused) -> Result<(String, ReadAs), Fault> {
    let missing = refused.missing.as_ref();
    let replaced = missing.and_then(|missing| mended.mend(missing, planned.mapping()));
    replaced.ok_or_else(|| placed(planned, mended, refused))
}

/// What becomes of a column that the server lacks, in a sentence.
pub(super) fn read_as_text(column: &str, read_as: ReadAs) -> String {
    match read_as {
        ReadAs::Column(name) => {
            format!(
                "the server has no column `{column}`: `{name}` is read in its place, as other versions call it"
            )
        }
        ReadAs::Null => format!(
            "the server has no column `{column}`: it is read as NULL; rules and metrics that use it never match"
        ),
    }
}

/// The fault with the place in the user's statement.
pub(super) fn placed(planned: &PlannedQuery, mended: &Mended, refused: Refused) -> Fault {
    let mut fault = refused.fault;
    if planned.extension().is_none() {
        fault.kind = fault.kind.without_extension();
    }
    if let Some(position) = refused.position {
        let (line, column) = mended.line_and_column(position);
        fault.message = format!(
            "{} at line {line}, column {column} of the statement",
            fault.message
        );
    }
    fault
}

/// `rows` with the server's start as a further column.
fn with_start(rows: &RecordBatch, started: Option<i64>) -> Result<RecordBatch, Fault> {
    let shape = |e: &dyn std::fmt::Display| Fault::new(FaultKind::Query, &e.to_string());
    if rows.column_by_name(STARTED).is_some() {
        return Ok(rows.clone());
    }
    let mut column = Columns::new([(STARTED, ColumnType::Time)]);
    for _ in 0..rows.num_rows() {
        column
            .push(&[started.map_or(Cell::Null, Cell::Time)])
            .map_err(|e| shape(&e))?;
    }
    let column = column.finish().map_err(|e| shape(&e))?;
    let fields = rows.schema_ref().fields().iter();
    let fields = fields.chain(column.schema_ref().fields()).cloned();
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let columns = rows.columns().iter().chain(column.columns()).cloned().collect();
    RecordBatch::try_new(schema, columns).map_err(|e| shape(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_that_of_the_same_column() {
        let batch = tracking_batch("id", "7").unwrap();
        let mut memory = QueryMemory::default();
        assert!(!memory.resume("at", &batch) && memory.tracking.is_none());
        assert!(memory.resume("id", &batch));
        assert_eq!(memory.tracking.as_deref(), Some("7"));
    }

    #[test]
    fn a_start_in_whole_seconds_does_not_waver() {
        let second = 1_000_000_000;
        let mut memory = QueryMemory::default();
        let started = [Some(50), Some(51), Some(49), None, Some(49), Some(60)]
            .map(|told| memory.start(Driver::Mysql, told.map(|told| told * second)));
        let seconds = started.map(|start| start.map(|start| start / second));
        assert_eq!(seconds, [Some(50), Some(50), Some(50), None, Some(49), Some(60)]);
        let mut memory = QueryMemory::default();
        assert_eq!(memory.start(Driver::Postgres, Some(5)), Some(5));
        assert_eq!(
            memory.start(Driver::Postgres, Some(6)),
            Some(6),
            "it tells microseconds"
        );
    }
}
