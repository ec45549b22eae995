//! Finding things in the data: streams, metrics, and the statement for a server's version.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use crate::model::{Engine, Metric, Param, Requirement, Stream, Variant};

impl Engine {
    /// The stream `name`, such as `postgresql.tables`.
    pub fn stream(&self, name: &str) -> Option<&std::sync::Arc<Stream>> {
        self.streams.iter().find(|stream| stream.name == name)
    }

    /// All metrics, in the order of the streams.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.streams.iter().flat_map(|stream| &stream.metrics)
    }

    /// The names of all metrics, in the order of the streams.
    pub fn metric_names(&self) -> impl Iterator<Item = &str> {
        self.metrics().map(|metric| metric.name.as_str())
    }

    /// The major versions of the server for which every stream has a statement.
    pub fn majors(&self) -> RangeInclusive<u32> {
        majors(&self.engine)
    }
}

/// The last major version of MySQL; MariaDB begins with the next.
pub(crate) const LAST_OF_MYSQL: u32 = 9;

/// The major versions that `engine`'s streams must have statements for; empty for an engine that is not known.
pub(crate) fn majors(engine: &str) -> RangeInclusive<u32> {
    match engine {
        "postgresql" => 14..=18,
        "mysql" => 5..=12,
        _ => RangeInclusive::new(1, 0),
    }
}

impl Stream {
    /// The statement for a server of version `server_major`, and for the required extension's version where the
    /// stream needs one. `None` where the catalogue has none, or the extension is absent or too old.
    pub fn variant(&self, server_major: u32, extension_version: Option<&str>) -> Option<&Variant> {
        self.sql
            .iter()
            .find(|variant| variant.fits(server_major, extension_version))
    }

    /// The extension that the stream needs.
    pub fn extension(&self) -> Option<&str> {
        self.requires.iter().find_map(|requirement| match requirement {
            Requirement::Extension(name) => Some(name.as_str()),
            Requirement::Role(_) => None,
        })
    }
}

impl Variant {
    /// Whether it is for this version of the server and of the extension.
    pub fn fits(&self, server_major: u32, extension_version: Option<&str>) -> bool {
        let extension_fits = match (self.extension_from.as_deref(), extension_version) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(from), Some(version)) => {
                compare_versions(version, from).is_some_and(|order| order != Ordering::Less)
            }
        };
        self.fits_server(server_major) && extension_fits
    }

    /// Whether it is for this version of the server, whatever the extension.
    pub(crate) fn fits_server(&self, major: u32) -> bool {
        self.from.is_none_or(|from| from <= major) && self.to.is_none_or(|to| major <= to)
    }
}

impl Param {
    /// Its name in the catalogue file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Databases => "databases",
            Self::ExcludeDatabases => "exclude_databases",
            Self::MaxRows => "max_rows",
        }
    }
}

/// Compares versions such as `1.10` and `1.9` number by number; `None` where one is not made of numbers and dots.
pub(crate) fn compare_versions(left: &str, right: &str) -> Option<Ordering> {
    Some(version_numbers(left)?.cmp(&version_numbers(right)?))
}

/// The numbers of a version, without zeros at the end, so that `1` and `1.0` are the same.
fn version_numbers(version: &str) -> Option<Vec<u32>> {
    let mut numbers = version
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<Vec<u32>>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        for (left, right, expected) in [
            ("1.10", "1.9", Some(Ordering::Greater)),
            ("1.9", "1.10", Some(Ordering::Less)),
            ("1.11", "1.11", Some(Ordering::Equal)),
            ("1.11.1", "1.11", Some(Ordering::Greater)),
            ("2", "1.12", Some(Ordering::Greater)),
            ("1.0", "1", Some(Ordering::Equal)),
            ("1.x", "1.9", None),
            ("", "1.9", None),
            ("99999999999", "1", None),
        ] {
            assert_eq!(compare_versions(left, right), expected, "{left} and {right}");
        }
    }
}
