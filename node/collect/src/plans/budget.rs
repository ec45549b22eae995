//! How many plans may be asked of one target.

use std::sync::{Mutex, PoisonError};

use ringwatch_frame::Tick;

const HOUR: f64 = 3600e9;

/// How many plans may still be asked of one target: a bucket that fills by itself. All streams of the target share it.
///
/// A third of the hour's plans may be asked at once, and the bucket fills at such a rate that there are no more than the
/// hour's in any hour.
#[derive(Debug)]
pub(crate) struct Budget {
    most: f64,
    /// In one nanosecond.
    rate: f64,
    bucket: Mutex<Bucket>,
}

/// What is in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    /// Plans that may be asked at once.
    pub(crate) left: f64,
    /// As of this instant.
    pub(crate) at: Tick,
}

impl Budget {
    /// A full bucket for so many plans an hour.
    pub(crate) fn new(per_hour: u32) -> Self {
        let per_hour = f64::from(per_hour.max(1));
        let most = (per_hour / 3.0).max(1.0).floor();
        let in_an_hour = (per_hour - most).max(per_hour / 2.0);
        Self {
            most,
            rate: in_an_hour / HOUR,
            bucket: Mutex::new(Bucket {
                left: most,
                at: Tick::from_unix_nanos(i64::MIN),
            }),
        }
    }

    /// Takes one at `now`, if there is one.
    pub(crate) fn take(&self, now: Tick) -> bool {
        self.filled(now, |bucket| {
            let there = bucket.left >= 1.0;
            if there {
                bucket.left -= 1.0;
            }
            there
        })
    }

    /// What is left at `now`.
    pub(crate) fn left(&self, now: Tick) -> Bucket {
        self.filled(now, |bucket| *bucket)
    }

    /// Another node, or this one before, had so many left: there are no more now than there would be then.
    pub(crate) fn resume(&self, known: Bucket, now: Tick) {
        let known = self.later(known, now);
        self.filled(now, |bucket| bucket.left = bucket.left.min(known.left));
    }

    fn filled<T>(&self, now: Tick, then: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        *bucket = self.later(*bucket, now);
        then(&mut bucket)
    }

    /// `bucket` as it is at `now`. A clock that was set back fills nothing.
    fn later(&self, bucket: Bucket, now: Tick) -> Bucket {
        let passed = now.unix_nanos().saturating_sub(bucket.at.unix_nanos()).max(0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a nanosecond in some years does not matter"
        )]
        let left = self.rate.mul_add(passed as f64, bucket.left.max(0.0));
        Bucket {
            left: left.min(self.most),
            at: bucket.at.max(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Tick {
        Tick::from_unix_nanos(1_700_000_000_000_000_000 + seconds * 1_000_000_000)
    }

    #[test]
    fn a_third_at_once_and_the_rest_over_the_hour() {
        let budget = Budget::new(60);
        let taken = (0..100).filter(|_| budget.take(at(0))).count();
        assert_eq!(taken, 20);
        assert!(!budget.take(at(80)) && budget.take(at(91)), "40 an hour");
        assert!(!budget.take(at(10)), "a clock that was set back fills nothing");
    }

    #[test]
    fn what_another_node_spent_is_spent() {
        let (one, other) = (Budget::new(60), Budget::new(60));
        while one.take(at(0)) {}
        other.resume(one.left(at(0)), at(90));
        assert!(other.take(at(90)) && !other.take(at(90)));
        other.resume(
            Bucket {
                left: 1e9,
                at: at(90),
            },
            at(90),
        );
        assert!(!other.take(at(90)), "it gives nothing back");
    }

    proptest! {
        #[test]
        fn no_hour_has_more_than_it_may(per_hour in 1..200u32, steps in prop::collection::vec(0..120i64, 1..400)) {
            let budget = Budget::new(per_hour);
            let (mut now, mut taken) = (0, Vec::new());
            for step in steps {
                now += step;
                if budget.take(at(now)) {
                    taken.push(now);
                }
            }
            for (first, start) in taken.iter().enumerate() {
                let in_hour = taken[first..].iter().take_while(|then| **then - start < 3600).count();
                prop_assert!(in_hour <= per_hour as usize, "{in_hour} of {per_hour}");
            }
        }
    }
}
