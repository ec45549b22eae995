//! Hashes of attribute values.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of `text` in hexadecimal.
pub(crate) fn sha256_hex(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
