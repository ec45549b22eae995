//! The rows of a stream of plans.

use arrow_array::RecordBatch;
use ringwatch_frame::{Cell, ColumnType, Columns};

use super::change::{Change, Sum};
use super::reason::Reason;
use super::state::Counted;
use super::stored::hex;
use crate::fault::{Fault, FaultKind};

const TEXT: ColumnType = ColumnType::Text;
const INT: ColumnType = ColumnType::Int;
const DOUBLE: ColumnType = ColumnType::Double;
/// The columns of the frame, which the catalogue describes. They are the same for every engine.
const COLUMNS: [(&str, ColumnType); 18] = [
    ("kind", TEXT),
    ("queryid", TEXT),
    ("datname", TEXT),
    ("rolname", TEXT),
    ("query", TEXT),
    ("query_plan", TEXT),
    ("plan_source", TEXT),
    ("plan_hash", TEXT),
    ("execution_time", DOUBLE),
    ("calls", INT),
    ("mean_exec_time", DOUBLE),
    ("previous_plan_hash", TEXT),
    ("mean_before", DOUBLE),
    ("mean_after", DOUBLE),
    ("calls_before", INT),
    ("calls_after", INT),
    ("reason", TEXT),
    ("logged_at", ColumnType::Time),
];

/// Whose plan a row is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Whose<'a> {
    pub(crate) queryid: Option<&'a str>,
    pub(crate) datname: Option<&'a str>,
    pub(crate) rolname: Option<&'a str>,
    /// Obfuscated.
    pub(crate) query: Option<&'a str>,
}

impl<'a> Whose<'a> {
    /// That of a statement that the server counts.
    pub(crate) fn of(counted: &'a Counted, query: Option<&'a str>) -> Self {
        Self {
            queryid: Some(&counted.queryid),
            datname: counted.datname.as_deref(),
            rolname: counted.rolname.as_deref(),
            query,
        }
    }
}

/// A plan as a row has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    /// Scrubbed.
    pub(crate) plan: Option<&'a str>,
    /// Where it is from.
    pub(crate) source: &'a str,
    pub(crate) hash: u64,
}

/// Takes rows, gives a batch.
pub(crate) struct PlanRows(Columns);

impl PlanRows {
    /// No rows yet.
    pub(crate) fn new() -> Self {
        Self(Columns::new(COLUMNS))
    }

    /// A plan, with what was counted since the last look at it.
    pub(crate) fn plan(&mut self, whose: Whose<'_>, shown: Shown<'_>, since: Sum) -> Result<(), Fault> {
        let hash = hex(shown.hash);
        let mut row = head("plan", whose, Some((shown, &hash)));
        row[9] = Cell::Int(since.calls);
        row[10] = double(since.mean());
        self.push(&row)
    }

    /// A plan that the server logged, with the milliseconds that this execution took and when that was written down, in
    /// nanoseconds since the Unix epoch.
    pub(crate) fn logged(
        &mut self,
        whose: Whose<'_>,
        shown: Shown<'_>,
        execution_ms: f64,
        at: Option<i64>,
    ) -> Result<(), Fault> {
        let hash = hex(shown.hash);
        let mut row = head("plan", whose, Some((shown, &hash)));
        row[8] = Cell::Double(execution_ms);
        row[17] = at.map_or(Cell::Null, Cell::Time);
        self.push(&row)
    }

    /// A change of a plan.
    pub(crate) fn change(
        &mut self,
        whose: Whose<'_>,
        shown: Shown<'_>,
        change: &Change,
    ) -> Result<(), Fault> {
        let (hash, previous) = (hex(shown.hash), hex(change.previous));
        let mut row = head("change", whose, Some((shown, &hash)));
        row[11] = Cell::Text(&previous);
        row[12] = double(change.before.mean());
        row[13] = double(change.after.mean());
        row[14] = Cell::Int(change.before.calls);
        row[15] = Cell::Int(change.after.calls);
        self.push(&row)
    }

    /// That a plan cannot be had.
    pub(crate) fn failure(&mut self, whose: Whose<'_>, reason: Reason) -> Result<(), Fault> {
        let mut row = head("failure", whose, None);
        row[16] = Cell::Text(reason.as_str());
        self.push(&row)
    }

    /// All rows.
    pub(crate) fn finish(self) -> Result<RecordBatch, Fault> {
        self.0.finish().map_err(|e| shape(&e))
    }

    fn push(&mut self, row: &[Cell<'_>]) -> Result<(), Fault> {
        self.0.push(row).map_err(|e| shape(&e))
    }
}

fn head<'a>(
    kind: &'a str,
    whose: Whose<'a>,
    shown: Option<(Shown<'a>, &'a str)>,
) -> [Cell<'a>; COLUMNS.len()] {
    let mut row = [Cell::Null; COLUMNS.len()];
    row[0] = Cell::Text(kind);
    for (at, text) in [whose.queryid, whose.datname, whose.rolname, whose.query]
        .into_iter()
        .enumerate()
    {
        row[at + 1] = text.map_or(Cell::Null, Cell::Text);
    }
    if let Some((shown, hash)) = shown {
        row[5] = shown.plan.map_or(Cell::Null, Cell::Text);
        row[6] = Cell::Text(shown.source);
        row[7] = Cell::Text(hash);
    }
    row
}

fn double(number: Option<f64>) -> Cell<'static> {
    number.map_or(Cell::Null, Cell::Double)
}

fn shape(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Shape, &error.to_string())
}

#[cfg(test)]
mod tests {
    use ringwatch_catalogue::Catalogue;

    use super::*;

    #[test]
    fn the_catalogues_describe_these_columns() {
        let catalogue = Catalogue::embedded().unwrap();
        let mut seen = 0;
        for engine in catalogue.engines() {
            for stream in engine
                .streams
                .iter()
                .filter(|stream| stream.cadence.is_of_plans())
            {
                let described: Vec<_> = stream
                    .columns
                    .iter()
                    .map(|column| (column.name.as_str(), column.kind.column_type()))
                    .collect();
                assert_eq!(described, COLUMNS, "{}", stream.name);
                let plan = stream.columns.iter().filter(|column| column.plan);
                assert_eq!(
                    plan.map(|column| column.name.as_str()).collect::<Vec<_>>(),
                    ["query_plan"]
                );
                seen += 1;
            }
        }
        assert!(seen > 0);
    }
}
