//! The books as bytes, for the next life of the node: pure.
//!
//! A mark, the version, the node's name, the streams one after the other, the edges, and XXH3 (64 bits) of all
//! before. The numbers around are little-endian, what lies between is in the `postcard` format.

use std::io::{self, Write};

use ringwatch_frame::{StreamId, TargetId};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::ledger::Account;
use super::run::Run;

/// Every version begins so.
const MARK: &[u8; 8] = b"RWTICKS\n";
/// The version that this release writes, and the only one that it reads.
const VERSION: u32 = 2;

/// The time that the books speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Edges {
    /// Nothing before is remembered.
    pub(super) since: i64,
    /// Something before may be missing.
    pub(super) whole: i64,
    /// The node ended in good order: nothing was written down after.
    pub(super) ended: bool,
}

/// All that a file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) accounts: Vec<Account>,
    pub(super) edges: Edges,
}

/// Why bytes are not the books of this node.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("it is damaged")]
    Damaged,
    #[error("it is of version {0}, and this release reads version {VERSION}")]
    Version(u32),
    #[error("it is of node `{0}`: give each node a data directory of its own")]
    Node(String),
    #[error("with {0} bytes it is larger than any that this program writes")]
    Large(u64),
}

#[derive(Serialize, Deserialize)]
enum Record<'a> {
    #[serde(borrow)]
    Stream(Stream<'a>),
    Last(Edges),
}

#[derive(Serialize, Deserialize)]
struct Stream<'a> {
    target: &'a str,
    name: &'a str,
    database: Option<&'a str>,
    step: i64,
    closings: Vec<i64>,
    runs: Vec<Run>,
}

/// Writes books, stream by stream, so that they are in memory only once.
pub(super) struct Pen<W> {
    out: W,
    sum: Xxh3,
    record: Vec<u8>,
}

impl<W: Write> Pen<W> {
    /// Begins the books of `node`.
    pub(super) fn begin(out: W, node: &str) -> io::Result<Self> {
        let mut pen = Self {
            out,
            sum: Xxh3::new(),
            record: Vec::new(),
        };
        pen.put(MARK)?;
        pen.put(&VERSION.to_le_bytes())?;
        pen.add(node)?;
        Ok(pen)
    }

    /// Adds a stream.
    pub(super) fn stream(&mut self, account: Account) -> io::Result<()> {
        self.add(&Record::Stream(Stream {
            target: account.target.as_str(),
            name: account.stream.name(),
            database: account.stream.database(),
            step: account.step,
            closings: account.closings,
            runs: account.runs,
        }))
    }

    /// Ends them.
    pub(super) fn end(mut self, edges: Edges) -> io::Result<W> {
        self.add(&Record::Last(edges))?;
        let sum = self.sum.digest();
        self.out.write_all(&sum.to_le_bytes())?;
        Ok(self.out)
    }

    fn add<T: Serialize + ?Sized>(&mut self, what: &T) -> io::Result<()> {
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        self.record = postcard::to_extend(what, record).map_err(io::Error::other)?;
        self.sum.update(&self.record);
        self.out.write_all(&self.record)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.out.write_all(bytes)
    }
}

/// The books of `node` in `bytes`.
pub(super) fn read(bytes: &[u8], node: &str) -> Result<Sheet, Unfit> {
    let rest = bytes.strip_prefix(MARK).ok_or(Unfit::Damaged)?;
    let (version, _) = rest.split_first_chunk().ok_or(Unfit::Damaged)?;
    let version = u32::from_le_bytes(*version);
    // What the rest means, the sum too, is another version's own affair.
    if version != VERSION {
        return Err(Unfit::Version(version));
    }
    let (all, sum) = bytes.split_last_chunk().ok_or(Unfit::Damaged)?;
    if u64::from_le_bytes(*sum) != xxh3_64(all) {
        return Err(Unfit::Damaged);
    }
    let rest = all.get(MARK.len() + size_of_val(&version)..);
    let (whose, mut rest) = take::<&str>(rest.ok_or(Unfit::Damaged)?)?;
    if whose != node {
        return Err(Unfit::Node(whose.to_owned()));
    }
    let mut accounts = Vec::new();
    loop {
        let (record, after) = take(rest)?;
        rest = after;
        match record {
            Record::Stream(stream) => accounts.push(account(stream)),
            Record::Last(edges) if rest.is_empty() => return Ok(Sheet { accounts, edges }),
            Record::Last(_) => return Err(Unfit::Damaged),
        }
    }
}

fn take<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), Unfit> {
    postcard::take_from_bytes(bytes).map_err(|_| Unfit::Damaged)
}

fn account(stream: Stream<'_>) -> Account {
    Account {
        target: TargetId::from_name(stream.target),
        stream: match stream.database {
            Some(database) => StreamId::of_database(stream.name, database),
            None => StreamId::of_server(stream.name),
        },
        step: stream.step,
        closings: stream.closings,
        runs: stream.runs,
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
