//! How large a batch should become.

/// The factor up to which batches grow where no largest size is set.
const GROWTH: u64 = 8;

/// Why a batch goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// It is full.
    Size,
    /// It has waited long enough.
    Timeout,
}

/// The sizes that are set, in rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// `send_batch_size`.
    pub(super) base: u64,
    /// `send_batch_max_size`; 0 for none.
    pub(super) max: u64,
}

impl Sizes {
    /// The size at which the next batch is full, after one of `target` rows went on. Batches that fill before
    /// the timeout come fast, so each may be twice as large as the one before; the first that does not fill ends that.
    pub(super) fn next_target(self, target: u64, trigger: Trigger) -> u64 {
        let most = if self.max > 0 {
            self.max
        } else {
            self.base.saturating_mul(GROWTH)
        };
        match trigger {
            Trigger::Size => target.saturating_mul(2).min(most),
            Trigger::Timeout => self.base,
        }
    }

    /// How many more rows a batch of `held` rows may take; `None` for any number.
    pub(super) fn room(self, held: u64) -> Option<u64> {
        (self.max > 0).then(|| self.max.saturating_sub(held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_under_load_and_fall_back() {
        use Trigger::{Size, Timeout};
        for (base, max, target, trigger, expected) in [
            (100, 0, 100, Size, 200),
            (100, 0, 200, Size, 400),
            (100, 0, 800, Size, 800),
            (100, 150, 100, Size, 150),
            (100, 150, 150, Size, 150),
            (100, 100, 100, Size, 100),
            (100, 0, 800, Timeout, 100),
            (100, 0, 100, Timeout, 100),
            (u64::MAX, 0, u64::MAX, Size, u64::MAX),
        ] {
            assert_eq!(
                Sizes { base, max }.next_target(target, trigger),
                expected,
                "{base} {max} {target} {trigger:?}"
            );
        }
    }

    #[test]
    fn a_batch_takes_rows_up_to_the_largest_size() {
        for (max, held, expected) in [
            (0, 1_000, None),
            (10, 0, Some(10)),
            (10, 9, Some(1)),
            (10, 10, Some(0)),
        ] {
            assert_eq!(Sizes { base: 1, max }.room(held), expected);
        }
    }
}
