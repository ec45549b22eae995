//! Lists that become shorter: `IN (1, 2, 3)` is `IN (?)`, and rows of `VALUES` that are alike are one row.
//!
//! In lists that may fold, an item that is like the one before it goes away with its comma. Elsewhere,
//! MySQL's digests write `?, ...` and `(...)` for several values, so in its dialects that is what several
//! values count as.

use super::keyword::Keyword;
use super::output::{Place, SIGN_BYTES, Stretch};
use super::pass::Pass;
use super::spacing::Last;

/// Stands for several values in the canonical tokens.
pub(super) const ELLIPSIS: u8 = b'~';

/// What a pair of brackets holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Holds {
    /// Nothing that folds.
    #[default]
    Anything,
    /// The list of `IN`.
    In,
    /// The array of `= ANY`.
    Any,
    /// A row of `VALUES`, or one in another list.
    Row,
    /// `ARRAY[...]`.
    Array,
}

/// A list that is being read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct List {
    pub(super) holds: Holds,
    /// Before the word `IN` or `ANY`, before the opening bracket and behind it, in canonical tokens.
    word: u32,
    before: u32,
    opened: u32,
    /// Where the present item begins, and the comma before it.
    item: u32,
    comma: Place,
    /// The item before it.
    kept: Option<Stretch>,
    /// The last row of `VALUES` at this depth, and the comma behind it.
    row: Option<Stretch>,
    row_comma: Place,
    row_next: u32,
}

/// What is to be known of a list when it is closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    holds: Holds,
    word: u32,
    before: u32,
    opened: u32,
}

impl List {
    pub(super) fn closed(&self) -> Closed {
        Closed {
            holds: self.holds,
            word: self.word,
            before: self.before,
            opened: self.opened,
        }
    }

    /// A list that begins between these places.
    pub(super) fn new(holds: Holds, word: u32, before: u32, opened: u32) -> Self {
        Self {
            holds,
            word,
            before,
            opened,
            item: opened,
            ..Self::default()
        }
    }

    /// The brackets hold a query and no list.
    pub(super) fn is_query(&mut self) {
        self.holds = Holds::Anything;
    }

    /// Whether an item that is in brackets itself is a row. Rows in rows are not looked into.
    pub(super) fn holds_rows(&self) -> bool {
        self.folds() && self.holds != Holds::Row
    }

    pub(super) fn folds(&self) -> bool {
        self.holds != Holds::Anything
    }
}

/// The values with commas between them that were written last, for MySQL's way of writing them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    /// Where the first value begins.
    start: u32,
    /// Behind the last token, if it was a value.
    pub(super) end: u32,
    /// Whether there are several, and so `...` is what counts.
    several: bool,
    /// Before and behind the comma after them.
    comma: u32,
    next: u32,
}

impl Pass<'_> {
    /// Whether a row of `VALUES` begins at this place.
    pub(super) fn is_next_row(&self) -> bool {
        let list = &self.frame.list;
        list.row.is_some() && list.row_next == self.canon() && self.last == Last::Comma
    }

    /// Drops the item that ends here if it is like the one before it.
    pub(super) fn end_item(&mut self) {
        if !self.frame.list.folds() {
            return;
        }
        let end = self.canon();
        let list = &mut self.frame.list;
        let item = Stretch {
            start: list.item,
            end,
        };
        match list.kept {
            Some(kept) if self.out.is_same(kept, item) => {
                let comma = list.comma;
                self.drop_to(comma);
            }
            _ => list.kept = Some(item),
        }
    }

    /// Takes back all that was written since. What comes before ends like what is dropped, so a value stays a
    /// value.
    fn drop_to(&mut self, place: Place) {
        let ends_in_value = self.run.end == self.canon();
        self.out.truncate(place);
        self.run = Run {
            end: if ends_in_value { place.canon } else { 0 },
            ..Run::default()
        };
        self.string_end = 0;
    }

    /// Writes a comma, and remembers what it may fold.
    #[inline(always)]
    pub(super) fn comma(&mut self) {
        self.end_item();
        let before = self.place();
        self.out.text.put(b",", 1);
        self.out.sign(b',');
        let after = self.canon();
        let list = &mut self.frame.list;
        list.comma = before;
        list.item = after;
        if list.row.is_some_and(|row| row.end == before.canon) {
            list.row_comma = before;
            list.row_next = after;
        }
        if self.run.end == before.canon {
            self.run.comma = before.canon;
            self.run.next = after;
        }
        self.last = Last::Comma;
        self.last_word = Keyword::Name;
        self.track_comma();
    }

    /// After a bracket that held a row of `VALUES` was closed: drops the row if it is like the one before it.
    pub(super) fn end_row(&mut self, closed: Closed) {
        if closed.holds != Holds::Row || self.frame.list.folds() {
            return;
        }
        let begins = closed.before;
        let row = Stretch {
            start: begins,
            end: self.canon(),
        };
        let list = &mut self.frame.list;
        match list.row {
            Some(kept) if list.row_next == begins && self.out.is_same(kept, row) => {
                let comma = list.row_comma;
                self.drop_to(comma);
            }
            _ => list.row = Some(row),
        }
    }

    /// In PostgreSQL a list of one is a comparison: `x IN (?)`, `x = ANY (?)` and `x = ?` are the same
    /// statement. MySQL's own digests tell them apart.
    pub(super) fn end_comparison(&mut self, list: Closed) {
        const SIGN: u32 = SIGN_BYTES as u32;
        let compares = matches!(list.holds, Holds::In | Holds::Any) && !self.is_mysql();
        let is_one_value = self.run.end + SIGN == self.canon() && list.opened + SIGN == self.run.end;
        if compares && is_one_value {
            self.out.canon.truncate(list.word as usize);
            if list.holds == Holds::In {
                self.out.sign(b'=');
            }
            self.out.sign(b'?');
            self.run = Run::default();
        }
    }

    /// Whether this value comes after another one and a comma, and MySQL writes `...` for it and all after
    /// it. Then that is what counts; the text keeps what is there.
    pub(super) fn joins_run(&mut self) -> bool {
        let follows = self.last == Last::Comma && self.run.next == self.canon() && self.run.next != 0;
        if !follows || !self.is_mysql() || self.frame.list.folds() {
            return false;
        }
        if self.run.several {
            self.out.canon.truncate(self.run.comma as usize);
        } else {
            self.out.sign(ELLIPSIS);
            self.run.several = true;
        }
        self.run.end = self.canon();
        true
    }

    /// A value that begins a run has just been written.
    pub(super) fn begin_run(&mut self, start: u32, several: bool) {
        self.run = Run {
            start,
            end: self.canon(),
            several,
            ..Run::default()
        };
    }

    /// `(?, ...)` is `(...)`.
    pub(super) fn end_run(&mut self, list: Closed) {
        if self.run.several && self.run.end == self.canon() && self.run.start == list.opened {
            self.out.canon.truncate(list.opened as usize);
            self.out.sign(ELLIPSIS);
            self.run.end = self.canon();
        }
    }
}
