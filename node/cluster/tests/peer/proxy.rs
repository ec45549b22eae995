//! A connection between two nodes that can be cut and held up, and that counts what goes through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// Connections stay, and nothing goes through.
    HeldUp,
    /// No connection stays, and none is made.
    Cut,
}

pub(crate) struct Proxy {
    pub(crate) address: String,
    way: watch::Sender<Way>,
    forth: Arc<AtomicU64>,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (way, sees) = watch::channel(Way::Open);
        let forth = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(serve(listener, to.to_owned(), sees, Arc::clone(&forth)));
        Self {
            address,
            way,
            forth,
            _task: AbortOnDropHandle::new(task),
        }
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Bytes from the caller to the node so far.
    pub(crate) fn forth(&self) -> u64 {
        self.forth.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, to: String, sees: watch::Receiver<Way>, forth: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    loop {
        let (from, _) = listener.accept().await.unwrap();
        while connections.try_join_next().is_some() {}
        if *sees.borrow() == Way::Cut {
            continue;
        }
        let (to, mut sees, forth) = (to.clone(), sees.clone(), Arc::clone(&forth));
        connections.spawn(async move {
            let to = TcpStream::connect(to).await.unwrap();
            to.set_nodelay(true).unwrap();
            from.set_nodelay(true).unwrap();
            let ((from_in, from_out), (to_in, to_out)) = (from.into_split(), to.into_split());
            let back = Arc::new(AtomicU64::new(0));
            tokio::select! {
                () = copy(from_in, to_out, sees.clone(), forth) => {}
                () = copy(to_in, from_out, sees.clone(), back) => {}
                _ = sees.wait_for(|way| *way == Way::Cut) => {}
            }
        });
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut sees: watch::Receiver<Way>,
    count: Arc<AtomicU64>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while sees.wait_for(|way| *way == Way::Open).await.is_ok() {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        if sees.wait_for(|way| *way == Way::Open).await.is_err()
            || to.write_all(&buffer[..read]).await.is_err()
        {
            return;
        }
        count.fetch_add(read as u64, Ordering::SeqCst);
    }
}
