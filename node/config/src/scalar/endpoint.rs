//! `host:port`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A host and a port, as they stand in the configuration: `db1.internal:5432`, `[::1]:5432`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// The port, which may be 0 where something listens.
    pub port: u16,
}

impl Endpoint {
    /// Whether only this machine reaches it, as far as its text says.
    pub fn is_loopback(&self) -> bool {
        let address: Result<IpAddr, _> = self.host.parse();
        self.host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    }

    /// Whether it stands for every address of a machine: `0.0.0.0` or `::`.
    pub fn is_unspecified(&self) -> bool {
        let address: Result<IpAddr, _> = self.host.parse();
        address.is_ok_and(|address| address.is_unspecified())
    }
}

/// A text that is not `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not host:port, such as db1.internal:5432 or [::1]:5432")]
pub struct EndpointError(String);

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let odd = |c: char| c.is_whitespace() || c.is_control() || "/@[]?#".contains(c);
        match bare {
            Some(v6) if v6.parse::<std::net::Ipv6Addr>().is_ok() => Ok(Self {
                host: v6.to_owned(),
                port,
            }),
            None if !host.is_empty() && !host.contains(':') && !host.contains(odd) => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Endpoint {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Endpoint".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "endpoint" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_host_and_port() {
        for text in ["db1.internal:5432", "127.0.0.1:0", "[::1]:5432"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        let of = |text: &str| text.parse::<Endpoint>().unwrap();
        assert!(
            ["localhost:1", "127.0.0.2:1", "[::1]:1"]
                .iter()
                .all(|text| of(text).is_loopback())
        );
        assert!(
            ["0.0.0.0:1", "[::]:1"]
                .iter()
                .all(|text| of(text).is_unspecified())
        );
        assert!(!of("db1:1").is_loopback() && !of("db1:1").is_unspecified());
        for text in [
            "",
            "db1",
            "db1:",
            ":5432",
            "::1:5432",
            "[::1]",
            "db1:70000",
            "http://db1:80",
            "a b:1",
            "[x]:1",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
