//! What outlives the process: feedback, and thresholds that were learnt.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chacha20poly1305::aead::OsRng;
use chacha20poly1305::aead::rand_core::RngCore as _;
use ringwatch_frame::Tick;
use serde::{Deserialize, Serialize};

/// A wrong anomaly makes its series need so many times the evidence.
const RAISE: f32 = 1.5;
/// A right one takes so much of that back.
const LOWER: f32 = 0.8;
/// No series needs more than so many times the evidence.
const MOST: f32 = 8.0;
/// A factor nearer to one than this is one.
const NOTHING: f32 = 1.05;

/// What a verification remembers. Values that are allowed are in it as keyed hashes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VerificationState {
    /// The key of those hashes where the settings name none, in hexadecimal.
    pub(super) key: Key,
    /// Values that are no personal data, by the names that the scanner gives them, and since when.
    pub(super) allowed: BTreeMap<String, i64>,
    /// Series that need more evidence: by how many times, and since when.
    pub(super) raised: BTreeMap<Hex, (f32, i64)>,
    /// Checks of streams that say nothing, until when.
    pub(super) muted: BTreeMap<Hex, i64>,
    /// Thresholds by pipeline and stream.
    pub(super) thresholds: BTreeMap<String, BTreeMap<Arc<str>, [f32; 2]>>,
}

/// 32 random bytes in hexadecimal. It is written to the state's file and shown nowhere.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Key(String);

impl Key {
    /// A new one; `None` where the system gives no random numbers.
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; 32];
        OsRng.try_fill_bytes(&mut bytes).ok()?;
        Some(Self(bytes.map(|byte| format!("{byte:02x}")).concat()))
    }

    /// Whether it is one.
    pub(super) fn is_whole(&self) -> bool {
        self.0.len() == 64 && self.0.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// What hashes are keyed with.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// A hash, which people read in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hex(pub(super) u64);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// How feedback works.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) mute_for: Duration,
    pub(super) half_life: Duration,
    pub(super) max_entries: usize,
}

impl VerificationState {
    /// Takes from a state that was written what can be believed.
    pub(super) fn checked(mut self, terms: &Terms) -> Self {
        self.raised.retain(|_, (factor, _)| factor.is_finite());
        for (factor, _) in self.raised.values_mut() {
            *factor = factor.clamp(1.0, MOST);
        }
        for streams in self.thresholds.values_mut() {
            streams.retain(|_, thresholds| thresholds.iter().all(|threshold| threshold.is_finite()));
        }
        forget(&mut self.allowed, terms.max_entries, |at| *at);
        forget(&mut self.raised, terms.max_entries, |(_, at)| *at);
        forget(&mut self.muted, terms.max_entries, |until| *until);
        self
    }

    /// A value was taken for personal data wrongly, or rightly.
    pub(super) fn judge_value(&mut self, value: &str, is_wrong: bool, now: Tick, terms: &Terms) {
        if is_wrong {
            self.allowed.insert(value.to_owned(), now.unix_nanos());
            forget(&mut self.allowed, terms.max_entries, |at| *at);
        } else {
            self.allowed.remove(value);
        }
    }

    /// A series was said to be off wrongly, or rightly.
    pub(super) fn judge_series(&mut self, series: u64, is_wrong: bool, now: Tick, terms: &Terms) {
        let known = self.raised.get(&Hex(series));
        let factor = known.map_or(1.0, |(factor, at)| faded(*factor, *at, now, terms.half_life));
        let factor = if is_wrong {
            (factor * RAISE).min(MOST)
        } else {
            factor * LOWER
        };
        if factor < NOTHING {
            self.raised.remove(&Hex(series));
        } else {
            self.raised.insert(Hex(series), (factor, now.unix_nanos()));
            forget(&mut self.raised, terms.max_entries, |(_, at)| *at);
        }
    }

    /// A check of a stream said something wrong, or right.
    pub(super) fn judge_check(&mut self, key: u64, is_wrong: bool, now: Tick, terms: &Terms) {
        if is_wrong {
            let lasts = i64::try_from(terms.mute_for.as_nanos()).unwrap_or(i64::MAX);
            self.muted
                .insert(Hex(key), now.unix_nanos().saturating_add(lasts));
            forget(&mut self.muted, terms.max_entries, |until| *until);
        } else {
            self.muted.remove(&Hex(key));
        }
    }

    /// Forgets what does not count any more.
    pub(super) fn tidy(&mut self, now: Tick, terms: &Terms) {
        self.muted.retain(|_, until| *until > now.unix_nanos());
        self.raised
            .retain(|_, (factor, at)| faded(*factor, *at, now, terms.half_life) >= NOTHING);
    }

