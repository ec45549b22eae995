//! Where a `sqlquery` receiver connects to, out of one text or out of its parts.
//!
//! What is wrong is told by the names of parts and parameters alone: the text holds a password, and where it
//! ends is just what cannot be told from a text that is wrong.

mod mysql;
mod pairs;
mod tls;
mod url;

#[cfg(test)]
mod tests;

use super::{Endpoint, Secret};
use crate::settings::{Driver, SqlqueryReceiver};

pub use self::tls::{DatasourceTls, TlsMode};

/// Whom to ask, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datasource {
    /// Where the server listens.
    pub endpoint: Endpoint,
    /// The role to log in as.
    pub username: String,
    /// Its password.
    pub password: Option<Secret>,
    /// The database to connect to. Empty only for MySQL, where a session needs none.
    pub database: String,
    /// How the connection is secured.
    pub tls: DatasourceTls,
}

impl Datasource {
    /// Reads a URL, `key=value` pairs (PostgreSQL) or `user:password@tcp(host:port)/database` (MySQL).
    ///
    /// # Errors
    /// In words what is wrong; never a part of the text that may be secret.
    pub fn parse(driver: Driver, text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty".into());
        }
        let parts = match (driver, url::scheme(text)) {
            (_, Some((scheme, rest))) => {
                if !schemes(driver).contains(&scheme.to_ascii_lowercase().as_str()) {
                    let wanted = schemes(driver).join("://` or `");
                    return Err(format!("for this driver the URL begins with `{wanted}://`"));
                }
                url::parts(rest)?
            }
            (Driver::Postgres, None) => pairs::parts(text)?,
            (Driver::Mysql, None) => mysql::parts(text)?,
        };
        parts.datasource(driver)
    }

    /// Where `receiver` connects to: its `datasource`, or its `endpoint` and what stands beside it.
    ///
    /// # Errors
    /// In words what is wrong or missing.
    pub fn of(receiver: &SqlqueryReceiver) -> Result<Self, String> {
        if let Some(text) = &receiver.datasource {
            return Self::parse(receiver.driver, text.expose()).map_err(|e| format!("`datasource`: {e}"));
        }
        let endpoint = receiver.endpoint.clone();
        let username = receiver.username.clone().filter(|name| !name.is_empty());
        let (Some(endpoint), Some(username)) = (endpoint, username) else {
            return Err("give `datasource`, or `endpoint` and `username`".into());
        };
        let database = receiver
            .database
            .clone()
            .unwrap_or_else(|| match receiver.driver {
                Driver::Postgres => username.clone(),
                Driver::Mysql => String::new(),
            });
        Ok(Self {
            endpoint,
            username,
            password: receiver.password.clone(),
            database,
            tls: DatasourceTls::of(&receiver.tls)?,
        })
    }

    /// The identity of the server as a target: `postgresql://host:port` or `mysql://host:port`.
    pub fn engine(driver: Driver) -> &'static str {
        match driver {
            Driver::Postgres => "postgresql",
            Driver::Mysql => "mysql",
        }
    }
}

fn schemes(driver: Driver) -> &'static [&'static str] {
    match driver {
        Driver::Postgres => &["postgresql", "postgres"],
        Driver::Mysql => &["mysql", "mariadb"],
    }
}

/// What a text says, before it is known whether that is enough.
#[derive(Default)]
struct Parts {
    host: Option<String>,
    port: Option<String>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    /// The other parameters.
    more: Vec<(String, String)>,
}

impl Parts {
    fn datasource(self, driver: Driver) -> Result<Datasource, String> {
        let mut parts = self;
        if driver == Driver::Postgres {
            parts.settle()?;
        }
        let tls = tls::read(driver, &parts.more)?;
        let host = parts.host.filter(|host| !host.is_empty());
        let host = host.ok_or("it names no host")?;
        let port = match parts.port.as_deref().filter(|port| !port.is_empty()) {
            None if driver == Driver::Postgres => 5432,
            None => 3306,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(
                "the port is not a number from 1 to 65535; in a URL, write `@`, `:`, `/`, `?` and `#` of a password \
                 as %40, %3A, %2F, %3F and %23",
            )?,
        };
        let user = parts.user.filter(|user| !user.is_empty());
        let username = user.ok_or("it names no user")?;
        let database = match parts.database.filter(|name| !name.is_empty()) {
            Some(database) => database,
            None if driver == Driver::Postgres => username.clone(),
            None => String::new(),
        };
        Ok(Datasource {
            endpoint: endpoint(&host, port)?,
            username,
            password: parts.password.map(Secret::new),
            database,
            tls,
        })
    }

    /// Takes what libpq lets stand among the parameters to its place.
    fn settle(&mut self) -> Result<(), String> {
        let mut address = None;
        for (key, value) in std::mem::take(&mut self.more) {
            match key.as_str() {
                "host" => self.host = Some(value),
                "hostaddr" => address = Some(value),
                "port" => self.port = Some(value),
                "user" => self.user = Some(value),
                "password" => self.password = Some(value),
                "dbname" => self.database = Some(value),
                "service" | "passfile" => {
                    return Err(format!(
                        "`{key}` is not supported: write what it stands for into the datasource"
                    ));
                }
                _ => self.more.push((key, value)),
            }
        }
        if self.host.as_ref().is_none_or(String::is_empty) {
            self.host = address;
        }
        Ok(())
    }
}

fn endpoint(host: &str, port: u16) -> Result<Endpoint, String> {
    if host.starts_with('/') || host.starts_with('@') {
        return Err("a socket is not supported: name a host".into());
    }
    if host.contains(',') {
        return Err("it names several hosts: write one receiver for each".into());
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    let text = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    text.parse().map_err(|_| {
        "its host is no name and no address; in a URL, write `@`, `:`, `/`, `?` and `#` of a password as %40, %3A, \
         %2F, %3F and %23"
            .to_owned()
    })
}
