//! The words that mean something to the normaliser, and a table that finds them by their first sixteen bytes.

/// No name of a table or column, and an operand comes after it: a sign there is no subtraction.
pub(super) const RESERVED: u8 = 1;
/// A reserved word that is a value itself: what comes after it is an operator.
pub(super) const VALUE: u8 = 2;
/// What a statement does.
pub(super) const COMMAND: u8 = 4;
/// A command whose word also serves as a name, so it counts only where no name can stand.
pub(super) const LOOSE: u8 = 8;

/// A word, as far as the normaliser tells words apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) keyword: Keyword,
    pub(super) flags: u8,
}

impl Word {
    pub(super) const NAME: Self = Self {
        keyword: Keyword::Name,
        flags: 0,
    };

    pub(super) fn is(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether an operand comes after it, and not an operator.
    pub(super) fn wants_operand(self) -> bool {
        self.flags & (RESERVED | VALUE) == RESERVED
    }
}

macro_rules! words {
    ($($text:literal $keyword:ident $flags:expr;)*) => {
        const WORDS: &[(&str, Keyword, u8)] = &[$(($text, Keyword::$keyword, $flags)),*];
    };
}

/// Words with a meaning of their own. `Name` is any word that is not in the list, `Other` one of which only
/// the flags matter.
#[rustfmt::skip]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Name, Other,
    // commands
    Alter, Begin, Clone, Commit, Create, Delete, Drop, Exec, Execute, Explain, Grant, Insert, Join, Merge,
    Revoke, Select, StraightJoin, Truncate, Update, Use,
    // what comes before a table
    From, Into, Table, Tables, Using, Copy, Lock, Replace,
    // what may stand between that and the table
    Skip, Exists,
    // what comes before a statement inside of another
    Lead,
    // clauses
    As, Distinct, For, Key, ListEnd, Set, Show, Columns, With, Recursive, Not, Is, Returning,
    // lists and values
    In, Any, Values, Array, Null, Boolean, Extract, TypeTail,
    // statements about something with a name that does not matter
    Handle, HandleTail, Rollback, To,
    // procedures
    Procedure, Call,
}

impl Keyword {
    /// The command's name, in capitals.
    pub(super) fn command(self) -> Option<&'static str> {
        Some(match self {
            Self::Alter => "ALTER",
            Self::Begin => "BEGIN",
            Self::Clone => "CLONE",
            Self::Commit => "COMMIT",
            Self::Create => "CREATE",
            Self::Delete => "DELETE",
            Self::Drop => "DROP",
            Self::Exec => "EXEC",
            Self::Execute => "EXECUTE",
            Self::Explain => "EXPLAIN",
            Self::Grant => "GRANT",
            Self::Insert => "INSERT",
            Self::Join => "JOIN",
            Self::Merge => "MERGE",
            Self::Revoke => "REVOKE",
            Self::Select => "SELECT",
            Self::StraightJoin => "STRAIGHT_JOIN",
            Self::Truncate => "TRUNCATE",
            Self::Update => "UPDATE",
            Self::Use => "USE",
            _ => return None,
        })
    }
}

