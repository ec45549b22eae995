//! An answer as it streams in: the server's columns become those of a frame.

use arrow_array::RecordBatch;
use ringwatch_frame::{Cell, ColumnType, Columns};

use super::values::{Value, convert, instant, instant_text};
use crate::fault::{Fault, FaultKind};
use crate::session::Query;

/// The most rows that one frame holds.
const MOST_ROWS: usize = 100_000;

/// The most bytes of text that one frame holds.
const MOST_BYTES: usize = 64 << 20;
/// The longest text that is remembered of a tracking column, in bytes.
const MOST_TRACKED: usize = 1024;

/// Takes the rows of an answer.
pub(crate) struct Answer {
    columns: Vec<Came>,
    rows: Columns,
    count: usize,
    most: usize,
    bytes: usize,
    tracked: Option<Tracked>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The rows.
    pub(crate) rows: RecordBatch,
    /// Columns with how many of their values could not be read as what they are wanted for, and became nulls.
    pub(crate) unread: Vec<(String, usize)>,
    /// The last value of the tracking column, where rows came.
    pub(crate) tracking: Option<String>,
}

struct Came {
    name: String,
    becomes: ColumnType,
    tracking: bool,
    unread: usize,
}

/// The largest value of the tracking column so far, or the last one where values have no size.
struct Tracked {
    size: Option<f64>,
    exact: Option<i128>,
    text: String,
}

impl Answer {
    /// No rows yet, of these columns as the server tells them.
    ///
    /// # Errors
    /// When two of them have one name, or one is not there that the mapping names.
    pub(crate) fn new(query: &Query<'_>, described: &[(String, ColumnType)]) -> Result<Self, Fault> {
        let mapping = query.mapping;
        let wrong = |message: &str| Fault::new(FaultKind::Query, message);
        if described.is_empty() {
            return Err(wrong(
                "the statement yields no rows: it must be a query, such as SELECT",
            ));
        }
        for (at, (name, _)) in described.iter().enumerate() {
            if described.iter().take(at).any(|(other, _)| other == name) {
                let message =
                    format!("two columns are named `{name}`: give one of them another name with AS");
                return Err(wrong(&message));
            }
        }
        for (name, place) in mapping.names() {
            if !described.iter().any(|(known, _)| known == name) {
                let names = described.iter().map(|(known, _)| known.as_str());
                return Err(wrong(&absent(name, place, names)));
            }
        }
        let columns: Vec<_> = described
            .iter()
            .map(|(name, came)| Came {
                name: name.clone(),
                becomes: mapping.want_of(name).becomes(*came),
                tracking: mapping.tracking() == Some(name),
                unread: 0,
            })
            .collect();
        let rows = Columns::new(
            columns
                .iter()
                .map(|column| (column.name.as_str(), column.becomes)),
        );
        Ok(Self {
            columns,
            rows,
            count: 0,
            most: query.max_rows.min(MOST_ROWS),
            bytes: 0,
            tracked: None,
        })
    }

    /// Takes one row. A text fits every column: it is read as what the column holds.
    ///
    /// # Errors
    /// When it is one row or one text too many, or has another number of values than there are columns.
    pub(crate) fn push(&mut self, cells: &[Cell<'_>]) -> Result<(), Fault> {
        self.count += 1;
        if self.count > self.most {
            let message = format!(
                "the answer has more than {} rows: narrow the statement (LIMIT), or raise `max_rows`",
                self.most
            );
            return Err(Fault::new(FaultKind::TooManyRows, &message));
        }
        let texts = cells.iter().map(|cell| match cell {
            Cell::Text(text) => text.len(),
            _ => 0,
        });
        self.bytes = self.bytes.saturating_add(texts.sum());
        if self.bytes > MOST_BYTES {
            let message = format!(
                "the answer holds more than {} MiB of text: narrow the statement, or cut its texts (LEFT)",
                MOST_BYTES >> 20
            );
            return Err(Fault::new(FaultKind::TooManyRows, &message));
        }
        let mut values = Vec::with_capacity(cells.len());
        for (cell, column) in cells.iter().zip(&mut self.columns) {
            let value = convert(cell, column.becomes);
            if value == Value::Null && *cell != Cell::Null {
                column.unread += 1;
            }
            if column.tracking {
                Tracked::take(&mut self.tracked, cell, column.becomes)?;
            }
            values.push(value);
        }
        let row: Vec<_> = values.iter().map(Value::cell).collect();
        self.rows.push(&row).map_err(|e| shape(&e))
    }

    /// The whole answer.
    ///
    /// # Errors
    /// When its columns cannot be held.
    pub(crate) fn finish(self) -> Result<Answered, Fault> {
        let unread = self.columns.into_iter().filter(|column| column.unread > 0);
        Ok(Answered {
            rows: self.rows.finish().map_err(|e| shape(&e))?,
            unread: unread.map(|column| (column.name, column.unread)).collect(),
            tracking: self.tracked.map(|tracked| tracked.text),
        })
    }
}

impl Tracked {
    /// Takes the value of one row. What is none of the column's type is not remembered: it could not be asked with.
    fn take(slot: &mut Option<Self>, cell: &Cell<'_>, becomes: ColumnType) -> Result<(), Fault> {
        let known = match cell {
            Cell::Null => None,
            Cell::Int(number) => Some((None, Some(i128::from(*number)), number.to_string())),
            Cell::Double(number) => Some((Some(*number), None, number.to_string())),
            Cell::Bool(bit) => Some((None, None, bit.to_string())),
            Cell::Time(nanos) => Some((None, Some(i128::from(*nanos)), instant_text(*nanos))),
            Cell::Text(text) if text.len() > MOST_TRACKED => {
                let message = format!(
                    "the tracking column holds a text of more than {MOST_TRACKED} bytes: track another column"
                );
                return Err(Fault::new(FaultKind::Query, &message));
            }
            Cell::Text(text) => {
                let trimmed = text.trim();
                match becomes {
                    ColumnType::Int => trimmed.parse().ok().map(|size| (None, Some(size))),
                    ColumnType::Double => trimmed.parse().ok().map(|size| (Some(size), None)),
                    ColumnType::Time => instant(trimmed).map(|nanos| (None, Some(nanos.into()))),
                    ColumnType::Text | ColumnType::Bool => Some((None, None)),
                }
                .map(|(size, exact)| (size, exact, (*text).to_owned()))
            }
        };
        let Some((size, exact, text)) = known.filter(|(size, ..)| size.is_none_or(f64::is_finite)) else {
            return Ok(());
        };
        let smaller = slot
            .as_ref()
            .is_some_and(|old| match (old.exact, exact, old.size, size) {
                (Some(old), Some(new), ..) => new < old,
                (.., Some(old), Some(new)) => new < old,
                _ => false,
            });
        if !smaller {
            *slot = Some(Self { size, exact, text });
        }
        Ok(())
    }
}

/// That the mapping names a column which the answer lacks.
fn absent<'a>(name: &str, place: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let distance = |known: &&str| strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase());
    let nearest = known.clone().min_by_key(distance);
    let nearest = nearest.filter(|known| distance(known) <= name.len().max(4) / 2);
    match nearest {
        Some(nearest) => format!(
            "`{place}` names column `{name}`, which the answer does not have; the nearest that it has is `{nearest}`"
        ),
        None => {
            let all: Vec<_> = known.collect();
            format!(
                "`{place}` names column `{name}`, which the answer does not have; it has {}",
                all.join(", ")
            )
        }
    }
}

fn shape(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Query, &error.to_string())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
