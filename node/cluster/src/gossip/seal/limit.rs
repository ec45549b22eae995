//! How often strangers are answered.

use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

const BUCKETS: usize = 1_024;

/// Lets something happen once in a while for each address, and so often in all. Of fixed size: addresses are
/// hashed into buckets, in a way that nobody outside can foresee, and share them.
#[derive(Debug)]
pub(super) struct Limit {
    every: Duration,
    hasher: RandomState,
    last: Vec<Option<Instant>>,
    most: u32,
    second: Instant,
    spent: u32,
}

impl Limit {
    /// Once within `every` for an address, and at most `most` a second for all together.
    pub(super) fn new(every: Duration, most: u32, now: Instant) -> Self {
        Self {
            every,
            hasher: RandomState::new(),
            last: vec![None; BUCKETS],
            most,
            second: now,
            spent: 0,
        }
    }

    /// Whether it may happen now for this address; then it does.
    pub(super) fn pass(&mut self, now: Instant, address: SocketAddr) -> bool {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.spent = 0;
        }
        // Below the number of buckets, whatever the hash.
        let bucket = (self.hasher.hash_one(address) % BUCKETS as u64) as usize;
        let Some(last) = self.last.get_mut(bucket) else {
            return false;
        };
        if self.spent >= self.most || last.is_some_and(|last| now.duration_since(last) < self.every) {
            return false;
        }
        *last = Some(now);
        self.spent += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_address_and_all_together_are_limited() {
        let start = Instant::now();
        let mut limit = Limit::new(Duration::from_millis(50), 100, start);
        let one = SocketAddr::from(([127, 0, 0, 1], 1));
        assert!(limit.pass(start, one));
        assert!(!limit.pass(start + Duration::from_millis(49), one));
        assert!(limit.pass(start + Duration::from_millis(50), one));
        let many = (0..10_000_u16).map(|port| SocketAddr::from(([127, 0, 0, 2], port)));
        let passed = many
            .filter(|address| limit.pass(start + Duration::from_millis(60), *address))
            .count();
        assert_eq!(passed, 98);
        assert!(limit.pass(start + Duration::from_secs(1), one));
    }
}
