//! Workers that were planned and did not come.

use super::super::shape::sane;
use super::figures::{count, name};
use super::{At, Found, Severity};

pub(super) fn look(found: &mut Found<'_, '_, '_>, at: At<'_, '_>) {
    let number = |key| sane(at.node.number(key));
    let (Some(planned), Some(launched)) = (number("Workers Planned"), number("Workers Launched")) else {
        return;
    };
    if launched >= planned {
        return;
    }
    let severity = if launched == 0.0 {
        Severity::Warning
    } else {
        Severity::Info
    };
    let message = format!(
        "{} planned {} workers and got {}; all others were busy: raise max_parallel_workers, or lower \
         max_parallel_workers_per_gather so that plans are made for what there is",
        name(at.node),
        count(planned),
        count(launched)
    );
    found.add("unused_workers", severity, at, planned - launched, message);
}
