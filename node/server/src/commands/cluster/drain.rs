//! `ringwatch cluster drain`: asks a member to hand over its targets, and shows how far it is.

use anyhow::bail;
use ringwatch_proto::v1;
use ringwatch_proto::v1::State;

use super::progress::Progress;
use super::{Node, json};
use crate::cli::{Client, Output};
use crate::commands::client::signed;
use crate::commands::say;
use crate::commands::text::plain;

/// Asks for it, and waits until it is done if `wait`.
pub(super) async fn drain(client: &Client, wanted: v1::DrainRequest, wait: bool) -> anyhow::Result<()> {
    let mut node = Node::connect(&client.address).await?;
    let (name, undo) = (plain(&wanted.node_id), wanted.undo);
    let asked = node.ask(async |node| node.drain(signed(wanted)).await);
    let mut answer = asked.await?;
    if wait {
        follow(&mut node, client.output, &mut answer, undo).await?;
    }
    let state = answer.state().as_str_name();
    let text = match client.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&json::drain(&answer))?),
        Output::Table if undo => format!("{name} is {state} and takes targets again\n"),
        Output::Table if wait => format!("{name} is {state} and has handed over all its targets\n"),
        Output::Table => format!("{name} is {state} and has {} left\n", targets(answer.targets)),
    };
    say(&text).map(drop)
}

/// Waits until it is done; the error says why it never will be.
async fn follow(
    node: &mut Node,
    output: Output,
    answer: &mut v1::DrainResponse,
    undo: bool,
) -> anyhow::Result<()> {
    let (name, mut progress) = (plain(&answer.node_id), Progress::new(output));
    let what = format!("{name} hands over");
    let mut all = answer.targets;
    let asked = node.ask(async |node| node.watch_members(v1::WatchMembersRequest {}).await);
    let mut stream = asked.await?;
    loop {
        let members = stream.message().await.map_err(|status| node.refused(&status))?;
        let members = members.ok_or_else(|| node.ended())?;
        let step = step(&members, answer, undo);
        all = all.max(answer.targets);
        if !undo && step != Step::Unseen {
            progress.show(&what, u64::from(all - answer.targets), u64::from(all));
        }
        match step {
            Step::Waiting | Step::Unseen => {}
            Step::Done => {
                progress.end();
                return Ok(());
            }
            Step::Never(why) => {
                progress.end();
                bail!("{name} {why}");
            }
        }
    }
}

/// How far it is.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The node that was asked has not heard of it yet.
    Unseen,
    Waiting,
    Done,
    /// It will not come to an end, and why.
    Never(String),
}

/// How far the drain is, as the members say; `answer` follows them.
fn step(members: &v1::ListMembersResponse, answer: &mut v1::DrainResponse, undo: bool) -> Step {
    let Some(member) = members
        .members
        .iter()
        .find(|member| member.node_id == answer.node_id)
    else {
        return Step::Never("has left the cluster".into());
    };
    match (member.state(), undo) {
        (State::Dead, _) => return Step::Never("has died; its targets are taken over".into()),
        (State::Draining, true) | (State::Ready | State::Joining | State::Suspect, false) => {
            return Step::Unseen;
        }
        _ => {}
    }
    answer.state = member.state;
    answer.targets = member.owned_targets;
    let takes = |other: &&v1::Member| other.state() == State::Ready && other.node_id != answer.node_id;
    if undo || answer.targets == 0 {
        Step::Done
    } else if members.members.iter().any(|other| takes(&other)) {
        Step::Waiting
    } else {
        let left = targets(answer.targets);
        Step::Never(format!(
            "is DRAINING, but no other member is READY to take {left}: it keeps them until one is, or until \
             `ringwatch cluster drain {} --undo`",
            plain(&answer.node_id)
        ))
    }
}

fn targets(count: u32) -> String {
    if count == 1 {
        "1 target".into()
    } else {
        format!("{count} targets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(all: &[(&str, State, u32)]) -> v1::ListMembersResponse {
        let member = |(node, state, owned): &(&str, State, u32)| v1::Member {
            node_id: (*node).into(),
            state: (*state).into(),
            owned_targets: *owned,
            ..v1::Member::default()
        };
        v1::ListMembersResponse {
            members: all.iter().map(member).collect(),
            ..v1::ListMembersResponse::default()
        }
    }

    #[test]
    fn it_is_done_when_all_targets_have_gone_and_never_when_nobody_takes_them() {
        let mut answer = v1::DrainResponse {
            node_id: "a".into(),
            state: State::Draining.into(),
            targets: 3,
        };
        let ready = ("b", State::Ready, 0);
        for (seen, expected, left) in [
            (members(&[("a", State::Ready, 3), ready]), Step::Unseen, 3),
            (members(&[("a", State::Draining, 2), ready]), Step::Waiting, 2),
            (members(&[("a", State::Draining, 0), ready]), Step::Done, 0),
            (members(&[ready]), Step::Never("has left the cluster".into()), 0),
            (
                members(&[("a", State::Dead, 0), ready]),
                Step::Never("has died; its targets are taken over".into()),
                0,
            ),
        ] {
            assert_eq!(step(&seen, &mut answer, false), expected);
            assert_eq!(answer.targets, left);
        }
        let alone = members(&[("a", State::Draining, 1), ("b", State::Dead, 0)]);
        assert!(matches!(step(&alone, &mut answer, false), Step::Never(_)));
        assert_eq!(step(&alone, &mut answer, true), Step::Unseen);
        let back = members(&[("a", State::Ready, 1), ready]);
        assert_eq!(step(&back, &mut answer, true), Step::Done);
        assert_eq!(answer.state(), State::Ready);
    }
}