    /// What processors need of it at `now`.
    pub(super) fn learnt(&self, now: Tick, terms: &Terms) -> Learnt {
        let raised = self
            .raised
            .iter()
            .map(|(series, (factor, at))| (series.0, faded(*factor, *at, now, terms.half_life)));
        Learnt {
            allowed: Arc::new(self.allowed.keys().cloned().collect()),
            raised: Arc::new(raised.collect()),
            muted: Arc::new(self.muted.iter().map(|(key, until)| (key.0, *until)).collect()),
        }
    }
}

/// What feedback has taught, as processors need it.
#[derive(Clone, Debug, Default)]
pub(super) struct Learnt {
    pub(super) allowed: Arc<BTreeSet<String>>,
    pub(super) raised: Arc<BTreeMap<u64, f32>>,
    pub(super) muted: Arc<BTreeMap<u64, i64>>,
}

impl Learnt {
    /// Whether a check of a stream says nothing at `now`.
    pub(super) fn is_muted(&self, key: u64, now: i64) -> bool {
        self.muted.get(&key).is_some_and(|until| *until > now)
    }
}

/// A factor on its way back to one.
#[expect(clippy::cast_possible_truncation, reason = "a factor needs few digits")]
fn faded(factor: f32, at: i64, now: Tick, half_life: Duration) -> f32 {
    let passed = Duration::from_nanos(now.unix_nanos().saturating_sub(at).max(0).unsigned_abs());
    let halves = passed.as_secs_f64() / half_life.as_secs_f64().max(1.0);
    1.0 + (factor - 1.0) * 0.5_f64.powf(halves) as f32
}

/// Lets the oldest go where there are too many.
fn forget<K: Ord + Clone, V>(entries: &mut BTreeMap<K, V>, most: usize, at: impl Fn(&V) -> i64) {
    let Some(more) = entries.len().checked_sub(most.max(1)).filter(|more| *more > 0) else {
        return;
    };
    let mut by_age: Vec<_> = entries
        .iter()
        .map(|(key, value)| (at(value), key.clone()))
        .collect();
    by_age.sort_unstable();
    for (_, key) in by_age.into_iter().take(more) {
        entries.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    fn terms() -> Terms {
        Terms {
            mute_for: Duration::from_secs(3600),
            half_life: Duration::from_secs(86_400),
            max_entries: 2,
        }
    }

    fn at(days: i64) -> Tick {
        Tick::from_unix_nanos(days * DAY)
    }

    #[test]
    fn a_wrong_anomaly_raises_its_threshold_for_a_while_and_never_without_end() {
        let mut state = VerificationState::default();
        for _ in 0..20 {
            state.judge_series(7, true, at(0), &terms());
        }
        let factor = |state: &VerificationState, day| state.learnt(at(day), &terms()).raised.get(&7).copied();
        assert_eq!(factor(&state, 0), Some(8.0));
        assert_eq!(factor(&state, 1), Some(4.5));
        state.judge_series(7, false, at(1), &terms());
        assert_eq!(factor(&state, 1), Some(4.5 * 0.8));
        state.tidy(at(30), &terms());
        assert_eq!(factor(&state, 30), None);
    }

    #[test]
    fn only_so_many_are_remembered_and_they_survive_being_written() {
        let mut state = VerificationState::default();
        for (day, value) in ["a", "b", "c"].into_iter().enumerate() {
            let day = i64::try_from(day).unwrap();
            state.judge_value(value, true, at(day), &terms());
            state.judge_check(day.unsigned_abs(), true, at(day), &terms());
        }
        let learnt = state.learnt(at(2), &terms());
        assert_eq!(
            learnt.allowed.iter().map(String::as_str).collect::<Vec<_>>(),
            ["b", "c"]
        );
        assert!(learnt.is_muted(2, 2 * DAY + 1) && !learnt.is_muted(2, 2 * DAY + DAY));
        state.judge_value("b", false, at(3), &terms());
        state
            .thresholds
            .insert("metrics".into(), BTreeMap::from([("s".into(), [8.0, 9.5])]));
        let text = serde_json::to_string(&state).unwrap();
        let again: VerificationState = serde_json::from_str(&text).unwrap();
        assert_eq!(again.checked(&terms()), state);
        assert_eq!(
            serde_json::from_str::<VerificationState>("{}").unwrap(),
            VerificationState::default()
        );
    }
}
