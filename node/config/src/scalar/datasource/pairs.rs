//! `key=value` pairs as libpq takes them. A value may stand in single quotes, and a backslash escapes what
//! follows.

use super::Parts;

/// The parts in these pairs.
pub(super) fn parts(text: &str) -> Result<Parts, String> {
    let mut parts = Parts::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let no_pair = "it is neither a URL (`postgresql://...`) nor `key=value` pairs";
        let (key, after) = rest.split_once('=').ok_or(no_pair)?;
        let key = key.trim_end();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            return Err(format!(
                "{no_pair}; a value with spaces stands in single quotes, and `'` and `\\` in it after a `\\`"
            ));
        }
        let (value, after) = value(after.trim_start())?;
        if parts.more.iter().any(|(known, _)| known == key) {
            return Err(format!("`{key}` stands there twice"));
        }
        parts.more.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(parts)
}

/// One value, and what follows.
fn value(text: &str) -> Result<(String, &str), String> {
    let quoted = text.strip_prefix('\'');
    let mut value = String::new();
    let mut chars = quoted.unwrap_or(text).char_indices();
    let body = quoted.unwrap_or(text);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted.is_some() => {
                let after = body.get(at + 1..).unwrap_or_default();
                if !after.is_empty() && !after.starts_with(char::is_whitespace) {
                    return Err("a quoted value does not end at its `'`; write `\\'` inside".into());
                }
                return Ok((value, after));
            }
            c if quoted.is_none() && c.is_whitespace() => {
                return Ok((value, body.get(at..).unwrap_or_default()));
            }
            c => value.push(c),
        }
    }
    if quoted.is_some() {
        return Err("a quoted value has no end".into());
    }
    Ok((value, ""))
}
