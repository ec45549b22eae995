//! The cluster's keys: the first seals, all open.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// At most this many keys are tried on what comes from others.
const MOST_KEYS: usize = 16;
/// A file longer than this holds no keys.
const LONGEST_FILE: u64 = 64 * 1024;
const LENGTH: usize = 32;

const FOR_GOSSIP: &[u8] = b"ringwatch gossip v1";
const FOR_PEERS: &[u8] = b"ringwatch peer v1";
const OF_NAME: &[u8] = b"ringwatch cluster name v1";

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the key file `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is no key.
    #[error("line {line} of the key file `{path}` is not a key: it must be 32 bytes in base64")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// No line holds a key.
    #[error("the key file `{path}` holds no key: put 32 bytes in base64 on a line of its own")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// More keys than are ever needed.
    #[error("the key file `{path}` holds more than {MOST_KEYS} keys: remove those not in use")]
    TooMany {
        /// Which file.
        path: PathBuf,
    },
}

/// The cluster's keys. They are wiped from memory when dropped and never printed.
#[derive(Clone)]
pub struct Keyring(Vec<Zeroizing<[u8; LENGTH]>>);

impl Keyring {
    /// Reads a key file: a key of 32 bytes in base64 on each line. Blank lines and lines that begin with `#`
    /// say nothing.
    ///
    /// # Errors
    /// When the file cannot be read, or does not hold one to sixteen keys and nothing else.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::Read {
            path: path.to_owned(),
            source,
        };
        let length = std::fs::metadata(path).map_err(failed)?.len();
        if length > LONGEST_FILE {
            return Err(KeyError::TooMany {
                path: path.to_owned(),
            });
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
        Self::parse(&text, path)
    }

    /// The ring of a cluster without a key file. Its key is made of the cluster's name, so it keeps clusters
    /// of other names out, and nobody who wants to come in.
    pub fn of_name(cluster: &str) -> Self {
        Self(vec![derive(cluster.as_bytes(), &[OF_NAME])])
    }

    /// A word by which nodes of this cluster know each other in calls: it proves the first key without
    /// showing it.
    pub fn peer_token(&self, cluster: &str) -> String {
        self.0.first().map(|key| token(key, cluster)).unwrap_or_default()
    }

    /// Whether `word` is the token of any of the keys. Takes the same time whatever it is.
    pub fn accepts_token(&self, cluster: &str, word: &str) -> bool {
        let mut accepted = subtle::Choice::from(0);
        for key in &self.0 {
            accepted |= token(key, cluster).as_bytes().ct_eq(word.as_bytes());
        }
        accepted.into()
    }

    /// The keys that datagrams are sealed with, the one to seal with first.
    pub(super) fn gossip_keys(&self) -> impl Iterator<Item = Zeroizing<[u8; LENGTH]>> {
        self.0.iter().map(|key| derive(&**key, &[FOR_GOSSIP]))
    }

    fn parse(text: &str, path: &Path) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some(key) = decode(line) else {
                let path = path.to_owned();
                return Err(KeyError::Line { path, line: at + 1 });
            };
            keys.push(key);
        }
        match keys.len() {
            0 => Err(KeyError::Empty {
                path: path.to_owned(),
            }),
            1..=MOST_KEYS => Ok(Self(keys)),
            _ => Err(KeyError::TooMany {
                path: path.to_owned(),
            }),
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys, [REDACTED])", self.0.len())
    }
}

fn decode(line: &str) -> Option<Zeroizing<[u8; LENGTH]>> {
    let bytes = STANDARD
        .decode(line)
        .or_else(|_| STANDARD_NO_PAD.decode(line))
        .ok()?;
    let bytes = Zeroizing::new(bytes);
    <[u8; LENGTH]>::try_from(bytes.as_slice())
        .ok()
        .map(Zeroizing::new)
}

fn token(key: &[u8; LENGTH], cluster: &str) -> String {
    URL_SAFE_NO_PAD.encode(*derive(key, &[FOR_PEERS, &[0], cluster.as_bytes()]))
}

/// HKDF-SHA256 (RFC 5869) without salt; `purpose` keeps what is derived for one use apart from all others.
fn derive(secret: &[u8], purpose: &[&[u8]]) -> Zeroizing<[u8; LENGTH]> {
    let mut derived = Zeroizing::new([0; LENGTH]);
    // It can only fail for outputs of more than 255 hashes.
    let expanded = Hkdf::<Sha256>::new(None, secret).expand_multi_info(purpose, &mut *derived);
    debug_assert!(expanded.is_ok());
    derived
}

#[cfg(test)]
mod tests;
