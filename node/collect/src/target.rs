//! Targets: which servers a receiver reads, and what is true of everything read from each.

use std::sync::Arc;

use ringwatch_config::Endpoint;
use ringwatch_config::settings::Target;
use ringwatch_frame::{Resource, TargetId, Value};

use crate::plan::ReceiverPlan;

/// The list of targets that is wanted now.
pub type Targets = Arc<[Arc<TargetSpec>]>;

/// One server as one receiver reads it.
#[derive(Clone, Debug)]
pub struct TargetSpec {
    /// Its identity, made from the endpoint alone.
    pub id: TargetId,
    /// The receiver's name: `postgresql/fleet`.
    pub source: Arc<str>,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// What is true of every row read from it.
    pub resource: Arc<Resource>,
    /// What is read and how to log in, shared by all targets of the receiver.
    pub plan: Arc<ReceiverPlan>,
}

impl TargetSpec {
    /// `target` as the receiver of `plan` reads it.
    pub fn new(plan: &Arc<ReceiverPlan>, target: &Target) -> Self {
        Self {
            id: TargetId::new(plan.engine(), &target.endpoint.to_string()),
            source: Arc::clone(plan.source()),
            endpoint: target.endpoint.clone(),
            resource: Arc::new(resource(plan, target)),
            plan: Arc::clone(plan),
        }
    }

    /// Whether nothing that matters differs.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let same_receiver = self.source == other.source && Arc::ptr_eq(&self.plan, &other.plan);
        same_receiver && self.endpoint == other.endpoint && self.resource == other.resource
    }
}

/// The targets that stand in the configuration itself; those of a file come from [`crate::start_targets`].
pub fn targets_of(plan: &Arc<ReceiverPlan>) -> Vec<Arc<TargetSpec>> {
    let settings = plan.settings();
    let single = settings.endpoint.clone().map(|endpoint| Target {
        endpoint,
        labels: Default::default(),
    });
    single
        .iter()
        .chain(&settings.targets)
        .map(|target| Arc::new(TargetSpec::new(plan, target)))
        .collect()
}

/// The attributes that the receiver's switches leave, then the labels, which win.
fn resource(plan: &ReceiverPlan, target: &Target) -> Resource {
    let endpoint = &target.endpoint;
    let attributes = [
        ("server.address", Value::from(endpoint.host.as_str())),
        ("server.port", Value::Int(endpoint.port.into())),
        ("service.instance.id", Value::from(endpoint.to_string())),
    ];
    let mut resource = Resource::default();
    for (key, value) in attributes {
        if plan.attribute_on(key, true) {
            resource.set(key, value);
        }
    }
    for (key, value) in &target.labels {
        resource.set(key, Value::from(value.as_str()));
    }
    resource
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::plan::tests::plan_of_yaml;

    /// A target of one plan that is the same in all tests.
    pub(crate) fn spec(endpoint: &str, labels: &[(&str, &str)]) -> Arc<TargetSpec> {
        static PLAN: std::sync::OnceLock<Arc<ReceiverPlan>> = std::sync::OnceLock::new();
        let plan = PLAN.get_or_init(|| plan_of_yaml("username: u"));
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Arc::new(TargetSpec::new(
            plan,
            &Target {
                endpoint: endpoint.parse().unwrap(),
                labels,
            },
        ))
    }

    #[test]
    fn the_resource_is_the_endpoint_and_the_labels() {
        let spec = spec("[::1]:5433", &[("env", "prod")]);
        assert_eq!(spec.id.as_str(), "postgresql://[::1]:5433");
        assert_eq!(spec.resource.get("server.address"), Some(&Value::from("::1")));
        assert_eq!(spec.resource.get("server.port"), Some(&Value::Int(5433)));
        assert_eq!(
            spec.resource.get("service.instance.id"),
            Some(&Value::from("[::1]:5433"))
        );
        assert_eq!(spec.resource.get("env"), Some(&Value::from("prod")));
    }

    #[test]
    fn switches_take_attributes_away() {
        let yaml = "username: u\nendpoint: a:1\nresource_attributes: {server.port: {enabled: false}}";
        let targets = targets_of(&plan_of_yaml(yaml));
        assert_eq!(targets[0].resource.get("server.port"), None);
        assert_eq!(targets[0].resource.len(), 2);
    }

    #[test]
    fn targets_stand_in_the_configuration() {
        let yaml = "username: u\ntargets: [{endpoint: a:1}, {endpoint: b:2, labels: {x: y}}]";
        let targets = targets_of(&plan_of_yaml(yaml));
        let ids: Vec<_> = targets.iter().map(|t| t.id.as_str()).collect();
        assert_eq!(ids, ["postgresql://a:1", "postgresql://b:2"]);
        assert_eq!(targets[1].resource.get("x"), Some(&Value::from("y")));
    }
}
