use std::os::unix::fs::PermissionsExt;

use ringwatch_frame::Tick;
use tempfile::TempDir;

use super::*;

fn store(directory: &TempDir, component: &str) -> FileStore {
    let clock = Clock::simulated(Tick::from_unix_nanos(1_700_000_000_000_000_000));
    FileStore::new(directory.path().join("deep/down/state.json"), component, clock)
}

fn names(directory: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory.path().join("deep/down"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_saved_is_loaded_by_the_next_process_and_is_for_its_user_alone() {
    let directory = TempDir::new().unwrap();
    let first = store(&directory, "adaptive_sampler");
    assert_eq!(first.load().unwrap(), None);
    first.save(br#"{"rate":1}"#).unwrap();
    first.save(br#"{ "rate": 2.50 }"#).unwrap();
    let second = store(&directory, "adaptive_sampler");
    assert_eq!(second.load().unwrap().unwrap(), br#"{ "rate": 2.50 }"#);
    assert_eq!(names(&directory), ["state.json"]);
    let mode = fs::metadata(second.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(second.path()).unwrap();
    assert!(
        text.starts_with(r#"{"version":1,"component":"adaptive_sampler","checksum":"xxh3:"#),
        "{text}"
    );
}

#[tokio::test]
async fn every_damage_is_set_aside_and_then_it_is_written_anew() {
    let directory = TempDir::new().unwrap();
    let file = store(&directory, "c");
    file.save(br#"{"rate":1.5,"names":["a"]}"#).unwrap();
    let whole = fs::read(file.path()).unwrap();
    // the line's end belongs to nothing
    for cut in 0..whole.len() - 1 {
        fs::write(file.path(), &whole[..cut]).unwrap();
        assert_eq!(file.load().unwrap(), None, "cut at {cut}");
        assert_eq!(names(&directory), ["state.json.damaged-1700000000"]);
    }
    let state = String::from_utf8(whole.clone()).unwrap().find("rate").unwrap();
    for at in state..whole.len() - 3 {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(file.path(), flipped).unwrap();
        assert_eq!(file.load().unwrap(), None, "flipped at {at}");
    }
    file.save(b"{}").unwrap();
    assert_eq!(file.load().unwrap().unwrap(), b"{}");
}

#[tokio::test]
async fn what_belongs_to_another_is_left_alone() {
    let directory = TempDir::new().unwrap();
    store(&directory, "adaptive_sampler/a").save(b"{}").unwrap();
    let other = store(&directory, "adaptive_sampler/b");
    let error = other.load().unwrap_err().to_string();
    assert!(
        error.ends_with("holds the state of `adaptive_sampler/a`: name another file"),
        "{error}"
    );
    assert!(matches!(other.save(b"[]"), Err(StoreError::Foreign { .. })));
    assert_eq!(
        store(&directory, "adaptive_sampler/a").load().unwrap().unwrap(),
        b"{}"
    );

    for newer in [
        r#"{"version":2,"component":"c","checksum":"","state":{}}"#,
        r#"{"version":7,"components":{"c":[]}}"#,
    ] {
        let file = store(&directory, "c");
        fs::write(file.path(), newer).unwrap();
        assert!(matches!(file.load(), Err(StoreError::Foreign { .. })));
        assert!(file.save(b"{}").is_err());
        assert_eq!(fs::read_to_string(file.path()).unwrap(), newer);
    }
}

#[tokio::test]
async fn no_flipped_bit_is_taken_for_a_state() {
    let directory = TempDir::new().unwrap();
    let state = br#"{"rate":1.5,"names":["a"]}"#;
    store(&directory, "c").save(state).unwrap();
    let path = store(&directory, "c").path().to_owned();
    let whole = fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, flipped).unwrap();
        match store(&directory, "c").load() {
            Ok(None) | Err(StoreError::Foreign { .. }) => {}
            // the number of the version became 0, or a space another one
            Ok(Some(read)) => assert_eq!(read, state, "bit {bit}"),
            Err(error) => panic!("bit {bit}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_pipe_or_a_folder_is_neither_read_nor_replaced() {
    let directory = TempDir::new().unwrap();
    let clock = Clock::simulated(Tick::from_unix_nanos(0));
    let folder = directory.path().join("folder");
    fs::create_dir(&folder).unwrap();
    for path in [Path::new("/dev/null"), &folder] {
        let file = FileStore::new(path, "c", clock.clone());
        assert!(matches!(file.load(), Err(StoreError::Read { .. })), "{path:?}");
        let error = file.save(b"{}").unwrap_err().to_string();
        assert!(error.contains("no regular file"), "{error}");
        assert!(!path.is_file() && path.exists());
    }
}

#[tokio::test]
async fn a_write_that_fails_leaves_what_was_there() {
    let directory = TempDir::new().unwrap();
    let file = store(&directory, "c");
    file.save(b"1").unwrap();
    fs::create_dir(beside(file.path(), "tmp")).unwrap();
    assert!(matches!(file.save(b"2"), Err(StoreError::Write { .. })));
    assert_eq!(file.load().unwrap().unwrap(), b"1");
    fs::remove_dir(beside(file.path(), "tmp")).unwrap();
    file.save(b"3").unwrap();
    assert_eq!(file.load().unwrap().unwrap(), b"3");
}

#[tokio::test]
async fn a_link_that_lies_beside_is_not_followed() {
    let directory = TempDir::new().unwrap();
    let file = store(&directory, "c");
    file.save(b"1").unwrap();
    let victim = directory.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    std::os::unix::fs::symlink(&victim, beside(file.path(), "tmp")).unwrap();
    file.save(b"2").unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    assert_eq!(file.load().unwrap().unwrap(), b"2");
    assert_eq!(names(&directory), ["state.json"]);
}

#[tokio::test]
async fn a_place_that_cannot_be_written_says_what_to_do() {
    let directory = TempDir::new().unwrap();
    fs::write(
        directory.path().join("deep"),
        "a file where a directory should be",
    )
    .unwrap();
    let file = store(&directory, "c");
    let error = file.save(b"{}").unwrap_err().to_string();
    assert!(error.contains("state.json` cannot be written: "), "{error}");
    assert!(
        error.ends_with("let the node's user write in its directory, or name another file"),
        "{error}"
    );
    assert!(file.save(b"no JSON").is_err());
}
