//! How large batches become under load: pure.

/// Without a maximum, batches grow to this many times the configured size.
const GROWTH: u64 = 8;

/// Why a batch went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// It was large enough.
    Size,
    /// It was old enough.
    Timeout,
}

/// The number of rows at which a batch goes on. While batches fill up before their time, load is high and requests
/// are better fewer and larger: the target doubles. When time sends one, load has fallen and the target with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    rows: u64,
    least: u64,
    most: u64,
}

impl Target {
    /// Begins with `size`; `most` is the largest batch, 0 for no limit.
    pub(super) fn new(size: u64, most: u64) -> Self {
        let least = size.max(1);
        let most = if most == 0 {
            least.saturating_mul(GROWTH)
        } else {
            most.max(least)
        };
        Self {
            rows: least,
            least,
            most,
        }
    }

    /// The number of rows at which a batch goes on.
    pub(super) fn rows(self) -> u64 {
        self.rows
    }

    /// A batch went on.
    pub(super) fn sent(&mut self, trigger: Trigger) {
        self.rows = match trigger {
            Trigger::Size => self.rows.saturating_mul(2).min(self.most),
            Trigger::Timeout => (self.rows / 2).max(self.least),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Trigger::{Size, Timeout};
    use super::*;

    #[test]
    fn it_grows_under_load_and_falls_back() {
        let table: [(u64, u64, &[Trigger], u64); 6] = [
            (100, 0, &[], 100),
            (100, 0, &[Size, Size], 400),
            (100, 0, &[Size, Size, Size, Size, Size], 800),
            (100, 250, &[Size, Size], 250),
            (100, 0, &[Size, Size, Timeout], 200),
            (100, 0, &[Size, Timeout, Timeout, Timeout], 100),
        ];
        for (size, most, triggers, expected) in table {
            let mut target = Target::new(size, most);
            triggers.iter().for_each(|trigger| target.sent(*trigger));
            assert_eq!(target.rows(), expected, "{size} {most} {triggers:?}");
        }
    }
}
