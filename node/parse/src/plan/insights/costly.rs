//! Nodes that take much of the plan for themselves.

use super::figures::{name, percent, time};
use super::{At, Found, graded};

pub(super) fn look(found: &mut Found<'_, '_, '_>, at: At<'_, '_>) {
    let share = found.shape.share(at.at);
    if found.shape.plan.nodes.len() < 2 || !found.is_plan_costly() {
        return;
    }
    let Some(part) = share.of_plan() else { return };
    let Some(severity) = graded(part, found.thresholds.shares) else {
        return;
    };
    let (name, percent) = (name(at.node), percent(part));
    let message = if share.time.is_some() {
        let own = time(share.own_ms.unwrap_or_default());
        format!("{name} alone takes {percent} of the plan's time ({own})")
    } else {
        let own = share.own_cost.unwrap_or_default();
        format!("{name} alone takes {percent} of the plan's estimated cost ({own:.2})")
    };
    found.add("costly_node", severity, at, part, message);
}
