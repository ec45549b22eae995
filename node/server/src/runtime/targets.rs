//! Targets that people add and take away.

use ringwatch_config::Endpoint;
use ringwatch_frame::TargetId;
use ringwatch_proto::v1;
use ringwatch_proto::v1::state_command::Kind;
use tonic::Status;

use super::{Change, Counter};

/// Labels that begin so are for service discovery only.
const HIDDEN: &str = "__";

impl Counter {
    /// Watches one more target.
    pub(crate) async fn add_target(
        &self,
        wanted: v1::AddTargetRequest,
        change: &Change,
    ) -> Result<v1::ChangeResponse, Status> {
        let receivers = self.lists().receivers();
        if !receivers.contains(&wanted.receiver) {
            let text = match &*receivers.join(", ") {
                "" => "no receiver that reads targets is configured".to_owned(),
                names => {
                    format!("no receiver of this name that reads targets is configured; there are: {names}")
                }
            };
            return Err(Status::not_found(text));
        }
        // As it is written in one way only, so that one server is one target.
        let endpoint: Endpoint = wanted
            .endpoint
            .parse()
            .map_err(|error| Status::invalid_argument(format!("this is no endpoint: {error}")))?;
        if endpoint.port == 0 {
            return Err(Status::invalid_argument(
                "the endpoint needs a port from 1 to 65535",
            ));
        }
        if wanted
            .labels
            .keys()
            .any(|name| name.is_empty() || name.starts_with(HIDDEN))
        {
            let text = "the name of a label is not empty, and does not begin with two underscores";
            return Err(Status::invalid_argument(text));
        }
        let mut labels: Vec<_> = wanted.labels.into_iter().collect();
        labels.sort();
        let labels = labels
            .into_iter()
            .map(|(name, value)| v1::RuntimeLabel { name, value });
        let mut target = v1::RuntimeTarget {
            target_id: String::new(),
            receiver: wanted.receiver,
            endpoint: endpoint.to_string(),
            labels: labels.collect(),
        };
        let spec = self.lists().spec(&target);
        let spec = spec.map_err(|error| Status::invalid_argument(error.to_string()))?;
        if self.lists().is_configured(&spec.id) {
            let text = format!("`{}` is in the configuration already", spec.id);
            return Err(Status::already_exists(text));
        }
        target.target_id = spec.id.to_string();
        let known = self.content();
        let known = known
            .targets
            .iter()
            .find(|known| known.target_id == target.target_id);
        if known.is_some_and(|known| *known != target) {
            let text = format!(
                "`{}` is watched already, in another way: remove it first, or leave it",
                target.target_id
            );
            return Err(Status::already_exists(text));
        }
        let what = format!("target {} added for {}", target.target_id, target.receiver);
        let (target, expected_version) = (Some(target), change.expected);
        self.propose(change, what, |action| {
            Kind::TargetAdded(v1::TargetAdded {
                target,
                expected_version,
                action,
            })
        })
        .await
    }

    /// Watches a target no more that was added.
    pub(crate) async fn remove_target(
        &self,
        target_id: String,
        change: &Change,
    ) -> Result<v1::ChangeResponse, Status> {
        if !self
            .content()
            .targets
            .iter()
            .any(|known| known.target_id == target_id)
        {
            return Err(if self.lists().is_configured(&TargetId::from_name(&target_id)) {
                let text = "the target is in the configuration: take it out there";
                Status::failed_precondition(text)
            } else {
                Status::not_found("no target of this name was added; `ringwatch targets list` names them all")
            });
        }
        let what = format!("target {target_id} removed");
        let expected_version = change.expected;
        self.propose(change, what, |action| {
            Kind::TargetRemoved(v1::TargetRemoved {
                target_id,
                expected_version,
                action,
            })
        })
        .await
    }
}
