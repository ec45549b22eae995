//! What a node keeps on its disk, to be lost or damaged while the node does not run.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;

use crate::node;

/// A page of the operating system.
const PAGE: u64 = 4096;

/// What happens to a disk. Each of them leaves files that could be taken for good ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Single bits are others.
    BitFlips,
    /// A file ends too early.
    Truncation,
    /// Pages hold nothing but zeros.
    ZeroedPages,
    /// A file is gone.
    RemovedFiles,
    /// Records are gone without a trace: every file is whole.
    MissingKeys,
}

impl Damage {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::BitFlips,
        Self::Truncation,
        Self::ZeroedPages,
        Self::RemovedFiles,
        Self::MissingKeys,
    ];
}

/// The folder of a node (`cluster.data_dir`), which stays when the node goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// `cluster.data_dir`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of the store.
    pub fn store(&self) -> PathBuf {
        self.folder.join("raft")
    }

    /// Loses all of it, as a new disk would have.
    ///
    /// # Errors
    /// There is nothing, or it cannot be removed.
    pub fn wipe(&self) -> Result<()> {
        std::fs::remove_dir_all(&self.folder).with_context(|| format!("remove {}", self.folder.display()))
    }

    /// Damages the store; the same number does the same to the same files. Gives what it did, in words.
    ///
    /// # Errors
    /// There is no store, or a file cannot be written.
    pub fn damage(&self, damage: Damage, seed: u64) -> Result<String> {
        let mut rng = Rng::with_seed(seed);
        if damage == Damage::MissingKeys {
            return self.forget(rng.u64(..));
        }
        let files = files(&self.store())?;
        let total: u64 = files.iter().map(|(_, length)| length).sum();
        ensure!(total > 0, "nothing to damage in {}", self.store().display());
        // A byte like another: where most of the data is, most of the damage is.
        let mut place = rng.u64(..total);
        let hit = files.iter().find(|(_, length)| {
            let here = place < *length;
            if !here {
                place -= length;
            }
            here
        });
        let (path, length) = hit.context("no file at this place")?;
        let name = path
            .strip_prefix(&self.folder)
            .unwrap_or(path)
            .display()
            .to_string();
        match damage {
            Damage::BitFlips => flip(path, *length, &mut rng).map(|n| format!("{n} bits of {name}")),
            Damage::Truncation => {
                File::options().write(true).open(path)?.set_len(place)?;
                Ok(format!("{name} has {place} of {length} bytes"))
            }
            Damage::ZeroedPages => {
                zero(path, *length, place, &mut rng).map(|n| format!("{n} pages of {name}"))
            }
            Damage::RemovedFiles | Damage::MissingKeys => {
                std::fs::remove_file(path)?;
                Ok(format!("{name} is gone"))
            }
        }
    }

    /// Removes some records by the store's own means.
    fn forget(&self, seed: u64) -> Result<String> {
        let output = Command::new(node::program("ringwatch-store-probe")?)
            .arg("forget")
            .arg(self.store())
            .arg(seed.to_string())
            .output()
            .context("run ringwatch-store-probe")?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(
            output.status.success(),
            "the probe failed: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(said)
    }

    /// The stores that were set aside, by the names of their folders.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn set_aside(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with("raft.damaged-") {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

/// The files below a folder with their lengths, sorted; empty ones are left out.
fn files(folder: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let (path, meta) = entry.and_then(|e| Ok((e.path(), e.metadata()?)))?;
        if meta.is_dir() {
            found.extend(files(&path)?);
        } else if meta.len() > 0 {
            found.push((path, meta.len()));
        }
    }
    found.sort();
    Ok(found)
}

/// Turns 1 to 16 bits around the file's used bytes.
fn flip(path: &Path, length: u64, rng: &mut Rng) -> Result<usize> {
    let file = File::options().read(true).write(true).open(path)?;
    let count = rng.usize(1..=16);
    let mut turned = 0;
    while turned < count {
        let at = rng.u64(..length);
        let mut byte = [0];
        file.read_exact_at(&mut byte, at)?;
        // Zeros are mostly room that nobody uses yet.
        if byte[0] == 0 && rng.u8(..) > 2 {
            continue;
        }
        byte[0] ^= 1 << rng.u8(..8);
        file.write_all_at(&byte, at)?;
        turned += 1;
    }
    Ok(turned)
}

/// Zeroes one to four pages from `place` on.
fn zero(path: &Path, length: u64, place: u64, rng: &mut Rng) -> Result<u64> {
    let file = File::options().write(true).open(path)?;
    let first = place / PAGE;
    let last = (first + rng.u64(..4)).min((length - 1) / PAGE);
    for page in first..=last {
        let from = page * PAGE;
        let count = usize::try_from(PAGE.min(length - from))?;
        file.write_all_at(&vec![0; count], from)?;
    }
    Ok(last - first + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(folder: &Path) -> Disk {
        let disk = Disk::new(folder.join("data"));
        std::fs::create_dir_all(disk.store().join("snapshots")).unwrap();
        std::fs::write(disk.store().join("db"), vec![7; 20_000]).unwrap();
        std::fs::write(disk.store().join("snapshots/1"), vec![9; 5_000]).unwrap();
        disk
    }

    fn content(disk: &Disk) -> Vec<(PathBuf, Vec<u8>)> {
        let read = |(path, _): (PathBuf, u64)| (path.clone(), std::fs::read(path).unwrap());
        files(&disk.store()).unwrap().into_iter().map(read).collect()
    }

    #[test]
    fn each_kind_changes_one_file_and_a_seed_repeats_it() {
        for damage in Damage::ALL
            .into_iter()
            .filter(|kind| *kind != Damage::MissingKeys)
        {
            for seed in 0..20 {
                let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
                let (one, other) = (disk(one.path()), disk(other.path()));
                let before: Vec<Vec<u8>> = content(&one).into_iter().map(|(_, bytes)| bytes).collect();
                let said = one.damage(damage, seed).unwrap();
                assert_eq!(said, other.damage(damage, seed).unwrap());
                let after: Vec<Vec<u8>> = content(&one).into_iter().map(|(_, bytes)| bytes).collect();
                let again: Vec<Vec<u8>> = content(&other).into_iter().map(|(_, bytes)| bytes).collect();
                assert_ne!(before, after, "{damage:?} {seed}: {said}");
                assert_eq!(after, again, "{damage:?} {seed}");
            }
        }
    }

    #[test]
    fn what_was_set_aside_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(folder.path());
        assert!(disk.set_aside().unwrap().is_empty());
        std::fs::create_dir(disk.folder().join("raft.damaged-2026")).unwrap();
        std::fs::write(disk.folder().join("raft.lock"), "").unwrap();
        assert_eq!(disk.set_aside().unwrap(), ["raft.damaged-2026"]);
        disk.wipe().unwrap();
        assert!(disk.damage(Damage::Truncation, 1).is_err());
    }
}
