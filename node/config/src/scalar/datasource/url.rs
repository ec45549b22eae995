//! `scheme://user:password@host:port/database?parameter=value`.

use super::Parts;

/// What a character of a password does to a URL that is not written with percent.
const ESCAPE: &str =
    "write `@`, `:`, `/`, `?`, `#` and `%` of a user name or password as %40, %3A, %2F, %3F, %23 and %25";

/// The scheme and what follows, if the text is a URL.
pub(super) fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let fits = !scheme.is_empty()
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    fits.then_some((scheme, rest))
}

/// The parts of a URL after its scheme.
pub(super) fn parts(rest: &str) -> Result<Parts, String> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if tail.contains('@') {
        // Had the password ended where it should, none would be left.
        return Err(format!("a part of it is not escaped: {ESCAPE}"));
    }
    if tail.contains('#') {
        return Err(format!("`#` has no meaning here: {ESCAPE}"));
    }
    let (login, place) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(login, place)| (Some(login), place));
    let mut parts = Parts::default();
    if let Some(login) = login {
        let (user, password) = login
            .split_once(':')
            .map_or((login, None), |(user, password)| (user, Some(password)));
        parts.user = Some(decoded(user, "user name")?);
        parts.password = password
            .map(|password| decoded(password, "password"))
            .transpose()?;
    }
    let (host, port) = split_port(place);
    parts.host = Some(decoded(host, "host")?);
    parts.port = port.map(str::to_owned);
    let (path, query) = tail
        .split_once('?')
        .map_or((tail, ""), |(path, query)| (path, query));
    let database = path.strip_prefix('/').unwrap_or(path);
    if database.contains('/') {
        return Err("its database's name holds a `/`: write %2F".into());
    }
    parts.database = Some(decoded(database, "database's name")?);
    parts.more = parameters(query)?;
    Ok(parts)
}

/// `a=b&c=d`.
pub(super) fn parameters(query: &str) -> Result<Vec<(String, String)>, String> {
    let mut all = Vec::new();
    for one in query.split('&').filter(|one| !one.is_empty()) {
        let (key, value) = one.split_once('=').ok_or("a parameter has no `=`")?;
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if key.is_empty() || !key.chars().all(name) {
            return Err("the name of a parameter has characters that none has".into());
        }
        let value = decoded(value, &format!("parameter `{key}`"))?;
        if all.iter().any(|(known, _)| known == key) {
            return Err(format!("parameter `{key}` stands there twice"));
        }
        all.push((key.to_owned(), value));
    }
    Ok(all)
}

/// A host, and a port where there is one. An IPv6 address stands in brackets.
fn split_port(place: &str) -> (&str, Option<&str>) {
    match (place.rfind(']'), place.rfind(':')) {
        (Some(bracket), Some(colon)) if colon < bracket => (place, None),
        (_, Some(colon)) => {
            let (host, port) = place.split_at(colon);
            (host, port.get(1..))
        }
        (_, None) => (place, None),
    }
}

/// `text` without its percent escapes.
fn decoded(text: &str, what: &str) -> Result<String, String> {
    let wrong = || format!("its {what} holds a `%` that escapes nothing: {ESCAPE}");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_first_chunk::<2>().ok_or_else(wrong)?;
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        let sign = |b: u8| b.is_ascii_hexdigit();
        if !digits.bytes().all(sign) {
            return Err(wrong());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| format!("its {what} is not UTF-8"))
}
