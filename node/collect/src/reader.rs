//! Readers: what one receiver reads of one target, and how it logs in.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_config::Endpoint;
use ringwatch_config::settings::{Driver, Target};
use ringwatch_frame::{Resource, TargetId, Value};

use crate::mysql::dotted;
use crate::plan::{Planned, ReceiverPlan};
use crate::sqlquery::SqlPlan;

/// One target as one receiver reads it.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The receiver's name: `postgresql/fleet`.
    pub source: Arc<str>,
    /// What is true of every row that it reads.
    pub resource: Arc<Resource>,
    /// What is read and how to log in.
    pub plan: ReaderPlan,
}

/// What a receiver reads. Shared by all its targets.
#[derive(Clone, Debug)]
pub enum ReaderPlan {
    /// Streams of the catalogue.
    Engine(Arc<ReceiverPlan>),
    /// Statements of the user.
    Sql(Arc<SqlPlan>),
}

impl ReaderPlan {
    /// The receiver's name.
    pub fn source(&self) -> &Arc<str> {
        match self {
            Self::Engine(plan) => plan.source(),
            Self::Sql(plan) => plan.source(),
        }
    }

    /// The target's identity at `endpoint`.
    pub fn target_id(&self, endpoint: &Endpoint) -> TargetId {
        let engine = match self {
            Self::Engine(plan) => plan.engine(),
            Self::Sql(plan) => plan.engine(),
        };
        TargetId::new(engine, &endpoint.to_string())
    }

    /// How its servers are spoken to.
    pub(crate) fn driver(&self) -> Driver {
        match self {
            Self::Engine(plan) => plan.settings().driver,
            Self::Sql(plan) => plan.driver(),
        }
    }

    /// The database that it connects to.
    pub fn database(&self) -> &str {
        match self {
            Self::Engine(plan) => &plan.settings().connect_database,
            Self::Sql(plan) => &plan.login().database,
        }
    }

    /// The role that logs in.
    pub(crate) fn username(&self) -> &str {
        match self {
            Self::Engine(plan) => &plan.settings().username,
            Self::Sql(plan) => &plan.login().username,
        }
    }

    /// How long connecting may take, and a question that has no limit of its own.
    pub(crate) fn timeout(&self) -> Duration {
        match self {
            Self::Engine(plan) => plan.settings().timeout,
            Self::Sql(plan) => plan.timeout(),
        }
    }

    /// What is read of the server as a whole.
    pub(crate) fn planned(&self) -> Vec<Planned> {
        match self {
            Self::Engine(plan) => plan.streams().iter().cloned().map(Planned::Stream).collect(),
            Self::Sql(plan) => plan.queries().iter().cloned().map(Planned::Query).collect(),
        }
    }

    /// Whether a resource attribute is on.
    pub(crate) fn attribute_on(&self, key: &str, default: bool) -> bool {
        match self {
            Self::Engine(plan) => plan.attribute_on(key, default),
            Self::Sql(_) => default,
        }
    }

    pub(crate) fn is_engine(&self) -> bool {
        matches!(self, Self::Engine(_))
    }

    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Engine(one), Self::Engine(other)) => Arc::ptr_eq(one, other),
            (Self::Sql(one), Self::Sql(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Reader {
    /// `target` as the receiver of `plan` reads it.
    pub fn new(plan: &ReaderPlan, target: &Target) -> Self {
        Self {
            source: Arc::clone(plan.source()),
            resource: Arc::new(resource(plan, target)),
            plan: plan.clone(),
        }
    }

    /// The target's resource, with the server's version where it is wanted. The last one is `kept`.
    pub(crate) fn resource_at(&self, version: u32, kept: &mut Option<(u32, Arc<Resource>)>) -> Arc<Resource> {
        if !self.plan.attribute_on("db.system.version", false) {
            return Arc::clone(&self.resource);
        }
        if let Some((known, resource)) = kept
            && *known == version
        {
            return Arc::clone(resource);
        }
        let mut resource = Resource::clone(&self.resource);
        let shown = match self.plan.driver() {
            Driver::Postgres => format!("{}.{}", version / 10_000, version % 10_000),
            Driver::Mysql => dotted(version),
        };
        resource.set("db.system.version", Value::from(shown));
        let resource = Arc::new(resource);
        *kept = Some((version, Arc::clone(&resource)));
        resource
    }

    /// Whether nothing that matters differs.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.source == other.source && self.plan.same(&other.plan) && self.resource == other.resource
    }
}

/// The attributes that the receiver's switches leave, then the labels, which win.
fn resource(plan: &ReaderPlan, target: &Target) -> Resource {
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
