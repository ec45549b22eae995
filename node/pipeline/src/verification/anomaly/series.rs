//! A statement as it is remembered.

use super::model::Model;

/// What is remembered of a statement.
#[derive(Clone, Default)]
pub(super) struct Series {
    tick: Option<i64>,
    before: Before,
    pub(super) models: [Model; 2],
}

/// What a row says of the time since the reading before.
pub(super) struct Taken {
    pub(super) calls: f64,
    /// The milliseconds of all calls.
    pub(super) total: Option<f64>,
    /// How long that time was.
    pub(super) seconds: Option<f64>,
}

impl Series {
    /// Takes in what was counted by `tick`, which is so many seconds after the stream's reading before; where these
    /// are totals, what was added since the statement's own reading before is given. Two rows of one statement at one
    /// tick would look like one that jumps: `None` for the second.
    pub(super) fn take(
        &mut self,
        (calls, total): (f64, Option<f64>),
        are_totals: bool,
        tick: i64,
        seconds: Option<f64>,
    ) -> Option<Taken> {
        let before = self.tick.replace(tick);
        if before == Some(tick) {
            return None;
        }
        if !are_totals || calls.is_infinite() {
            return Some(Taken {
                calls,
                total,
                seconds,
            });
        }
        let (calls, total) = self.before.added(calls, total)?;
        let seconds = before.map(|before| seconds_between(before, tick));
        Some(Taken {
            calls,
            total,
            seconds,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time needs few digits")]
fn seconds_between(before: i64, tick: i64) -> f64 {
    (tick.saturating_sub(before) as f64 / 1e9).max(1e-3)
}

/// A fall weighs so much; each reading without one takes one off.
const FALL: u8 = 8;
/// With so many counts fall so often that they are none since a start.
const MANY_FALLS: u8 = 32;

/// What a server had counted of a statement at the reading before.
#[derive(Clone, Default)]
pub(super) struct Before {
    counted: Option<(f64, f64)>,
    falls: u8,
}

impl Before {
    /// What was added since the reading before, of what a server counts since its start. `None` at the first
    /// reading and after a reset. A query may compute differences by itself: then counts fall time and
    /// again, and are taken as they are.
    pub(super) fn added(&mut self, calls: f64, total: Option<f64>) -> Option<(f64, Option<f64>)> {
        let now = (calls, total.unwrap_or_default());
        let before = self.counted.replace(now)?;
        let has_fallen = now.0 < before.0;
        self.falls = if has_fallen {
            self.falls.saturating_add(FALL)
        } else {
            self.falls.saturating_sub(1)
        };
        if self.falls > MANY_FALLS {
            return Some((calls, total));
        }
        let added = (now.0 - before.0, total.map(|total| total - before.1));
        (!has_fallen).then_some(added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_become_differences_and_a_reset_is_none() {
        let mut before = Before::default();
        assert_eq!(before.added(100.0, Some(10.0)), None);
        assert_eq!(before.added(130.0, Some(16.0)), Some((30.0, Some(6.0))));
        assert_eq!(before.added(5.0, Some(1.0)), None, "a reset");
        assert_eq!(before.added(25.0, None), Some((20.0, None)));
        let mut differences = Before::default();
        let last = (0..40)
            .map(|n| differences.added(f64::from(100 + n % 3), None))
            .last();
        assert_eq!(last, Some(Some((100.0, None))));
    }
}
