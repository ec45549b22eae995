//! What the cluster asks of the collector: to warm, begin and end the reading of targets, and to deliver
//! what a dead owner had read.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ringwatch_cluster::member::Incarnation;
use ringwatch_cluster::memories::Witness;
use ringwatch_cluster::node::{ClusterControl, Collecting, Prepared};
use ringwatch_cluster::peer::MAX_COMPANION;
use ringwatch_collect::{
    Collector, CollectorParts, Fault, FaultKind, FenceMode, Guard, StandbyMode, start_collector,
};
use ringwatch_config::settings::{Fence, Standby};
use ringwatch_frame::{PendingFrame, TargetId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::arbiter::{Accounts, ByView};
use super::gatehouse::Gatehouse;
use super::heritage::Heritage;
use super::incidents::Incidents;
use super::own::Ground;
use super::ownership::{ByGate, InMemories};
use super::router::Router;
use super::share::Share;
use super::standing_by::{InShadows, follow_covers};
use crate::audit::KeptBooks;
use crate::remember::RememberedBreakers;

const STOPPING: &str = "the node is stopping";

/// Does what the cluster says with the collector, as long as there is one.
pub(super) struct Reading {
    share: Share,
    breakers: Arc<RememberedBreakers>,
    heritage: Heritage,
    collector: Mutex<Option<Arc<Collector>>>,
    closing: CancellationToken,
}

impl Reading {
    /// Reads `share` with `collector`. `breakers` hear of what is begun and ended.
    pub(super) fn new(
        share: Share,
        breakers: Arc<RememberedBreakers>,
        heritage: Heritage,
        collector: Arc<Collector>,
    ) -> Self {
        Self {
            share,
            breakers,
            heritage,
            collector: Mutex::new(Some(collector)),
            closing: CancellationToken::new(),
        }
    }

    /// Lets go of the collector: from now on nothing is begun, and nobody waits for what ends.
    pub(super) fn close(&self) {
        self.closing.cancel();
        let collector = self
            .collector
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(collector);
    }

    /// Offers all that was inherited and still waits.
    pub(super) fn flush(&self) {
        self.heritage.flush();
    }

    fn collector(&self) -> Option<Arc<Collector>> {
        self.collector
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The collector and what is around it.
pub(super) struct Started {
    pub(super) collector: Arc<Collector>,
    pub(super) reading: Arc<Reading>,
    /// Where frames wait until they may leave the node.
    pub(super) gatehouse: Arc<Gatehouse>,
    /// What became of ticks.
    pub(super) ticks: KeptBooks,
    /// What people are to see of single ticks.
    incidents: Arc<Incidents>,
    control: Arc<OnceLock<ClusterControl>>,
    follow: Vec<AbortOnDropHandle<()>>,
}

impl Started {
    /// The cluster has started. What goes on beside the parts from now on is added to `following`.
    pub(super) fn join(&mut self, control: ClusterControl, following: &mut Vec<AbortOnDropHandle<()>>) {
        following.push(self.incidents.tend(control.clone()));
        following.append(&mut self.follow);
        // It is filled once.
        let _ = self.control.set(control);
    }
}

/// Starts the collector, which reads nothing before the cluster says so.
pub(super) fn start_reading(
    ground: Ground<'_>,
    (me, cluster): (&Incarnation, &Prepared),
    (share, breakers, kept): (Share, Arc<RememberedBreakers>, KeptBooks),
    router: Arc<Router>,
    guard: Arc<dyn Guard>,
) -> anyhow::Result<Started> {
    let (gate, memories) = (cluster.gate(), cluster.memories());
    let ticks = kept.books();
    memories.witness(Arc::clone(&ticks) as Arc<dyn Witness>);
    let heritage = (Arc::clone(&memories), Arc::clone(&ticks));
    let heritage = Heritage::new(ground.books, heritage, Arc::clone(&router));
    let gatehouse = Gatehouse::new(Arc::clone(&memories) as _, router, ground.registry)?;
    let (incidents, control) = (Arc::<Incidents>::default(), Arc::default());
    let (covers, follow) = follow_covers(cluster.covers(), &share);
    let follow = vec![follow, ticks.follow(share.ids())];
    let settings = &ground.settings.cluster;
    let collector = Arc::new(start_collector(CollectorParts {
        clock: ground.clock.clone(),
        books: Arc::clone(ground.books),
        registry: ground.registry.clone(),
        node: me.node.as_str().into(),
        cluster: settings.name.as_str().into(),
        ownership: Arc::new(ByGate {
            gate: Arc::clone(&gate),
            memories: Arc::clone(&memories),
            may: cluster.may(),
        }),
        guard,
        succession: Arc::new(InMemories {
            memories: Arc::clone(&memories),
            books: Arc::clone(&ticks),
        }),
        standby: Arc::new(InShadows {
            gate: Arc::clone(&gate),
            memories: Arc::clone(&memories),
            books: Arc::clone(&ticks),
            incidents: Arc::clone(&incidents),
        }),
        covers,
        standby_mode: standby_of(settings.standby),
        fence: fence_of(settings.fence),
        arbiter: Arc::new(ByView {
            cluster: settings.name.clone(),
            gate,
            knowledge: cluster.knowledge(),
            control: Arc::clone(&control),
        }),
        book: Arc::new(Accounts {
            books: Arc::clone(&ticks),
            incidents: Arc::clone(&incidents),
        }),
        sink: Arc::clone(&gatehouse) as _,
        targets: share.read(),
    })?);
    let reading = Reading::new(share, breakers, heritage, Arc::clone(&collector));
    Ok(Started {
        collector,
        reading: Arc::new(reading),
        gatehouse,
        ticks: kept,
        incidents,
        control,
        follow,
    })
}

fn standby_of(standby: Standby) -> StandbyMode {
    match standby {
        Standby::Hot => StandbyMode::Hot,
        Standby::Warm => StandbyMode::Warm,
        Standby::None => StandbyMode::None,
    }
}

fn fence_of(fence: Fence) -> FenceMode {
    match fence {
        Fence::Auto => FenceMode::Auto,
        Fence::Epoch => FenceMode::Epoch,
    }
}

/// Nothing that is wrong with the server itself keeps a target from changing hands: its present owner fares
/// no better. What may be wrong between this node and the server does.
fn alike_everywhere(fault: Fault) -> Result<(), String> {
    let server_says_so = match fault.kind {
        FaultKind::Unavailable | FaultKind::TooManyConnections | FaultKind::NoDatabase => true,
        // The words of the system: the machine is there, and nobody listens.
        FaultKind::Connection => fault.message.contains("Connection refused"),
        _ => false,
    };
    if server_says_so {
        Ok(())
    } else {
        Err(fault.message)
    }
}

#[tonic::async_trait]
impl Collecting for Reading {
    async fn warm(&self, target: &TargetId) -> Result<(), String> {
        let spec = self
            .share
            .spec(target)
            .ok_or("no receiver of this node names the target")?;
        let collector = self.collector().ok_or(STOPPING)?;
        tokio::select! {
            warm = collector.warm(&spec) => warm.or_else(alike_everywhere),
            () = self.closing.cancelled() => Err(STOPPING.into()),
        }
    }

    async fn start(&self, target: &TargetId) {
        self.breakers.begin(target);
        self.share.add(target);
    }

    async fn stop(&self, target: &TargetId) {
        self.share.remove(target);
        if let Some(collector) = self.collector() {
            tokio::select! {
                () = collector.ended(target) => {}
                () = self.closing.cancelled() => {}
            }
        }
        self.breakers.end(target);
    }

    fn released(&self, target: &TargetId) -> Vec<u8> {
        let circuits = self.breakers.released(target);
        // What is too long stays behind, and the group's word counts.
        if circuits.len() > MAX_COMPANION {
            Vec::new()
        } else {
            circuits
        }
    }

    fn received(&self, target: &TargetId, companion: Vec<u8>) {
        self.breakers.received(target, &companion);
    }

    fn deliver(&self, frames: Vec<PendingFrame>) {
        self.heritage.take(frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_down_may_change_hands_and_one_out_of_reach_may_not() {
        let of = |kind, message| alike_everywhere(Fault::new(kind, message));
        let refused = "error communicating with the server: Connection refused (os error 111)";
        assert_eq!(of(FaultKind::Connection, refused), Ok(()));
        assert_eq!(
            of(FaultKind::Unavailable, "the database system is starting up"),
            Ok(())
        );
        let out_of_reach = "No route to host (os error 113)";
        assert_eq!(of(FaultKind::Connection, out_of_reach), Err(out_of_reach.into()));
        assert!(of(FaultKind::Deadline, "no answer").is_err());
        assert!(of(FaultKind::Login, "no pg_hba.conf entry for host").is_err());
    }
}
