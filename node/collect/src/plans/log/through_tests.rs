use arrow_array::RecordBatch;
use ringwatch_frame::{Cell, Columns};

use super::*;
use crate::session::{Described, Extension, Query, Refused};
use crate::sqlquery::Answered;

#[test]
fn digits_are_bytes() {
    for (digits, bytes) in [
        ("", Some(vec![])),
        ("00ff10", Some(vec![0, 255, 16])),
        ("0", None),
        ("zz", None),
        ("\u{e9}", None),
    ] {
        assert_eq!(bytes_of(digits), bytes, "{digits}");
    }
}

/// A server that takes its time for each part of its one file.
struct Slow(Vec<u8>);

impl Session for Slow {
    fn version(&self) -> u32 {
        150_004
    }

    async fn read(&mut self, question: &Question<'_>) -> Result<RecordBatch, Fault> {
        tokio::time::sleep(MOST_TIME * 2).await;
        let Some(Arg::Texts(args)) = question.args.first() else {
            unreachable!();
        };
        let from = args[1].parse::<usize>().unwrap().min(self.0.len());
        let to = self.0.len().min(from + AT_ONCE);
        let digits: String = self.0[from..to]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut columns = Columns::new([("bytes", ColumnType::Text)]);
        columns.push(&[Cell::Text(&digits)]).unwrap();
        Ok(columns.finish().unwrap())
    }

    async fn extension(&mut self, _: &str) -> Result<Option<Extension>, Fault> {
        Ok(None)
    }

    async fn has_role(&mut self, _: &str) -> Result<bool, Fault> {
        Ok(true)
    }

    async fn databases(&mut self) -> Result<Vec<String>, Fault> {
        Ok(Vec::new())
    }

    async fn query(&mut self, _: &Query<'_>) -> Result<Answered, Refused> {
        unreachable!()
    }

    async fn describe(&mut self, _: &Query<'_>) -> Result<Described, Refused> {
        unreachable!()
    }

    async fn started(&mut self) -> Result<Option<i64>, Fault> {
        Ok(None)
    }

    async fn close(self) {}
}

/// How many bytes one reading takes of a log with entries of this length.
async fn taken(entry: usize) -> usize {
    let entry = format!("{{\"message\":\"{}\"}}\n", "x".repeat(entry));
    let log = entry.repeat((8 * AT_ONCE).div_ceil(entry.len())).into_bytes();
    let about = About {
        file: Some("a.json".into()),
        size: log.len() as u64,
        readable: true,
        prefix: None,
    };
    let mut cursors = Cursors::default();
    cursors.0.insert((0, "a.json".into()), 0);
    let sql: Arc<str> = "part".into();
    let read = read(&mut Slow(log), &sql, &about, Some(cursors)).await;
    let (chunks, cursors, _) = read.unwrap();
    let taken: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
    assert_eq!(cursors.0.values().next(), Some(&(taken as u64)));
    taken
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_gives_at_least_one_entry_or_what_is_endless() {
    assert_eq!(taken(100).await, AT_ONCE);
    assert_eq!(taken(AT_ONCE * 5 / 2).await, 3 * AT_ONCE);
    assert_eq!(taken(7 * AT_ONCE).await, MOST);
}
