//! Founds the group, in the name of a store that has none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use openraft::error::{InitializeError, RaftError};
use ringwatch_proto::v1;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::founding::{Known, Memory, Step, next};
use super::promise::{Founder, Plan};
use super::run::End;
use super::types::RaftNode;
use super::{Core, Run};
use crate::network::{CallError, Method, decode_message, encode_message};

/// How often a store without a group looks what to do.
const EVERY: Duration = Duration::from_millis(500);
/// For a call about a promise, which is written to disk over there.
const LIMIT: Duration = Duration::from_secs(2);
/// Ids of groups stay below this, so that they are exact in JSON.
const GROUP_IDS: u64 = 1 << 53;

/// Works until this store belongs to a group. Says in `waiting` what it waits for.
pub(crate) async fn found(core: Arc<Core>, run: Arc<Run>, waiting: watch::Sender<Option<String>>) -> End {
    let mut memory = Memory::default();
    let mut directory = core.parts.directory.clone();
    loop {
        if run.identity.group() != 0 {
            waiting.send_replace(None);
            // Nothing is left to do here, and nothing to say.
            std::future::pending::<()>().await;
        }
        let step = look(&core, &run, &mut memory).await;
        let done = match step {
            Step::Wait(why) => Err(why),
            Step::Begin(plan) => match begin(&run, plan).await {
                Ok(()) => Ok(()),
                Err(Hindered::Now(why)) => Err(why),
                Err(Hindered::Forever(why)) => return End::SetAside(why),
            },
            Step::TakeBack(plan) => take_back(&run, &plan, core.parts.alone).await,
            Step::Inquire(plan) => match deserted(&run, &plan).await {
                true => return End::SetAside("the group that it began was given up by the others".into()),
                false => Err("the founders are voting".into()),
            },
            Step::GiveUp(why) => return End::SetAside(why),
        };
        waiting.send_replace(Some(
            done.err().unwrap_or_else(|| "the founders are voting".into()),
        ));
        tokio::select! {
            () = sleep(EVERY) => {}
            changed = directory.changed() => if changed.is_err() { sleep(EVERY).await },
        }
    }
}

async fn look(core: &Core, run: &Run, memory: &mut Memory) -> Step {
    let promises = run.promises.lock().await;
    let known = Known {
        me: &core.parts.me,
        raft_id: run.identity.raft_id,
        voters: core.parts.voters,
        alone: core.parts.alone,
        directory: &core.directory(),
        promises: &promises,
        begun: has_begun(run),
        now: Instant::now(),
        fresh_group: fastrand::u64(1..GROUP_IDS),
    };
    next(&known, memory)
}

/// Whether this store has begun a group.
pub(super) fn has_begun(run: &Run) -> bool {
    run.identity.begun() != 0
}

/// Why a group was not begun.
enum Hindered {
    /// It can be tried again.
    Now(String),
    /// This store can begin none.
    Forever(String),
}

/// Collects the promises of all founders and begins the group.
async fn begin(run: &Run, plan: Plan) -> Result<(), Hindered> {
    collect(run, &plan).await.map_err(Hindered::Now)?;
    let promises = run.promises.lock().await;
    if !promises.votes_in(plan.group) || run.identity.group() != 0 || has_begun(run) {
        return Err(Hindered::Now("the promises have changed meanwhile".into()));
    }
    let founders = plan
        .founders
        .iter()
        .map(|founder| (founder.raft_id, RaftNode::new(&founder.node)));
    let founders: BTreeMap<u64, RaftNode> = founders.collect();
    let names: Vec<&str> = plan
        .founders
        .iter()
        .map(|founder| founder.node.as_str())
        .collect();
    let names = names.join(", ");
    tracing::info!(group = plan.group, founders = names, "this node founds the group");
    run.identity.set_begun(plan.group);
    match run.raft.initialize(founders).await {
        Ok(()) => Ok(()),
        Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {
            run.identity.set_begun(0);
            let why = "it has voted for a group that did not come to be, and can found no other";
            Err(Hindered::Forever(why.into()))
        }
        Err(error) => {
            run.identity.set_begun(0);
            Err(Hindered::Now(format!("the group cannot be begun: {error}")))
        }
    }
}

