//! Starting the gossip, and the handle of what was started.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chitchat::spawn_chitchat;
use chitchat::transport::Transport;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::address::advertised;
use super::meters::Meters;
use super::room::{Room, settings};
use super::seal::{Cipher, SealedTransport};
use super::seeds::Seeds;
use super::sightings::{LONGEST_NODE, Sightings};
use super::{GossipError, GossipParts, words};
use crate::member::Said;

/// [`Gossip::stop`] waits no longer than this.
const STOP_LIMIT: Duration = Duration::from_millis(200);
/// Threads for lookups of names, which block. More seeds than that wait for each other.
const LOOKUP_THREADS: usize = 16;

/// The running gossip. It ends when this is dropped.
#[derive(Debug)]
pub struct Gossip {
    said: watch::Sender<Said>,
    sightings: watch::Receiver<Arc<Sightings>>,
    address: SocketAddr,
    stop: DropGuard,
    runs: Runs,
}

#[derive(Debug)]
enum Runs {
    /// Resolves when the thread has ended.
    Thread(oneshot::Receiver<()>),
    Task(AbortOnDropHandle<()>),
}

/// The inner ends of a handle's channels.
struct Inner {
    said: watch::Receiver<Said>,
    sightings: watch::Sender<Arc<Sightings>>,
    stop: CancellationToken,
}

impl Gossip {
    /// Says this to all others from now on. Never waits; of words that follow each other quickly, the last
    /// are said.
    pub fn say(&self, said: Said) {
        self.said.send_replace(said);
    }

    /// What the gossip knows, published whenever it changes.
    pub fn sightings(&self) -> watch::Receiver<Arc<Sightings>> {
        self.sightings.clone()
    }

    /// Where others reach us.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the gossip, within 200 ms. The others will find that this life is silent.
    pub async fn stop(self) {
        drop(self.stop);
        match self.runs {
            Runs::Thread(ended) => {
                let _ = tokio::time::timeout(STOP_LIMIT, ended).await;
            }
            Runs::Task(task) => {
                let _ = tokio::time::timeout(STOP_LIMIT, task).await;
            }
        }
    }

    fn new(first: Said, seeds: usize) -> (impl FnOnce(SocketAddr, Runs) -> Self, Inner) {
        let (said, hear) = watch::channel(first);
        // A node with seeds has not met them yet, also before the first look.
        let nothing_seen = Sightings {
            seeds,
            ..Sightings::default()
        };
        let (publish, sightings) = watch::channel(Arc::new(nothing_seen));
        let stop = CancellationToken::new();
        let inner = Inner {
            said: hear,
            sightings: publish,
            stop: stop.clone(),
        };
        let build = move |address, runs| Self {
            said,
            sightings,
            address,
            stop: stop.drop_guard(),
            runs,
        };
        (build, inner)
    }
}

pub(super) async fn start_task(
    transport: &dyn Transport,
    parts: GossipParts,
    first: Said,
) -> Result<Gossip, GossipError> {
    let meters = Arc::new(Meters::new(&parts.registry)?);
    let address = advertised(parts.advertise.as_deref(), parts.listen).await?;
    let (build, inner) = Gossip::new(first, parts.seeds.len());
    let stop = inner.stop.clone();
    let room = open_room(transport, parts, address, meters, inner).await?;
    let task = tokio::spawn(room.run(stop));
    Ok(build(address, Runs::Task(AbortOnDropHandle::new(task))))
}

pub(super) async fn start_thread(parts: GossipParts, first: Said) -> Result<Gossip, GossipError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(LOOKUP_THREADS)
        .build()
        .map_err(GossipError::Thread)?;
    let (build, inner) = Gossip::new(first, parts.seeds.len());
    let (started, has_started) = oneshot::channel();
    let (ended, has_ended) = oneshot::channel();
    let run = move || {
        runtime.block_on(sealed(parts, inner, started));
        // Not waiting for lookups that hang.
        runtime.shutdown_background();
        let _ = ended.send(());
    };
    std::thread::Builder::new()
        .name("ringwatch-gossip".to_owned())
        .spawn(run)
        .map_err(GossipError::Thread)?;
    let dead = |_| GossipError::Start("its thread has ended".to_owned());
    let address = has_started.await.map_err(dead)??;
    Ok(build(address, Runs::Thread(has_ended)))
}

/// The whole life of the gossip's thread.
async fn sealed(parts: GossipParts, inner: Inner, started: oneshot::Sender<Result<SocketAddr, GossipError>>) {
    let stop = inner.stop.clone();
    let opened = async {
        let meters = Arc::new(Meters::new(&parts.registry)?);
        let cipher = Cipher::new(&parts.keys, &parts.cluster);
        let cipher = cipher.ok_or_else(|| GossipError::Start("there is no key to seal with".to_owned()))?;
        let transport = SealedTransport::bind(parts.listen, cipher, Arc::clone(&meters)).await;
        let transport = transport.map_err(|fault| GossipError::Bind {
            listen: parts.listen,
            fault: format!("{fault:#}"),
        })?;
        let address = advertised(parts.advertise.as_deref(), transport.address()).await?;
        let room = open_room(&transport, parts, address, meters, inner).await?;
        Ok((room, address))
    };
    let opened = tokio::select! {
        // Whoever started us does not wait any more.
        () = stop.cancelled() => return,
        opened = opened => opened,
    };
    match opened {
        Ok((room, address)) => {
            if started.send(Ok(address)).is_ok() {
                room.run(stop).await;
            }
        }
        Err(fault) => {
            let _ = started.send(Err(fault));
        }
    }
}

async fn open_room(
    transport: &dyn Transport,
    parts: GossipParts,
    address: SocketAddr,
    meters: Arc<Meters>,
    inner: Inner,
) -> Result<Room, GossipError> {
    let node = parts.me.node.as_str();
    if node.is_empty() || node.len() > LONGEST_NODE {
        return Err(GossipError::NodeId(node.to_owned()));
    }
    let first = words::encode(&inner.said.borrow()).map_err(|fault| GossipError::Words(fault.to_string()))?;
    let chitchat = spawn_chitchat(settings(&parts, address), first, transport)
        .await
        .map_err(|fault| GossipError::Start(format!("{fault:#}")))?;
    let seeds = Seeds::new(parts.seeds, address);
    Ok(Room::new(
        chitchat,
        parts.pulse,
        seeds,
        meters,
        (inner.said, inner.sightings),
    ))
}
