//! From settings to a client: endpoint, TLS and headers, checked at the start so that faults show there.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_config::Endpoint as HostPort;
use ringwatch_config::settings::{Compression, Headers, OtlpExporter, Tls};
use tonic::codec::CompressionEncoding;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::client::Client;
use super::unverified::Unverified;
use crate::DeliverError;

const TCP_KEEPALIVE: Duration = Duration::from_secs(60);
/// Only while a request is under way; servers take more for an attack.
const PING: Duration = Duration::from_secs(60);

/// The client of the exporter `name`. Nothing is connected yet.
pub(super) fn client(name: &str, settings: &OtlpExporter) -> Result<Client, DeliverError> {
    let headers = headers(name, &settings.headers)?;
    let compression = match settings.compression {
        Compression::None => None,
        Compression::Gzip => Some(CompressionEncoding::Gzip),
        Compression::Zstd => Some(CompressionEncoding::Zstd),
    };
    let endpoint = endpoint(name, settings)?;
    Ok(Client::new(endpoint, headers, compression, settings.timeout.0))
}

fn endpoint(name: &str, settings: &OtlpExporter) -> Result<Endpoint, DeliverError> {
    let wrong = |reason: String| DeliverError::Endpoint {
        exporter: name.to_owned(),
        endpoint: without_user(&settings.endpoint),
        reason,
    };
    let (encrypted, address) = address(&settings.endpoint, settings.tls.insecure).map_err(wrong)?;
    let scheme = if encrypted { "https" } else { "http" };
    let endpoint =
        Endpoint::from_shared(format!("{scheme}://{address}")).map_err(|error| wrong(error.to_string()))?;
    let endpoint = endpoint
        .connect_timeout(settings.timeout.0)
        .tcp_keepalive(Some(TCP_KEEPALIVE))
        .http2_keep_alive_interval(PING)
        .user_agent(concat!("ringwatch/", env!("CARGO_PKG_VERSION")))
        .map_err(|error| wrong(error.to_string()))?;
    if encrypted {
        encrypt(name, endpoint, &settings.tls)
    } else {
        Ok(endpoint)
    }
}

/// Whether the connection is encrypted, and where it goes. A scheme decides over `tls.insecure`.
fn address(endpoint: &str, insecure: bool) -> Result<(bool, HostPort), String> {
    let (encrypted, rest) = match endpoint.split_once("://") {
        Some(("http", rest)) => (false, rest),
        Some(("https", rest)) => (true, rest),
        Some(_) => return Err("its scheme is neither http nor https".into()),
        None => (!insecure, endpoint),
    };
    let address = rest.strip_suffix('/').unwrap_or(rest).parse::<HostPort>();
    let address = address.map_err(|_| "it is not host and port".to_owned())?;
    if address.port == 0 {
        Err("its port is 0".into())
    } else {
        Ok((encrypted, address))
    }
}

/// The endpoint without a user and a password, which somebody may have written there.
fn without_user(endpoint: &str) -> String {
    match endpoint.rsplit_once('@') {
        Some((_, host)) => format!("[REDACTED]@{host}"),
        None => endpoint.to_owned(),
    }
}

fn encrypt(name: &str, endpoint: Endpoint, tls: &Tls) -> Result<Endpoint, DeliverError> {
    let wrong = |reason: String| DeliverError::Tls {
        exporter: name.to_owned(),
        reason,
    };
    let mut config = ClientTlsConfig::new();
    if let Some(host) = &tls.server_name_override {
        config = config.domain_name(host);
    }
    config = match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => config.identity(Identity::from_pem(
            read(name, "cert_file", cert)?,
            read(name, "key_file", key)?,
        )),
        (None, None) => config,
        _ => {
            return Err(wrong(
                "`cert_file` and `key_file` belong together: set both or none".into(),
            ));
        }
    };
    let built = match (&tls.ca_file, tls.insecure_skip_verify) {
        (Some(_), true) => {
            return Err(wrong(
                "`ca_file` has no meaning with `insecure_skip_verify`: remove one of them".into(),
            ));
        }
        (None, true) => endpoint.tls_config_with_verifier(config, Arc::new(Unverified::default())),
        (Some(ca), false) => {
            endpoint.tls_config(config.ca_certificate(Certificate::from_pem(read(name, "ca_file", ca)?)))
        }
        (None, false) => endpoint.tls_config(config.with_native_roots()),
    };
    let hint = match tls.ca_file {
        Some(_) => "check the files that it names",
        None => {
            "check the files that it names, and that the system has its certificates installed, or set `ca_file`"
        }
    };
    built.map_err(|error| wrong(format!("{}; {hint}", chain(&error))))
}

