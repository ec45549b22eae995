//! Converters of texts. Positions and lengths are in characters.

use std::borrow::Cow;

use crate::expr::MAX_TEXT;
use crate::expr::datum::Datum;

type Answer<'a> = Result<Datum<'a>, &'static str>;

const NOT_TEXT: &str = "a text was needed";
pub(super) const TOO_LONG: &str = "the text would be too long";

fn of<'v, 'a>(argument: Option<&'v Datum<'a>>) -> Result<&'v Cow<'a, str>, &'static str> {
    match argument {
        Some(Datum::Text(text)) => Ok(text),
        _ => Err(NOT_TEXT),
    }
}

/// A part of `text`, borrowed where the text is.
fn part<'a>(text: &Cow<'a, str>, cut: impl for<'s> Fn(&'s str) -> &'s str) -> Datum<'a> {
    match text {
        Cow::Borrowed(text) => Datum::Text(Cow::Borrowed(cut(text))),
        Cow::Owned(text) => Datum::text(cut(text).to_owned()),
    }
}

pub(super) fn string<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    match arguments.first() {
        Some(Datum::Text(text)) => Ok(Datum::Text(text.clone())),
        Some(value) => Ok(value
            .to_text()
            .map_or(Datum::Null, |text| Datum::text(text.into_owned()))),
        None => Ok(Datum::Null),
    }
}

pub(super) fn concat<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let [Datum::List(items), Datum::Text(delimiter)] = arguments else {
        return Err("a list and a text were needed");
    };
    let mut text = String::new();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            text.push_str(delimiter);
        }
        text.push_str(&item.to_text().unwrap_or_default());
        if text.len() > MAX_TEXT {
            return Err(TOO_LONG);
        }
    }
    Ok(Datum::text(text))
}

pub(super) fn contains<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let text = arguments.first().and_then(Datum::to_text).unwrap_or_default();
    Ok(Datum::Bool(text.contains(&**of(arguments.get(1))?)))
}

pub(super) fn has_prefix<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let (text, prefix) = (of(arguments.first())?, of(arguments.get(1))?);
    Ok(Datum::Bool(text.starts_with(&**prefix)))
}

pub(super) fn has_suffix<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let (text, suffix) = (of(arguments.first())?, of(arguments.get(1))?);
    Ok(Datum::Bool(text.ends_with(&**suffix)))
}

pub(super) fn trim_prefix<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let (text, prefix) = (of(arguments.first())?, of(arguments.get(1))?);
    Ok(part(text, |text| text.strip_prefix(&**prefix).unwrap_or(text)))
}

pub(super) fn trim_suffix<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let (text, suffix) = (of(arguments.first())?, of(arguments.get(1))?);
    Ok(part(text, |text| text.strip_suffix(&**suffix).unwrap_or(text)))
}

pub(super) fn trim<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let text = of(arguments.first())?;
    let set: &str = match arguments.get(1) {
        None | Some(Datum::Null) => " ",
        set => of(set)?,
    };
    Ok(part(text, |text| text.trim_matches(|c| set.contains(c))))
}

/// The first `count` characters of `text`.
pub(in crate::expr) fn first(text: &str, count: usize) -> &str {
    let end = text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

pub(super) fn substring<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let text = of(arguments.first())?;
    let natural = |argument: Option<&Datum<'_>>| match argument {
        None | Some(Datum::Null) => Ok(usize::MAX),
        Some(Datum::Int(n)) => usize::try_from(*n).map_err(|_| "a position or length is negative"),
        Some(_) => Err("a whole number was needed"),
    };
    let (start, length) = (natural(arguments.get(1))?, natural(arguments.get(2))?);
    Ok(part(text, |text| {
        let begin = text.char_indices().nth(start).map_or(text.len(), |(at, _)| at);
        first(text.get(begin..).unwrap_or_default(), length)
    }))
}

pub(super) fn split<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let (text, delimiter) = (of(arguments.first())?, of(arguments.get(1))?);
    if delimiter.is_empty() {
        return Err("the delimiter of `Split` is empty");
    }
    Ok(Datum::List(match text {
        Cow::Borrowed(text) => text.split(&**delimiter).map(Datum::text).collect(),
        Cow::Owned(text) => text
            .split(&**delimiter)
            .map(|part| Datum::text(part.to_owned()))
            .collect(),
    }))
}

pub(super) fn lower<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    Ok(Datum::text(of(arguments.first())?.to_lowercase()))
}

pub(super) fn upper<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    Ok(Datum::text(of(arguments.first())?.to_uppercase()))
}

pub(super) fn convert_case<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let text = of(arguments.first())?;
    Ok(Datum::text(match &**of(arguments.get(1))? {
        "lower" => text.to_lowercase(),
        "upper" => text.to_uppercase(),
        "snake" => words(text).join("_"),
        _ => words(text).iter().map(|word| capital(word)).collect(),
    }))
}

/// The words of a text in small letters: between characters that are no letters or digits, and before
/// capitals that follow a small letter or a digit.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in text.chars() {
        let is_break = !c.is_alphanumeric();
        if (is_break || (c.is_uppercase() && was_small)) && words.last().is_some_and(|word| !word.is_empty())
        {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !is_break) {
            word.extend(c.to_lowercase());
        }
        was_small = c.is_lowercase() || c.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn capital(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).collect()
}
