//! What samplers have to tell the group, until it was told: the newest of each kind, bounded.

use std::collections::{BTreeMap, HashMap};

use ringwatch_frame::TargetId;
use ringwatch_pipeline::adaptive_sampler::SeenEntry;
use ringwatch_proto::v1;
use ringwatch_proto::v1::state_command::Kind;

/// As many statements as the group remembers of one sampler in one pipeline.
const MOST: usize = 100_000;
/// Rates of no more targets wait.
const MOST_RATES: usize = 10_000;
/// So many statements go in one proposal: some 100 KB.
const AT_ONCE: usize = 4096;
/// So many rates.
const RATES_AT_ONCE: usize = 512;

/// What waits, by sampler and pipeline.
#[derive(Default)]
pub(super) struct Outbox(BTreeMap<(String, String), Waiting>);

#[derive(Default)]
struct Waiting {
    rules: Vec<String>,
    seen: HashMap<u64, SeenEntry>,
    rates: BTreeMap<TargetId, f64>,
    caps: Option<Caps>,
}

/// What the rules have used in a minute.
type Caps = (i64, BTreeMap<String, u64>);

/// What goes together.
pub(super) struct Batch {
    of: (String, String),
    rules: Vec<String>,
    seen: Vec<SeenEntry>,
    rates: Vec<(TargetId, f64)>,
    caps: Option<Caps>,
}

impl Outbox {
    /// Statements that a sampler has seen.
    pub(super) fn seen(&mut self, of: (&str, &str), rules: &[String], entries: &[SeenEntry]) {
        let waiting = self.of(of);
        if waiting.rules != rules {
            // The bits of what waits stood for others.
            waiting.seen.clear();
            waiting.rules = rules.to_vec();
        }
        for entry in entries {
            if waiting.seen.len() < MOST || waiting.seen.contains_key(&entry.fingerprint) {
                waiting.seen.insert(entry.fingerprint, *entry);
            }
        }
    }

    /// Rates that it adapted.
    pub(super) fn rates(&mut self, of: (&str, &str), rates: &[(TargetId, f64)]) {
        let waiting = self.of(of);
        for (target, rate) in rates {
            if waiting.rates.len() < MOST_RATES || waiting.rates.contains_key(target) {
                waiting.rates.insert(target.clone(), *rate);
            }
        }
    }

    /// What its rules have used in a minute.
    pub(super) fn caps(&mut self, of: (&str, &str), minute: i64, used: BTreeMap<String, u64>) {
        let waiting = self.of(of);
        if waiting.caps.as_ref().is_none_or(|(known, _)| *known <= minute) {
            waiting.caps = Some((minute, used));
        }
    }

    /// What is to be told next; `None`: nothing waits.
    pub(super) fn take(&mut self) -> Option<Batch> {
        let (of, waiting) = self.0.iter_mut().find(|(_, waiting)| !waiting.is_empty())?;
        let keys: Vec<u64> = waiting.seen.keys().take(AT_ONCE).copied().collect();
        let seen = keys.iter().filter_map(|key| waiting.seen.remove(key)).collect();
        let targets: Vec<_> = waiting.rates.keys().take(RATES_AT_ONCE).cloned().collect();
        let rates = targets
            .into_iter()
            .filter_map(|target| waiting.rates.remove_entry(&target));
        Some(Batch {
            of: of.clone(),
            rules: waiting.rules.clone(),
            seen,
            rates: rates.collect(),
            caps: waiting.caps.take(),
        })
    }

    /// A batch that was not told waits again, but for what is known newer by now.
    pub(super) fn put_back(&mut self, batch: Batch) {
        let waiting = self.of((&batch.of.0, &batch.of.1));
        if waiting.rules == batch.rules {
            for entry in batch.seen {
                if waiting.seen.len() < MOST {
                    waiting.seen.entry(entry.fingerprint).or_insert(entry);
                }
            }
        }
        for (target, rate) in batch.rates {
            waiting.rates.entry(target).or_insert(rate);
        }
        if waiting.caps.is_none() {
            waiting.caps = batch.caps;
        }
    }

