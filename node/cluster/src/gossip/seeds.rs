//! The seeds: where other nodes are looked for. Names are resolved again and again, because seeds may come up
//! later than we do and elsewhere than before.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::net::lookup_host;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// A lookup that takes longer has failed.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);
/// How often a name is resolved while no other node is known.
const RESOLVE_ALONE: Duration = Duration::from_secs(1);
/// How often it is resolved otherwise, so that halves of a cluster that forgot each other meet again.
const RESOLVE: Duration = Duration::from_secs(30);
/// How often the seeds are spoken to while no other node is known.
const SPEAK_ALONE: Duration = Duration::from_millis(200);
/// How often those of them that are not known are spoken to otherwise.
const SPEAK: Duration = Duration::from_secs(10);
/// A name that stays unresolved is said again after this time.
const SAY_AGAIN: Duration = Duration::from_secs(30);
/// Of a name's addresses no more than these are used.
const MOST_ADDRESSES: usize = 64;

/// All seeds.
#[derive(Debug)]
pub(super) struct Seeds {
    seeds: Vec<Seed>,
    own: SocketAddr,
    speak: Instant,
}

#[derive(Debug)]
struct Seed {
    name: String,
    addresses: Vec<SocketAddr>,
    /// When it is resolved next; never for what is an address already.
    resolve: Option<Instant>,
    lookup: Option<AbortOnDropHandle<Result<Vec<SocketAddr>, String>>>,
    said: Option<Instant>,
}

impl Seeds {
    /// Seeds as configured, each `host:port`. `own` is where others reach us.
    pub(super) fn new(names: Vec<String>, own: SocketAddr) -> Self {
        let now = Instant::now();
        let seeds = names.into_iter().map(|name| Seed::new(name, now)).collect();
        Self {
            seeds,
            own,
            speak: now,
        }
    }

    /// How many are configured.
    pub(super) fn count(&self) -> usize {
        self.seeds.len()
    }

    /// Where among all their addresses our own stands, in the order of the configuration and, for a name with several
    /// addresses, in the order of those; `None` when we are no seed.
    pub(super) fn rank(&self) -> Option<usize> {
        let addresses = self.seeds.iter().flat_map(|seed| {
            let mut addresses = seed.addresses.clone();
            addresses.sort_unstable();
            addresses
        });
        addresses.into_iter().position(|address| address == self.own)
    }

    /// Resolves what is due and says whom to speak to now. `live` is where the live other nodes are; none: we
    /// are alone.
    pub(super) fn step(&mut self, now: Instant, live: &HashSet<SocketAddr>) -> Vec<SocketAddr> {
        let alone = live.is_empty();
        let mut found = false;
        for seed in &mut self.seeds {
            found |= seed.step(now, if alone { RESOLVE_ALONE } else { RESOLVE });
        }
        // What was just found is spoken to at once.
        if now < self.speak && !(alone && found) {
            return Vec::new();
        }
        self.speak = now + if alone { SPEAK_ALONE } else { SPEAK };
        let mut once = HashSet::new();
        let all = self.seeds.iter().flat_map(|seed| seed.addresses.iter().copied());
        all.filter(|address| *address != self.own && !live.contains(address) && once.insert(*address))
            .collect()
    }
}

impl Seed {
    fn new(name: String, now: Instant) -> Self {
        let fixed = name.parse().ok();
        Self {
            name,
            addresses: fixed.into_iter().collect(),
            resolve: fixed.is_none().then_some(now),
            lookup: None,
            said: None,
        }
    }

    /// Whether an address was found that was not known before.
    fn step(&mut self, now: Instant, every: Duration) -> bool {
        let Some(due) = self.resolve else {
            return false;
        };
        if let Some(lookup) = &mut self.lookup {
            let Some(ended) = lookup.now_or_never() else {
                return false;
            };
            self.lookup = None;
            self.resolve = Some(now + every);
            return self.resolved(now, ended.unwrap_or_else(|fault| Err(fault.to_string())));
        }
        // An interval that was begun while others were known is cut short once we are alone.
        if now >= due.min(now.checked_add(every).unwrap_or(due)) {
            self.lookup = Some(AbortOnDropHandle::new(tokio::spawn(resolve(self.name.clone()))));
        } else if due > now + every {
            self.resolve = Some(now + every);
        }
        false
    }

