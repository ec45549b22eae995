//! What a query returns: the items of its select list.

use std::ops::Range;

use super::collect::unquoted;
use super::key::{KEY_BYTES, key_of};
use super::keyword::{Keyword, RESERVED, VALUE, Word, lookup};
use super::lexer::{Kind, Lexer, Token};
use super::{Dialect, Unlexable};

/// One item of a select list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectItem {
    /// Where it stands in the text, in bytes, with its alias.
    pub span: Range<usize>,
    /// Where its expression stands, without the alias.
    pub expression: Range<usize>,
    /// Its alias, or the last name of an item that is nothing but a column; without quotes. `None` for other
    /// expressions, which the server names in its own way, and for `*`.
    pub name: Option<String>,
    /// The column, if the item is nothing but `[qualifier.]name [AS alias]`.
    pub bare: Option<Column>,
}

/// A column by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Where it stands in the text with its qualifier, in bytes.
    pub span: Range<usize>,
    /// Its name without qualifier and quotes, as written.
    pub name: String,
}

/// The items of the outermost select list of a text that is a single `SELECT`, also after `WITH`. Of a union
/// it is the list of the first query, which names the columns.
///
/// `None` when the text is anything else, is more than one statement, was cut off, or cannot be lexed.
pub fn select_list(dialect: Dialect, text: &str) -> Option<Vec<SelectItem>> {
    let tokens = solid_tokens(dialect, text).ok()?;
    let tokens = Tokens {
        text,
        tokens: &tokens,
    };
    let begin = tokens.list_begins()?;
    let mut items = Vec::new();
    let mut from = begin;
    let mut depth = 0_usize;
    let mut at = begin;
    while let Some(token) = tokens.tokens.get(at) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => {
                if depth == 0 {
                    break;
                }
                depth -= 1;
            }
            Kind::Comma if depth == 0 => {
                items.push(tokens.item(from..at)?);
                from = at + 1;
            }
            Kind::Word if depth == 0 && tokens.ends_list(at) => break,
            _ => {}
        }
        at += 1;
    }
    items.push(tokens.item(from..at)?);
    Some(items)
}

/// The names in an expression, without quotes, as written: columns, qualifiers, functions and types alike.
/// Words that are reserved are not among them.
///
/// # Errors
/// When the text is not SQL of the dialect.
pub fn identifiers(dialect: Dialect, expression: &str) -> Result<Vec<String>, Unlexable> {
    let tokens = solid_tokens(dialect, expression)?;
    let tokens = Tokens {
        text: expression,
        tokens: &tokens,
    };
    let names = (0..tokens.tokens.len()).filter_map(|at| tokens.name(at));
    Ok(names.collect())
}

/// All tokens but comments.
fn solid_tokens(dialect: Dialect, text: &str) -> Result<Vec<Token>, Unlexable> {
    let mut lexer = Lexer::new(dialect, text);
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next_token()? {
        if !matches!(token.kind, Kind::Comment | Kind::Mark | Kind::CutComment) {
            tokens.push(token);
        }
    }
    Ok(tokens)
}

struct Tokens<'a> {
    text: &'a str,
    tokens: &'a [Token],
}

