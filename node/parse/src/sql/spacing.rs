//! Where a space stands between two tokens of normalised text.

/// What the last token was, as far as the next one has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// There was none.
    Start,
    /// A name, also a keyword that is no reserved word, or that is a value.
    Name,
    /// A reserved word, after which an operand comes.
    Keyword,
    /// `?`.
    Value,
    /// `...`.
    Ellipsis,
    /// `*` that stands for columns.
    Star,
    /// A closing bracket.
    Close,
    /// An opening bracket.
    Open,
    Comma,
    Dot,
    /// `..`.
    Range,
    /// `::`.
    Cast,
    Colon,
    /// An operator between two operands.
    Operator,
    /// A sign or the like before its operand.
    Sign,
    /// PostgreSQL's `@` before a name.
    At,
    Semicolon,
}

impl Last {
    /// Whether an operand comes next, and not an operator.
    pub(super) fn wants_operand(self) -> bool {
        !matches!(
            self,
            Self::Name | Self::Value | Self::Ellipsis | Self::Star | Self::Close
        )
    }
}

/// What the next token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Word,
    Value,
    Ellipsis,
    Star,
    Paren,
    Bracket,
    /// A closing bracket, a comma or a semicolon.
    End,
    Dot,
    Colon,
    Operator,
}

const LASTS: usize = Last::Semicolon as usize + 1;

/// For each `Last` a bit for each `Next`.
static SPACES: [u16; LASTS] = spaces();

/// Whether a space stands between the two. Never is one left out where the two together would be read as
/// something else.
#[inline]
pub(super) fn space_between(last: Last, next: Next) -> bool {
    SPACES[last as usize] >> (next as u16) & 1 == 1
}

const fn spaces() -> [u16; LASTS] {
    use Last as L;
    const ALL: [Last; LASTS] = [
        L::Start,
        L::Name,
        L::Keyword,
        L::Value,
        L::Ellipsis,
        L::Star,
        L::Close,
        L::Open,
        L::Comma,
        L::Dot,
        L::Range,
        L::Cast,
        L::Colon,
        L::Operator,
        L::Sign,
        L::At,
        L::Semicolon,
    ];
    use Next as N;
    const NEXTS: [Next; 10] = [
        N::Word,
        N::Value,
        N::Ellipsis,
        N::Star,
        N::Paren,
        N::Bracket,
        N::End,
        N::Dot,
        N::Colon,
        N::Operator,
    ];
    let mut table = [0; LASTS];
    let mut last = 0;
    while last < LASTS {
        let mut next = 0;
        while next < NEXTS.len() {
            if wants_space(ALL[last], NEXTS[next]) {
                table[ALL[last] as usize] |= 1 << NEXTS[next] as u16;
            }
            next += 1;
        }
        last += 1;
    }
    table
}

const fn wants_space(last: Last, next: Next) -> bool {
    use Last as L;
    match next {
        _ if matches!(last, L::Start) => false,
        Next::End => false,
        Next::Dot => matches!(last, L::Dot | L::Range | L::Ellipsis),
        Next::Colon => matches!(last, L::Colon | L::Cast),
        Next::Operator => !matches!(last, L::Open),
        Next::Star => !matches!(last, L::Open | L::Dot),
        Next::Paren => !matches!(last, L::Open | L::Name | L::Dot | L::Cast | L::Sign),
        Next::Bracket => !matches!(last, L::Open | L::Name | L::Value | L::Close | L::Dot),
        Next::Ellipsis => !matches!(last, L::Open),
        Next::Value => !matches!(last, L::Open | L::Dot | L::Cast | L::Colon | L::Sign),
        Next::Word => !matches!(last, L::Open | L::Dot | L::Cast | L::Colon | L::Sign | L::At),
    }
}
