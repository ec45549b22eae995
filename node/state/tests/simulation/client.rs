//! What a node does with the group: it proposes, and keeps book of what was acknowledged.

use std::time::Duration;

use ringwatch_proto::v1;
use ringwatch_state::StateHandle;
use tokio::time::sleep;
use v1::state_command::Kind;

use crate::oracle::Oracle;

/// As many actions as the log of actions surely keeps.
const MOST_ACTIONS: u64 = 900;

pub(crate) fn command(kind: Kind) -> v1::StateCommand {
    v1::StateCommand { kind: Some(kind) }
}

/// Proposes for as long as the node lives.
pub(crate) async fn run(node: String, generation: u64, handle: StateHandle, oracle: Oracle) {
    let mut steps = 0_u64;
    loop {
        sleep(Duration::from_millis(fastrand::u64(80..700))).await;
        let number = handle.read(|machine| machine.view().map_or(0, |view| view.number));
        handle.set_view_fence(number);
        steps += 1;
        match fastrand::u8(0..10) {
            0..=4 => act(&handle, &oracle).await,
            5 => learn(&node, steps, number, &handle, &oracle),
            6 => weigh(&node, &handle),
            7 => see(&handle),
            8 => flag(&handle, &oracle).await,
            _ => number_next(&node, generation, number, &handle, &oracle).await,
        }
    }
}

/// An action that is logged once: what was acknowledged is there for ever.
async fn act(handle: &StateHandle, oracle: &Oracle) {
    let id = oracle.next();
    if id > MOST_ACTIONS {
        return;
    }
    if propose(handle, action(id)).await {
        oracle.acknowledged(id);
    }
}

/// A named action with that number.
pub(crate) fn action(id: u64) -> v1::StateCommand {
    let action = v1::OperatorAction {
        id,
        what: "simulated".to_owned(),
        ..v1::OperatorAction::default()
    };
    command(Kind::OperatorActed(v1::OperatorActed { action: Some(action) }))
}

/// Whether the group did it, as far as is known.
pub(crate) async fn propose(handle: &StateHandle, command: v1::StateCommand) -> bool {
    let answers = handle.propose(vec![command]).await;
    let is_done = |answer: &v1::StateAnswer| {
        matches!(
            answer.outcome(),
            v1::StateOutcome::Done | v1::StateOutcome::Unchanged
        )
    };
    answers.is_ok_and(|answers| answers.first().is_some_and(is_done))
}

/// A circuit that changes: the last word that was said gets there, if the node lives. Its numbers order the
/// words, so that a proposal that was given up and arrives late does no harm.
fn learn(node: &str, steps: u64, view: u64, handle: &StateHandle, oracle: &Oracle) {
    let record = v1::BreakerRecord {
        state: if steps.is_multiple_of(2) {
            v1::BreakerState::Closed
        } else {
            v1::BreakerState::Open
        }
        .into(),
        seq: steps,
        view,
        owner: node.to_owned(),
        ..v1::BreakerRecord::default()
    };
    let changed = v1::BreakerChanged {
        breaker: "main".to_owned(),
        target: node.to_owned(),
        record: Some(record),
    };
    oracle.later(node, steps);
    handle.later(
        format!("breaker {node}"),
        command(Kind::BreakerChanged(changed)),
        fastrand::bool(),
    );
}

/// What a node costs: nothing orders these, the next one mends what a late one did.
fn weigh(node: &str, handle: &StateHandle) {
    let weight = v1::TargetWeight {
        target: node.to_owned(),
        weight: 1.0 + fastrand::f64(),
        received_unix_nano: 0,
    };
    let weights = v1::Weights {
        node: node.to_owned(),
        weights: vec![weight],
    };
    handle.later(format!("weight {node}"), command(Kind::Weights(weights)), false);
}

/// Statements, many enough for snapshots to have some content.
fn see(handle: &StateHandle) {
    let entries = (0..fastrand::u64(1..60)).map(|_| v1::SeenStatement {
        fingerprint: fastrand::u64(..),
        seen_unix_nano: 1_800_000_000_000_000_000,
        rules: 1,
        rules_before: 1,
    });
    let seen = v1::SamplerSeen {
        sampler: "sampling".to_owned(),
        pipeline: "default".to_owned(),
        rules: vec!["new".to_owned()],
        entries: entries.collect(),
    };
    handle.later("seen".to_owned(), command(Kind::SamplerSeen(seen)), false);
}

async fn flag(handle: &StateHandle, oracle: &Oracle) {
    let set = v1::FlagSet {
        name: format!("f{}", fastrand::u8(0..20)),
        value: Some(fastrand::bool()),
        expected_version: 0,
        action: None,
    };
    if propose(handle, command(Kind::FlagSet(set))).await {
        oracle.counted("flags");
    }
}

/// The next view, where this node leads.
async fn number_next(node: &str, generation: u64, number: u64, handle: &StateHandle, oracle: &Oracle) {
    if !handle.standing().borrow().leads {
        return;
    }
    let view = v1::ViewRecord {
        number: number + 1,
        reason: format!("{node} in its life {generation}, {}", fastrand::u64(..)),
        ..v1::ViewRecord::default()
    };
    let proposed = v1::ViewProposed {
        view: Some(view.clone()),
    };
    if propose(handle, command(Kind::ViewProposed(proposed))).await {
        oracle.numbered(&view);
    }
}
