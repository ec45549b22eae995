//! The targets of the node, configured and added, with what protects them.

use std::sync::Arc;

use ringwatch_cluster::member::Incarnation;
use ringwatch_collect::{ReaderPlan, TargetsWatch, start_targets};
use ringwatch_config::Settings;
use ringwatch_frame::TargetId;
use tokio::sync::watch;

use super::activity::Activity;
use super::processors::Processors;
use super::protection::Protection;
use super::share::Share;
use super::state::Group;
use super::watching::{Watching, watch_receivers};
use crate::circuits::Circuits;
use crate::runtime::{Content, Counter, Roll};

/// The targets with what protects them.
pub(super) struct Covered {
    pub(super) targets: TargetsWatch,
    pub(super) roll: Roll,
    pub(super) share: Share,
    pub(super) protection: Arc<Protection>,
    pub(super) circuits: Arc<Circuits>,
}

impl Covered {
    /// Takes what people want changed at run time.
    pub(super) fn counter(
        &self,
        group: &Group,
        content: &watch::Receiver<Arc<Content>>,
        me: &Incarnation,
    ) -> Counter {
        let limits = self.protection.limits();
        let limited = move |target: &TargetId| limits.iter().any(|limits| limits.covers(target));
        Counter::new(
            group.handle(),
            self.roll.lists(),
            content.clone(),
            me.node.as_str(),
            limited,
        )
    }
}

/// Finds the targets, which are covered before anything of them is read.
pub(super) async fn cover(
    settings: &Settings,
    plans: Vec<ReaderPlan>,
    processors: &Processors,
    watching: &mut Watching,
    content: &watch::Receiver<Arc<Content>>,
) -> Covered {
    let activity = Arc::new(Activity::of(&plans));
    let targets = start_targets(plans.clone()).await;
    let roll = Roll::new(plans.clone(), targets.receiver(), content.clone());
    let circuits = Arc::new(Circuits::new(processors.breakers().values().cloned().collect()));
    let protection = Arc::new(Protection::new(settings, processors, &circuits, &activity));
    let covers = Arc::clone(&protection);
    let share = Share::of(roll.all(), move |now| covers.cover(now));
    watch_receivers(watching, &plans, &activity, &share.read());
    Covered {
        targets,
        roll,
        share,
        protection,
        circuits,
    }
}
