//! Tags in comments: sqlcommenter's `key='value'`, marginalia's `key:value`, and `key=value`.

/// The most tags that are taken from one statement.
const MOST: usize = 64;

/// What is tagged in these comments, by key in the order of the text; of one key the last counts.
/// `traceparent` and `tracestate` are known in any case, and are in small letters here.
///
/// Values in quotes are URL-decoded. Without quotes a value follows its key at once, so that prose is no tag.
/// Hints for the optimizer and MySQL's version comments are none. A value whose closing quote is not there is
/// none either.
pub fn comment_tags<'a>(comments: impl IntoIterator<Item = &'a str>) -> Vec<(String, String)> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for comment in comments {
        let mut rest = body(comment);
        while let Some((found, after)) = next(rest) {
            rest = after;
            let Some((key, value)) = found else { continue };
            if let Some(known) = tags.iter_mut().find(|tag| tag.0 == key) {
                known.1 = value;
            } else if tags.len() < MOST {
                tags.push((key, value));
            }
        }
    }
    tags
}

/// The trace in which a statement was sent, of the W3C's form, if it is tagged with one.
pub fn traceparent(tags: &[(String, String)]) -> Option<&str> {
    tags.iter()
        .find(|(key, _)| key == "traceparent")
        .map(|(_, value)| value.as_str())
}

/// What is between the signs of a comment.
fn body(comment: &str) -> &str {
    let inner = match comment.strip_prefix("/*") {
        Some(open) => open.strip_suffix("*/").unwrap_or_default(),
        None => comment
            .strip_prefix("--")
            .or_else(|| comment.strip_prefix('#'))
            .unwrap_or_default(),
    };
    if inner.starts_with(['+', '!']) { "" } else { inner }
}

type Tag = (String, String);

/// The first part of the text, as a tag if it is one, and what is behind it.
fn next(text: &str) -> Option<(Option<Tag>, &str)> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
    if text.is_empty() {
        return None;
    }
    let key_end = text.find(|c: char| !is_key(c)).unwrap_or(text.len());
    let (key, rest) = text.split_at(key_end);
    let value = rest.strip_prefix(['=', ':']).filter(|_| !key.is_empty());
    match value {
        Some(value) if value.starts_with('\'') => Some(quoted(key, value)),
        Some(value) => {
            let (value, rest) = value.split_once(',').unwrap_or((value, ""));
            let is_tag = !value.starts_with(char::is_whitespace) && !value.is_empty();
            Some((is_tag.then(|| tag(key, value.trim())), rest))
        }
        None => Some((None, text.split_once(',').map_or("", |(_, rest)| rest))),
    }
}

fn is_key(c: char) -> bool {
    c.is_alphanumeric() || "_-.%".contains(c)
}

fn tag(key: &str, value: &str) -> Tag {
    let small = key.to_ascii_lowercase();
    let key = if matches!(small.as_str(), "traceparent" | "tracestate") {
        small
    } else {
        decoded(key)
    };
    (key, value.to_owned())
}

/// A value in single quotes, in which a backslash takes the next character with it.
fn quoted<'a>(key: &str, value: &'a str) -> (Option<Tag>, &'a str) {
    let mut plain = String::new();
    let mut chars = value.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next().map(|(_, c)| c)),
            '\'' => {
                let rest = value.get(at + 1..).unwrap_or_default();
                return (Some(tag(key, decoded(&plain).trim())), rest);
            }
            _ => plain.push(c),
        }
    }
    (None, "")
}

/// URL decoding; what is no UTF-8 after it becomes the replacement character.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let pair = after
            .first_chunk::<2>()
            .and_then(|pair| str::from_utf8(pair).ok());
        let byte = pair
            .filter(|pair| *first == b'%' && pair.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = after
            .get(if byte.is_some() { 2 } else { 0 }..)
            .unwrap_or_default();
    }
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_each_form_are_read_and_prose_is_not() {
        for (comment, expected) in [
            ("/* abc:123, def:456 */", vec![("abc", "123"), ("def", "456")]),
            ("/*a='b%20c',d='e\\'f'*/", vec![("a", "b c"), ("d", "e'f")]),
            ("/* a=1,a=2 */", vec![("a", "2")]),
            ("/*TraceParent='  00-x-01 '*/", vec![("traceparent", "00-x-01")]),
            (
                "-- app:web,line:/a b.rb:12",
                vec![("app", "web"), ("line", "/a b.rb:12")],
            ),
            ("# app=web", vec![("app", "web")]),
            ("/* x=a%zz%C3%A9 */", vec![("x", "a%zz%C3%A9")]),
            ("/* x='a%zz%C3%A9%' */", vec![("x", "a%zz\u{e9}%")]),
            ("/*a='open*/", vec![]),
            ("/*a='open", vec![]),
            ("/* Note: mind this, please */", vec![]),
            ("/* just words, and more */", vec![]),
            ("/*+ MAX_EXECUTION_TIME(1) a=1 */", vec![]),
            ("/*!50001 a=1 */", vec![]),
            ("/*=1,:2,,*/", vec![]),
            ("", vec![]),
        ] {
            let tags = comment_tags([comment]);
            let found: Vec<(&str, &str)> = tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(found, expected, "{comment}");
        }
        let tags = comment_tags(["/*traceparent=1*/", "/*traceparent='2'*/"]);
        assert_eq!(traceparent(&tags), Some("2"));
    }
}
