//! What other nodes may make of this store: a founder, or a member of their group.

use ringwatch_proto::v1;

use super::Run;
use super::found::has_begun;
use super::promise::{Plan, Promises};
use crate::network::{CallError, Method};

/// Answers a call about a promise.
pub(crate) async fn answer(
    run: &Run,
    request: &v1::PromiseRequest,
) -> Result<v1::PromiseResponse, CallError> {
    let plan = Plan::of(request).ok_or_else(|| CallError::Refused("the plan is malformed".into()))?;
    let mut promises = run.promises.lock().await;
    let mut next = promises.clone();
    let group = run.identity.group();
    let free = group == 0 && !has_begun(run);
    match request.kind() {
        v1::PromiseKind::Promise if free => {
            next.promise(&plan);
        }
        v1::PromiseKind::Revoke if free => {
            next.revoke(plan.group);
            let drives = plan
                .driver()
                .is_some_and(|driver| driver.raft_id == run.identity.raft_id);
            if drives {
                next.forget(plan.group);
            }
        }
        _ => {}
    }
    run.keep(&mut promises, next).await.map_err(CallError::Refused)?;
    let current = promises.current.as_ref().map_or(0, |plan| plan.group);
    Ok(v1::PromiseResponse {
        promised: free && promises.votes_in(plan.group),
        revoked: promises.has_revoked(plan.group) && group != plan.group,
        group: if free || group != 0 { group } else { current },
        promised_group: current,
    })
}

/// Refuses a call of a member of another group.
pub(crate) fn is_ours(run: &Run, group: u64) -> Result<(), CallError> {
    let mine = run.identity.group();
    if mine == 0 || mine == group {
        return Ok(());
    }
    let why = "this node belongs to another group, look which of the two has the right data directory";
    Err(CallError::Refused(why.into()))
}

/// Whether a call of a member of `group` may be answered. Entries of a leader take a store without a group
/// into it.
pub(crate) async fn admit(run: &Run, group: u64, method: Method) -> Result<(), CallError> {
    let refuse = |why: &str| Err(CallError::Refused(why.into()));
    is_ours(run, group)?;
    if run.identity.group() != 0 {
        return Ok(());
    }
    if group == 0 {
        return refuse("the caller belongs to no group");
    }
    let mut promises = run.promises.lock().await;
    is_ours(run, group)?;
    if run.identity.group() != 0 {
        return Ok(());
    }
    match method {
        Method::Vote if promises.votes_in(group) => Ok(()),
        Method::Vote => refuse("this node is not promised to this group"),
        Method::Append | Method::Snapshot => {
            let founds = promises.votes_in(group);
            if promises.has_revoked(group) || (has_begun(run) && !founds) {
                return refuse("this node does not take part in this group");
            }
            enter(run, &mut promises, group).await.map_err(CallError::Refused)
        }
        Method::Propose | Method::Campaign | Method::Promise => refuse("this node has no group yet"),
    }
}

/// Makes this store one of `group`, and none of what it was promised to otherwise.
async fn enter(run: &Run, promises: &mut Promises, group: u64) -> Result<(), String> {
    let other = promises
        .current
        .as_ref()
        .map(|plan| plan.group)
        .filter(|other| *other != group);
    if let Some(other) = other {
        let mut next = promises.clone();
        next.forget(other);
        run.keep(promises, next).await?;
    }
    run.join(group).await
}

/// The driver's own entry: what it has begun was agreed on by a majority.
pub(crate) async fn agreed(run: &Run) {
    let promises = run.promises.lock().await;
    let group = promises.current.as_ref().map(|plan| plan.group);
    if let Some(group) = group.filter(|_| run.identity.group() == 0)
        && let Err(error) = run.join(group).await
    {
        tracing::error!(error, "the group's id cannot be kept");
    }
}