/// Collects the promises of all founders.
async fn collect(run: &Run, plan: &Plan) -> Result<(), String> {
    {
        let mut promises = run.promises.lock().await;
        let mut next = promises.clone();
        if !next.promise(plan) {
            return Err("this node is promised to another group".into());
        }
        run.keep(&mut promises, next).await?;
    }
    let others = plan
        .founders
        .iter()
        .filter(|founder| founder.raft_id != run.identity.raft_id);
    let asked = others.map(|founder| async {
        let answer = ask(run, founder, plan, v1::PromiseKind::Promise).await;
        match answer {
            Ok(answer) if answer.promised => Ok(()),
            Ok(answer) if answer.group != 0 => Err(format!("node `{}` has a group already", founder.node)),
            Ok(_) => Err(format!("node `{}` is promised to another group", founder.node)),
            Err(error) => Err(format!(
                "node `{}` cannot be asked to found the group: {error}",
                founder.node
            )),
        }
    });
    join_all(asked).await.into_iter().collect()
}

async fn ask(
    run: &Run,
    founder: &Founder,
    plan: &Plan,
    kind: v1::PromiseKind,
) -> Result<v1::PromiseResponse, CallError> {
    let payload = encode_message(&plan.request(kind));
    let call = run.caller.call_as(
        plan.group,
        &founder.node,
        founder.raft_id,
        Method::Promise,
        payload,
    );
    let answer = timeout(LIMIT, call).await;
    decode_message(answer.unwrap_or_else(|_| Err(CallError::Lost("no answer in time".into())))?)
}

/// Forgets a promise, if its group can never come to be.
async fn take_back(run: &Run, plan: &Plan, alone: bool) -> Result<(), String> {
    let others: Vec<_> = plan
        .founders
        .iter()
        .filter(|founder| founder.raft_id != run.identity.raft_id)
        .collect();
    let driver = plan
        .driver()
        .filter(|driver| driver.raft_id != run.identity.raft_id);
    match driver {
        Some(driver) if !alone => match ask(run, driver, plan, v1::PromiseKind::Revoke).await {
            // It alone could have begun the group.
            Ok(answer) if answer.revoked => return forget(run, plan).await,
            Ok(_) => return Err(format!("node `{}` founds the group", driver.node)),
            Err(_) => {}
        },
        // This node alone could begin it, and has not; or it is to be alone.
        _ => return forget(run, plan).await,
    }
    let ask_all = |kind| join_all(others.iter().map(move |founder| ask(run, founder, plan, kind)));
    let belongs = |answer: &v1::PromiseResponse| answer.group == plan.group;
    if ask_all(v1::PromiseKind::Status)
        .await
        .iter()
        .flatten()
        .any(belongs)
    {
        return Err("the founders are voting".into());
    }
    {
        let mut promises = run.promises.lock().await;
        if run.identity.group() != 0 || has_begun(run) {
            return Ok(());
        }
        let mut next = promises.clone();
        next.revoke(plan.group);
        run.keep(&mut promises, next).await?;
    }
    let revoked = ask_all(v1::PromiseKind::Revoke).await;
    let revoked = 1 + revoked.iter().flatten().filter(|answer| answer.revoked).count();
    if revoked < plan.majority() {
        return Err("the founders of a group that did not come to be are not reached".into());
    }
    forget(run, plan).await
}

async fn forget(run: &Run, plan: &Plan) -> Result<(), String> {
    let mut promises = run.promises.lock().await;
    if run.identity.group() != 0 || has_begun(run) {
        return Ok(());
    }
    let mut next = promises.clone();
    next.forget(plan.group);
    run.keep(&mut promises, next).await?;
    tracing::info!(
        group = plan.group,
        "the group that this node was promised to did not come to be"
    );
    Ok(())
}

/// Whether a majority of the founders never takes part in what this node has begun.
async fn deserted(run: &Run, plan: &Plan) -> bool {
    let others = plan
        .founders
        .iter()
        .filter(|founder| founder.raft_id != run.identity.raft_id);
    let answers = join_all(others.map(|founder| ask(run, founder, plan, v1::PromiseKind::Status))).await;
    answers.iter().flatten().filter(|answer| answer.revoked).count() >= plan.majority()
}
