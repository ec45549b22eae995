use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;
use crate::audit::record::Edges;

const EDGES: Edges = Edges {
    since: 1,
    whole: 2,
    ended: false,
};

fn save(file: &BookFile) -> Result<(), BookFileError> {
    let fresh = file.begin()?;
    let fresh = file.written(|| fresh.end(EDGES))?;
    file.replace(fresh)
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join("data/books")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn it_is_replaced_as_a_whole_and_is_for_its_user_alone() {
    let folder = TempDir::new().unwrap();
    let file = BookFile::new(&folder.path().join("data"), "n1");
    assert!(file.load().unwrap().is_none());
    save(&file).unwrap();
    let begun = file.begin().unwrap();
    assert_eq!(names(&folder), ["ticks", "ticks.tmp"]);
    drop(begun);
    assert_eq!(
        file.load().unwrap().unwrap().edges,
        EDGES,
        "the new one does not count yet"
    );

    // A link that lies there is not followed.
    let victim = folder.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    let beside = file.path().with_extension("tmp");
    fs::remove_file(&beside).unwrap();
    std::os::unix::fs::symlink(&victim, &beside).unwrap();
    save(&file).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    assert_eq!(names(&folder), ["ticks"]);
    let mode = fs::metadata(file.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_of_no_use_is_set_aside_and_then_it_is_written_anew() {
    let folder = TempDir::new().unwrap();
    let file = BookFile::new(&folder.path().join("data"), "n1");
    save(&file).unwrap();
    let whole = fs::read(file.path()).unwrap();
    let mut newer = whole.clone();
    newer[8] = 3;
    for useless in [&b""[..], &whole[..whole.len() - 1], &newer] {
        fs::write(file.path(), useless).unwrap();
        assert!(file.load().unwrap().is_none());
        assert_eq!(names(&folder), ["ticks.damaged"], "one at most is kept");
        assert_eq!(
            fs::read(folder.path().join("data/books/ticks.damaged")).unwrap(),
            useless
        );
    }
    let other = BookFile::new(&folder.path().join("data"), "n2");
    save(&other).unwrap();
    assert!(file.load().unwrap().is_none(), "they are of another node");
    save(&file).unwrap();
    assert!(file.load().unwrap().is_some());
}

#[test]
fn one_that_is_too_large_is_not_read() {
    let folder = TempDir::new().unwrap();
    let file = BookFile::new(&folder.path().join("data"), "n1");
    save(&file).unwrap();
    // All of it but the first bytes is a hole.
    let opened = fs::OpenOptions::new().write(true).open(file.path()).unwrap();
    opened.set_len(MAX_BYTES + 1).unwrap();
    assert_eq!(file.found().unwrap(), Err(Unfit::Large(MAX_BYTES + 1)));
    assert!(file.load().unwrap().is_none());
    assert_eq!(names(&folder), ["ticks.damaged"]);
}

#[test]
fn a_place_that_cannot_be_used_says_what_to_do() {
    let folder = TempDir::new().unwrap();
    let file = BookFile::new(&folder.path().join("data"), "n1");
    fs::create_dir_all(file.path()).unwrap();
    let error = file.load().unwrap_err().to_string();
    assert!(
        error.ends_with(
            "books/ticks` could not be read, and was set aside as `.damaged`: it is no regular file"
        ),
        "{error}"
    );
    assert_eq!(names(&folder), ["ticks.damaged"]);
    fs::remove_dir_all(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("data"), "no folder").unwrap();
    let error = save(&file).unwrap_err().to_string();
    assert!(error.contains("books/ticks` cannot be written: "), "{error}");
    assert!(
        error.contains("let the node's user write in its folder"),
        "{error}"
    );
}
