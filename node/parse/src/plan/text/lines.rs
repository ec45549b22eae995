//! Lines as they are meant: a literal that holds line breaks does not end its line.

use super::names::is_key_of_free_text;

/// A tab goes to the next column that is a multiple of it.
const TAB: usize = 8;
/// How often the end of an open literal is searched for in vain; without a limit hostile texts would be read
/// once per line.
const SEARCHES: u32 = 8;

/// A line, or several where a literal in it goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Where it begins in the text, indentation included.
    pub(super) start: usize,
    /// Where the next one begins.
    pub(super) next: usize,
    /// How far it is indented.
    pub(super) column: usize,
    /// What stands there, without spaces around.
    pub(super) text: &'a str,
    /// A literal in it has no end.
    pub(super) open: bool,
}

/// Quotes that some programs put around each line when they copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Quotes {
    /// None.
    #[default]
    None,
    /// At the end of each line, and before all but the first, which lost its own.
    Around(char),
}

impl Quotes {
    /// Those around the lines of the plan that begins with this line.
    pub(super) fn of(first: &str) -> Self {
        let Some(last) = first.chars().next_back().filter(|c| matches!(c, '"' | '\'')) else {
            return Self::None;
        };
        let body = first.strip_suffix(last).unwrap_or(first);
        let around = first.starts_with(last) || body.ends_with(')');
        if around { Self::Around(last) } else { Self::None }
    }

    fn strip(self, line: &str) -> &str {
        let Self::Around(quote) = self else {
            return line;
        };
        let line = line.trim_end();
        let line = line.strip_suffix(quote).unwrap_or(line);
        line.strip_prefix(quote).unwrap_or(line)
    }
}

/// The lines from a place on. Reads each byte at most a fixed number of times.
#[derive(Clone, Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    at: usize,
    quotes: Quotes,
    searches: u32,
}

impl<'a> Lines<'a> {
    pub(super) const fn new(text: &'a str, at: usize, quotes: Quotes) -> Self {
        Self {
            text,
            at,
            quotes,
            searches: SEARCHES,
        }
    }

    /// The next line as it stands there, whatever is open in it.
    pub(super) fn physical(&mut self) -> Option<Line<'a>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let (line, next) = match rest.split_once('\n') {
            Some((line, _)) => (line, start + line.len() + 1),
            None => (rest, self.text.len()),
        };
        self.at = next;
        let line = self.quotes.strip(line);
        let (column, text) = indented(line);
        Some(Line {
            start,
            next,
            column,
            text: text.trim_end(),
            open: false,
        })
    }

    /// The end of the literal that is open (`quote`) behind the current line: where the line in which it ends
    /// ends.
    fn closed(&self, mut quote: Option<u8>) -> Option<usize> {
        let mut ahead = self.clone();
        while let Some(line) = ahead.physical() {
            quote = quote_after(line.text, quote);
            if quote.is_none() {
                return Some(ahead.at);
            }
        }
        None
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let mut line = self.physical()?;
        if !line.text.contains(['\'', '"']) || is_key_of_free_text(line.text) {
            return Some(line);
        }
        let quote = quote_after(line.text, None);
        if quote.is_none() {
            return Some(line);
        }
        let end = if self.searches == 0 {
            None
        } else {
            self.closed(quote)
        };
        let Some(end) = end else {
            self.searches = self.searches.saturating_sub(1);
            line.open = true;
            return Some(line);
        };
        let whole = self.text.get(line.start..end).unwrap_or_default();
        line.text = match self.quotes {
            Quotes::None => whole.trim(),
            Quotes::Around(quote) => whole.trim().trim_matches(quote).trim(),
        };
        line.next = end;
        self.at = end;
        Some(line)
    }
}

/// The quote that is open behind a text, where this one was open before it. A doubled quote closes and opens.
fn quote_after(text: &str, mut quote: Option<u8>) -> Option<u8> {
    for byte in text.bytes().filter(|byte| matches!(byte, b'\'' | b'"')) {
        match quote {
            None => quote = Some(byte),
            Some(open) if open == byte => quote = None,
            Some(_) => {}
        }
    }
    quote
}

/// The column at which a line begins, and the line from there.
fn indented(line: &str) -> (usize, &str) {
    let mut column: usize = 0;
    for (at, char) in line.char_indices() {
        column = match char {
            ' ' | '\u{a0}' => column + 1,
            '\t' => (column / TAB + 1) * TAB,
            '\r' => column,
            _ => return (column, line.get(at..).unwrap_or_default()),
        };
    }
    (column, "")
}
