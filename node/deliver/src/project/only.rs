//! Which rows give a point or a record.

use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray};
use jiff::Timestamp;
use ringwatch_catalogue::model::Only;
use ringwatch_frame::{Cell, Frame};

use super::Column;

/// The rows that give a point or a record, by its condition.
#[derive(Clone, Debug)]
pub(crate) enum Keep<'a> {
    All,
    /// The column is not there, or can never hold the text.
    None,
    /// A text column: whether each of its distinct texts is the one.
    Texts {
        keys: &'a DictionaryArray<Int32Type>,
        same: Vec<bool>,
    },
    Same {
        column: Column<'a>,
        wanted: Cell<'static>,
    },
}

impl<'a> Keep<'a> {
    /// The rows of `frame` that fulfil the condition of a point or a record.
    pub(crate) fn of(frame: &'a Frame, only: Option<&Only>) -> Self {
        let Some(Only { column, equals }) = only else {
            return Self::All;
        };
        match Column::find(frame.batch(), column) {
            None => Self::None,
            Some(Column::Text { keys, texts }) => Self::Texts {
                keys,
                same: texts.iter().map(|text| text == Some(equals)).collect(),
            },
            Some(column) => wanted(column, equals).map_or(Self::None, |wanted| Self::Same { column, wanted }),
        }
    }

    /// Whether `row` does. A null never does.
    pub(crate) fn has(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Texts { keys, same } => keys
                .key(row)
                .and_then(|key| same.get(key))
                .is_some_and(|same| *same),
            Self::Same { column, wanted } => column.cell(row) == *wanted,
        }
    }

    /// How many of the first `rows` rows do, at most.
    pub(crate) fn count(&self, rows: usize) -> usize {
        match self {
            Self::All => rows,
            Self::None => 0,
            Self::Texts { keys, .. } => (0..rows.min(keys.len())).filter(|row| self.has(*row)).count(),
            Self::Same { .. } => (0..rows).filter(|row| self.has(*row)).count(),
        }
    }
}

/// The one value of a column of this type whose text is `text`: `7` is a number and `07` is none, and an instant is
/// written in RFC 3339 (UTC).
fn wanted(column: Column<'_>, text: &str) -> Option<Cell<'static>> {
    let same = |written: String| written == text;
    match column {
        Column::Int(_) => {
            let int: i64 = text.parse().ok()?;
            same(int.to_string()).then_some(Cell::Int(int))
        }
        Column::Double(_) => {
            let double: f64 = text.parse().ok()?;
            same(double.to_string()).then_some(Cell::Double(double))
        }
        Column::Bool(_) => text.parse().ok().map(Cell::Bool),
        Column::Time(_) => {
            let instant: Timestamp = text.parse().ok()?;
            let nanos = i64::try_from(instant.as_nanosecond()).ok()?;
            same(instant.to_string()).then_some(Cell::Time(nanos))
        }
        Column::Text { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{BooleanArray, Float64Array, Int64Array, TimestampNanosecondArray};

    use super::*;

    #[test]
    fn a_value_is_known_by_its_text_and_by_no_other() {
        let ints = Int64Array::from(vec![Some(7), None, Some(-7)]);
        let doubles = Float64Array::from(vec![Some(0.5), None, Some(2.0)]);
        let bits = BooleanArray::from(vec![Some(true), None, Some(false)]);
        let times = TimestampNanosecondArray::from(vec![Some(1_500_000_000), None, Some(0)]);
        let columns = [
            Column::Int(&ints),
            Column::Double(&doubles),
            Column::Bool(&bits),
            Column::Time(&times),
        ];
        let table = [
            (0, "7", "100"),
            (0, "-7", "001"),
            (0, "07", "000"),
            (0, "", "000"),
            (1, "0.5", "100"),
            (1, "2", "001"),
            (1, "2.0", "000"),
            (2, "true", "100"),
            (2, "false", "001"),
            (2, "t", "000"),
            (3, "1970-01-01T00:00:01.5Z", "100"),
            (3, "1500000000", "000"),
        ];
        for (at, text, rows) in table {
            let column = columns[at];
            let keep = wanted(column, text).map_or(Keep::None, |wanted| Keep::Same { column, wanted });
            let got: String = (0..3).map(|row| if keep.has(row) { '1' } else { '0' }).collect();
            assert_eq!(got, rows, "{text} in {column:?}");
            assert_eq!(keep.count(3), rows.matches('1').count());
        }
    }

    #[test]
    fn texts_are_looked_at_once_each() {
        let keys: DictionaryArray<Int32Type> = [Some("a"), None, Some("b"), Some("a")].into_iter().collect();
        let keep = Keep::Texts {
            keys: &keys,
            same: vec![true, false],
        };
        assert_eq!([0, 1, 2, 3].map(|row| keep.has(row)), [true, false, false, true]);
        assert_eq!(
            (keep.count(4), Keep::All.count(4), Keep::None.count(4)),
            (2, 4, 0)
        );
    }
}
