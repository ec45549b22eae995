//! Section `plans` of receivers.

use super::receivers::interval;
use super::{at, positive};
use crate::fault::Complaint;
use crate::settings::{PlanLog, Plans};

/// `several`: whether the receiver may have more than one target.
pub(super) fn check(path: &[String], plans: &Plans, several: bool, found: &mut Vec<Complaint>) {
    interval(path, "interval", plans.interval, found);
    positive(path, "failures_remembered", plans.failures_remembered, found);
    positive(path, "resend", plans.resend, found);
    if let Some(log) = &plans.log {
        check_log(&at(path, "log"), log, several, found);
    }
}

fn check_log(path: &[String], log: &PlanLog, several: bool, found: &mut Vec<Complaint>) {
    interval(path, "interval", log.interval, found);
    let Some(file) = &log.path else {
        if log.through.is_none() {
            let message = "no log is named; give `path` for a file of this machine, or `through: sql`";
            found.push(Complaint::new(path.to_vec(), message));
        }
        return;
    };
    if log.through.is_some() {
        let message = "`through` stands beside `path`; give only one of them";
        found.push(Complaint::new(at(path, "through"), message));
    }
    if several {
        let message = "a file of this machine is the log of one server, and this receiver may have several; give \
                       the server a receiver of its own, or use `through: sql`";
        found.push(Complaint::new(at(path, "path"), message));
    }
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    if name.is_empty() || !file.starts_with('/') {
        let message = "`path` must be the whole path of a file, such as `/var/log/postgresql/*.json`";
        found.push(Complaint::new(at(path, "path"), message));
    } else if folder.contains('*') {
        let message = "`*` may stand in the last part of `path` only";
        found.push(Complaint::new(at(path, "path"), message));
    }
}
