//! Where the reading of logs goes on.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use ringwatch_frame::{Cell, ColumnType, Columns};

/// The most files that are followed.
pub(super) const MOST_FILES: usize = 1000;
const COLUMNS: [(&str, ColumnType); 3] = [
    ("file", ColumnType::Text),
    ("identity", ColumnType::Int),
    ("offset", ColumnType::Int),
];

/// Where the reading of each file goes on, by the file's identity, which it keeps when it is renamed: its inode, or its
/// name where the server reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cursors(pub(super) BTreeMap<(u64, String), u64>);

impl Cursors {
    /// As others keep them.
    pub(crate) fn to_batch(&self) -> Option<RecordBatch> {
        let mut columns = Columns::new(COLUMNS);
        for ((identity, file), offset) in &self.0 {
            let row = [
                Cell::Text(file),
                Cell::Int(identity.cast_signed()),
                Cell::Int(i64::try_from(*offset).ok()?),
            ];
            columns.push(&row).ok()?;
        }
        columns.finish().ok()
    }

    /// What `batch` holds, which may come from another node. `None` where it is not what [`to_batch`](Self::to_batch)
    /// makes.
    pub(crate) fn from_batch(batch: &RecordBatch) -> Option<Self> {
        if batch.num_rows() > MOST_FILES || batch.num_columns() != COLUMNS.len() {
            return None;
        }
        let files = batch.column_by_name("file")?.as_dictionary_opt::<Int32Type>()?;
        let texts = files.values().as_string_opt::<i32>()?;
        let identities = batch
            .column_by_name("identity")?
            .as_primitive_opt::<Int64Type>()?;
        let offsets = batch.column_by_name("offset")?.as_primitive_opt::<Int64Type>()?;
        let mut cursors = BTreeMap::new();
        for at in 0..batch.num_rows() {
            let key = files
                .key(at)
                .filter(|key| *key < texts.len() && texts.is_valid(*key))?;
            let file = texts.value(key).to_owned();
            let offset = u64::try_from(offsets.value(at)).ok()?;
            cursors.insert((identities.value(at).cast_unsigned(), file), offset);
        }
        Some(Self(cursors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back() {
        let files = [((u64::MAX, "a.log".to_owned()), 7), ((0, "b.json".to_owned()), 0)];
        let cursors = Cursors(BTreeMap::from(files));
        let batch = cursors.to_batch().unwrap();
        assert_eq!(Cursors::from_batch(&batch), Some(cursors));
        assert_eq!(Cursors::from_batch(&batch.project(&[0, 1]).unwrap()), None);
        let mut negative = Columns::new(COLUMNS);
        negative
            .push(&[Cell::Text("a"), Cell::Int(1), Cell::Int(-1)])
            .unwrap();
        assert_eq!(Cursors::from_batch(&negative.finish().unwrap()), None);
    }
}
