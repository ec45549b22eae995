//! Targets from a file in the form of Prometheus' `file_sd`, read again when its content changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ringwatch_config::Endpoint;
use ringwatch_config::settings::Target;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::reader::ReaderPlan;
use crate::target::{TargetSpec, Targets, join_targets, targets_of};

/// How often a file is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// The largest file that is read.
const MOST_BYTES: u64 = 16 << 20;

/// Why a file of targets cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TargetsFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(String),
    /// It is not a list of groups of targets.
    #[error("is not a list of `targets` and `labels`: {0}")]
    Form(String),
    /// One of its targets is no endpoint.
    #[error("entry {entry}: {message}")]
    Endpoint {
        /// The number of the group, from 1.
        entry: usize,
        /// What is wrong.
        message: String,
    },
    /// A target is listed twice.
    #[error("`{0}` is listed twice")]
    Twice(Endpoint),
}

#[derive(Deserialize)]
struct Group {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// The targets in a file's text: JSON or YAML, a list of `{targets: [host:port, ..], labels: {..}}`. Labels that
/// begin with two underscores are for service discovery only and are left out.
///
/// # Errors
/// When the text has another form, or a target is no endpoint or is there twice.
pub fn parse_targets_file(text: &str) -> Result<Vec<Target>, TargetsFileError> {
    if text.trim().is_empty() {
        return Err(TargetsFileError::Form(
            "it is empty; an empty list is `[]`".into(),
        ));
    }
    let groups: Vec<Group> =
        serde_saphyr::from_str(text).map_err(|e| TargetsFileError::Form(first_line(&e)))?;
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (at, group) in groups.into_iter().enumerate() {
        let labels: BTreeMap<_, _> = group
            .labels
            .into_iter()
            .filter(|(key, _)| !key.starts_with("__"))
            .collect();
        for target in group.targets {
            let wrong = |e: ringwatch_config::scalar::EndpointError| e.to_string();
            let endpoint: Endpoint = target.parse().map_err(|e| TargetsFileError::Endpoint {
                entry: at + 1,
                message: wrong(e),
            })?;
            if !seen.insert(endpoint.clone()) {
                return Err(TargetsFileError::Twice(endpoint));
            }
            all.push(Target {
                endpoint,
                labels: labels.clone(),
            });
        }
    }
    Ok(all)
}

fn first_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The targets of all receivers, kept up to date.
#[derive(Debug)]
pub struct TargetsWatch {
    receiver: watch::Receiver<Targets>,
    cancel: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl TargetsWatch {
    /// The list as it changes.
    pub fn receiver(&self) -> watch::Receiver<Targets> {
        self.receiver.clone()
    }

    /// Looks at no file any more.
    pub async fn stop(self) {
        self.cancel.cancel();
        // The task ends at once; had it panicked, there would be nothing left to stop.
        let _ = self.task.await;
    }
}

/// Collects the targets of these receivers and watches their files. A file that cannot be used at the start gives
/// no targets, and is said so once; later the last good list stays.
pub async fn start_targets(plans: Vec<ReaderPlan>) -> TargetsWatch {
    let mut files: Vec<WatchedFile> = plans.iter().filter_map(WatchedFile::of).collect();
    let fixed: Vec<_> = plans.iter().flat_map(targets_of).collect();
    for file in &mut files {
        file.look().await;
    }
    let (sender, receiver) = watch::channel(together(&fixed, &files));
    let cancel = CancellationToken::new();
    let cancelled = cancel.clone();
    let task = tokio::spawn(async move {
        while !files.is_empty() {
            tokio::select! {
                () = cancelled.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let mut changed = false;
            for file in &mut files {
                changed |= file.look().await;
            }
            if changed {
                sender.send_replace(together(&fixed, &files));
            }
        }
        // Without files the list never changes, but it must not end before the node does.
        cancelled.cancelled().await;
    });
    TargetsWatch {
        receiver,
        cancel,
        task,
    }
}

fn together(fixed: &[Arc<TargetSpec>], files: &[WatchedFile]) -> Targets {
    join_targets(fixed.iter().chain(files.iter().flat_map(|file| &file.targets)))
}

/// One file and what came of it.
struct WatchedFile {
    path: String,
    plan: ReaderPlan,
    last: Option<Result<String, TargetsFileError>>,
    targets: Vec<Arc<TargetSpec>>,
}

impl WatchedFile {
    fn of(plan: &ReaderPlan) -> Option<Self> {
        let ReaderPlan::Engine(engine) = plan else {
            return None;
        };
        let path = engine.settings().targets_file.clone()?;
        Some(Self {
            path,
            plan: plan.clone(),
            last: None,
            targets: Vec::new(),
        })
    }

    /// Looks at the file. Says whether the targets changed.
    async fn look(&mut self) -> bool {
        let text = read(&self.path).await;
        if self.last.as_ref() == Some(&text) {
            return false;
        }
        let targets = text.clone().and_then(|text| parse_targets_file(&text));
        self.last = Some(text);
        match targets {
            Ok(targets) => {
                let spec = |target: &Target| Arc::new(TargetSpec::new(&self.plan, target));
                self.targets = targets.iter().map(spec).collect();
                tracing::info!(
                    file = self.path,
                    targets = self.targets.len(),
                    "targets read from the file"
                );
                true
            }
            Err(error) => {
                let kept = self.targets.len();
                tracing::error!(file = self.path, %error, kept, "the file of targets is not used: correct it, the last good list stays");
                false
            }
        }
    }
}

async fn read(path: &str) -> Result<String, TargetsFileError> {
    let io = |e: std::io::Error| TargetsFileError::Io(e.to_string());
    let bytes = tokio::fs::metadata(path).await.map_err(io)?.len();
    if bytes > MOST_BYTES {
        return Err(TargetsFileError::Io(format!(
            "it is larger than {MOST_BYTES} bytes"
        )));
    }
    tokio::fs::read_to_string(path).await.map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan_of_yaml;

    #[test]
    fn json_and_yaml_are_read() {
        let json = r#"[{"targets": ["a:1", "[::1]:2"], "labels": {"env": "prod", "__meta_x": "y"}}, {"targets": []}]"#;
        let yaml = "- targets: ['a:1', '[::1]:2']\n  labels: {env: prod}\n";
        for text in [json, yaml] {
            let targets = parse_targets_file(text).unwrap();
            assert_eq!(
                targets.iter().map(|t| t.endpoint.to_string()).collect::<Vec<_>>(),
                ["a:1", "[::1]:2"]
            );
            assert_eq!(targets[0].labels, BTreeMap::from([("env".into(), "prod".into())]));
        }
        assert_eq!(parse_targets_file("[]").unwrap(), []);
    }

    #[test]
    fn bad_files_are_refused_whole() {
        for text in [
            "",
            "{}",
            "[{}]",
            "[{targets: [a]}]",
            "- targets: [a:1]\n- targets: [a:1]",
            "[",
            "[{targets: a:1}]",
        ] {
            assert!(parse_targets_file(text).is_err(), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_file_keeps_the_last_good_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("targets.yaml");
        let plan = plan_of_yaml(&format!("username: u\ntargets_file: {}", path.display()));
        let watch = start_targets(vec![plan]).await;
        let mut receiver = watch.receiver();
        assert_eq!(receiver.borrow_and_update().len(), 0, "the file is not there yet");
        std::fs::write(&path, "[{targets: ['a:1', 'b:1']}]").unwrap();
        receiver.changed().await.unwrap();
        assert_eq!(receiver.borrow_and_update().len(), 2);
        std::fs::write(&path, "[{targets: [").unwrap();
        tokio::time::sleep(LOOK * 3).await;
        assert!(!receiver.has_changed().unwrap());
        std::fs::write(&path, "[{targets: ['b:1']}]").unwrap();
        receiver.changed().await.unwrap();
        assert_eq!(receiver.borrow_and_update()[0].id.as_str(), "postgresql://b:1");
        watch.stop().await;
    }
}
