//! What a byte can begin, as tables.

/// What a byte begins, wherever it stands outside of a literal, a quoted name or a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Class {
    /// Nothing of the dialect.
    Nothing,
    /// White space and control characters.
    Space,
    /// A keyword, a name, or a string that begins with letters.
    Word,
    /// A number.
    Digit,
    /// `'`.
    Quote,
    /// `"`.
    DoubleQuote,
    /// A backtick around names.
    Backtick,
    /// `$`.
    Dollar,
    /// `.`.
    Dot,
    /// `:`.
    Colon,
    /// `@` of a variable.
    At,
    /// `\` where it can begin `\N`.
    Backslash,
    /// `#` of a comment.
    Hash,
    /// `-`: a comment or an operator.
    Minus,
    /// `/`: a comment or an operator.
    Slash,
    /// `?`.
    Question,
    /// Part of an operator.
    Operator,
    /// `,`.
    Comma,
    /// `;`.
    Semicolon,
    /// `(`, `[`, in MySQL `{`.
    Open,
    /// `)`, `]`, in MySQL `}`.
    Close,
}

/// Whether a byte goes on with a word: letters, digits, `_`, `$` and all that is not ASCII.
#[inline]
pub(in crate::sql) fn is_word(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26)
        | (byte.wrapping_sub(b'0') < 10)
        | (byte == b'_')
        | (byte == b'$')
        | !byte.is_ascii()
}

/// What a byte begins in PostgreSQL.
pub(super) static POSTGRESQL: [Class; 256] = classes(false);

/// What a byte begins in MySQL and MariaDB.
pub(super) static MYSQL: [Class; 256] = classes(true);

const fn classes(mysql: bool) -> [Class; 256] {
    let mut table = [Class::Nothing; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = class(at as u8, mysql);
        at += 1;
    }
    table
}

const fn class(byte: u8, mysql: bool) -> Class {
    match byte {
        b'\'' => Class::Quote,
        b'"' => Class::DoubleQuote,
        b'$' => Class::Dollar,
        b'.' => Class::Dot,
        b':' => Class::Colon,
        b'-' => Class::Minus,
        b'/' => Class::Slash,
        b'?' => Class::Question,
        b'`' if mysql => Class::Backtick,
        b'@' if mysql => Class::At,
        b'#' if mysql => Class::Hash,
        b'\\' if mysql => Class::Backslash,
        b'{' if mysql => Class::Open,
        b'}' if mysql => Class::Close,
        b'(' | b'[' => Class::Open,
        b')' | b']' => Class::Close,
        b',' => Class::Comma,
        b';' => Class::Semicolon,
        b'+' | b'*' | b'%' | b'^' | b'<' | b'>' | b'=' | b'~' | b'!' | b'@' | b'#' | b'&' | b'|' | b'`' => {
            Class::Operator
        }
        b'0'..=b'9' => Class::Digit,
        b'_' => Class::Word,
        b' ' => Class::Space,
        _ if byte.is_ascii_alphabetic() || !byte.is_ascii() => Class::Word,
        _ if byte.is_ascii_control() => Class::Space,
        _ => Class::Nothing,
    }
}
