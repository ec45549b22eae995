//! Service `Runtime`: what can be changed without a restart.

use std::collections::HashMap;

use ringwatch_frame::Tick;
use ringwatch_proto::v1;
use ringwatch_proto::v1::runtime_server::Runtime;
use tonic::{Request, Response, Status};

use super::convert::{self, timestamp};
use super::words::asked;
use crate::runtime::{Counter, Flag};

/// So many actions are shown when nobody says how many.
const ACTIONS: usize = 100;

/// Answers clients.
pub(super) struct RuntimeService(pub(super) Counter);

type Changed = Result<Response<v1::ChangeResponse>, Status>;

#[tonic::async_trait]
impl Runtime for RuntimeService {
    async fn add_target(&self, request: Request<v1::AddTargetRequest>) -> Changed {
        let change = asked(&request, request.get_ref().expected_version);
        let wanted = request.into_inner();
        self.0.add_target(wanted, &change).await.map(Response::new)
    }

    async fn remove_target(&self, request: Request<v1::RemoveTargetRequest>) -> Changed {
        let change = asked(&request, request.get_ref().expected_version);
        let target = request.into_inner().target_id;
        self.0.remove_target(target, &change).await.map(Response::new)
    }

    async fn list_watched(
        &self,
        _: Request<v1::ListWatchedRequest>,
    ) -> Result<Response<v1::ListWatchedResponse>, Status> {
        Ok(Response::new(watched(&self.0)))
    }

    async fn set_flag(&self, request: Request<v1::SetFlagRequest>) -> Changed {
        let change = asked(&request, request.get_ref().expected_version);
        let wanted = request.into_inner();
        let done = self.0.set_flag(wanted.name, wanted.value, &change).await;
        done.map(Response::new)
    }

    async fn list_flags(
        &self,
        _: Request<v1::ListFlagsRequest>,
    ) -> Result<Response<v1::ListFlagsResponse>, Status> {
        let content = self.0.content();
        let flags = Flag::ALL.map(|flag| v1::Flag {
            name: flag.name().to_owned(),
            value: content.is_on(flag),
            set: content.set(flag).is_some(),
            meaning: flag.meaning().to_owned(),
        });
        Ok(Response::new(v1::ListFlagsResponse {
            version: content.version,
            flags: flags.into(),
        }))
    }

    async fn set_limit(&self, request: Request<v1::SetLimitRequest>) -> Changed {
        let change = asked(&request, request.get_ref().expected_version);
        let wanted = request.into_inner();
        let done = self
            .0
            .set_limit(wanted.target_id, wanted.queries_per_second, &change);
        done.await.map(Response::new)
    }

    async fn list_limits(
        &self,
        _: Request<v1::ListLimitsRequest>,
    ) -> Result<Response<v1::ListLimitsResponse>, Status> {
        let content = self.0.content();
        let limits = content.limits.iter().map(|(target, limit)| v1::Limit {
            target_id: target.clone(),
            queries_per_second: *limit,
        });
        Ok(Response::new(v1::ListLimitsResponse {
            version: content.version,
            limits: limits.collect(),
        }))
    }

    async fn roll_back(&self, request: Request<v1::RollBackRequest>) -> Changed {
        let change = asked(&request, request.get_ref().expected_version);
        let to = request.into_inner().to_version;
        self.0.roll_back(to, &change).await.map(Response::new)
    }

    async fn get_history(
        &self,
        request: Request<v1::GetHistoryRequest>,
    ) -> Result<Response<v1::GetHistoryResponse>, Status> {
        let limit = match request.into_inner().limit {
            0 => ACTIONS,
            limit => usize::try_from(limit).unwrap_or(ACTIONS),
        };
        let time = |nanos| Some(timestamp(Tick::from_unix_nanos(nanos)));
        let answer = self.0.handle().read(|machine| {
            let revisions = machine.dataset().history().rev().map(|revision| v1::Revision {
                version: revision.version,
                what: revision.what.clone(),
                who: revision.who.clone(),
                time: time(revision.time_unix_nano),
            });
            let actions = machine.actions().rev().take(limit).map(|action| v1::Action {
                time: time(action.time_unix_nano),
                who: action.who.clone(),
                from: action.from.clone(),
                what: action.what.clone(),
                node: action.node.clone(),
            });
            v1::GetHistoryResponse {
                version: machine.dataset().version(),
                revisions: revisions.collect(),
                actions: actions.collect(),
            }
        });
        Ok(Response::new(answer))
    }
}

/// All targets, sorted by name, with those that were added and cannot be read here.
fn watched(counter: &Counter) -> v1::ListWatchedResponse {
    let (content, lists) = (counter.content(), counter.lists());
    let all = lists.all();
    let mut labels = convert::labels(all.iter().map(AsRef::as_ref));
    let mut targets: Vec<_> = all
        .iter()
        .map(|spec| {
            let source = if lists.is_configured(&spec.id) {
                v1::TargetSource::Configuration
            } else {
                v1::TargetSource::Runtime
            };
            v1::WatchedTarget {
                target_id: spec.id.to_string(),
                endpoint: spec.endpoint.to_string(),
                receivers: spec
                    .readers
                    .iter()
                    .map(|reader| reader.source.to_string())
                    .collect(),
                source: source.into(),
                labels: labels.remove(&spec.id).unwrap_or_default(),
                problem: String::new(),
            }
        })
        .collect();
    for target in &content.targets {
        if let Err(why) = lists.spec(target) {
            let labels: HashMap<_, _> = target
                .labels
                .iter()
                .map(|label| (label.name.clone(), label.value.clone()))
                .collect();
            targets.push(v1::WatchedTarget {
                target_id: target.target_id.clone(),
                endpoint: target.endpoint.clone(),
                receivers: vec![target.receiver.clone()],
                source: v1::TargetSource::Runtime.into(),
                labels,
                problem: why.to_string(),
            });
        }
    }
    targets.sort_by(|one, other| one.target_id.cmp(&other.target_id));
    v1::ListWatchedResponse {
        version: content.version,
        targets,
    }
}
