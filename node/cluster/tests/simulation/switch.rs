//! The power switch of a simulated process: it runs, stands still as after SIGSTOP, or is gone as after
//! SIGKILL.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    Running,
    Paused,
    Dead,
}

#[derive(Clone, Debug)]
pub(crate) struct Switch(Arc<watch::Sender<Power>>);

impl Switch {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Power::Running)))
    }

    pub(crate) fn pause(&self) {
        self.0.send_replace(Power::Paused);
    }

    pub(crate) fn resume(&self) {
        self.0.send_replace(Power::Running);
    }

    pub(crate) fn kill(&self) {
        self.0.send_replace(Power::Dead);
    }

    pub(crate) fn is_running(&self) -> bool {
        *self.0.borrow() == Power::Running
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.0.borrow() == Power::Dead
    }

    /// Waits as long as the process stands still. `false`: it is gone.
    pub(crate) async fn running(&self) -> bool {
        let mut power = self.0.subscribe();
        let moves = power.wait_for(|power| *power != Power::Paused).await;
        moves.is_ok_and(|power| *power == Power::Running)
    }

    /// Runs `work` as a task of this process: it is not polled while the process stands still, and dropped
    /// with it.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let switch = self.clone();
        tokio::spawn(async move {
            let mut work = Some(work.boxed());
            let mut wait: Option<BoxFuture<'_, bool>> = None;
            let mut gone = pin!(switch.gone());
            poll_fn(|context| {
                if gone.as_mut().poll(context).is_ready() {
                    work = None;
                    return Poll::Ready(());
                }
                loop {
                    let still = wait.get_or_insert_with(|| switch.running().boxed());
                    if still.poll_unpin(context).is_pending() {
                        return Poll::Pending;
                    }
                    wait = None;
                    let Some(work) = &mut work else {
                        return Poll::Ready(());
                    };
                    let done = work.poll_unpin(context);
                    if done.is_ready() || *switch.0.borrow() != Power::Paused {
                        return done;
                    }
                }
            })
            .await;
        })
    }

    async fn gone(&self) {
        let mut power = self.0.subscribe();
        let _ = power.wait_for(|power| *power == Power::Dead).await;
    }
}
