//! What the gossip knows of the others, as one value.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use chitchat::{Chitchat, ChitchatId, NodeState};

use super::meters::{Meters, Reason};
use super::words;
use crate::member::{Incarnation, NodeId, Said, Sighting};

/// Names of nodes are not longer than this, in bytes.
pub(super) const LONGEST_NODE: usize = 256;
/// More lives than this are not looked at: the live ones come first.
const MOST_LIVES: usize = 4096;

/// What the gossip knows at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sightings {
    /// The lives seen, sorted; not our own. Other lives of our node are among them.
    pub seen: Vec<Sighting>,
    /// Where among the seeds this very node stands, if it is one of them; 0 is the first.
    pub seed_rank: Option<usize>,
    /// How many seeds are configured.
    pub seeds: usize,
    /// Whether any other life has been live since the start.
    pub contacted: bool,
    /// How long this process was paused, when it was since the last publication.
    pub paused: Option<Duration>,
    /// Why the gossip has ended, when it has failed: nothing that is said here changes any more.
    pub ended: Option<String>,
}

/// Understands what the others say, and remembers of each life the last words that were understood.
#[derive(Debug, Default)]
pub(super) struct Hearing(HashMap<ChitchatId, Heard>);

#[derive(Debug)]
struct Heard {
    /// Versions of the node's state when it was last looked at: the latest key, and the latest forgotten one.
    versions: (u64, u64),
    said: Option<Said>,
}

impl Hearing {
    /// The lives that chitchat knows now, without our own.
    pub(super) fn look(&mut self, chitchat: &Chitchat, meters: &Meters) -> Vec<Sighting> {
        let me = chitchat.self_chitchat_id();
        let live: HashSet<&ChitchatId> = chitchat.live_nodes().collect();
        self.0.retain(|id, _| chitchat.node_state(id).is_some());
        let mut seen: BTreeMap<Incarnation, Sighting> = BTreeMap::new();
        let mut dead = Vec::new();
        for (id, state) in chitchat.node_states() {
            let ours = id.node_id == me.node_id && id.generation_id == me.generation_id;
            if ours || id.node_id.is_empty() || id.node_id.len() > LONGEST_NODE {
                continue;
            }
            if !live.contains(id) {
                dead.push((id, state));
            } else if seen.len() < MOST_LIVES {
                let sighting = self.sighting(id, state, true, meters);
                seen.entry(sighting.who.clone()).or_insert(sighting);
            }
        }
        for (id, state) in dead {
            if seen.len() >= MOST_LIVES {
                break;
            }
            let sighting = self.sighting(id, state, false, meters);
            seen.entry(sighting.who.clone()).or_insert(sighting);
        }
        seen.into_values().collect()
    }

    fn sighting(&mut self, id: &ChitchatId, state: &NodeState, live: bool, meters: &Meters) -> Sighting {
        Sighting {
            who: Incarnation {
                node: NodeId::new(&id.node_id),
                generation: id.generation_id,
            },
            gossip_address: id.gossip_advertise_addr,
            live,
            said: self.said(id, state, meters),
        }
    }

    fn said(&mut self, id: &ChitchatId, state: &NodeState, meters: &Meters) -> Option<Said> {
        let versions = (state.max_version(), state.last_gc_version());
        if let Some(heard) = self.0.get(id)
            && heard.versions == versions
        {
            return heard.said.clone();
        }
        let understood = words::decode(|key| state.get(key));
        if let Err(words::Fault::Malformed(what)) = &understood {
            meters.refused(Reason::Words, id.gossip_advertise_addr, Some(what));
        }
        let heard = self.0.entry(id.clone()).or_insert(Heard { versions, said: None });
        heard.versions = versions;
        // Half-arrived or malformed words change nothing: what was said before stands.
        if let Ok(said) = understood {
            heard.said = Some(said);
        }
        heard.said.clone()
    }
}
