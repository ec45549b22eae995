//! A pod of the stateful set on this machine, with folders in place of mounts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::files::{Files, at, list, text, words};
use crate::node::BINARY;

/// A pod without a cluster around it.
pub(super) struct Pod {
    pub(super) folder: TempDir,
    /// What is mounted where, longest path first.
    pub(super) mounts: Vec<(String, PathBuf)>,
    pub(super) environment: BTreeMap<String, String>,
    arguments: Vec<String>,
    /// What the files ask of a pod that none has.
    pub(super) unknown: Vec<String>,
}

impl Pod {
    /// `secret` gives the value of a key of the secret.
    pub(super) fn new(files: &Files, secret: impl Fn(&str, &str) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let container = files.container();
        let mut mounts: Vec<(String, PathBuf)> = Vec::new();
        for mount in list(&container, "/volumeMounts") {
            let inside = text(&mount, "/mountPath");
            let outside = folder.path().join(inside.trim_start_matches('/'));
            std::fs::create_dir_all(&outside).unwrap();
            if text(&mount, "/name") == "secrets" {
                let values = at(&files.manifest("secret.yaml"), "/stringData");
                for (key, value) in values.as_object().unwrap() {
                    std::fs::write(outside.join(key), secret(key, value.as_str().unwrap())).unwrap();
                }
            }
            mounts.push((inside, outside));
        }
        mounts.sort_by_key(|(inside, _)| std::cmp::Reverse(inside.len()));
        let mut pod = Self {
            folder,
            mounts,
            environment: BTreeMap::new(),
            arguments: Vec::new(),
            unknown: Vec::new(),
        };
        pod.set_environment(&container);
        pod.arguments = words(&container, "/args")
            .iter()
            .map(|word| pod.outside(word))
            .collect();
        let config = pod.outside("/etc/ringwatch/ringwatch.yaml");
        let written = std::fs::write(&config, pod.outside(&files.config()));
        pod.unknown.extend(
            written
                .err()
                .map(|_| "nothing is mounted at /etc/ringwatch".into()),
        );
        pod
    }

    fn set_environment(&mut self, container: &Value) {
        for variable in list(container, "/env") {
            let field = text(&variable, "/valueFrom/fieldRef/fieldPath");
            let value = match field.as_str() {
                "metadata.name" => "ringwatch-0",
                "status.podIP" => "127.0.0.1",
                _ => {
                    self.unknown.push(format!("no pod has the field of {variable}"));
                    continue;
                }
            };
            self.environment.insert(text(&variable, "/name"), value.into());
        }
    }

    /// A text with paths of the machine in place of those of the pod.
    fn outside(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (inside, outside) in &self.mounts {
            text = text.replace(&format!("{inside}/"), &format!("{}/", outside.display()));
            text = text.replace(&format!("{inside}\n"), &format!("{}\n", outside.display()));
        }
        text
    }

    /// The program as the pod starts it, with these settings changed.
    pub(super) fn program(&self, sets: &[String]) -> Command {
        let first: Vec<&str> = self.arguments.iter().take(1).map(String::as_str).collect();
        let mut program = self.command(&first);
        program.args(sets.iter().flat_map(|set| ["--set", set]));
        program
    }

    /// The program with another command in place of the first argument.
    pub(super) fn command(&self, command: &[&str]) -> Command {
        let mut program = Command::new(BINARY);
        program.args(command).args(self.arguments.iter().skip(1));
        program.env_clear().envs(&self.environment).stdin(Stdio::null());
        program
    }
}
