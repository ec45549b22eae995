use std::fs::{OpenOptions, remove_file, rename, write};
use std::io::Write as _;

use tempfile::TempDir;

use super::*;

struct Log {
    folder: TempDir,
    cursors: Option<Cursors>,
}

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            folder,
            cursors: None,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// What is new: name, text and whether it is from the beginning.
    fn read(&mut self, most: usize) -> Vec<(String, String, bool)> {
        let pattern = self.path("*.log");
        let (chunks, next) = read(pattern.to_str().unwrap(), self.cursors.as_ref(), most).unwrap();
        self.cursors = Some(Cursors::from_batch(&next.to_batch().unwrap()).unwrap());
        let told = |chunk: Chunk| {
            (
                chunk.file,
                String::from_utf8(chunk.bytes).unwrap(),
                chunk.offset == 0,
            )
        };
        chunks.into_iter().map(told).collect()
    }
}

fn told(file: &str, text: &str, anew: bool) -> (String, String, bool) {
    (file.to_owned(), text.to_owned(), anew)
}

#[test]
fn it_begins_at_the_end_and_then_tells_all_once() {
    let mut log = Log::new();
    log.append("a.log", "old\n");
    assert!(log.read(100).is_empty());
    log.append("a.log", "one\ntwo\n");
    log.append("a.txt", "of no concern");
    assert_eq!(
        log.read(5),
        [told("a.log", "one\nt", false)],
        "as many bytes as may be"
    );
    assert_eq!(log.read(100), [told("a.log", "wo\n", false)]);
    assert!(log.read(100).is_empty());
    log.append("b.log", "new\n");
    assert_eq!(log.read(100), [told("b.log", "new\n", true)]);
}

#[test]
fn a_renamed_file_is_read_to_its_end() {
    let mut log = Log::new();
    log.append("a.log", "1");
    log.read(100);
    log.append("a.log", "2");
    rename(log.path("a.log"), log.path("a.log.1")).unwrap();
    log.append("a.log", "3");
    let mut all = log.read(100);
    all.sort();
    assert_eq!(all, [told("a.log", "3", true), told("a.log.1", "2", false)]);
    remove_file(log.path("a.log.1")).unwrap();
    assert!(log.read(100).is_empty());
    assert_eq!(log.cursors.unwrap().0.len(), 1, "what is gone is forgotten");
}

#[test]
fn a_file_that_became_shorter_is_read_anew() {
    let mut log = Log::new();
    log.append("a.log", "a long line\n");
    log.read(100);
    write(log.path("a.log"), "short\n").unwrap();
    assert_eq!(log.read(100), [told("a.log", "short\n", true)]);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    assert!(read("/nowhere/at/all/*.log", None, 100).is_err());
}

#[test]
fn patterns() {
    for (pattern, name, expected) in [
        ("a.log", "a.log", true),
        ("a.log", "a.log.1", false),
        ("*.log", "a.log", true),
        ("*", "anything", true),
        ("p*-*.json", "postgresql-1.json", true),
        ("p*-*.json", "postgresql.json", false),
        ("a*a", "a", false),
        ("*.log", ".log", true),
    ] {
        assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
    }
}
