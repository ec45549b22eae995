//! Text to tokens.

use super::ExprError;

/// The longest text that is read, in bytes.
pub const MAX_LENGTH: usize = 16 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A word: part of a path, a function, a keyword.
    Word(&'a str),
    Text(String),
    /// Without a sign: the smallest whole number has no positive counterpart.
    Int(u64),
    Double(f64),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

impl Token<'_> {
    /// How messages call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Text(_) => "a text".into(),
            Self::Int(_) | Self::Double(_) => "a number".into(),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end".into(),
        }
    }
}

/// A token and where it begins, in bytes.
pub(super) type Spanned<'a> = (usize, Token<'a>);

/// Longer signs first.
const SIGNS: [&str; 20] = [
    "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]", "{", "}", ",", ":", ".", "=",
];

/// What people write for what the language has under another name.
const HINTS: [(&str, &str); 6] = [
    ("&&", "and"),
    ("||", "or"),
    ("<>", "!="),
    ("=~", "matches"),
    ("!", "not"),
    ("`", "attributes[\"...\"]"),
];

/// The tokens of `text`, the last of which is the end.
pub(super) fn lex(text: &str) -> Result<Vec<Spanned<'_>>, ExprError> {
    if text.len() > MAX_LENGTH {
        let message = format!("the text is longer than {MAX_LENGTH} bytes: split it");
        return Err(ExprError::new(text, 0, message));
    }
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let is_end = token.1 == Token::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fault(&self, at: usize, message: impl Into<String>) -> ExprError {
        ExprError::new(self.text, at, message)
    }

    /// The longest prefix of what is left whose characters are `fit`, which is consumed.
    fn take(&mut self, fit: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !fit(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn next(&mut self) -> Result<Spanned<'a>, ExprError> {
        self.take(char::is_whitespace);
        let (from, rest) = (self.at, self.rest());
        let mut characters = rest.chars();
        let Some(first) = characters.next() else {
            return Ok((from, Token::End));
        };
        let begins_number =
            first.is_ascii_digit() || (first == '.' && characters.next().is_some_and(|c| c.is_ascii_digit()));
        let token = if begins_number {
            self.number()?
        } else if first == '"' || first == '\'' {
            Token::Text(self.quoted(first)?)
        } else if first.is_ascii_alphabetic() || first == '_' {
            Token::Word(self.take(|c| c.is_ascii_alphanumeric() || c == '_'))
        } else {
            self.sign()?
        };
        Ok((from, token))
    }

    fn sign(&mut self) -> Result<Token<'a>, ExprError> {
        let rest = self.rest();
        let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
        let hint = HINTS.iter().find(|(wrong, _)| rest.starts_with(wrong));
        match (sign, hint) {
            (Some(sign), hint) if hint.is_none_or(|(wrong, _)| wrong.len() <= sign.len()) => {
                self.at += sign.len();
                Ok(Token::Sign(sign))
            }
            (_, Some((wrong, right))) => Err(self.fault(self.at, format!("write `{right}` for `{wrong}`"))),
            _ => Err(self.fault(self.at, "this character has no meaning here")),
        }
    }

    fn number(&mut self) -> Result<Token<'a>, ExprError> {
        let from = self.at;
        let digits = |c: char| c.is_ascii_digit();
        self.take(digits);
        let mut is_whole = true;
        if self.rest().starts_with('.') {
            is_whole = false;
            self.at += 1;
            self.take(digits);
        }
        let after = self.rest().strip_prefix(['e', 'E']);
        let exponent = after.map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
        if exponent.is_some_and(|rest| rest.starts_with(digits)) {
            is_whole = false;
            self.at += 1;
            self.take(|c| c == '+' || c == '-');
            self.take(digits);
        }
        if self
            .rest()
            .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        {
            return Err(self.fault(self.at, "a number ends here, and no name can begin"));
        }
        let number = self.text.get(from..self.at).unwrap_or_default();
        let token = if is_whole {
            number.parse().ok().map(Token::Int)
        } else {
            number
                .parse()
                .ok()
                .filter(|n: &f64| n.is_finite())
                .map(Token::Double)
        };
        token.ok_or_else(|| self.fault(from, "the number is too large"))
    }

    /// A text in `quote`. `\\`, `\"`, `\'`, `\n`, `\r` and `\t` are what they are in most languages; before
    /// any other character the backslash stays, so that a regular expression need not be escaped twice.
    fn quoted(&mut self, quote: char) -> Result<String, ExprError> {
        let from = self.at;
        self.at += quote.len_utf8();
        let mut text = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((at, c)) = characters.next() {
            if c == quote {
                self.at += at + c.len_utf8();
                return Ok(text);
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            match characters.next() {
                Some((_, c @ ('\\' | '"' | '\''))) => text.push(c),
                Some((_, 'n')) => text.push('\n'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, 't')) => text.push('\t'),
                Some((_, c)) => text.extend(['\\', c]),
                None => break,
            }
        }
        Err(self.fault(from, "the text that begins here has no end: close the quote"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        let mut tokens: Vec<_> = lex(text).unwrap().into_iter().map(|(_, token)| token).collect();
        assert_eq!(tokens.pop(), Some(Token::End));
        tokens
    }

    #[test]
    fn texts_are_unescaped_as_the_reference_configuration_needs_it() {
        for (text, expected) in [
            (r#""(\\d{3,})""#, r"(\d{3,})"),
            (r#""\d\b""#, r"\d\b"),
            ("'it'", "it"),
            ("'a \"b\" \\' \\\\ \\n'", "a \"b\" ' \\ \n"),
        ] {
            assert_eq!(tokens(text), [Token::Text(expected.into())], "{text}");
        }
    }

    #[test]
    fn numbers_are_whole_or_not() {
        use Token::{Double, Int};
        assert_eq!(
            tokens("1 1.5 .5 2e3 1E-2 18446744073709551615"),
            [
                Int(1),
                Double(1.5),
                Double(0.5),
                Double(2000.0),
                Double(0.01),
                Int(u64::MAX)
            ]
        );
    }

    #[test]
    fn what_has_no_meaning_is_told_with_its_place() {
        for (text, character, part) in [
            ("\u{e4} = 1", 1, "no meaning"),
            ("'\u{e4}' == 5x", 9, "a number ends"),
            ("a && b", 3, "write `and`"),
            ("a == \"b", 6, "close the quote"),
            ("a == 99999999999999999999", 6, "too large"),
            ("!a", 1, "write `not`"),
        ] {
            let error = lex(text).unwrap_err();
            assert!(error.message.contains(part), "{error}");
            assert_eq!(error.character, character, "{error}");
        }
    }
}
