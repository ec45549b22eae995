//! `ringwatch cluster watch`: the members, and then what changes and what happens.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ringwatch_config::Endpoint;
use ringwatch_frame::Clock;
use ringwatch_proto::v1;
use ringwatch_proto::v1::EventKind;
use ringwatch_proto::v1::watch_response::What;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::changes::changes;
use super::{Node, events, json, table};
use crate::cli::{Client, Output};
use crate::commands::say;
use crate::telemetry::timestamp;

/// How many events of other members may wait to be shown.
const WAITING: usize = 1024;

/// Prints until Ctrl-C, or until nobody reads any more.
pub(super) async fn watch(client: &Client) -> anyhow::Result<()> {
    let mut node = Node::connect(&client.address).await?;
    let asked = node.ask(async |node| node.watch(v1::WatchRequest {}).await);
    let mut stream = asked.await?;
    let (tell, mut told) = mpsc::channel(WAITING);
    let mut others = Others::new(tell);
    let mut shown = Shown::new(client.output);
    loop {
        let what = tokio::select! {
            next = stream.message() => {
                let next = next.map_err(|status| node.refused(&status))?;
                next.ok_or_else(|| node.ended())?.what
            }
            // There is always one who could tell more.
            event = told.recv() => event.map(What::Event),
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        };
        let text = match what {
            Some(What::Members(members)) => {
                others.follow(&members);
                shown.members(members)?
            }
            Some(What::Event(event)) => shown.event(&event)?,
            // Something that a newer node says.
            None => String::new(),
        };
        if !text.is_empty() && !say(&text)? {
            return Ok(());
        }
    }
}

/// What was shown.
struct Shown {
    output: Output,
    clock: Clock,
    before: Option<v1::ListMembersResponse>,
}

impl Shown {
    fn new(output: Output) -> Self {
        Self {
            output,
            clock: Clock::system(),
            before: None,
        }
    }

    fn members(&mut self, now: v1::ListMembersResponse) -> anyhow::Result<String> {
        let text = match (self.output, &self.before) {
            (Output::Json, _) => format!("{}\n", serde_json::to_string(&json::members(&now))?),
            (Output::Table, None) => format!("{}\n", table::members(&now)),
            (Output::Table, Some(before)) => lines(&timestamp(&self.clock), &changes(before, &now)),
        };
        self.before = Some(now);
        Ok(text)
    }

    fn event(&self, event: &v1::ClusterEvent) -> anyhow::Result<String> {
        Ok(match self.output {
            Output::Json => format!("{}\n", serde_json::to_string(&events::json(event))?),
            Output::Table => events::line(event).map_or_else(String::new, |line| format!("{line}\n")),
        })
    }
}

fn lines(time: &str, changes: &[String]) -> String {
    let mut text = String::new();
    for change in changes {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{time}  {change}");
    }
    text
}

/// The other members, of which each tells what happens there.
struct Others {
    tell: mpsc::Sender<v1::ClusterEvent>,
    following: BTreeMap<String, (u64, AbortOnDropHandle<()>)>,
}

impl Others {
    fn new(tell: mpsc::Sender<v1::ClusterEvent>) -> Self {
        Self {
            tell,
            following: BTreeMap::new(),
        }
    }

    /// Follows those that are alive. One that could not be reached, or was restarted, is tried again.
    fn follow(&mut self, members: &v1::ListMembersResponse) {
        let alive =
            |member: &&v1::Member| member.node_id != members.answered_by && member.state() != v1::State::Dead;
        let alive: BTreeMap<&str, &v1::Member> = members
            .members
            .iter()
            .filter(alive)
            .map(|member| (&*member.node_id, member))
            .collect();
        self.following.retain(|node, (generation, task)| {
            let same = |member: &&v1::Member| member.generation == *generation;
            alive.get(&**node).is_some_and(same) && !task.is_finished()
        });
        for (node, member) in alive {
            if self.following.contains_key(node) {
                continue;
            }
            if let Ok(address) = member.grpc_address.parse() {
                let follow = tokio::spawn(tell_of(address, self.tell.clone()));
                let task = (member.generation, AbortOnDropHandle::new(follow));
                self.following.insert(node.to_owned(), task);
            }
        }
    }
}

/// Passes on what happens at one node, until it ends. That it cannot be reached is seen in its state.
async fn tell_of(address: Endpoint, tell: mpsc::Sender<v1::ClusterEvent>) {
    let Ok(mut node) = Node::connect(&address).await else {
        return;
    };
    let watching = node.ask(async |node| node.watch(v1::WatchRequest {}).await);
    let Ok(mut stream) = watching.await else { return };
    while let Ok(Some(next)) = stream.message().await {
        let Some(What::Event(event)) = next.what else {
            continue;
        };
        // All nodes see the same members and views, and the one that was asked tells of them.
        let of_all = matches!(event.kind(), EventKind::View | EventKind::Member);
        if !of_all && tell.send(event).await.is_err() {
            return;
        }
    }
}
