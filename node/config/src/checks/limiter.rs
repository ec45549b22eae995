//! Processor `rate_limiter`.

use super::at;
use crate::fault::Complaint;
use crate::settings::RateLimiter;

pub(super) fn check(path: &[String], limiter: &RateLimiter, found: &mut Vec<Complaint>) {
    let defaults = &limiter.defaults;
    bursts(&at(path, "defaults"), defaults.burst, defaults.rows_burst, found);
    let databases = at(path, "database_limits");
    for (name, own) in &limiter.database_limits {
        let path = at(&databases, name);
        if name.is_empty() {
            let message = "a database without a name; write its name, `host:port` or the target's id";
            found.push(Complaint::new(path.clone(), message));
        }
        bursts(&path, own.burst, own.rows_burst, found);
        let mut always = None;
        for (index, entry) in own.schedule.iter().enumerate() {
            let path = at(&at(&path, "schedule"), &index.to_string());
            bursts(&path, entry.burst, entry.rows_burst, found);
            if let Some(first) = always {
                let message = format!(
                    "this entry never holds, since `schedule[{first}]` holds the whole day and comes first; \
                     put that one last"
                );
                found.push(Complaint::new(path, message));
            } else if entry.start_hour == entry.end_hour || (entry.start_hour, entry.end_hour) == (0, 24) {
                always = Some(index);
            }
        }
    }
    adaptive(path, limiter, found);
}

/// A bucket that holds nothing lets nothing through.
fn bursts(path: &[String], burst: Option<u64>, rows: Option<u64>, found: &mut Vec<Complaint>) {
    for (key, burst) in [("burst", burst), ("rows_burst", rows)] {
        if burst == Some(0) {
            let message = format!(
                "`{key}` must be at least 1, or nothing ever gets through; leave it out for its default"
            );
            found.push(Complaint::new(at(path, key), message));
        }
    }
}

fn adaptive(path: &[String], limiter: &RateLimiter, found: &mut Vec<Complaint>) {
    let path = at(path, "adaptive");
    let adaptive = &limiter.adaptive;
    if adaptive.max_rps > 0.0 && adaptive.max_rps < adaptive.min_rps {
        let message = "`max_rps` must be 0 or at least `min_rps`";
        found.push(Complaint::new(at(&path, "max_rps"), message).within(&path));
    }
    if adaptive.enabled && adaptive.min_rps <= 0.0 {
        let message =
            "`min_rps` must be more than 0, or a limit that has fallen to nothing never rises again";
        found.push(Complaint::new(at(&path, "min_rps"), message));
    }
}
