//! Relays with weather, where the system itself cannot delay and lose: what becomes of each datagram follows from a seed.

mod tcp;
mod udp;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

pub use tcp::TcpRelay;
pub use udp::UdpRelay;

/// What happens on the way. Shares are from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// How long everything takes.
    pub delay: Duration,
    /// How much longer at most; each datagram or piece of a stream by an amount of its own.
    pub jitter: Duration,
    /// Which share is lost. Of a stream, that share comes late, as after a repetition.
    pub loss: f64,
    /// Which share of datagrams comes twice.
    pub duplicates: f64,
    /// Which share of datagrams is held back until later ones have passed.
    pub reorder: f64,
}

impl Weather {
    /// Nothing happens.
    pub const CLEAR: Self = Self {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: 0.0,
        duplicates: 0.0,
        reorder: 0.0,
    };
    /// A tenth is lost, the rest comes up to 200 ms late and in any order, some of it twice.
    pub const STORM: Self = Self {
        delay: Duration::from_millis(1),
        jitter: Duration::from_millis(200),
        loss: 0.1,
        duplicates: 0.02,
        reorder: 0.05,
    };
    /// How long TCP waits at least before it repeats what was lost.
    const REPEATED_AFTER: Duration = Duration::from_millis(200);
}

/// The weather over any number of relays, to be changed while they run.
#[derive(Clone, Debug)]
pub struct Sky(Arc<Mutex<Weather>>);

impl Sky {
    /// With this weather at first.
    pub fn new(weather: Weather) -> Self {
        Self(Arc::new(Mutex::new(weather)))
    }

    /// What it is now.
    pub fn now(&self) -> Weather {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it for what passes from now on.
    pub fn set(&self, weather: Weather) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = weather;
    }
}

/// What becomes of datagrams and pieces of streams.
#[derive(Debug)]
struct Fates(Rng);

impl Fates {
    fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// After which times a datagram goes on: never, once or twice.
    fn of_datagram(&mut self, weather: &Weather) -> Vec<Duration> {
        // Every draw is made every time: what befalls one datagram changes nothing for the next.
        let [lost, twice, held] =
            [weather.loss, weather.duplicates, weather.reorder].map(|share| self.chance(share));
        let (first, second) = (self.time(weather), self.time(weather));
        if lost {
            return Vec::new();
        }
        let hold = weather.delay + weather.jitter + Duration::from_millis(5);
        let first = if held { first + hold } else { first };
        if twice { vec![first, second] } else { vec![first] }
    }

    /// After which time a piece of a stream goes on.
    fn of_piece(&mut self, weather: &Weather) -> Duration {
        let (lost, time) = (self.chance(weather.loss), self.time(weather));
        if lost {
            time + Weather::REPEATED_AFTER
        } else {
            time
        }
    }

    fn chance(&mut self, share: f64) -> bool {
        self.0.f64() < share
    }

    fn time(&mut self, weather: &Weather) -> Duration {
        weather.delay + weather.jitter.mul_f64(self.0.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_says_what_becomes_of_each() {
        let play = |seed| -> Vec<Vec<Duration>> {
            let mut fates = Fates::new(seed);
            (0..10_000).map(|_| fates.of_datagram(&Weather::STORM)).collect()
        };
        let all = play(7);
        assert_eq!(all, play(7));
        assert_ne!(all, play(8));
        let lost = all.iter().filter(|ways| ways.is_empty()).count();
        let twice = all.iter().filter(|ways| ways.len() == 2).count();
        assert!((900..1_100).contains(&lost), "{lost} of 10000 are lost");
        assert!((120..260).contains(&twice), "{twice} of 10000 come twice");
        let latest = all.iter().flatten().max().unwrap();
        assert!((400..407).contains(&latest.as_millis()), "{latest:?}");
    }

    #[test]
    fn in_clear_weather_all_goes_on_at_once() {
        let mut fates = Fates::new(1);
        for _ in 0..1_000 {
            assert_eq!(fates.of_datagram(&Weather::CLEAR), [Duration::ZERO]);
            assert_eq!(fates.of_piece(&Weather::CLEAR), Duration::ZERO);
        }
    }
}
