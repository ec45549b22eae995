//! Whether a line of a statement is outside of its strings and comments.

/// Follows a statement line by line. Strings, quoted names, dollar quotes and comments, as PostgreSQL has
/// them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outside<'a> {
    inside: Inside<'a>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside<'a> {
    #[default]
    Nothing,
    /// A string; whether a backslash escapes in it.
    String(bool),
    Name,
    /// The quote with both its dollars.
    Dollar(&'a str),
    /// How many comments are open.
    Comment(u32),
}

impl<'a> Outside<'a> {
    /// Whether what follows is outside.
    pub(super) fn is_outside(&self) -> bool {
        self.inside == Inside::Nothing
    }

    /// Reads a line.
    pub(super) fn read(&mut self, line: &'a str) {
        let bytes = line.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let rest = line.get(at..).unwrap_or_default();
            let step = match self.inside {
                Inside::Nothing if rest.starts_with("--") => return,
                Inside::Nothing => self.outside(line, at, byte),
                Inside::String(true) if byte == b'\\' => 2,
                Inside::String(_) => self.end_if(byte == b'\'', 1),
                Inside::Name => self.end_if(byte == b'"', 1),
                Inside::Dollar(tag) => self.end_if(rest.starts_with(tag), tag.len()),
                Inside::Comment(depth) if rest.starts_with("*/") => {
                    self.inside = if depth > 1 {
                        Inside::Comment(depth - 1)
                    } else {
                        Inside::Nothing
                    };
                    2
                }
                Inside::Comment(depth) if rest.starts_with("/*") => {
                    self.inside = Inside::Comment(depth.saturating_add(1));
                    2
                }
                Inside::Comment(_) => 1,
            };
            at += step;
        }
    }

    fn end_if(&mut self, ends: bool, length: usize) -> usize {
        if !ends {
            return 1;
        }
        self.inside = Inside::Nothing;
        length
    }

    fn outside(&mut self, line: &'a str, at: usize, byte: u8) -> usize {
        let before = line.get(..at).unwrap_or_default();
        match byte {
            b'\'' => self.inside = Inside::String(is_escape(before)),
            b'"' => self.inside = Inside::Name,
            b'/' if line.get(at..).is_some_and(|rest| rest.starts_with("/*")) => {
                self.inside = Inside::Comment(1);
                return 2;
            }
            b'$' if !before.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
                if let Some(tag) = dollar(line.get(at..).unwrap_or_default()) {
                    self.inside = Inside::Dollar(tag);
                    return tag.len();
                }
            }
            _ => {}
        }
        1
    }
}

/// Whether the string that begins behind `before` is an `E''`.
fn is_escape(before: &str) -> bool {
    let mut last = before.chars().rev();
    matches!(last.next(), Some('e' | 'E')) && !last.next().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// The dollar quote at the begin of a text.
fn dollar(text: &str) -> Option<&str> {
    let tag = text.strip_prefix('$')?;
    let end = tag.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    let is_tag = tag.get(end..)?.starts_with('$') && !tag.starts_with(|c: char| c.is_ascii_digit());
    if is_tag { text.get(..end + 2) } else { None }
}
