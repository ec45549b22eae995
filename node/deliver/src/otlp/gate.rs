//! The circuit, as consumers meet it: they wait here until they may try.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringwatch_config::settings::RetryOnFailure;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::circuit::{Answer, Circuit, Outcome, Permit};
use crate::metrics::CircuitMetrics;
use crate::status::CircuitState;
use crate::throttle::Throttle;

/// How often one tries while the node stops, whatever the backend asked for.
const HURRIED: Duration = Duration::from_millis(500);

/// The gate of one exporter.
#[derive(Debug)]
pub(super) struct Gate {
    exporter: String,
    circuit: Mutex<Circuit>,
    /// Who waits is woken when the circuit opens or closes.
    changed: Notify,
    stopping: CancellationToken,
    metrics: CircuitMetrics,
    log: Throttle,
}

/// Leave to make one attempt. Dropped without a word, it was not made.
#[derive(Debug)]
#[must_use = "an attempt that does not end is no attempt"]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    permit: Option<Permit>,
}

impl Gate {
    /// An open gate. After `stopping` is cancelled nobody waits for long.
    pub(super) fn new(
        exporter: &str,
        retry: &RetryOnFailure,
        metrics: CircuitMetrics,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            exporter: exporter.to_owned(),
            circuit: Mutex::new(Circuit::new(retry, Instant::now())),
            changed: Notify::new(),
            stopping,
            metrics,
            log: Throttle::default(),
        }
    }

    pub(super) fn state(&self) -> CircuitState {
        self.lock().state()
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one may try; at most for so long as `left`. `None`: that was not long enough.
    pub(super) async fn pass(&self, left: Option<Duration>) -> Option<Pass<'_>> {
        let wait = self.wait();
        match left {
            None => Some(wait.await),
            Some(left) => tokio::time::timeout(left, wait).await.ok(),
        }
    }

    async fn wait(&self) -> Pass<'_> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let stopping = self.stopping.is_cancelled();
            let until = match self.ask() {
                Answer::Go(permit) => {
                    return Pass {
                        gate: self,
                        permit: Some(permit),
                    };
                }
                Answer::Later(until) => Some(until),
                Answer::AfterProbe => None,
            };
            let over = async {
                match until {
                    Some(until) if stopping => {
                        tokio::time::sleep_until(until.min(Instant::now() + HURRIED)).await;
                    }
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let stop = async {
                if stopping {
                    std::future::pending::<()>().await;
                }
                self.stopping.cancelled().await;
            };
            tokio::select! {
                () = changed => continue,
                () = over => {}
                () = stop => {}
            }
            if self.stopping.is_cancelled() {
                self.lock().hurry(Instant::now());
            }
        }
    }

    fn ask(&self) -> Answer {
        let mut circuit = self.lock();
        let answer = circuit.ask(Instant::now());
        self.metrics.set_state(circuit.state());
        answer
    }

    /// Lets `what` happen to the circuit, and wakes who waits if that matters to them.
    fn change(&self, what: impl FnOnce(&mut Circuit)) {
        let mut circuit = self.lock();
        let before = circuit.state();
        what(&mut circuit);
        let after = circuit.state();
        self.metrics.set_state(after);
        drop(circuit);
        if before != after {
            self.changed.notify_waiters();
            self.tell(after);
        }
    }

    fn tell(&self, state: CircuitState) {
        let exporter = &self.exporter;
        match state {
            CircuitState::Open => {
                if let Some(held_back) = self.log.pass() {
                    tracing::warn!(
                        exporter,
                        held_back,
                        "the backend is away or asked for rest: all its consumers hold back, and what comes waits in the queue"
                    );
                }
            }
            CircuitState::Closed => tracing::debug!(exporter, "the backend takes data again"),
            CircuitState::HalfOpen => {}
        }
    }
}

impl Pass<'_> {
    /// How the attempt ended.
    pub(super) fn ended(mut self, outcome: Outcome) {
        let Some(permit) = self.permit.take() else { return };
        if matches!(outcome, Outcome::Rest(_)) {
            self.gate.metrics.rate_limited();
        }
        self.gate
            .change(|circuit| circuit.ended(permit, outcome, Instant::now(), fastrand::f64()));
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.gate
                .change(|circuit| circuit.withdrawn(permit, Instant::now()));
        }
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
