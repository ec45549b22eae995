//! The files of `deploy/` as they stand in the repository.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

/// A port and its protocol, `TCP` or `UDP`.
pub(super) type Port = (u64, String);

/// What a deployment consists of.
const MANIFESTS: [&str; 8] = [
    "configmap.yaml",
    "kustomization.yaml",
    "network-policy.yaml",
    "pod-disruption-budget.yaml",
    "secret.yaml",
    "service-client.yaml",
    "service-headless.yaml",
    "statefulset.yaml",
];

/// Files by name: the manifests and the `Dockerfile`.
pub(super) struct Files(BTreeMap<String, String>);

/// A path below the repository's root.
pub(super) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

impl Files {
    pub(super) fn read() -> Self {
        let read = |path: PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let mut files = BTreeMap::new();
        files.insert("Dockerfile".to_owned(), read(repository("deploy/Dockerfile")));
        for entry in std::fs::read_dir(repository("deploy/kubernetes")).unwrap() {
            let path = entry.unwrap().path();
            files.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), read(path));
        }
        Self(files)
    }

    /// Changes a copy: one file, or with `*` all that hold `from`. What is not there cannot be broken.
    pub(super) fn replace(&mut self, file: &str, from: &str, to: &str) {
        let mut broken = 0;
        for (_, text) in self.0.iter_mut().filter(|(name, _)| file == "*" || *name == file) {
            broken += text.matches(from).count();
            *text = text.replace(from, to);
        }
        assert!(broken > 0, "{file} does not hold `{from}`");
    }

    pub(super) fn text(&self, file: &str) -> &str {
        &self.0[file]
    }

    /// A manifest. `missing` has seen that it can be read.
    pub(super) fn manifest(&self, file: &str) -> Value {
        serde_saphyr::from_str(self.text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Files that are not there, are too many, or are not read by anybody.
    pub(super) fn missing(&self) -> Vec<String> {
        let mut found = Vec::new();
        let expected = MANIFESTS.iter().filter(|file| !self.0.contains_key(**file));
        found.extend(expected.map(|file| format!("{file} is missing")));
        let known = |file: &String| MANIFESTS.contains(&file.as_str()) || file == "Dockerfile";
        let unknown = self.0.keys().filter(|file| !known(file));
        found.extend(unknown.map(|file| format!("no test looks at {file}")));
        for file in MANIFESTS.iter().filter(|file| self.0.contains_key(**file)) {
            let parsed: Result<Value, _> = serde_saphyr::from_str(self.text(file));
            found.extend(parsed.err().map(|error| format!("{file}: {error}")));
        }
        found
    }

    /// The stateful set's only container.
    pub(super) fn container(&self) -> Value {
        at(
            &self.manifest("statefulset.yaml"),
            "/spec/template/spec/containers/0",
        )
    }

    /// The ports that the container says it has, by name.
    pub(super) fn container_ports(&self) -> BTreeMap<String, Port> {
        list(&self.container(), "/ports")
            .iter()
            .map(|port| {
                (
                    text(port, "/name"),
                    (number(port, "/containerPort"), text(port, "/protocol")),
                )
            })
            .collect()
    }

    /// The program's configuration, as the nodes get it.
    pub(super) fn config(&self) -> String {
        text(&self.manifest("configmap.yaml"), "/data/ringwatch.yaml")
    }
}

/// What stands at a JSON pointer, or null.
pub(super) fn at(value: &Value, pointer: &str) -> Value {
    value.pointer(pointer).cloned().unwrap_or_default()
}

pub(super) fn text(value: &Value, pointer: &str) -> String {
    at(value, pointer).as_str().unwrap_or_default().to_owned()
}

pub(super) fn number(value: &Value, pointer: &str) -> u64 {
    at(value, pointer).as_u64().unwrap_or_default()
}

pub(super) fn list(value: &Value, pointer: &str) -> Vec<Value> {
    at(value, pointer).as_array().cloned().unwrap_or_default()
}

/// The texts of a list.
pub(super) fn words(value: &Value, pointer: &str) -> Vec<String> {
    let words = list(value, pointer);
    words
        .iter()
        .map(|word| word.as_str().unwrap_or_default().to_owned())
        .collect()
}
