//! The node's part in the Raft group, and what it is told of its peers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use ringwatch_cluster::gossip::Keyring;
use ringwatch_cluster::member::{Incarnation, SaidRaft, SaidRole, State as MemberState};
use ringwatch_cluster::node::{Knowledge, Known, Prepared, Status};
use ringwatch_cluster::numbering::Announced;
use ringwatch_config::settings::Cluster;
use ringwatch_frame::Clock;
use ringwatch_state::{
    Announcement, Credentials, Directory, Me, Peer, PeerRaft, Place, RaftService, Role, State, StateHandle,
    StateParts, start_state,
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::runtime::Content;

/// The folder of the store in `cluster.data_dir`.
const FOLDER: &str = "raft";

/// The node's part in the group, until it is stopped.
pub(super) struct Group {
    state: State,
    directory: watch::Sender<Arc<Directory>>,
    following: Vec<AbortOnDropHandle<()>>,
    among_others: bool,
}

/// Opens the store and takes part. Without gossip the group is this node alone.
pub(super) async fn start_group(
    settings: &Cluster,
    me: &Incarnation,
    keys: &Keyring,
    clock: &Clock,
    registry: &Registry,
) -> anyhow::Result<Group> {
    let among_others = settings.gossip.is_some();
    let place = match &settings.data_dir {
        Some(folder) => Place::Disk(Path::new(folder).join(FOLDER)),
        None => Place::Memory,
    };
    if among_others && settings.data_dir.is_none() {
        tracing::warn!(
            "without `cluster.data_dir` this node forgets its part in the group when it ends: it comes back as a \
             new one, and a cluster whose nodes all end at once has forgotten everything"
        );
    }
    let directory = watch::Sender::new(Arc::default());
    let state = start_state(StateParts {
        me: Me {
            node: me.node.to_string(),
            generation: me.generation,
        },
        cluster: settings.name.clone(),
        place,
        voters: usize::try_from(settings.raft.voters).unwrap_or(3),
        alone: !among_others,
        replace_after: *settings.raft.replace_after,
        clock: clock.clone(),
        registry: registry.clone(),
        directory: directory.subscribe(),
        credentials: Arc::new(ByCluster(keys.clone(), settings.name.clone())),
    })
    .await?;
    Ok(Group {
        state,
        directory,
        following: Vec::new(),
        among_others,
    })
}

impl Group {
    /// Reads what the group remembers, and proposes changes.
    pub(super) fn handle(&self) -> StateHandle {
        self.state.handle()
    }

    /// Answers the calls of other nodes, where there may be any.
    pub(super) fn service(&self) -> Option<RaftService> {
        self.among_others.then(|| self.state.service())
    }

    /// What the node says by gossip: its part in the group, and the data set that it works by.
    pub(super) fn announced(
        &mut self,
        content: &watch::Receiver<Arc<Content>>,
    ) -> watch::Receiver<Announced> {
        let (announced, task) = announced(self.state.announcement(), content.clone());
        self.following.push(task);
        announced
    }

    /// The peers as the group is told of them.
    pub(super) fn directory(&self) -> watch::Receiver<Arc<Directory>> {
        self.directory.subscribe()
    }

    /// From now on the peers are those that the gossip shows.
    pub(super) fn follow(&mut self, cluster: &Prepared) {
        let (mut knowledge, mut status) = (cluster.knowledge(), cluster.status());
        let told = self.directory.clone();
        self.following
            .push(AbortOnDropHandle::new(tokio::spawn(async move {
                loop {
                    let now = directory(&knowledge.borrow_and_update(), &status.borrow_and_update());
                    told.send_if_modified(|before| {
                        let changed = **before != now;
                        if changed {
                            *before = Arc::new(now);
                        }
                        changed
                    });
                    let changed = tokio::select! {
                        changed = knowledge.changed() => changed,
                        changed = status.changed() => changed,
                    };
                    if changed.is_err() {
                        return;
                    }
                }
            })));
    }

    /// Gives the leadership away before the node goes.
    pub(super) async fn hand_over(&self, time: Duration) {
        if self.among_others && !self.state.hand_over(time).await {
            tracing::warn!(
                "the leadership of the group was not handed over: the others elect a leader by themselves"
            );
        }
    }

    /// Takes part no more.
    pub(super) async fn stop(self) {
        self.state.stop().await;
    }
}

/// The cluster's keys prove to the group too who belongs to it.
struct ByCluster(Keyring, String);

impl Credentials for ByCluster {
    fn token(&self) -> String {
        self.0.peer_token(&self.1)
    }

    fn accepts(&self, token: &str) -> bool {
        self.0.accepts_token(&self.1, token)
    }
}

/// The peers as the gossip shows them.
fn directory(known: &Knowledge, status: &Status) -> Directory {
    let peer = |member: &Known| {
        let ready = member.state == MemberState::Ready;
        Peer {
            node: member.who.node.to_string(),
            generation: member.who.generation,
            raft: member.said.raft.map(peer_raft),
            address: member.said.grpc_address.clone(),
            alive: member.state != MemberState::Dead,
            ready,
            ready_since: ready.then_some(member.since),
            is_me: member.who.node == known.me,
        }
    };
    Directory {
        peers: known.members.iter().map(peer).collect(),
        quorum: known.quorum,
        joined: status.joined,
    }
}

fn peer_raft(said: SaidRaft) -> PeerRaft {
    PeerRaft {
        id: said.id,
        group: said.group,
        role: match said.role {
            SaidRole::None => Role::None,
            SaidRole::Leader => Role::Leader,
            SaidRole::Follower => Role::Follower,
            SaidRole::Learner => Role::Learner,
        },
        checkpoint: said.checkpoint,
        digest: said.digest,
    }
}

/// What the group says of this node, as the gossip tells it.
fn said(announcement: &Announcement) -> Option<SaidRaft> {
    (announcement.id != 0).then_some(SaidRaft {
        id: announcement.id,
        group: announcement.group,
        role: match announcement.role {
            Role::None => SaidRole::None,
            Role::Leader => SaidRole::Leader,
            Role::Follower => SaidRole::Follower,
            Role::Learner => SaidRole::Learner,
        },
        checkpoint: announcement.checkpoint,
        digest: announcement.digest,
    })
}

/// What is said by gossip: the part in the group, and the data set that the node works by.
fn announced(
    mut group: watch::Receiver<Announcement>,
    mut content: watch::Receiver<Arc<Content>>,
) -> (watch::Receiver<Announced>, AbortOnDropHandle<()>) {
    let word = |group: &Announcement, content: &Content| Announced {
        raft: said(group),
        dataset: (content.version, content.hash),
    };
    let told = watch::Sender::new(word(&group.borrow_and_update(), &content.borrow_and_update()));
    let receiver = told.subscribe();
    let task = tokio::spawn(async move {
        loop {
            let changed = tokio::select! {
                changed = group.changed() => changed,
                changed = content.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
            let now = word(&group.borrow_and_update(), &content.borrow_and_update());
            told.send_if_modified(|before| {
                let changed = *before != now;
                *before = now;
                changed
            });
        }
    });
    (receiver, AbortOnDropHandle::new(task))
}
