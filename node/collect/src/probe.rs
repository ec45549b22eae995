//! A look at targets before they are read: can they be reached, and do they have what their receivers ask
//! for? Statements are prepared and never executed.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::iter;
use ringwatch_catalogue::model::{Requirement, Scope};
use ringwatch_frame::TargetId;

use crate::connections::{AnySession, Connections};
use crate::fault::{Fault, FaultKind, Scene, advice};
use crate::names::{Names, Station};
use crate::plan::{Planned, PlannedStream};
use crate::reader::Reader;
use crate::session::{Connector, Session};
use crate::sqlquery::look;
use crate::target::TargetSpec;

/// How many targets are looked at at once.
const AT_ONCE: usize = 16;

/// What a look at a target found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The target.
    pub target: TargetId,
    /// The receiver.
    pub source: Arc<str>,
    /// The stream that it concerns, if it is only one.
    pub stream: Option<String>,
    /// Whether something will not be read. Otherwise it is read, in another way than it is written.
    pub serious: bool,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// Looks at the targets, each as its receivers will read it, and says what was found, in the order of the
/// targets.
pub async fn probe(targets: &[Arc<TargetSpec>]) -> Vec<Finding> {
    let looks = iter(targets.iter().map(|target| Box::pin(at_target(target))));
    let found: Vec<_> = looks.buffered(AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

async fn at_target(target: &TargetSpec) -> Vec<Finding> {
    let mut found = Vec::new();
    for reader in &target.readers {
        let look = Look { target, reader };
        let login = (&**reader, reader.plan.database());
        let connections = Connections::new(Names::of_nobody());
        match Box::pin(connections.connect(target, login, Station::Lane)).await {
            Ok(mut session) => {
                look.with(&mut session, &mut found).await;
                session.close().await;
            }
            Err(fault) => found.push(look.serious(None, &fault)),
        }
    }
    found
}

/// One reader of a target.
struct Look<'a> {
    target: &'a TargetSpec,
    reader: &'a Reader,
}

impl Look<'_> {
    async fn with(&self, session: &mut AnySession, found: &mut Vec<Finding>) {
        for planned in self.reader.plan.planned() {
            let result = match &planned {
                Planned::Stream(stream) => at_stream(stream, session).await,
                Planned::Query(query) => {
                    let (notes, result) = Box::pin(look(query, session)).await;
                    found.extend(notes.into_iter().map(|note| Finding {
                        stream: Some(planned.name().to_owned()),
                        serious: false,
                        ..self.finding(note)
                    }));
                    result
                }
            };
            if let Err(fault) = result {
                found.push(self.serious(Some(&planned), &fault));
                if fault.kind.loses_connection() {
                    return;
                }
            }
        }
    }

    fn finding(&self, message: String) -> Finding {
        Finding {
            target: self.target.id.clone(),
            source: Arc::clone(&self.reader.source),
            stream: None,
            serious: true,
            message,
            advice: None,
        }
    }

    fn serious(&self, planned: Option<&Planned>, fault: &Fault) -> Finding {
        let scene = Scene {
            driver: self.reader.plan.driver(),
            role: self.reader.plan.username(),
            database: self.reader.plan.database(),
            extension: planned.and_then(Planned::extension),
        };
        Finding {
            stream: planned.map(|planned| planned.name().to_owned()),
            advice: Some(advice(fault.kind, scene)),
            ..self.finding(fault.message.clone())
        }
    }
}

/// Whether the server has what a stream of the catalogue needs. Those of single databases are looked at when
/// their databases are known.
async fn at_stream<S: Session>(planned: &PlannedStream, session: &mut S) -> Result<(), Fault> {
    if planned.stream.scope == Scope::Database {
        return Ok(());
    }
    let mut version = None;
    for requirement in &planned.stream.requires {
        match requirement {
            Requirement::Role(name) => {
                if !session.has_role(name).await? {
                    let message =
                        format!("the role has not the rights of `{name}`, so that rows would be hidden");
                    return Err(Fault::new(FaultKind::Grant, &message));
                }
            }
            Requirement::Extension(name) => {
                let extension = session.extension(name).await?;
                let absent =
                    || Fault::new(FaultKind::Absent, &format!("extension `{name}` is not installed"));
                version = Some(extension.ok_or_else(absent)?.version);
            }
        }
    }
    let major = session.version() / 10_000;
    let missing = || {
        Fault::new(
            FaultKind::Version,
            &format!("no statement for {} {major}", planned.product()),
        )
    };
    planned
        .statement(major, version.as_deref())
        .map(|_| ())
        .ok_or_else(missing)
}
