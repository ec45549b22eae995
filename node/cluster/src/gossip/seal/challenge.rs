//! Challenges: what only somebody who reads our letters now can answer.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use chacha20poly1305::aead::OsRng;
use chacha20poly1305::aead::rand_core::RngCore as _;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::letter::{Challenge, NOTHING};

/// An answer that takes longer is not believed, in milliseconds.
const LONGEST: u64 = 2_000;

/// Puts challenges and knows their answers. Challenges that nobody answers need no memory, so there may be
/// any number.
pub(super) struct Challenges {
    start: Instant,
    secret: [u8; 32],
    put: u64,
    /// Those that were answered and could still be answered again.
    answered: BTreeSet<u64>,
}

impl Challenges {
    /// Draws a secret; `None` when the system gives no randomness.
    pub(super) fn new(now: Instant) -> Option<Self> {
        let mut secret = [0; 32];
        OsRng.try_fill_bytes(&mut secret).ok()?;
        Some(Self {
            start: now,
            secret,
            put: 0,
            answered: BTreeSet::new(),
        })
    }

    /// A new challenge for whoever is at `to`: the moment, a count, and a hash of them that only we can make.
    pub(super) fn put(&mut self, to: SocketAddr, now: Instant) -> Challenge {
        self.put += 1;
        self.challenge((self.millis(now) << 16) | (self.put & 0xFFFF), to)
    }

    /// Whether a challenge of ours for this address is answered in time, and for the first time.
    pub(super) fn is_answer(&mut self, answered: Challenge, from: SocketAddr, now: Instant) -> bool {
        let (moment, _) = answered.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let moment = u64::from_be_bytes(*moment);
        let oldest = self.millis(now).saturating_sub(LONGEST) << 16;
        self.answered = self.answered.split_off(&oldest);
        moment >= oldest && self.challenge(moment, from) == answered && self.answered.insert(moment)
    }

    fn challenge(&self, moment: u64, to: SocketAddr) -> Challenge {
        let hash = Sha256::new()
            .chain_update(self.secret)
            .chain_update(moment.to_be_bytes())
            .chain_update(to.to_string())
            .finalize();
        let mut challenge = NOTHING;
        challenge[..8].copy_from_slice(&moment.to_be_bytes());
        challenge[8..].copy_from_slice(&hash[..8]);
        challenge
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }
}
