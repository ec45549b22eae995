//! What the node remembers together with others: the circuits, the samplers, the costs, and what was changed
//! at run time.

use std::sync::Arc;

use ringwatch_cluster::member::Incarnation;
use ringwatch_frame::{Clock, TargetId};
use ringwatch_state::StateHandle;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::processors::Processors;
use super::protection::Protection;
use super::state::Group;
use crate::remember::{RememberedBreakers, RememberedSamplers, tell_costs};
use crate::runtime::{Content, DataSet, Works};

/// What this node's copy of the group's memory had when it was opened, before anything follows it.
pub(super) struct Remembering {
    handle: StateHandle,
    node: String,
    breakers: Arc<RememberedBreakers>,
    samplers: Arc<RememberedSamplers>,
    data: DataSet,
}

impl Remembering {
    /// For this life of this node.
    pub(super) fn new(group: &Group, me: &Incarnation, clock: &Clock) -> Self {
        let (handle, node) = (group.handle(), me.node.as_str());
        Self {
            breakers: RememberedBreakers::new(handle.clone(), (node, me.generation), clock),
            samplers: RememberedSamplers::new(handle.clone(), node),
            data: DataSet::new(handle.clone()),
            node: node.to_owned(),
            handle,
        }
    }

    /// Hears of circuits and of what is begun and ended.
    pub(super) fn breakers(&self) -> Arc<RememberedBreakers> {
        Arc::clone(&self.breakers)
    }

    /// What was changed at run time, as the node works by it.
    pub(super) fn content(&self) -> watch::Receiver<Arc<Content>> {
        self.data.content()
    }

    /// From now on the node tells the group and hears from it, as long as the answer is held. `is_own` says
    /// which targets it reads.
    pub(super) fn follow(
        self,
        processors: &Processors,
        protection: &Protection,
        is_own: impl Fn(&TargetId) -> bool + Send + 'static,
    ) -> Vec<AbortOnDropHandle<()>> {
        let works = Works::new(processors.samplers(), protection.limits(), protection.plans());
        let costs = tell_costs(protection.costs(), self.handle, &self.node, is_own);
        let mut following = vec![
            self.data.follow(works),
            self.breakers.follow(processors.breakers()),
            costs,
        ];
        following.extend(self.samplers.follow(processors.samplers()));
        following
    }
}
