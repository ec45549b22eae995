//! A series: its points by time, what came twice, what was left out.

use std::collections::BTreeMap;

use super::point::{Kind, Point, SeriesId};

/// A series: what it is, and its points by time.
#[derive(Clone, Debug)]
pub struct Series {
    /// The unit.
    pub unit: String,
    /// Gauge or sum.
    pub kind: Kind,
    /// Points by `time_unix_nano`.
    pub points: BTreeMap<u64, Point>,
    /// Points that came with a time that the series had already.
    pub doubles: u64,
    /// Those of them whose value or start was another one than that which came first.
    pub conflicts: u64,
    /// The shortest distance of two consecutive points, in nanoseconds: the interval, learnt.
    pub interval: Option<u64>,
    pub(super) forgotten_gaps: u64,
}

/// Two consecutive points that are not one interval apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The series.
    pub series: SeriesId,
    /// Time of the earlier point.
    pub from: u64,
    /// Time of the later point.
    pub to: u64,
    /// The interval, in nanoseconds.
    pub interval: u64,
}

impl Series {
    pub(super) fn new(unit: String, kind: Kind) -> Self {
        Self {
            unit,
            kind,
            points: BTreeMap::new(),
            doubles: 0,
            conflicts: 0,
            interval: None,
            forgotten_gaps: 0,
        }
    }

    /// Enters a point; whether none had come with its time.
    pub(super) fn enter(&mut self, time: u64, point: Point, most: usize) -> bool {
        if let Some(first) = self.points.get(&time) {
            self.doubles += 1;
            self.conflicts += u64::from(*first != point);
            return false;
        }
        let before = self.points.range(..time).next_back().map(|(t, _)| time - t);
        let after = self.points.range(time..).next().map(|(t, _)| t - time);
        let nearest = before.into_iter().chain(after).chain(self.interval).min();
        self.interval = nearest;
        self.points.insert(time, point);
        if self.points.len() > most {
            let mut times = self.points.keys();
            if let (Some(a), Some(b), Some(interval)) = (times.next(), times.next(), self.interval)
                && b - a != interval
            {
                self.forgotten_gaps += 1;
            }
            self.points.pop_first();
        }
        true
    }

    /// The newest point.
    pub fn last(&self) -> Option<(u64, &Point)> {
        self.points.last_key_value().map(|(time, point)| (*time, point))
    }

    pub(super) fn gaps(&self, id: &SeriesId) -> Vec<Gap> {
        let Some(interval) = self.interval else {
            return Vec::new();
        };
        self.points
            .keys()
            .zip(self.points.keys().skip(1))
            .filter(|(a, b)| *b - *a != interval)
            .map(|(a, b)| Gap {
                series: id.clone(),
                from: *a,
                to: *b,
                interval,
            })
            .collect()
    }
}