impl Tokens<'_> {
    fn piece(&self, at: usize) -> &str {
        let token = self.tokens.get(at);
        token
            .and_then(|token| self.text.get(token.start..token.end))
            .unwrap_or_default()
    }

    fn is(&self, at: usize, kind: Kind) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == kind)
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        let kind = self.tokens.get(at).map(|token| token.kind);
        kind == Some(Kind::Word) && self.piece(at).eq_ignore_ascii_case(word)
    }

    fn word(&self, at: usize) -> Word {
        let bytes = self.piece(at).as_bytes();
        let kind = self.tokens.get(at).map(|token| token.kind);
        if kind == Some(Kind::Word) && (2..=KEY_BYTES).contains(&bytes.len()) {
            lookup(key_of(bytes, 0, bytes.len()))
        } else {
            Word::NAME
        }
    }

    /// The name at a token, if it is one.
    fn name(&self, at: usize) -> Option<String> {
        match self.tokens.get(at)?.kind {
            Kind::QuotedName => Some(unquoted(self.piece(at))),
            Kind::Word if !self.word(at).is(RESERVED | VALUE) => Some(self.piece(at).to_owned()),
            Kind::Word if at > 0 && self.is(at - 1, Kind::Dot) => Some(self.piece(at).to_owned()),
            _ => None,
        }
    }

    /// The first token of the select list, if the text is one query from its beginning to its end.
    fn list_begins(&self) -> Option<usize> {
        let is_cut = self.tokens.iter().any(|token| token.kind == Kind::Cut);
        let semicolon = (0..self.tokens.len()).find(|at| self.is(*at, Kind::Semicolon));
        if is_cut || semicolon.is_some_and(|at| at + 1 < self.tokens.len()) {
            return None;
        }
        let mut at = (0..).find(|at| !self.is(*at, Kind::Open))?;
        if self.is_word(at, "with") {
            at = self.behind_with(at)?;
        }
        if !self.is_word(at, "select") {
            return None;
        }
        at += 1;
        while self.is_modifier(at) {
            at += 1;
        }
        if self.is_word(at, "distinct") {
            at += 1;
            if self.is_word(at, "on") {
                at = self.behind_brackets(at + 1)?;
            }
        }
        Some(at)
    }

    fn is_modifier(&self, at: usize) -> bool {
        const MODIFIERS: [&str; 9] = [
            "all",
            "distinctrow",
            "high_priority",
            "straight_join",
            "sql_small_result",
            "sql_big_result",
            "sql_buffer_result",
            "sql_no_cache",
            "sql_calc_found_rows",
        ];
        MODIFIERS.iter().any(|word| self.is_word(at, word))
    }

    /// The word of the main query after common table expressions.
    fn behind_with(&self, with: usize) -> Option<usize> {
        let mut at = with + 1;
        while at < self.tokens.len() {
            if self.is(at, Kind::Open) {
                at = self.behind_brackets(at)?;
            } else if ["select", "insert", "update", "delete", "merge", "values", "table"]
                .iter()
                .any(|word| self.is_word(at, word))
            {
                return Some(at);
            } else {
                at += 1;
            }
        }
        None
    }

    /// The token behind the brackets that open here.
    fn behind_brackets(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for at in open..self.tokens.len() {
            if self.is(at, Kind::Open) {
                depth += 1;
            } else if self.is(at, Kind::Close) {
                depth = depth.checked_sub(1)?;
            }
            if depth == 0 {
                return Some(at + 1);
            }
        }
        None
    }

    /// Whether a word outside of brackets ends the list.
    fn ends_list(&self, at: usize) -> bool {
        let keyword = self.word(at).keyword;
        let is_qualified = at > 0 && self.is(at - 1, Kind::Dot);
        let is_clause = matches!(
            keyword,
            Keyword::From | Keyword::Into | Keyword::ListEnd | Keyword::For
        );
        let is_distinct_from = at > 0 && self.is_word(at - 1, "distinct");
        is_clause && !is_qualified && !is_distinct_from
    }

    /// The item of these tokens. `None` for one without any.
    fn item(&self, range: Range<usize>) -> Option<SelectItem> {
        let (first, last) = (range.start, range.end.checked_sub(1)?);
        if self.is(last, Kind::Semicolon) {
            return self.item(first..last);
        }
        let start = self.tokens.get(first)?.start;
        let end = self.tokens.get(last).filter(|_| last >= first)?.end;
        let (expression, alias) = self.alias(first, last);
        let expression_end = self.tokens.get(expression)?.end;
        let bare = self.column(first, expression);
        let name = alias.or_else(|| bare.as_ref().map(|column| column.name.clone()));
        Some(SelectItem {
            span: start..end,
            expression: start..expression_end,
            name,
            bare,
        })
    }

    /// The last token of the expression, and the alias behind it.
    fn alias(&self, first: usize, last: usize) -> (usize, Option<String>) {
        if last <= first {
            return (last, None);
        }
        if self.is_word(last - 1, "as") {
            let alias = match self.tokens.get(last).map(|token| token.kind) {
                Some(Kind::String) => Some(self.piece(last).trim_matches(['\'', '"']).to_owned()),
                Some(Kind::Word) => Some(self.piece(last).to_owned()),
                _ => self.name(last),
            };
            return match last.checked_sub(2).filter(|end| *end >= first) {
                Some(end) => (end, alias),
                None => (last, None),
            };
        }
        let ends_operand = match self.tokens.get(last - 1).map(|token| token.kind) {
            Some(Kind::Close) => true,
            Some(Kind::Operator | Kind::Open | Kind::Comma | Kind::Dot | Kind::Colon) => false,
            Some(Kind::Word) => !self.word(last - 1).wants_operand(),
            _ => true,
        };
        match self.name(last) {
            Some(alias) if ends_operand => (last - 1, Some(alias)),
            _ => (last, None),
        }
    }

    /// The column, if these tokens are names with dots between them and nothing else.
    fn column(&self, first: usize, last: usize) -> Option<Column> {
        let names = (first..=last).step_by(2).all(|at| self.name(at).is_some());
        let dots = (first + 1..=last).step_by(2).all(|at| self.is(at, Kind::Dot));
        if !names || !dots || !(last - first).is_multiple_of(2) {
            return None;
        }
        Some(Column {
            span: self.tokens.get(first)?.start..self.tokens.get(last)?.end,
            name: self.name(last)?,
        })
    }
}
