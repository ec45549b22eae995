//! `user:password@tcp(host:port)/database?parameter=value`: nothing but the parameters is escaped.

use super::{Parts, url};

/// The parts of such a text.
pub(super) fn parts(text: &str) -> Result<Parts, String> {
    let form = "it is neither a URL (`mysql://...`) nor `user:password@tcp(host:port)/database`";
    // A password may hold any of the marks, so the place is looked for from the end.
    let (login, rest) = text.rsplit_once("@tcp(").ok_or_else(|| {
        if text.contains("@unix(") {
            "a socket is not supported: name a host".to_owned()
        } else {
            form.to_owned()
        }
    })?;
    let (place, rest) = rest.split_once(')').ok_or(form)?;
    let tail = rest.strip_prefix('/').ok_or(form)?;
    let (database, query) = tail.split_once('?').unwrap_or((tail, ""));
    let (user, password) = login
        .split_once(':')
        .map_or((login, None), |(user, password)| (user, Some(password)));
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.to_owned())),
        _ => (place, None),
    };
    Ok(Parts {
        host: Some(host.to_owned()),
        port,
        user: Some(user.to_owned()),
        password: password.map(str::to_owned),
        database: Some(database.to_owned()),
        more: url::parameters(query)?,
    })
}
