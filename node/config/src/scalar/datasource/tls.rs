//! How a connection is secured, in each driver's words.

use crate::settings::{Driver, Tls};

/// How a connection is secured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatasourceTls {
    /// What is asked of the server.
    pub mode: TlsMode,
    /// Certificates of the authorities to trust (PEM file), in place of the system's.
    pub ca_file: Option<String>,
    /// This side's certificate (PEM file).
    pub cert_file: Option<String>,
    /// This side's private key (PEM file).
    pub key_file: Option<String>,
}

/// What is asked of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// No encryption.
    Disable,
    /// Encryption where the server has it.
    Prefer,
    /// Encryption, with whomever it is.
    Require,
    /// Encryption with a server whose certificate an authority signed, whatever name it has.
    VerifyCa,
    /// Encryption with the server whose name its certificate has.
    #[default]
    VerifyFull,
}

/// Parameters that are known and change nothing: what they are for is the receiver's matter.
const WITHOUT_EFFECT: [&str; 11] = [
    "application_name",
    "fallback_application_name",
    "connect_timeout",
    "client_encoding",
    "parseTime",
    "charset",
    "collation",
    "loc",
    "timeout",
    "readTimeout",
    "writeTimeout",
];

impl DatasourceTls {
    /// What the section `tls` says.
    ///
    /// # Errors
    /// When it holds what cannot be had for a database.
    pub fn of(tls: &Tls) -> Result<Self, String> {
        if tls.server_name_override.is_some() {
            return Err(
                "`tls.server_name_override` cannot be had here: give the certificate's name as the endpoint's host".into(),
            );
        }
        let mode = if tls.insecure {
            TlsMode::Disable
        } else if tls.insecure_skip_verify {
            TlsMode::Require
        } else {
            TlsMode::VerifyFull
        };
        Ok(Self {
            mode,
            ca_file: tls.ca_file.clone(),
            cert_file: tls.cert_file.clone(),
            key_file: tls.key_file.clone(),
        })
    }
}

/// Takes what concerns it out of the parameters; there must be no others.
pub(super) fn read(driver: Driver, parameters: &[(String, String)]) -> Result<DatasourceTls, String> {
    let mut mode = None;
    let mut tls = DatasourceTls::default();
    for (key, value) in parameters {
        let file = || Some(value.clone()).filter(|value| !value.is_empty());
        match (driver, key.as_str()) {
            (Driver::Postgres, "sslmode") => mode = Some(libpq(value)?),
            (Driver::Mysql, "tls") => mode = Some(go(value)?),
            (Driver::Mysql, "sslmode" | "ssl-mode" | "ssl_mode") => mode = Some(mysql(value)?),
            (Driver::Postgres, "sslrootcert") => tls.ca_file = file().filter(|file| file != "system"),
            (Driver::Postgres, "sslcert") | (Driver::Mysql, "ssl-cert" | "sslcert") => tls.cert_file = file(),
            (Driver::Postgres, "sslkey") | (Driver::Mysql, "ssl-key" | "sslkey") => tls.key_file = file(),
            (Driver::Mysql, "ssl-ca" | "sslrootcert") => tls.ca_file = file(),
            (_, key) if WITHOUT_EFFECT.contains(&key) => {}
            (_, key) => {
                let known = match driver {
                    Driver::Postgres => "`sslmode`, `sslrootcert`, `sslcert`, `sslkey`",
                    Driver::Mysql => "`tls`, `ssl-mode`, `ssl-ca`, `ssl-cert`, `ssl-key`",
                };
                return Err(format!("parameter `{key}` is not supported; there are {known}"));
            }
        }
    }
    if tls.cert_file.is_some() != tls.key_file.is_some() {
        return Err("a certificate of this side needs its key, and a key its certificate".into());
    }
    tls.mode = match mode {
        None => TlsMode::VerifyFull,
        // libpq: who names an authority wants it to be asked.
        Some(TlsMode::Require) if driver == Driver::Postgres && tls.ca_file.is_some() => TlsMode::VerifyCa,
        Some(mode) => mode,
    };
    Ok(tls)
}

fn libpq(value: &str) -> Result<TlsMode, String> {
    Ok(match value {
        "disable" => TlsMode::Disable,
        // It would take encryption where nothing else is offered; here it is taken where it is offered.
        "allow" | "prefer" => TlsMode::Prefer,
        "require" => TlsMode::Require,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-full" => TlsMode::VerifyFull,
        _ => {
            return Err("`sslmode` is one of disable, allow, prefer, require, verify-ca, verify-full".into());
        }
    })
}

fn go(value: &str) -> Result<TlsMode, String> {
    Ok(match value {
        "true" => TlsMode::VerifyFull,
        "false" => TlsMode::Disable,
        "skip-verify" => TlsMode::Require,
        "preferred" => TlsMode::Prefer,
        _ => return Err("`tls` is one of true, false, skip-verify, preferred".into()),
    })
}

fn mysql(value: &str) -> Result<TlsMode, String> {
    Ok(match value.to_ascii_lowercase().replace('-', "_").as_str() {
        "disabled" | "disable" => TlsMode::Disable,
        "preferred" | "prefer" => TlsMode::Prefer,
        "required" | "require" => TlsMode::Require,
        "verify_ca" => TlsMode::VerifyCa,
        "verify_identity" | "verify_full" => TlsMode::VerifyFull,
        _ => {
            return Err(
                "`ssl-mode` is one of DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY".into(),
            );
        }
    })
}
