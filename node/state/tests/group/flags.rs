//! Something to propose, and to look for.

use std::time::Duration;

use ringwatch_proto::v1;
use ringwatch_state::ProposeError;
use tokio::time::{Instant, sleep};

use crate::nodes::{Node, PATIENCE};

/// A command that sets a flag.
pub(crate) fn flag(name: &str, value: bool) -> v1::StateCommand {
    let flag = v1::FlagSet {
        name: name.into(),
        value: Some(value),
        ..v1::FlagSet::default()
    };
    v1::StateCommand {
        kind: Some(v1::state_command::Kind::FlagSet(flag)),
    }
}

/// Proposes a flag until it is done.
pub(crate) async fn set(node: &Node, name: &str, value: bool) {
    let end = Instant::now() + PATIENCE;
    loop {
        match node.handle.propose(vec![flag(name, value)]).await {
            Ok(answers) => {
                assert_ne!(answers[0].outcome(), v1::StateOutcome::Refused, "{answers:?}");
                return;
            }
            Err(ProposeError::Failed(why)) => panic!("{why}"),
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
    }
}

/// The value of a flag, as a node sees it.
pub(crate) fn get(node: &Node, name: &str) -> Option<bool> {
    node.handle.read(|machine| machine.dataset().flag(name))
}

/// Waits until a node sees the flag.
pub(crate) async fn sees(node: &Node, name: &str, value: bool) {
    let end = Instant::now() + PATIENCE;
    while get(node, name) != Some(value) {
        assert!(Instant::now() < end, "the flag `{name}` is not seen");
        sleep(Duration::from_millis(10)).await;
    }
}
