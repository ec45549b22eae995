//! Values of what is called password, secret, token or key.

use super::super::Class;
use super::super::bytes::{Bytes, is_word};
use super::super::pass::Pass;
use super::super::redact;
use super::random::is_random;
use super::value::{Between, between, is_placeholder, open_end, quoted_end};

/// The longest token.
const TOKEN: usize = 1024;

/// What a name says of the value behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    /// It is a password.
    Password,
    /// `pass`, `pwd`: it is one where it is assigned without blanks, or quoted.
    Short,
    /// `BY` of `IDENTIFIED BY`.
    By,
    /// It is a token if it looks random.
    Token,
    /// `key`: as before, and only where it is assigned.
    Key,
}

/// Names of passwords: the ends of words, in lower case.
static PASSWORDS: [&str; 4] = ["password", "passwd", "passphrase", "passwort"];
static TOKENS: [&str; 7] = [
    "token",
    "secret",
    "bearer",
    "credential",
    "credentials",
    "auth",
    "apikey",
];
/// What makes `key` the key to something.
static KEYS: [&str; 12] = [
    "api",
    "access",
    "secret",
    "private",
    "auth",
    "encryption",
    "master",
    "license",
    "account",
    "shared",
    "signing",
    "app",
];

/// At the end of a word that may be such a name.
pub(in super::super) fn keyword(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    let name = name(pass.text, start, end)?;
    match name {
        Name::Token | Name::Key => token(pass, end, name),
        _ => password(pass, start, end, name),
    }
}

fn name(text: Bytes<'_>, start: usize, end: usize) -> Option<Name> {
    let word = text.range(start, end);
    let tail = |name: &str| {
        let from = word.len().checked_sub(name.len())?;
        let fits = word.get(from..)?.eq_ignore_ascii_case(name.as_bytes());
        fits.then_some(word.get(..from).unwrap_or_default())
    };
    let is_whole = |before: &[u8]| !before.last().is_some_and(u8::is_ascii_alphabetic);
    if PASSWORDS.iter().any(|name| tail(name).is_some()) {
        return Some(Name::Password);
    }
    if ["pass", "pwd"]
        .iter()
        .any(|name| tail(name).is_some_and(is_whole))
    {
        return Some(Name::Short);
    }
    if word.eq_ignore_ascii_case(b"by") {
        return Some(Name::By);
    }
    if TOKENS.iter().any(|name| tail(name).is_some()) {
        return Some(Name::Token);
    }
    let before = tail("key")?;
    let before = before.strip_suffix(b"_").unwrap_or(before);
    let is_one = |name: &&str| {
        let from = before.len().checked_sub(name.len());
        from.and_then(|from| before.get(from..))
            .is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()))
    };
    // `api-key`, `api key`
    let has_before = || {
        let from = text.run_back(start.saturating_sub(1), 12, |b| b.is_ascii_alphabetic());
        let other = text.range(from, start.saturating_sub(1));
        matches!(text.before(start), b'-' | b' ')
            && KEYS
                .iter()
                .any(|name| other.eq_ignore_ascii_case(name.as_bytes()))
    };
    if KEYS.iter().any(is_one) || (before.is_empty() && has_before()) {
        return Some(Name::Token);
    }
    before.is_empty().then_some(Name::Key)
}

fn password(pass: &mut Pass<'_, '_>, start: usize, end: usize, name: Name) -> Option<usize> {
    if !pass.wants(Class::PasswordAssignment) {
        return None;
    }
    let text = pass.text;
    let mut between = between(text, end);
    let is_statement = between.sign == 0 && between.has_blanks;
    match name {
        // `IDENTIFIED BY PASSWORD 'x'` comes here again at its last word.
        Name::By => {
            let is_quoted = matches!(between.quote, b'\'' | b'"');
            (is_statement && is_quoted && is_identified(text, start)).then_some(())?;
        }
        // `PASSWORD 'x'`, `ENCRYPTED PASSWORD 'x'`, `PASSWORD('x')`
        Name::Password
            if between.sign == 0 && text.at(end) == b'(' && matches!(text.at(end + 1), b'\'' | b'"') =>
        {
            between = Between {
                quote: text.at(end + 1),
                value: end + 2,
                ..between
            };
        }
        Name::Password if is_statement && between.quote == b'\'' => {}
        _ if between.sign == 0 => return None,
        _ => {}
    }
    if redact::hidden_end(text.0, between.value).is_some() {
        return None;
    }
    let value_end = if between.quote == 0 {
        open_end(text, between.value)
    } else {
        quoted_end(text, &between)
    };
    let value = text.range(between.value, value_end);
    // `PWD` is where a process works, too.
    let is_path = name == Name::Short && matches!(value.first(), Some(b'/' | b'~'));
    if value.is_empty() || is_path || is_placeholder(value) {
        return None;
    }
    if between.quote == 0 && !is_assigned(text, &between, value, value_end, name) {
        return None;
    }
    Some(pass.keep(Class::PasswordAssignment, between.value, value_end))
}

/// Whether `IDENTIFIED` stands before, with at most the name of a plugin between.
fn is_identified(text: Bytes<'_>, by: usize) -> bool {
    let from = by.saturating_sub(64);
    text.range(from, by)
        .windows(10)
        .any(|ten| ten.eq_ignore_ascii_case(b"identified"))
}

/// Without quotes: whether the value is one, and not a name, a call or a sentence.
fn is_assigned(text: Bytes<'_>, between: &Between, value: &[u8], end: usize, name: Name) -> bool {
    let is_call = text.at(end) == b'(';
    let is_column = {
        let lower = value.to_ascii_lowercase();
        ["passw", "pwd", "excluded.", "new.", "old."]
            .iter()
            .any(|part| lower.windows(part.len()).any(|window| window == part.as_bytes()))
    };
    if is_call || is_column || matches!(value.first(), Some(b'/' | b'.' | b'~')) {
        return false;
    }
    if !between.has_blanks && between.sign == b'=' {
        return true;
    }
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
        || has(|b| matches!(b, b'!' | b'#' | b'^' | b'*' | b'~' | b'+' | b'@'));
    name == Name::Password && value.len() >= 6 && is_mixed
}

fn token(pass: &mut Pass<'_, '_>, end: usize, name: Name) -> Option<usize> {
    if !pass.wants(Class::ApiKey) {
        return None;
    }
    let text = pass.text;
    let between = between(text, end);
    let is_assigned = between.sign != 0 || between.quote != 0;
    if !is_assigned && (name == Name::Key || !between.has_blanks) {
        return None;
    }
    let is_part = |b: u8| is_word(b) || matches!(b, b'-' | b'.' | b'/' | b'+' | b'~');
    let value_end = text.run(between.value, TOKEN, is_part);
    let value = text.range(between.value, value_end);
    // Assigned to a secret, less is enough than beside a word of a sentence.
    let least = if is_assigned && name == Name::Token {
        20
    } else {
        32
    };
    let is_uuid = value.len() == 36 && value.iter().filter(|b| **b == b'-').count() == 4;
    if !is_random(value, least) || (is_uuid && name == Name::Key) {
        return None;
    }
    let end = text.run(value_end, 2, |b| b == b'=');
    Some(pass.keep(Class::ApiKey, between.value, end))
}
