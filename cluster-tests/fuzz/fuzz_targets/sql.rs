//! Any text through the obfuscation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringwatch_parse::sql::{Dialect, obfuscate};

fuzz_target!(|text: &str| {
    if let Ok(hidden) = obfuscate(Dialect::PostgreSql, text) {
        assert_eq!(obfuscate(Dialect::PostgreSql, &hidden).as_deref(), Ok(hidden.as_str()));
    }
});
