//! Where people bring their changes: each is looked at by this node, and then proposed to the group.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::TargetId;
use ringwatch_proto::v1;
use ringwatch_proto::v1::state_command::Kind;
use ringwatch_state::StateHandle;
use tokio::sync::watch;
use tonic::Status;

use super::outcome::{outcome, refused};
use super::roll::Lists;
use super::{Content, Flag};

/// What was changed is at work on this node by then, where all is well.
const AT_WORK: Duration = Duration::from_secs(1);

/// A change as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Who asks, as the client says.
    pub(crate) who: String,
    /// The address that it comes from.
    pub(crate) from: String,
    /// The version that is to be changed; 0: whichever it is.
    pub(crate) expected: u64,
}

/// Takes changes.
#[derive(Clone)]
pub(crate) struct Counter {
    handle: StateHandle,
    lists: Lists,
    content: watch::Receiver<Arc<Content>>,
    node: Arc<str>,
    limited: Arc<dyn Fn(&TargetId) -> bool + Send + Sync>,
}

impl Counter {
    /// For the node `node`; `limited` says which targets can have a limit.
    pub(crate) fn new(
        handle: StateHandle,
        lists: Lists,
        content: watch::Receiver<Arc<Content>>,
        node: &str,
        limited: impl Fn(&TargetId) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            handle,
            lists,
            content,
            node: node.into(),
            limited: Arc::new(limited),
        }
    }

    /// The version that this node works by.
    pub(crate) fn content(&self) -> Arc<Content> {
        Arc::clone(&self.content.borrow())
    }

    /// What the group remembers.
    pub(crate) fn handle(&self) -> &StateHandle {
        &self.handle
    }

    /// The lists of targets.
    pub(crate) fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Sets a flag, or gives it its default again.
    pub(crate) async fn set_flag(
        &self,
        name: String,
        value: Option<bool>,
        change: &Change,
    ) -> Result<v1::ChangeResponse, Status> {
        if Flag::of(&name).is_none() {
            let names = Flag::ALL.map(Flag::name).join(", ");
            return Err(Status::not_found(format!(
                "there is no such flag; there are: {names}"
            )));
        }
        let word = match value {
            Some(true) => "on",
            Some(false) => "off",
            None => "its default again",
        };
        let what = format!("flag {name} set to {word}");
        let expected_version = change.expected;
        self.propose(change, what, |action| {
            Kind::FlagSet(v1::FlagSet {
                name,
                value,
                expected_version,
                action,
            })
        })
        .await
    }

    /// Limits what a target is asked for, or puts the configured limit in force again.
    pub(crate) async fn set_limit(
        &self,
        target: String,
        queries_per_second: Option<f64>,
        change: &Change,
    ) -> Result<v1::ChangeResponse, Status> {
        if queries_per_second.is_some_and(|limit| !limit.is_finite() || limit <= 0.0) {
            return Err(Status::invalid_argument("a limit is a number greater than 0"));
        }
        let id = TargetId::from_name(&target);
        // What is limited and not there any more can always be let go.
        let lets_go = queries_per_second.is_none() && self.content().limits.contains_key(&target);
        if !lets_go && !self.lists.all().iter().any(|spec| spec.id == id) {
            let text = "no receiver names this target; `ringwatch targets list` names them all";
            return Err(Status::not_found(text));
        }
        if !lets_go && !(self.limited)(&id) {
            let text = "no pipeline that reads this target has a `rate_limiter`, which would hold the limit";
            return Err(Status::failed_precondition(text));
        }
        let what = match queries_per_second {
            Some(limit) => format!("limit of {target} set to {limit} readings a second"),
            None => format!("limit of {target} as configured again"),
        };
        let expected_version = change.expected;
        self.propose(change, what, |action| {
            Kind::LimitSet(v1::LimitSet {
                target,
                queries_per_second,
                expected_version,
                action,
            })
        })
        .await
    }

    /// Sets the rate of a sampler on all nodes, or puts the configured one in force again.
    pub(crate) async fn set_rate(
        &self,
        sampler: String,
        rate: Option<f64>,
        change: &Change,
    ) -> Result<v1::ChangeResponse, Status> {
        let what = match rate {
            Some(rate) => format!("rate of {sampler} set to {rate} %"),
            None => format!("rate of {sampler} as configured again"),
        };
        let expected_version = change.expected;
        self.propose(change, what, |action| {
            Kind::SamplerRateSet(v1::SamplerRateSet {
                sampler,
                rate,
                expected_version,
                action,
            })
        })
        .await
    }

    /// Makes a new version with the content of an older one; 0: of the one before the present.
    pub(crate) async fn roll_back(&self, to: u64, change: &Change) -> Result<v1::ChangeResponse, Status> {
        let (present, oldest) = self
            .handle
            .read(|machine| (machine.dataset().version(), machine.dataset().oldest()));
        let to_version = match (to, present) {
            (0, 0) => return Err(Status::not_found("nothing was ever changed at run time")),
            (0, present) => present - 1,
            (to, _) => to,
        };
        if to_version > present || to_version < oldest {
            let text = format!("version {to_version} is not kept; one can go back to {oldest} to {present}");
            return Err(Status::not_found(text));
        }
        let what = format!("back to version {to_version}");
        // Whoever says nothing means the version that was looked at just now.
        let expected_version = if change.expected == 0 {
            present
        } else {
            change.expected
        };
        self.propose(change, what, |action| {
            Kind::Rollback(v1::Rollback {
                to_version,
                expected_version,
                action,
            })
        })
        .await
    }

    /// Notes what a person did that changes nothing of the data set. It is kept when the group can.
    pub(crate) fn note(&self, change: &Change, what: &str) {
        let action = self.action(change, what.to_owned());
        let key = format!("action/{}", action.id);
        let acted = v1::OperatorActed { action: Some(action) };
        let command = v1::StateCommand {
            kind: Some(Kind::OperatorActed(acted)),
        };
        self.handle.later(key, command, false);
    }

    fn action(&self, change: &Change, what: String) -> v1::OperatorAction {
        v1::OperatorAction {
            id: fastrand::u64(1..),
            who: change.who.clone(),
            from: change.from.clone(),
            what,
            node: self.node.to_string(),
            time_unix_nano: 0,
        }
    }

    /// Proposes a change, with who wants it.
    pub(super) async fn propose(
        &self,
        change: &Change,
        what: String,
        command: impl FnOnce(Option<v1::OperatorAction>) -> Kind,
    ) -> Result<v1::ChangeResponse, Status> {
        let action = self.action(change, what);
        tracing::info!(
            who = action.who,
            from = action.from,
            what = action.what,
            "somebody asks for a change"
        );
        let command = v1::StateCommand {
            kind: Some(command(Some(action))),
        };
        let answers = self.handle.propose(vec![command]).await;
        let answers = answers.map_err(|error| refused(&error))?;
        let done = outcome(answers.first())?;
        let mut content = self.content.clone();
        let at_work = content.wait_for(|content| content.version >= done.version);
        // Whoever looks at once sees it. It is done anyhow, and this node may be behind for a while.
        let _ = tokio::time::timeout(AT_WORK, at_work).await;
        Ok(done)
    }
}
