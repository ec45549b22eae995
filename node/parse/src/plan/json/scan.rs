//! Where strings and words end.

/// A string's content ends at `end`, and what follows its quote begins at `next`.
pub(super) struct Quoted {
    pub(super) end: usize,
    pub(super) next: usize,
    /// It holds quotes that should have been escaped.
    pub(super) loose: bool,
}

/// The end of the string whose content begins at `start`; `None` where the text ends before it does.
///
/// A quote ends a string only where something follows that can follow a string. In JSON that is always so;
/// where somebody forgot to escape the quotes in a condition, as MariaDB does, it is the last of the line if
/// a key and its value fill the line, and else the first that looks like the last.
pub(super) fn quoted(text: &[u8], start: usize) -> Option<Quoted> {
    let mut at = start;
    let mut loose = false;
    loop {
        let rest = text.get(at..)?;
        at += rest.iter().position(|b| matches!(b, b'"' | b'\\'))?;
        if text.get(at) == Some(&b'\\') {
            at += 2;
            continue;
        }
        if ends(text, at + 1) {
            return Some(Quoted {
                end: at,
                next: at + 1,
                loose,
            });
        }
        if !loose && let Some(end) = end_of_line(text, start, at) {
            return Some(Quoted {
                end,
                next: end + 1,
                loose,
            });
        }
        loose = true;
        at += 1;
    }
}

/// Where the string ends whose content begins at `start`, if a key stands before it on its line and nothing
/// but the string and a comma behind it. A quote at `from` is known to be none that ends it.
fn end_of_line(text: &[u8], start: usize, from: usize) -> Option<usize> {
    /// Of a line so many bytes at most are looked at for the key.
    const KEY: usize = 256;
    let before = text.get(..start)?;
    let near = before.get(before.len().saturating_sub(KEY)..)?;
    let line = match near.iter().rposition(|b| *b == b'\n') {
        Some(at) => at + 1,
        None if near.len() == before.len() => 0,
        None => return None,
    };
    let before = near.get(line..)?.trim_ascii().strip_prefix(b"\"")?;
    let key = before.strip_suffix(b"\"")?.trim_ascii_end().strip_suffix(b":")?;
    let key = key.trim_ascii_end().strip_suffix(b"\"")?;
    // Only one text of a line has nothing but its key before it: what follows reads each line once.
    if key.contains(&b'"') {
        return None;
    }
    let rest = text.get(from..)?;
    let end = rest.iter().position(|b| *b == b'\n')?;
    let said = rest.get(..end)?.trim_ascii_end();
    let said = said.strip_suffix(b",").unwrap_or(said).trim_ascii_end();
    let last = from + said.strip_suffix(b"\"")?.len();
    (last > from).then_some(last)
}

/// Whether what is at `at` can follow a string; a string does where a comma was forgotten.
fn ends(text: &[u8], at: usize) -> bool {
    let next = space(text, at);
    match text.get(next) {
        None | Some(b',' | b':' | b'}' | b']') => true,
        Some(b'"') => next > at,
        _ => false,
    }
}

/// The end of the white space at `at`.
pub(super) fn space(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\n' | b'\r' | b'\t'))
        .count()
}

/// The end of the word at `at`, which is at least a byte of it and ends at a character.
pub(super) fn word(text: &[u8], at: usize) -> usize {
    let rest = text.get(at + 1..).unwrap_or_default();
    let more = rest.iter().take_while(|b| {
        !matches!(
            b,
            b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"'
        )
    });
    at + 1 + more.count()
}
