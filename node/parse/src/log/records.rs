//! Bytes to records: a line with those that continue it.

use super::reader::Skipped;
use super::time::begins_with_time;

/// How a server writes its log (`log_destination`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// `stderr`: a prefix and a message; further lines begin with a tab.
    Stderr,
    /// `csvlog`.
    Csv,
    /// `jsonlog`.
    Json,
}

/// The first line of a plan in a `stderr` log is not longer.
const HEAD: usize = 64 * 1024;
/// More room than this is given back.
const KEPT: usize = 1024 * 1024;

/// Takes each record, and counts.
pub(super) type Each<'e> = dyn FnMut(&[u8], &mut Skipped) + 'e;

/// What becomes of the record that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is kept.
    Kept,
    /// It is no plan.
    Passed,
    /// It is too large.
    TooLarge,
    /// It does not begin like a record.
    Unreadable,
}

#[derive(Debug)]
pub(super) struct Records {
    format: LogFormat,
    limit: usize,
    buffer: Vec<u8>,
    /// Bytes of the record that were read, kept or not.
    length: usize,
    fate: Fate,
    /// The next byte begins a line.
    at_line: bool,
    /// The first line of the record has been read.
    has_head: bool,
    /// Within quotes, of CSV.
    quoted: bool,
    /// The record before was unreadable.
    lost: bool,
}

impl Records {
    pub(super) const fn new(format: LogFormat, limit: usize) -> Self {
        Self {
            format,
            limit,
            buffer: Vec::new(),
            length: 0,
            fate: Fate::Kept,
            at_line: true,
            has_head: false,
            quoted: false,
            lost: false,
        }
    }

    pub(super) const fn limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    pub(super) const fn format(&self) -> LogFormat {
        self.format
    }

    pub(super) const fn pending(&self) -> usize {
        self.length
    }

    pub(super) fn push(&mut self, chunk: &[u8], skipped: &mut Skipped, each: &mut Each<'_>) {
        let mut rest = chunk;
        while let Some(first) = rest.first() {
            let continues = self.format == LogFormat::Stderr && *first == b'\t';
            if self.at_line && self.length > 0 && !continues && !self.quoted {
                self.end(skipped, each);
            }
            let end = rest
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(rest.len(), |at| at + 1);
            let (line, next) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.at_line = line.last() == Some(&b'\n');
            self.take(line);
            if self.at_line {
                self.line_ends(skipped, each);
            }
            rest = next;
        }
    }

    pub(super) fn flush(&mut self, skipped: &mut Skipped, each: &mut Each<'_>) {
        if self.length > 0 {
            if !self.has_head {
                self.head_ends();
            }
            self.end(skipped, each);
        }
        self.at_line = true;
        self.lost = false;
    }

    /// Takes a line or a part of one.
    fn take(&mut self, part: &[u8]) {
        self.length = self.length.saturating_add(part.len());
        if self.format == LogFormat::Csv {
            let quotes = part.iter().filter(|byte| **byte == b'"').count();
            self.quoted ^= !quotes.is_multiple_of(2);
        }
        if self.fate != Fate::Kept {
            return;
        }
        let is_head = self.format == LogFormat::Stderr && !self.has_head;
        if is_head && self.length > self.limit.min(HEAD) {
            self.drop_as(Fate::Passed);
        } else if self.length > self.limit {
            self.drop_as(Fate::TooLarge);
        } else {
            self.buffer.extend_from_slice(part);
        }
    }

    fn drop_as(&mut self, fate: Fate) {
        self.fate = fate;
        self.buffer = Vec::new();
    }

    fn line_ends(&mut self, skipped: &mut Skipped, each: &mut Each<'_>) {
        if !self.has_head {
            self.head_ends();
        }
        // Where a file is read from its middle, quotes are taken the wrong way round until a line begins a
        // record.
        if self.fate == Fate::Unreadable {
            self.quoted = false;
        }
        if self.format != LogFormat::Stderr && !self.quoted {
            self.end(skipped, each);
        }
    }

    /// What the first line tells.
    fn head_ends(&mut self) {
        self.has_head = true;
        if self.fate != Fate::Kept {
            return;
        }
        let fate = match self.format {
            LogFormat::Stderr if !is_head(&self.buffer) => Fate::Passed,
            LogFormat::Csv if !begins_with_time(&self.buffer) => Fate::Unreadable,
            _ => return,
        };
        self.drop_as(fate);
    }

    fn end(&mut self, skipped: &mut Skipped, each: &mut Each<'_>) {
        match self.fate {
            Fate::Kept => each(&self.buffer, skipped),
            Fate::TooLarge => skipped.too_large += 1,
            Fate::Unreadable if !self.lost => skipped.unreadable += 1,
            Fate::Passed | Fate::Unreadable => {}
        }
        self.lost = self.fate == Fate::Unreadable;
        self.fate = Fate::Kept;
        self.length = 0;
        self.has_head = false;
        self.quoted = false;
        self.buffer.clear();
        if self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
    }
}

/// Whether a `stderr` line is the first of a plan.
fn is_head(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let marked = line.ends_with(b" ms  plan:");
    marked && line.windows(DURATION.len()).any(|window| window == DURATION)
}

const DURATION: &[u8] = b"duration: ";
