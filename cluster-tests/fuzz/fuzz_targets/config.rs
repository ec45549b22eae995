//! Any text as a configuration: it ends in settings or in faults, and no secret is in what is shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringwatch_config::{load_text, show};

fuzz_target!(|text: &str| {
    match load_text("ringwatch.yaml", text, &|name| {
        (name == "SECRET").then(|| "4n-und1sc1053d".to_owned())
    }) {
        Ok(loaded) => {
            let _ = show(&loaded.settings);
        }
        Err(faults) => assert!(!faults.as_slice().is_empty()),
    }
});
