//! Any text searched for personal data: places are whole characters in order, and what is hidden has nothing
//! in it.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ringwatch_parse::scan::{Action, Classes, HashKey, Scanner};

static SCANNERS: LazyLock<[Scanner; 2]> = LazyLock::new(|| {
    let all = Scanner::new(Classes::ALL, &[]).expect("no pattern can be wrong");
    [Scanner::default(), all]
});
static KEY: LazyLock<HashKey> = LazyLock::new(|| HashKey::new(b"fuzzing"));

fuzz_target!(|text: &str| {
    let mut found = Vec::new();
    let mut again = Vec::new();
    for scanner in SCANNERS.iter() {
        scanner.find(text, &mut found);
        let mut last = 0;
        for one in &found {
            assert!(last <= one.start && one.start < one.end);
            assert!(text.get(one.start..one.end).is_some());
            last = one.end;
        }
        for action in [Action::Redact, Action::Hash(KEY.clone())] {
            let hidden = scanner.redact(text, &found, &action);
            scanner.find(&hidden, &mut again);
            assert!(again.is_empty(), "{again:?} in {hidden:?}");
        }
    }
});
