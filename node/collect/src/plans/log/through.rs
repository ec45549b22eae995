//! The log of a server of another machine, read through the server.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use ringwatch_frame::ColumnType;
use ringwatch_parse::log::Reader;
use tokio::time::Instant;

use super::cursor::Cursors;
use super::files::Chunk;
use super::{About, format_of};
use crate::fault::{Fault, FaultKind};
use crate::session::{Arg, Expected, Question, Session};

/// The most bytes that one question asks for.
const AT_ONCE: usize = 1024 * 1024;
/// The most bytes of one reading.
const MOST: usize = 4 * AT_ONCE;
/// No further bytes are asked for when a reading took so long, unless it has no whole entry yet: it would have none
/// the next time either.
const MOST_TIME: Duration = Duration::from_secs(1);

/// What was written to the log since `cursors`: first the rest of the file that was read last, then the present one.
/// Gives also the fault that ended it, where one did.
pub(super) async fn read<S: Session>(
    session: &mut S,
    sql: &Arc<str>,
    about: &About,
    cursors: Option<Cursors>,
) -> Result<(Vec<Chunk>, Cursors, Option<Fault>), Fault> {
    let Some(present) = about.file.clone() else {
        return Ok((Vec::new(), cursors.unwrap_or_default(), None));
    };
    let began = Instant::now();
    let known = cursors.and_then(|cursors| cursors.0.into_iter().next());
    let ((_, mut file), mut offset) = known.unwrap_or_else(|| ((0, present.clone()), about.size));
    if file == present && offset > about.size {
        // It was made shorter.
        offset = 0;
    }
    let (mut chunks, mut taken, mut fault): (Vec<Chunk>, usize, _) = (Vec::new(), 0, None);
    while taken < MOST && (began.elapsed() < MOST_TIME || !has_entry(&chunks)) {
        let bytes = match part(session, sql, &file, offset).await {
            Ok(bytes) => bytes,
            Err(failed) if chunks.is_empty() => return Err(failed),
            Err(failed) => {
                fault = Some(failed).filter(|fault| fault.kind != FaultKind::NotHeld);
                break;
            }
        };
        let (count, is_end) = (bytes.len(), bytes.len() < AT_ONCE);
        taken += count;
        push(&mut chunks, &file, offset, bytes);
        offset += count as u64;
        if is_end && file == present {
            break;
        }
        if is_end {
            if let Some(last) = chunks.last_mut() {
                last.ended = true;
            }
            (file, offset) = (present.clone(), 0);
        }
    }
    let mut next = Cursors::default();
    next.0.insert((0, file), offset);
    Ok((chunks, next, fault))
}

/// Whether an entry ends in what was read last.
fn has_entry(chunks: &[Chunk]) -> bool {
    let Some(last) = chunks.last() else {
        return true;
    };
    let mut reader = Reader::new(format_of(&last.file));
    reader.read(&last.bytes, |_| {});
    last.ended || reader.pending() < last.bytes.len()
}

/// Bytes that go on where the last ones of the file ended belong to them.
fn push(chunks: &mut Vec<Chunk>, file: &str, offset: u64, bytes: Vec<u8>) {
    if let Some(last) = chunks.last_mut().filter(|last| last.file == file) {
        last.bytes.extend(bytes);
    } else if !bytes.is_empty() {
        chunks.push(Chunk {
            identity: 0,
            file: file.to_owned(),
            offset,
            bytes,
            ended: false,
        });
    }
}

/// Bytes of a file from `offset` on; none where it is gone.
async fn part<S: Session>(
    session: &mut S,
    sql: &Arc<str>,
    file: &str,
    offset: u64,
) -> Result<Vec<u8>, Fault> {
    let args = vec![file.to_owned(), offset.to_string(), AT_ONCE.to_string()];
    let question = Question {
        sql,
        args: &[Arg::Texts(args)],
        columns: &[Expected {
            name: "bytes",
            kind: ColumnType::Text,
        }],
    };
    let answer = session.read(&question).await?;
    let column = answer.column(0).as_dictionary::<Int32Type>();
    let texts = column.values().as_string::<i32>();
    let key = (column.len() == 1).then(|| column.key(0)).flatten();
    let Some(key) = key.filter(|key| *key < texts.len()) else {
        return Ok(Vec::new());
    };
    let bytes = bytes_of(texts.value(key));
    bytes.ok_or_else(|| Fault::new(FaultKind::Shape, "the server's answer is not hexadecimal"))
}

/// Hexadecimal digits as bytes.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |c: u8| char::from(c).to_digit(16);
    let byte = |pair: &[u8; 2]| {
        let [high, low] = *pair;
        u8::try_from(digit(high)? * 16 + digit(low)?).ok()
    };
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
#[path = "through_tests.rs"]
mod tests;
