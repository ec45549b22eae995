//! The plans of a frame, each once, with what is known of them side by side; and those of the frames before.
//!
//! A stream has mostly the same plans at each reading, in another order or some less. Its columns are then made of
//! what the frame before has, and no text is copied. A plan that was not there makes all of them new.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, StringArray};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use ringwatch_parse::plan::PlanError;

use super::cache::Known;
use crate::verification::AsItIs;

/// How many streams are expected to have plans.
const STREAMS: usize = 64;
/// A pool of which a frame has less than one in so many plans would only be carried along.
const LEAST_SHARE: usize = 2;

/// The place of a plan in its pool, or why it could not be read.
pub(super) type Placed = Result<i32, PlanError>;

/// Distinct plans, without literals.
#[derive(Debug)]
pub(super) struct Pool {
    /// By the hashes of the texts that came.
    places: HashMap<u128, Placed, BuildHasherDefault<AsItIs>>,
    pub(super) plans: ArrayRef,
    pub(super) fingerprints: ArrayRef,
    pub(super) figures: Vec<Figures>,
    /// What is remarked on, each text once, and which of them each plan has.
    pub(super) remarks: ArrayRef,
    pub(super) remark_of: Vec<Option<i32>>,
}

/// The figures of a plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    pub(super) total_cost: Option<f64>,
    pub(super) execution_ms: Option<f64>,
    pub(super) complexity: f64,
    pub(super) has_sequential_scan: bool,
    pub(super) has_nested_loop: bool,
    pub(super) index_scans: i64,
    pub(super) table_accesses: i64,
}

impl Figures {
    fn of(known: &Known) -> Self {
        Self {
            total_cost: known.total_cost,
            execution_ms: known.execution_ms,
            complexity: known.complexity,
            has_sequential_scan: known.has_sequential_scan,
            has_nested_loop: known.has_nested_loop,
            index_scans: known.index_scans,
            table_accesses: known.table_accesses,
        }
    }
}

impl Pool {
    /// The pool of these plans, which are known by the hashes of their texts.
    pub(super) fn new(hashes: &[u128], known: &[Arc<Known>]) -> Self {
        let texts = || known.iter().filter_map(|known| known.plan.as_deref());
        let count = texts().count();
        // All of it at once: plans are large, and to grow would copy them.
        let mut plans = StringBuilder::with_capacity(count, texts().map(str::len).sum());
        let mut fingerprints = StringBuilder::with_capacity(count, count * 16);
        let mut remarks = Remarks::default();
        let mut pool = Self {
            places: HashMap::with_capacity_and_hasher(known.len(), BuildHasherDefault::default()),
            plans: none(),
            fingerprints: none(),
            figures: Vec::with_capacity(count),
            remarks: none(),
            remark_of: Vec::with_capacity(count),
        };
        for (hash, known) in hashes.iter().zip(known) {
            let place = match &known.plan {
                Some(plan) => {
                    let place = i32::try_from(pool.figures.len()).unwrap_or(i32::MAX);
                    plans.append_value(plan);
                    fingerprints.append_value(&known.fingerprint);
                    pool.figures.push(Figures::of(known));
                    pool.remark_of.push(remarks.place(known));
                    Ok(place)
                }
                None => Err(known.refused.unwrap_or(PlanError::NotAPlan)),
            };
            pool.places.insert(*hash, place);
        }
        pool.plans = Arc::new(plans.finish());
        pool.fingerprints = Arc::new(fingerprints.finish());
        pool.remarks = Arc::new(remarks.texts.finish());
        pool
    }

    /// The places of the plans of these hashes; `None` where one is not there or too few of what is there are used.
    pub(super) fn places(&self, hashes: &[u128]) -> Option<Vec<Placed>> {
        let is_worth_it = hashes.len() * LEAST_SHARE >= self.places.len();
        let places = hashes.iter().map(|hash| self.places.get(hash).copied());
        is_worth_it.then(|| places.collect()).flatten()
    }

    /// The place of the plan of this hash.
    pub(super) fn place(&self, hash: u128) -> Placed {
        let place = self.places.get(&hash).copied();
        place.unwrap_or(Err(PlanError::NotAPlan))
    }

    fn bytes(&self) -> u64 {
        let arrays = [&self.plans, &self.fingerprints, &self.remarks];
        let arrays: usize = arrays
            .into_iter()
            .map(|array| array.get_array_memory_size())
            .sum();
        let entries = self.places.capacity() * size_of::<(u128, Placed)>()
            + self.figures.capacity() * size_of::<Figures>()
            + self.remark_of.capacity() * size_of::<Option<i32>>();
        (arrays + entries + size_of::<Self>()) as u64
    }
}

fn none() -> ArrayRef {
    Arc::new(StringArray::new_null(0))
}

/// Texts of remarks as they come, each once.
#[derive(Default)]
struct Remarks {
    texts: StringBuilder,
    /// By their hashes.
    places: HashMap<u128, i32, BuildHasherDefault<AsItIs>>,
}

impl Remarks {
    fn place(&mut self, known: &Known) -> Option<i32> {
        if known.insights.is_empty() {
            return None;
        }
        let next = i32::try_from(self.places.len()).unwrap_or(i32::MAX);
        let place = *self.places.entry(known.insights_hash).or_insert(next);
        if place == next {
            self.texts.append_value(&known.insights);
        }
        Some(place)
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<u64, Arc<Pool>> for ByBytes {
    fn weight(&self, _: &u64, pool: &Arc<Pool>) -> u64 {
        pool.bytes()
    }
}

/// The last pools of streams, no more than fit.
pub(super) struct Pools(Mutex<Cache<u64, Arc<Pool>, ByBytes>>);

impl Pools {
    /// Room for `bytes` of them.
    pub(super) fn new(bytes: u64) -> Self {
        Self(Mutex::new(Cache::with_weighter(STREAMS, bytes, ByBytes)))
    }

    pub(super) fn get(&self, stream: u64) -> Option<Arc<Pool>> {
        let pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pools.get(&stream).map(Arc::clone)
    }

    pub(super) fn put(&self, stream: u64, pool: &Arc<Pool>) {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pools.insert(stream, Arc::clone(pool));
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).weight()
    }
}
