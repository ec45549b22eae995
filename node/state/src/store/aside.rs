//! Setting a store aside: it is kept under another name for people to look at, and never used again.

use std::path::{Path, PathBuf};

use ringwatch_frame::Clock;

use crate::store::StoreError;
use crate::store::sled_kv::sync;

/// How many are kept.
const KEPT: usize = 3;

/// A store that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// Renames `directory` to `<name>.damaged-<time in UTC>-<slug>`, and removes the oldest of those that there
/// are too many of.
pub(crate) fn set_aside(
    directory: &Path,
    slug: &str,
    reason: String,
    clock: &Clock,
) -> Result<SetAside, StoreError> {
    let prefix = prefix(directory);
    let slug: String = slug
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() { char } else { '-' })
        .take(40)
        .collect();
    let time = utc(clock.now().unix_nanos());
    let named = |number: usize| match number {
        0 => directory.with_file_name(format!("{prefix}{time}-{slug}")),
        number => directory.with_file_name(format!("{prefix}{time}-{slug}-{number}")),
    };
    let path = (0..1000)
        .map(named)
        .find(|path| !path.exists())
        .unwrap_or_else(|| named(1000));
    let renamed = std::fs::rename(directory, &path);
    renamed.map_err(|error| StoreError::file("set aside", directory, &error))?;
    if let Some(parent) = directory.parent() {
        sync(parent)?;
    }
    tracing::error!(
        path = %path.display(), %reason,
        "the state store is not what was written: it is set aside, this node comes back under a new Raft id"
    );
    remove_oldest(directory, &prefix);
    Ok(SetAside { path, reason })
}

fn prefix(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}.damaged-")
}

/// What cannot be removed stays: that is no reason not to start.
fn remove_oldest(directory: &Path, prefix: &str) {
    let Some(listed) = directory
        .parent()
        .and_then(|parent| std::fs::read_dir(parent).ok())
    else {
        return;
    };
    let mut aside: Vec<PathBuf> = listed
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
        .collect();
    aside.sort();
    let surplus = aside.len().saturating_sub(KEPT);
    for path in aside.iter().take(surplus) {
        match std::fs::remove_dir_all(path) {
            Ok(()) => {
                tracing::warn!(path = %path.display(), "the oldest store set aside is removed");
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a store set aside cannot be removed");
            }
        }
    }
}

/// The time as `20261121T143000.123Z`: sorts as it goes.
fn utc(unix_nanos: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(unix_nanos)).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_they_go() {
        for (seconds, said) in [
            (0, "19700101T000000.000Z"),
            (951_782_400, "20000229T000000.000Z"),
            (1_795_271_696, "20261121T143456.000Z"),
        ] {
            assert_eq!(utc(seconds * 1_000_000_000), said);
        }
    }
}