    fn of(&mut self, (sampler, pipeline): (&str, &str)) -> &mut Waiting {
        self.0
            .entry((sampler.to_owned(), pipeline.to_owned()))
            .or_default()
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.seen.is_empty() && self.rates.is_empty() && self.caps.is_none()
    }
}

impl Batch {
    /// The sampler, and its pipeline.
    pub(super) fn of(&self) -> (&str, &str) {
        (&self.of.0, &self.of.1)
    }

    /// As the group is told it.
    pub(super) fn commands(&self, node: &str) -> Vec<v1::StateCommand> {
        let (sampler, pipeline) = self.of.clone();
        let mut kinds = Vec::new();
        if !self.seen.is_empty() {
            let entries = self.seen.iter().map(|entry| v1::SeenStatement {
                fingerprint: entry.fingerprint,
                seen_unix_nano: entry.seen_unix_nano,
                rules: entry.rules,
                rules_before: entry.rules_before,
            });
            kinds.push(Kind::SamplerSeen(v1::SamplerSeen {
                sampler: sampler.clone(),
                pipeline: pipeline.clone(),
                rules: self.rules.clone(),
                entries: entries.collect(),
            }));
        }
        if !self.rates.is_empty() {
            let rates = self.rates.iter().map(|(target, rate)| v1::TargetRate {
                target: target.to_string(),
                rate_percent: *rate,
                received_unix_nano: 0,
            });
            kinds.push(Kind::SamplerRates(v1::SamplerRates {
                sampler: sampler.clone(),
                pipeline: pipeline.clone(),
                node: node.to_owned(),
                rates: rates.collect(),
            }));
        }
        if let Some((minute, used)) = &self.caps {
            let rules = used.iter().map(|(rule, used)| v1::RuleUse {
                rule: rule.clone(),
                used: *used,
            });
            kinds.push(Kind::SamplerCaps(v1::SamplerCaps {
                sampler,
                pipeline,
                node: node.to_owned(),
                minute: *minute,
                rules: rules.collect(),
            }));
        }
        let command = |kind| v1::StateCommand { kind: Some(kind) };
        kinds.into_iter().map(command).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: (&str, &str) = ("adaptive_sampler", "logs");

    fn entry(fingerprint: u64, seen: i64) -> SeenEntry {
        SeenEntry {
            fingerprint,
            rules: 1,
            rules_before: 0,
            seen_unix_nano: seen,
        }
    }

    fn seen(batch: &Batch) -> Vec<(u64, i64)> {
        let mut all: Vec<_> = batch
            .seen
            .iter()
            .map(|entry| (entry.fingerprint, entry.seen_unix_nano))
            .collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn what_was_not_told_waits_again_unless_it_is_known_newer() {
        let mut outbox = Outbox::default();
        let rules = ["slow".to_owned()];
        outbox.seen(OF, &rules, &[entry(1, 10), entry(2, 10)]);
        outbox.caps(OF, 5, [("slow".to_owned(), 3)].into());
        let batch = outbox.take().unwrap();
        assert_eq!(batch.commands("n1").len(), 2);
        assert!(outbox.take().is_none());
        outbox.seen(OF, &rules, &[entry(2, 20)]);
        outbox.caps(OF, 6, BTreeMap::new());
        outbox.put_back(batch);
        let batch = outbox.take().unwrap();
        assert_eq!(seen(&batch), [(1, 10), (2, 20)]);
        assert_eq!(batch.caps, Some((6, BTreeMap::new())));
        assert!(outbox.take().is_none());
    }

    #[test]
    fn a_flood_goes_in_parts_and_is_bounded() {
        let mut outbox = Outbox::default();
        let all: Vec<_> = (0..MOST as u64 + 7).map(|one| entry(one, 1)).collect();
        outbox.seen(OF, &[], &all);
        let mut told = 0;
        while let Some(batch) = outbox.take() {
            assert!(batch.seen.len() <= AT_ONCE);
            told += batch.seen.len();
        }
        assert_eq!(told, MOST);
    }
}
