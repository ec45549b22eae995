//! Targets as breakers and limits see them: which settings are theirs, and what they are called.

use std::collections::BTreeMap;

use ringwatch_frame::TargetId;

/// A target that a breaker or a limiter is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoveredTarget {
    /// Its id.
    pub id: TargetId,
    /// Its `host:port`.
    pub endpoint: String,
    /// The databases that its readers connect to, the main one first.
    pub databases: Vec<String>,
}

impl CoveredTarget {
    /// The entry that is about it: by its id, else by `host:port`, else by a database.
    pub(crate) fn entry<'a, T>(&self, entries: &'a BTreeMap<String, T>) -> Option<(&'a str, &'a T)> {
        let by = |key: &str| entries.get_key_value(key);
        let found = by(self.id.as_str()).or_else(|| by(&self.endpoint));
        let found = found.or_else(|| self.databases.iter().find_map(|database| by(database)));
        found.map(|(key, entry)| (key.as_str(), entry))
    }

    /// Whether a person may mean it by `name`.
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        self.id.as_str() == name
            || self.endpoint == name
            || self.databases.iter().any(|database| database == name)
    }
}

/// What each of the targets is called in metrics and lists: the key of its entry where no other target has
/// the same, else its id.
pub(crate) fn names<T>(targets: &[CoveredTarget], entries: &BTreeMap<String, T>) -> Vec<String> {
    let keys: Vec<_> = targets
        .iter()
        .map(|target| target.entry(entries).map(|(key, _)| key))
        .collect();
    let mut users: BTreeMap<&str, u32> = BTreeMap::new();
    for key in keys.iter().flatten() {
        *users.entry(key).or_default() += 1;
    }
    let own = |key: &&str| users.get(key) == Some(&1);
    let name = |(target, key): (&CoveredTarget, &Option<&str>)| {
        key.filter(own)
            .map_or_else(|| target.id.to_string(), str::to_owned)
    };
    targets.iter().zip(&keys).map(name).collect()
}

/// Entries that are about none of the targets.
pub(crate) fn unused<'a, T>(targets: &[CoveredTarget], entries: &'a BTreeMap<String, T>) -> Vec<&'a str> {
    let is_used = |key: &str| {
        targets
            .iter()
            .any(|target| target.entry(entries).is_some_and(|(used, _)| used == key))
    };
    entries
        .keys()
        .map(String::as_str)
        .filter(|key| !is_used(key))
        .collect()
}

/// A target whose id, endpoint and database are made of `name`.
#[cfg(test)]
pub(crate) fn target(name: &str, databases: &[&str]) -> CoveredTarget {
    let endpoint = format!("{name}:5432");
    CoveredTarget {
        id: TargetId::new("postgresql", &endpoint),
        endpoint,
        databases: databases.iter().map(|&database| database.to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_id_endpoint_and_database_and_lend_their_names() {
        let keys = ["postgresql://a:5432", "b:5432", "shop", "shared", "nobody"];
        let entries: BTreeMap<String, ()> = keys.iter().map(|&key| (key.to_owned(), ())).collect();
        let targets = [
            target("a", &["shop"]),
            target("b", &["shared"]),
            target("c", &["other", "shop"]),
            target("d", &["shared"]),
            target("e", &["shared"]),
            target("f", &[]),
        ];
        let found: Vec<_> = targets
            .iter()
            .map(|target| target.entry(&entries).map(|(key, ())| key))
            .collect();
        let expected = [
            Some(keys[0]),
            Some(keys[1]),
            Some("shop"),
            Some("shared"),
            Some("shared"),
            None,
        ];
        assert_eq!(found, expected);
        let expected = [
            keys[0],
            keys[1],
            "shop",
            "postgresql://d:5432",
            "postgresql://e:5432",
            "postgresql://f:5432",
        ];
        assert_eq!(names(&targets, &entries), expected);
        assert_eq!(unused(&targets, &entries), ["nobody"]);
        assert!(targets[2].answers_to("other") && !targets[2].answers_to("c"));
    }
}
