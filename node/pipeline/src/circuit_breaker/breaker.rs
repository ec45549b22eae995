//! All that one target's breaker knows: its circuit, its timeouts and its outlook. Pure like its parts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_config::settings::CircuitBreaker as Settings;
use ringwatch_frame::{StreamId, Tick};
use tokio::time::Instant;

use super::circuit::{Ask, Circuit};
use super::forecast::Forecast;
use super::image::{MOST_STREAMS, StreamLearnt, millis};
use super::listener::stream_of;
use super::phase::{Change, Outcome, Reason, Refused};
use super::rules::Rules;
use super::timeouts::Timeouts;

/// The breaker of one target.
#[derive(Debug)]
pub(crate) struct Breaker {
    circuit: Circuit,
    timeouts: Timeouts,
    forecast: Forecast,
}

impl Breaker {
    /// One that goes on with `circuit`.
    pub(crate) fn new(circuit: Circuit, settings: &Settings, now: Instant) -> Self {
        Self {
            circuit,
            timeouts: Timeouts::new(&settings.adaptive_timeouts, now),
            forecast: Forecast::new(&settings.load_prediction, now),
        }
    }

    /// The circuit.
    pub(crate) fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// What is learnt of its latency.
    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Only one of so many ticks is read.
    pub(crate) fn slowdown(&self) -> u32 {
        self.forecast.factor().max(self.circuit.healing.factor())
    }

    /// Goes on as `theirs`, which another node had.
    pub(crate) fn go_on_as(&mut self, theirs: Circuit, now: Instant) {
        self.circuit.go_on_as(theirs, now);
        self.forecast.begin_anew(now);
    }

    /// Others have to know of a change.
    pub(crate) fn touch(&mut self) {
        self.circuit.seq += 1;
    }

    /// What was learnt of its streams, those of the whole server first.
    pub(crate) fn learnt(&self) -> Vec<StreamLearnt> {
        let deadlines: HashMap<_, _> = self.timeouts.learnt().collect();
        let usual: HashMap<_, _> = self.forecast.usual().collect();
        let mut streams: Vec<&StreamId> = deadlines.keys().chain(usual.keys()).copied().collect();
        streams.sort_by_key(|stream| (stream.database().is_some(), *stream));
        streams.dedup();
        let learnt = streams.into_iter().take(MOST_STREAMS).map(|stream| {
            let (typical_ms, deviation_ms) = usual.get(stream).copied().unwrap_or_default();
            StreamLearnt {
                stream: stream.to_string(),
                deadline_ms: deadlines.get(stream).map_or(0, |deadline| millis(*deadline)),
                typical_ms,
                deviation_ms,
            }
        });
        learnt.collect()
    }

    /// Takes over what another node learnt; what was learnt here is kept, unless by `force`.
    pub(crate) fn adopt_learnt(&mut self, learnt: &[StreamLearnt], force: bool, now: Instant) {
        let learnt = learnt.get(..MOST_STREAMS).unwrap_or(learnt);
        for known in learnt {
            let stream = stream_of(&known.stream);
            if known.deadline_ms > 0 {
                let deadline = Duration::from_millis(known.deadline_ms);
                self.timeouts.adopt(&stream, deadline, force, now);
            }
            self.forecast.adopt_usual(&stream, known.typical_ms, force, now);
        }
        let variations = learnt.iter().filter(|known| known.typical_ms > 0.0);
        self.forecast.adopt_noise(
            variations.map(|known| known.deviation_ms / known.typical_ms),
            force,
        );
    }

    /// Gives it other rules.
    pub(crate) fn set_rules(&mut self, rules: &Arc<Rules>, now: Instant) {
        self.circuit.set_rules(rules, now);
    }

    /// Whether the reading may be made.
    pub(crate) fn ask(
        &mut self,
        stream: &StreamId,
        tick: Tick,
        interval: Duration,
        now: Instant,
    ) -> (Result<(), Refused>, Option<Change>) {
        let slowdown = self.forecast.factor();
        self.circuit.ask(
            &Ask {
                stream,
                tick,
                interval,
                slowdown,
            },
            now,
        )
    }

    /// A reading ended.
    pub(crate) fn ended(&mut self, stream: &StreamId, outcome: Outcome, now: Instant) -> Option<Change> {
        match outcome {
            Outcome::Answered { took, sessions } => {
                self.timeouts.learn(stream, took, false, now);
                self.forecast.reading(stream, took, false, now);
                if let Some(active) = sessions {
                    self.forecast.sessions(active, now);
                }
            }
            Outcome::Failed { took } => {
                self.timeouts.learn(stream, took, true, now);
                self.forecast.reading(stream, took, true, now);
            }
            Outcome::Ignored | Outcome::NotMade => {}
        }
        let change = self.circuit.ended(stream, outcome, now);
        self.noted(change, now)
    }

    /// Looks at what changes although nothing happens.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Change> {
        self.timeouts.look(now);
        let average = self.circuit.counts(now).average();
        self.forecast.look(self.circuit.rules(), average, now);
        self.circuit.look(now)
    }

    /// This process has too much of something to do, or no longer.
    pub(crate) fn press(&mut self, pressed: Option<Reason>, now: Instant) -> Option<Change> {
        self.circuit.press(pressed, now)
    }

    /// Closes it and forgets what it held against the target.
    pub(crate) fn reset(&mut self, now: Instant) -> Option<Change> {
        self.forecast.begin_anew(now);
        self.circuit.reset(now)
    }

    /// Opens it by hand.
    pub(crate) fn open(&mut self, lasts: Option<Duration>, now: Instant) -> Change {
        self.circuit.open_by_hand(lasts, now)
    }

    fn noted(&mut self, change: Option<Change>, now: Instant) -> Option<Change> {
        if matches!(change, Some(Change::Closed { .. })) {
            self.forecast.begin_anew(now);
        }
        change
    }
}
