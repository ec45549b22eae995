//! What is done about faults.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{ArrowError, Field, Schema};
use ringwatch_frame::FrameId;

use super::columns::mix;
use super::core::{Core, Subject};
use super::finding::Check;
use super::findings::Draft;
use super::healing::{Fix, Permit};
use super::quality::{Difference, Fault, SETTLED, blanked, cast};
use super::tags::Changes;

/// A column is hidden after so many readings in which most of its values could not be.
const STRIKES: u8 = 3;

impl Core {
    /// Compares the columns with those that the stream had, and gives changed ones their types back where
    /// that may be done.
    pub(super) fn keep_schema(
        &mut self,
        rows: &RecordBatch,
        id: &FrameId,
        key: u64,
        faults: &mut Vec<Fault>,
    ) -> Result<RecordBatch, ArrowError> {
        let quality = &self.shared.plan.settings.quality_validation;
        if !quality.enabled || !quality.check_schema {
            return Ok(rows.clone());
        }
        let Some(difference) = self.schemas.differs(key, rows.schema_ref()) else {
            return Ok(rows.clone());
        };
        let Difference { types, gone, times } = difference;
        let now = id.tick.unix_nanos();
        let mut fields: Vec<Arc<Field>> = rows.schema_ref().fields().to_vec();
        let mut columns = rows.columns().to_vec();
        let mut is_settled = false;
        for (at, name, was) in types {
            let subject = format!("type of {name}");
            let what = format!("`{name}` held {was:?} and holds another type now");
            faults.push(fault(Check::Schema, subject, rows.num_rows(), what));
            let coerced = columns.get(at).and_then(|column| cast(column, was));
            let place = mix(key, xxhash_rust::xxh3::xxh3_64(name.as_bytes()));
            match coerced {
                Some(column) if self.permit(id, place, Fix::Coerce, now, &name) => {
                    if let Some(field) = fields.get_mut(at) {
                        *field = Arc::new(Field::clone(field).with_data_type(was.data_type()));
                    }
                    columns[at] = column;
                }
                _ => is_settled |= times >= SETTLED,
            }
        }
        for name in gone {
            let what = format!("`{name}` is not there any more");
            faults.push(fault(
                Check::Schema,
                format!("presence of {name}"),
                rows.num_rows(),
                what,
            ));
            is_settled |= times >= SETTLED;
        }
        // An upgraded server has other columns for good.
        if is_settled && self.permit(id, key, Fix::ResetSchema, now, "its columns") {
            self.schemas.accept(key);
        }
        let schema = Schema::new_with_metadata(fields, rows.schema_ref().metadata().clone());
        let schema = if schema == **rows.schema_ref() {
            rows.schema()
        } else {
            Arc::new(schema)
        };
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(schema, columns, &options)
    }

    /// Takes out values that are no numbers, and columns of which most values cannot be.
    pub(super) fn mend(
        &mut self,
        rows: &RecordBatch,
        subject: &Subject<'_>,
        faults: &[Fault],
        changes: &mut Changes,
    ) {
        let is_bad = |at: usize| {
            let rows = rows.num_rows() as u64;
            faults
                .iter()
                .any(|fault| fault.column == Some(at) && fault.rows * 2 > rows)
        };
        let strikes = &mut self.streams.touch(subject.key).strikes;
        strikes.retain(|at, _| is_bad(*at));
        for fault in faults {
            let Some(at) = fault.column else { continue };
            if is_bad(at) {
                let strikes = self.streams.touch(subject.key).strikes.entry(at).or_default();
                *strikes = strikes.saturating_add(1);
                let is_out = *strikes >= STRIKES;
                if is_out
                    && self.permit(
                        subject.id,
                        mix(subject.key, at as u64),
                        Fix::Hide,
                        subject.tick,
                        &fault.subject,
                    )
                {
                    if let Some(column) = rows.columns().get(at) {
                        changes.replace(at, new_null_array(column.data_type(), rows.num_rows()));
                    }
                    continue;
                }
            }
            let blanked = changes.column(at).and_then(blanked);
            if let Some(column) = blanked
                && self.permit(
                    subject.id,
                    mix(subject.key, at as u64),
                    Fix::Blank,
                    subject.tick,
                    &fault.subject,
                )
            {
                changes.replace(at, column);
            }
        }
    }

    /// Whether a fix may be done. Its begin is told, and so is that there were too many.
    fn permit(&mut self, id: &FrameId, place: u64, fix: Fix, now: i64, what: &str) -> bool {
        match self.healer.ask(place, fix, now) {
            Permit::InForce => true,
            Permit::Off => false,
            Permit::Begins => {
                self.series.fix(fix);
                tracing::warn!(processor = %self.name, target_id = %id.target, stream = %id.stream, what, fix = fix.as_str(),
                    "a fault is mended from now on");
                true
            }
            Permit::Refused => {
                self.series.refused_fixes.inc();
                let draft = Draft {
                    subject: format!("{} of {what}", fix.as_str()),
                    message: format!(
                        "there were too many fixes already: `{}` of {what} was not begun",
                        fix.as_str()
                    ),
                    ..Draft::default()
                };
                if self.note(id, Check::Fixes, draft) {
                    tracing::warn!(processor = %self.name, target_id = %id.target, stream = %id.stream, what,
                        fix = fix.as_str(), "a fault is not mended: there were too many already");
                }
                false
            }
        }
    }
}

fn fault(check: Check, subject: String, rows: usize, what: String) -> Fault {
    Fault {
        check,
        subject,
        rows: rows as u64,
        what,
        column: None,
    }
}
