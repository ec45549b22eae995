//! `ringwatch cluster drain`: asks a member to hand over its targets, and shows how far it is.

use std::io::IsTerminal as _;

use anyhow::bail;
use ringwatch_proto::v1;
use ringwatch_proto::v1::State;

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
    let mut progress = Progress::new(client.output);
    if wait {
        let asked = node.ask(async |node| node.watch_members(v1::WatchMembersRequest {}).await);
        let mut stream = asked.await?;
        loop {
            let members = stream.message().await.map_err(|status| node.refused(&status))?;
            let Some(members) = members else {
                return Err(node.ended());
            };
            match step(&members, &mut answer, undo) {
                Step::Waiting => progress.show(&format!("{name} has {} left", targets(answer.targets)))?,
                Step::Unseen => {}
                Step::Done => break,
                Step::Never(why) => {
                    progress.end()?;
                    bail!("{name} {why}");
                }
            }
        }
    }
    progress.end()?;
    let state = answer.state().as_str_name();
    let text = match client.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&json::drain(&answer))?),
        Output::Table if undo => format!("{name} is {state} and takes targets again\n"),
        Output::Table if wait => format!("{name} is {state} and has handed over all its targets\n"),
        Output::Table => format!("{name} is {state} and has {} left\n", targets(answer.targets)),
    };
    say(&text).map(drop)
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

/// What is shown while it goes on: on a terminal a line that is drawn anew, else a line for each change.
struct Progress {
    shown: bool,
    terminal: bool,
    last: String,
}

impl Progress {
    fn new(output: Output) -> Self {
        Self {
            shown: output == Output::Table,
            terminal: std::io::stdout().is_terminal(),
            last: String::new(),
        }
    }

    fn show(&mut self, line: &str) -> anyhow::Result<()> {
        if !self.shown || self.last == line {
            return Ok(());
        }
        line.clone_into(&mut self.last);
        // Erases to the end of the line (ECMA-48, EL).
        let text = if self.terminal {
            format!("\r{line}\x1b[K")
        } else {
            format!("{line}\n")
        };
        say(&text).map(drop)
    }

    /// Leaves the line that was drawn.
    fn end(&mut self) -> anyhow::Result<()> {
        if self.terminal && !self.last.is_empty() {
            self.last.clear();
            say("\n")?;
        }
        Ok(())
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