words! {
    "alter" Alter COMMAND; "begin" Begin COMMAND | LOOSE; "clone" Clone COMMAND | LOOSE;
    "commit" Commit COMMAND | LOOSE; "create" Create RESERVED | COMMAND; "delete" Delete RESERVED | COMMAND;
    "drop" Drop COMMAND; "exec" Exec COMMAND | LOOSE; "execute" Execute COMMAND | LOOSE;
    "explain" Explain COMMAND | LOOSE; "grant" Grant RESERVED | COMMAND; "insert" Insert RESERVED | COMMAND;
    "join" Join RESERVED | COMMAND; "merge" Merge COMMAND | LOOSE; "revoke" Revoke COMMAND;
    "select" Select RESERVED | COMMAND; "straight_join" StraightJoin RESERVED | COMMAND;
    "truncate" Truncate COMMAND | LOOSE; "update" Update RESERVED | COMMAND; "use" Use COMMAND | LOOSE;

    "from" From RESERVED; "into" Into RESERVED; "table" Table RESERVED; "tables" Tables 0;
    "using" Using RESERVED; "copy" Copy 0; "lock" Lock 0; "replace" Replace 0;

    "only" Skip RESERVED; "lateral" Skip RESERVED; "ignore" Skip 0; "low_priority" Skip 0;
    "high_priority" Skip 0; "delayed" Skip 0; "quick" Skip 0; "if" Skip 0; "exists" Exists RESERVED;
    "temp" Skip 0; "temporary" Skip 0; "unlogged" Skip 0; "concurrently" Skip RESERVED;

    "as" As RESERVED; "distinct" Distinct RESERVED; "for" For RESERVED; "key" Key 0;
    "outfile" Other RESERVED; "dumpfile" Other RESERVED; "set" Set RESERVED; "show" Show 0;
    "columns" Columns 0; "fields" Columns 0; "index" Columns 0; "indexes" Columns 0; "keys" Columns 0;
    "where" ListEnd RESERVED; "with" With RESERVED; "recursive" Recursive 0; "not" Not RESERVED;
    "is" Is RESERVED; "returning" Returning RESERVED;

    "group" ListEnd RESERVED; "order" ListEnd RESERVED; "having" ListEnd RESERVED; "limit" ListEnd RESERVED;
    "offset" ListEnd RESERVED; "fetch" ListEnd RESERVED; "union" ListEnd RESERVED;
    "intersect" ListEnd RESERVED; "except" ListEnd RESERVED; "window" ListEnd RESERVED;

    "in" In RESERVED; "any" Any RESERVED; "some" Any RESERVED; "values" Values RESERVED;
    "null" Null RESERVED | VALUE; "true" Boolean RESERVED | VALUE; "false" Boolean RESERVED | VALUE;
    "array" Array 0; "extract" Extract 0; "ordinality" TypeTail 0; "precision" TypeTail 0;
    "varying" TypeTail 0; "time" TypeTail 0; "zone" TypeTail 0; "without" TypeTail 0;

    "deallocate" Handle 0; "unlisten" Handle 0; "savepoint" Handle 0; "release" Handle 0; "close" Handle 0;
    "prepare" HandleTail 0; "rollback" Rollback 0; "to" To RESERVED; "procedure" Procedure 0; "call" Call 0;

    "all" Other RESERVED; "and" Other RESERVED; "or" Other RESERVED; "on" Other RESERVED;
    "by" Other RESERVED; "like" Other RESERVED; "ilike" Other RESERVED; "rlike" Other RESERVED;
    "regexp" Other RESERVED; "between" Other RESERVED; "case" Other RESERVED; "when" Other RESERVED;
    "then" Lead RESERVED; "else" Lead RESERVED; "loop" Lead 0; "left" Other RESERVED;
    "right" Other RESERVED; "inner" Other RESERVED; "outer" Other RESERVED; "full" Other RESERVED;
    "cross" Other RESERVED; "natural" Other RESERVED; "default" Other RESERVED; "xor" Other RESERVED;
    "div" Other RESERVED; "escape" Other 0; "asc" Other RESERVED | VALUE; "desc" Other RESERVED | VALUE;
    "end" Other RESERVED | VALUE; "user" Other VALUE; "current_user" Other RESERVED | VALUE;
    "session_user" Other RESERVED | VALUE; "current_role" Other RESERVED | VALUE;
    "current_date" Other RESERVED | VALUE; "current_time" Other RESERVED | VALUE;
    "localtime" Other RESERVED | VALUE; "localtimestamp" Other RESERVED | VALUE;
    "current_catalog" Other RESERVED | VALUE; "interval" Other RESERVED; "return" Other RESERVED;
    "similar" Other RESERVED; "do" Lead RESERVED; "over" Other RESERVED; "filter" Other 0;
    "check" Other RESERVED; "constraint" Other RESERVED; "primary" Other RESERVED; "foreign" Other RESERVED;
    "references" Other RESERVED; "unique" Other RESERVED; "collate" Other RESERVED;
    "symmetric" Other RESERVED; "placing" Other RESERVED; "verbose" Lead RESERVED; "analyse" Lead RESERVED;
    "analyze" Lead RESERVED; "both" Other RESERVED; "leading" Other RESERVED; "trailing" Other RESERVED;
    "cast" Other RESERVED | VALUE; "column" Other RESERVED; "deferrable" Other RESERVED;
    "initially" Other RESERVED; "isnull" Other RESERVED | VALUE; "notnull" Other RESERVED | VALUE;
    "variadic" Other RESERVED;
}

const SLOTS: usize = 4096;
/// As many as a byte can tell apart, so that no place in the table needs to be checked.
const PLACES: usize = 256;

/// Where a key is looked up. Few words have the same first eight bytes, none the same sixteen.
const fn slot(key: u128, factor: u64) -> usize {
    let bits = key as u64 ^ (key >> 64) as u64;
    (bits.wrapping_mul(factor) >> (u64::BITS - SLOTS.trailing_zeros())) as usize
}

/// The words behind one that stands for all names.
struct Table {
    keys: [u128; PLACES],
    words: [Word; PLACES],
    /// With this no two words have the same slot.
    factor: u64,
    slots: [u8; SLOTS],
}

static TABLE: Table = build();

const fn build() -> Table {
    let mut table = Table {
        keys: [0; PLACES],
        words: [Word::NAME; PLACES],
        factor: 0x9E37_79B9_7F4A_7C15,
        slots: [0; SLOTS],
    };
    let mut at = 0;
    while at < WORDS.len() {
        let (text, keyword, flags) = WORDS[at];
        let bytes = text.as_bytes();
        let mut byte = bytes.len();
        at += 1;
        while byte > 0 {
            byte -= 1;
            table.keys[at] = (table.keys[at] << 8) | bytes[byte] as u128;
        }
        table.words[at] = Word { keyword, flags };
    }
    while !fill(&mut table) {
        table.factor = table.factor.wrapping_mul(0xD134_2543_DE82_EF95) | 1;
    }
    table
}

/// Gives each word its slot. Says whether no two of them wanted the same.
const fn fill(table: &mut Table) -> bool {
    table.slots = [0; SLOTS];
    let mut at = 1;
    while at <= WORDS.len() {
        let slot = slot(table.keys[at], table.factor);
        if table.slots[slot] != 0 {
            return false;
        }
        table.slots[slot] = at as u8;
        at += 1;
    }
    true
}

/// The word of a key, which is its lower-case bytes, the first lowest.
#[inline]
pub(super) fn lookup(key: u128) -> Word {
    let at = usize::from(TABLE.slots[slot(key, TABLE.factor)]);
    if TABLE.keys[at] == key {
        TABLE.words[at]
    } else {
        Word::NAME
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::key_of;
    use super::*;

    #[test]
    fn every_word_is_found_in_any_case_and_others_are_names() {
        for (text, keyword, flags) in WORDS {
            assert!(text.len() <= 16, "{text}");
            for text in [(*text).to_owned(), text.to_uppercase()] {
                let word = lookup(key_of(text.as_bytes(), 0, text.len()));
                assert_eq!((word.keyword, word.flags), (*keyword, *flags), "{text}");
            }
        }
        for text in ["users", "selec", "selects", "_", "x"] {
            assert_eq!(
                lookup(key_of(text.as_bytes(), 0, text.len())),
                Word::NAME,
                "{text}"
            );
        }
    }
}