    fn resolved(&mut self, now: Instant, found: Result<Vec<SocketAddr>, String>) -> bool {
        match found {
            Ok(found) => {
                if self.said.take().is_some() {
                    tracing::info!(seed = self.name, "the seed can be resolved now");
                }
                let new = found.iter().any(|address| !self.addresses.contains(address));
                self.addresses = found;
                new
            }
            // The addresses found before stay: a name server that is away says nothing about the seed.
            Err(fault) => {
                if self.said.is_none_or(|said| now.duration_since(said) >= SAY_AGAIN) {
                    self.said = Some(now);
                    tracing::warn!(
                        seed = self.name, %fault,
                        "cannot resolve the seed, trying again: check `cluster.gossip.seeds`"
                    );
                }
                false
            }
        }
    }
}

/// The addresses of `host:port`, within a time limit.
pub(super) async fn resolve(name: String) -> Result<Vec<SocketAddr>, String> {
    match tokio::time::timeout(LOOKUP_LIMIT, lookup_host(&name)).await {
        Err(_) => Err("no answer from the name server".to_owned()),
        Ok(Err(fault)) => Err(fault.to_string()),
        Ok(Ok(found)) => {
            let found: Vec<_> = found.take(MOST_ADDRESSES).collect();
            if found.is_empty() {
                return Err("the name has no address".to_owned());
            }
            Ok(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    /// When the seeds are spoken to within the next minute.
    async fn spoken(seeds: &mut Seeds, live: &HashSet<SocketAddr>) -> Vec<(u128, Vec<SocketAddr>)> {
        let begin = Instant::now();
        let mut spoken = Vec::new();
        while begin.elapsed() < Duration::from_secs(60) {
            let now = seeds.step(Instant::now(), live);
            if !now.is_empty() {
                spoken.push((begin.elapsed().as_millis(), now));
            }
            tokio::time::advance(Duration::from_millis(50)).await;
        }
        spoken
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_are_not_known_are_spoken_to_often_while_alone_and_seldom_later() {
        let names = [1, 2, 2, 3].map(|port| address(port).to_string()).to_vec();
        let mut seeds = Seeds::new(names, address(1));
        assert_eq!(seeds.rank(), Some(0));
        assert_eq!(seeds.count(), 4);
        let alone = spoken(&mut seeds, &HashSet::new()).await;
        assert_eq!(
            alone[..2],
            [
                (0, vec![address(2), address(3)]),
                (200, vec![address(2), address(3)])
            ]
        );
        assert_eq!(alone.len(), 300);
        let others = spoken(&mut seeds, &HashSet::from([address(2)])).await;
        assert_eq!(others.len(), 6);
        assert!(others.iter().all(|(_, spoken)| *spoken == [address(3)]));
    }

    #[test]
    fn a_name_is_looked_up_again_soon_when_we_are_alone_again() {
        let now = Instant::now();
        let mut seed = Seed::new("seed:7946".to_owned(), now);
        seed.resolve = Some(now + RESOLVE);
        seed.step(now, RESOLVE_ALONE);
        assert_eq!(seed.resolve, Some(now + RESOLVE_ALONE));
    }

    #[test]
    fn addresses_outlive_a_name_server_that_is_away() {
        let now = Instant::now();
        let mut seed = Seed::new("seed:7946".to_owned(), now);
        assert!(seed.resolved(now, Ok(vec![address(1)])));
        assert!(!seed.resolved(now, Ok(vec![address(1)])));
        assert!(!seed.resolved(now, Err("no answer".to_owned())));
        assert_eq!(seed.addresses, [address(1)]);
        assert!(seed.resolved(now, Ok(vec![address(2)])));
        assert_eq!(seed.addresses, [address(2)]);
    }
}
