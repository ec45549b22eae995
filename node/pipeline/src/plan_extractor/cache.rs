//! What was read of plans: by their text, bounded in number and in bytes. Large plans are kept compressed.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ringwatch_parse::plan::PlanError;

/// Plans of so many bytes and more are compressed while they are kept. They shrink to a tenth and take half a
/// millisecond to get back where they have 500 KB; smaller ones are not worth it.
const LARGE: usize = 8 * 1024;
/// The level of compression: the quickest.
const LEVEL: i32 = 1;

/// What is known of one text. It holds nothing but what may leave.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    /// The plan without its literals; `None` where it could not be read.
    pub(super) plan: Option<Arc<str>>,
    /// Why it could not.
    pub(super) refused: Option<PlanError>,
    pub(super) total_cost: Option<f64>,
    pub(super) execution_ms: Option<f64>,
    pub(super) has_sequential_scan: bool,
    pub(super) has_nested_loop: bool,
    pub(super) index_scans: i64,
    pub(super) table_accesses: i64,
    pub(super) complexity: f64,
    /// 16 hexadecimal digits.
    pub(super) fingerprint: String,
    /// A JSON array; empty where nothing is to be remarked on.
    pub(super) insights: String,
    /// The hash of that text.
    pub(super) insights_hash: u128,
}

/// What is kept of one text.
#[derive(Clone)]
enum Kept {
    Whole(Arc<Known>),
    /// The plan apart, compressed, with its length.
    Large(Arc<Known>, Arc<[u8]>, usize),
}

impl Kept {
    fn of(known: &Arc<Known>) -> Self {
        let large = known.plan.as_ref().filter(|plan| plan.len() >= LARGE);
        let packed = large.and_then(|plan| {
            let packed = zstd::bulk::compress(plan.as_bytes(), LEVEL).ok()?;
            let facts = Known {
                plan: None,
                ..Known::clone(known)
            };
            Some(Self::Large(Arc::new(facts), packed.into(), plan.len()))
        });
        packed.unwrap_or_else(|| Self::Whole(Arc::clone(known)))
    }

    /// What was put in; nothing where it cannot be unpacked, so that it is read again.
    fn known(self) -> Option<Arc<Known>> {
        match self {
            Self::Whole(known) => Some(known),
            Self::Large(facts, packed, length) => {
                let plan = String::from_utf8(zstd::bulk::decompress(&packed, length).ok()?).ok()?;
                Some(Arc::new(Known {
                    plan: Some(plan.into()),
                    ..Known::clone(&facts)
                }))
            }
        }
    }

    fn bytes(&self) -> u64 {
        let (known, packed) = match self {
            Self::Whole(known) => (known, 0),
            Self::Large(known, packed, _) => (known, packed.len()),
        };
        let texts =
            known.plan.as_ref().map_or(0, |plan| plan.len()) + known.fingerprint.len() + known.insights.len();
        (texts + packed + size_of::<Known>() + size_of::<Self>() + size_of::<u128>()) as u64
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<u128, Kept> for ByBytes {
    fn weight(&self, _: &u128, kept: &Kept) -> u64 {
        kept.bytes()
    }
}

/// Plans by a hash of 128 bits of their text, so that texts themselves need not be kept.
pub(super) struct Plans {
    kept: Cache<u128, Kept, ByBytes>,
}

impl Plans {
    /// Room for `most` plans that take `bytes` together.
    pub(super) fn new(most: usize, bytes: u64) -> Self {
        Self {
            kept: Cache::with_weighter(most, bytes, ByBytes),
        }
    }

    pub(super) fn get(&self, hash: u128) -> Option<Arc<Known>> {
        self.kept.get(&hash)?.known()
    }

    pub(super) fn insert(&self, hash: u128, known: &Arc<Known>) {
        self.kept.insert(hash, Kept::of(known));
    }

    pub(super) fn len(&self) -> u64 {
        self.kept.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.kept.weight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_plans_come_back_as_they_were_and_take_little() {
        let plans = Plans::new(10, 1 << 20);
        let known = |length: usize| {
            Arc::new(Known {
                plan: Some("Seq Scan on t\n".repeat(length / 14).into()),
                insights: "[]".to_owned(),
                ..Known::default()
            })
        };
        for length in [100, LARGE + 100, 500_000] {
            let (hash, known) = (length as u128, known(length));
            plans.insert(hash, &known);
            assert_eq!(plans.get(hash), Some(known));
        }
        assert!(plans.bytes() < 10_000, "{}", plans.bytes());
    }
}
