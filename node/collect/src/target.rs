//! Targets: which servers are read, and by which receivers.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringwatch_config::Endpoint;
use ringwatch_config::settings::Target;
use ringwatch_frame::TargetId;

use crate::reader::{Reader, ReaderPlan};

/// The list of targets that is wanted now.
pub type Targets = Arc<[Arc<TargetSpec>]>;

/// One server with all receivers that read it. Its health, its memory and its owner are one.
#[derive(Clone, Debug)]
pub struct TargetSpec {
    /// Its identity, made from the endpoint alone.
    pub id: TargetId,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Who reads it: at most one receiver reads the catalogue's streams, and it comes first.
    pub readers: Vec<Arc<Reader>>,
    /// Receivers that name it too and do not read it, because another one reads the same of it.
    pub doubles: Vec<Arc<str>>,
}

impl TargetSpec {
    /// `target` as the receiver of `plan` reads it.
    pub fn new(plan: &ReaderPlan, target: &Target) -> Self {
        Self {
            id: plan.target_id(&target.endpoint),
            endpoint: target.endpoint.clone(),
            readers: vec![Arc::new(Reader::new(plan, target))],
            doubles: Vec::new(),
        }
    }

    /// Whether nothing that matters differs.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let readers = self.readers.iter().zip(&other.readers);
        self.endpoint == other.endpoint
            && self.readers.len() == other.readers.len()
            && readers.into_iter().all(|(one, other)| one.same(other))
    }

    /// Takes the readers of another spec of the same target in. Of two receivers that read the catalogue's
    /// streams, the first counts, because two would count its series twice and take twice its connections.
    fn join(&mut self, other: &Self) {
        for reader in &other.readers {
            let known = |known: &Arc<Reader>| known.source == reader.source;
            let engine = reader.plan.is_engine();
            if self.readers.iter().any(known) {
                continue;
            }
            if engine && self.readers.iter().any(|reader| reader.plan.is_engine()) {
                self.doubles.push(Arc::clone(&reader.source));
            } else if engine {
                self.readers.insert(0, Arc::clone(reader));
            } else {
                self.readers.push(Arc::clone(reader));
            }
        }
        self.doubles.extend(other.doubles.iter().cloned());
    }
}

/// The targets that stand in the configuration itself; those of a file come from [`crate::start_targets`].
pub fn targets_of(plan: &ReaderPlan) -> Vec<Arc<TargetSpec>> {
    let spec = |target: &Target| Arc::new(TargetSpec::new(plan, target));
    let single = |endpoint: &Endpoint, labels: &BTreeMap<String, String>| Target {
        endpoint: endpoint.clone(),
        labels: labels.clone(),
    };
    match plan {
        ReaderPlan::Engine(engine) => {
            let settings = engine.settings();
            let endpoint = settings.endpoint.iter();
            let one: Vec<_> = endpoint
                .map(|endpoint| single(endpoint, &BTreeMap::new()))
                .collect();
            one.iter().chain(&settings.targets).map(spec).collect()
        }
        ReaderPlan::Sql(sql) => vec![spec(&single(&sql.login().endpoint, sql.labels()))],
    }
}

/// Puts the readers of each target together, in the order in which targets are first named.
pub fn join_targets<'a>(specs: impl IntoIterator<Item = &'a Arc<TargetSpec>>) -> Targets {
    let mut joined: Vec<Arc<TargetSpec>> = Vec::new();
    let mut places: BTreeMap<&TargetId, usize> = BTreeMap::new();
    for spec in specs {
        let at = *places.entry(&spec.id).or_insert(joined.len());
        match joined.get_mut(at) {
            Some(first) => Arc::make_mut(first).join(spec),
            None => joined.push(Arc::clone(spec)),
        }
    }
    joined.into()
}

#[cfg(test)]
pub(crate) mod tests {
    use ringwatch_frame::Value;

    use super::*;
    use crate::plan::tests::plan_of_yaml;
    use crate::sqlquery::tests::sql_plan;

    /// A target of one plan that is the same in all tests.
    pub(crate) fn spec(endpoint: &str, labels: &[(&str, &str)]) -> Arc<TargetSpec> {
        static PLAN: std::sync::OnceLock<ReaderPlan> = std::sync::OnceLock::new();
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

    /// A target of one `sqlquery` receiver.
    pub(crate) fn sql_spec(source: &str, endpoint: &str) -> Arc<TargetSpec> {
        let plan = sql_plan(source, &format!("postgresql://u@{endpoint}/app"));
        Arc::clone(&targets_of(&plan)[0])
    }

    #[test]
    fn the_resource_is_the_endpoint_and_the_labels() {
        let spec = spec("[::1]:5433", &[("env", "prod")]);
        assert_eq!(spec.id.as_str(), "postgresql://[::1]:5433");
        let resource = &spec.readers[0].resource;
        assert_eq!(resource.get("server.address"), Some(&Value::from("::1")));
        assert_eq!(resource.get("server.port"), Some(&Value::Int(5433)));
        assert_eq!(
            resource.get("service.instance.id"),
            Some(&Value::from("[::1]:5433"))
        );
        assert_eq!(resource.get("env"), Some(&Value::from("prod")));
    }

    #[test]
    fn switches_take_attributes_away() {
        let yaml = "username: u\nendpoint: a:1\nresource_attributes: {server.port: {enabled: false}}";
        let targets = targets_of(&plan_of_yaml(yaml));
        let resource = &targets[0].readers[0].resource;
        assert_eq!(resource.get("server.port"), None);
        assert_eq!(resource.len(), 2);
    }

    #[test]
    fn targets_stand_in_the_configuration() {
        let yaml = "username: u\ntargets: [{endpoint: a:1}, {endpoint: b:2, labels: {x: y}}]";
        let targets = targets_of(&plan_of_yaml(yaml));
        let ids: Vec<_> = targets.iter().map(|t| t.id.as_str()).collect();
        assert_eq!(ids, ["postgresql://a:1", "postgresql://b:2"]);
        assert_eq!(targets[1].readers[0].resource.get("x"), Some(&Value::from("y")));
    }

    #[test]
    fn receivers_of_one_server_are_one_target() {
        let engine = plan_of_yaml("username: u\ntargets: [{endpoint: a:1}, {endpoint: b:1}]");
        let second = TargetSpec::clone(&targets_of(&engine)[0]);
        let other = Reader {
            source: "postgresql/other".into(),
            ..Reader::clone(&second.readers[0])
        };
        let second = Arc::new(TargetSpec {
            readers: vec![Arc::new(other)],
            ..second
        });
        let mut specs: Vec<_> = ["sqlquery/one", "sqlquery/two"]
            .iter()
            .flat_map(|source| targets_of(&sql_plan(source, "postgresql://u@a:1/app")))
            .collect();
        specs.extend(targets_of(&engine));
        specs.push(second);
        let joined = join_targets(&specs);
        let sources = |at: usize| -> Vec<&str> { joined[at].readers.iter().map(|r| &*r.source).collect() };
        assert_eq!(joined.len(), 2);
        assert_eq!(sources(0), ["postgresql/test", "sqlquery/one", "sqlquery/two"]);
        assert_eq!(joined[0].doubles, ["postgresql/other".into()]);
        assert_eq!(sources(1), ["postgresql/test"]);
        assert!(joined[0].same(&join_targets(&specs)[0]));
        assert!(!joined[0].same(&join_targets(&specs[1..])[0]));
        assert!(Arc::ptr_eq(&joined[1], &specs[3]), "what is alone stays as it is");
    }
}