fn read(name: &str, key: &'static str, path: &str) -> Result<Vec<u8>, DeliverError> {
    let failed = |source| DeliverError::File {
        exporter: name.to_owned(),
        key,
        path: path.to_owned(),
        source,
    };
    std::fs::read(path).map_err(failed)
}

/// An error with what caused it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

fn headers(name: &str, headers: &Headers) -> Result<MetadataMap, DeliverError> {
    let mut metadata = MetadataMap::new();
    for (header, value) in headers {
        let wrong = |reason| DeliverError::Header {
            exporter: name.to_owned(),
            header: header.clone(),
            reason,
        };
        let lower = header.to_ascii_lowercase();
        if lower.starts_with("grpc-") || matches!(lower.as_str(), "te" | "content-type" | "user-agent") {
            return Err(wrong("the protocol sets it itself: remove it"));
        }
        let key = MetadataKey::<Ascii>::from_bytes(lower.as_bytes())
            .map_err(|_| wrong("its name is not letters, digits, `-`, `_` and `.`, or ends in `-bin`"))?;
        let mut value = MetadataValue::try_from(value.expose())
            .map_err(|_| wrong("its value holds something else than printable ASCII"))?;
        value.set_sensitive(true);
        metadata.insert(key, value);
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringwatch_config::Secret;

    #[test]
    fn the_scheme_decides_before_the_settings() {
        let table = [
            ("collector:4317", false, Ok((true, "collector:4317"))),
            ("collector:4317", true, Ok((false, "collector:4317"))),
            ("http://collector:4317", false, Ok((false, "collector:4317"))),
            ("https://collector:4317/", true, Ok((true, "collector:4317"))),
            ("[::1]:4317", true, Ok((false, "[::1]:4317"))),
            ("grpc://collector:4317", true, Err(())),
            ("http://collector", true, Err(())),
            ("http://collector:4317/v1/metrics", true, Err(())),
            ("collector:0", true, Err(())),
            ("", true, Err(())),
        ];
        for (endpoint, insecure, wanted) in table {
            let got = address(endpoint, insecure)
                .map(|(encrypted, to)| (encrypted, to.to_string()))
                .map_err(|_| ());
            assert_eq!(
                got,
                wanted.map(|(encrypted, to)| (encrypted, to.to_owned())),
                "{endpoint}"
            );
        }
    }

    #[test]
    fn headers_are_checked_and_never_shown() {
        let one = |key: &str, value: &str| Headers::from([(key.to_owned(), Secret::new(value))]);
        let good = headers("otlp", &one("X-Api-Key", "s3cret")).unwrap();
        assert_eq!(good.get("x-api-key").unwrap(), "s3cret");
        assert!(!format!("{good:?}").contains("s3cret"));
        for (key, value) in [
            ("x-api-key", "s3\ncret"),
            ("bad key", "s3cret"),
            ("x-bin", "s3cret"),
            ("grpc-timeout", "1S"),
        ] {
            let error = headers("otlp", &one(key, value)).unwrap_err().to_string();
            assert!(error.contains(key) && !error.contains("s3"), "{error}");
        }
    }

    #[test]
    fn a_password_in_the_endpoint_is_not_repeated() {
        assert_eq!(without_user("https://me:pass@host:1/x"), "[REDACTED]@host:1/x");
    }
}
