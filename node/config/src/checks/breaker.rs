//! Processor `circuit_breaker`.

use super::{at, positive};
use crate::fault::Complaint;
use crate::settings::{Circuit, CircuitBreaker, CircuitOverride};

pub(super) fn check(path: &[String], breaker: &CircuitBreaker, found: &mut Vec<Complaint>) {
    positive(path, "evaluation_interval", breaker.evaluation_interval, found);
    positive(
        path,
        "memory_check_interval",
        breaker.memory_check_interval,
        found,
    );
    defaults(&at(path, "defaults"), &breaker.defaults, found);
    let databases = at(path, "databases");
    for (name, own) in &breaker.databases {
        let path = at(&databases, name);
        if name.is_empty() {
            let message = "a database without a name; write its name, `host:port` or the target's id";
            found.push(Complaint::new(path.clone(), message));
        }
        database(&path, own, &breaker.defaults, found);
    }
    timeouts(path, breaker, found);
    if breaker.load_prediction.enabled {
        let path = at(path, "load_prediction");
        positive(&path, "horizon", breaker.load_prediction.horizon, found);
    }
}

fn defaults(path: &[String], circuit: &Circuit, found: &mut Vec<Complaint>) {
    positive(path, "window", circuit.window, found);
    positive(path, "break_duration", circuit.break_duration, found);
    if let Some(interval) = circuit.evaluation_interval {
        positive(path, "evaluation_interval", interval, found);
    }
    if circuit.max_break_duration < circuit.break_duration {
        let message = format!(
            "`max_break_duration` must be at least as long as `break_duration`, which is {}",
            circuit.break_duration
        );
        found.push(Complaint::new(at(path, "max_break_duration"), message).within(path));
    }
}

/// What an entry leaves out is as in `defaults`, and so is held against those.
fn database(path: &[String], own: &CircuitOverride, defaults: &Circuit, found: &mut Vec<Complaint>) {
    let durations = [
        ("window", own.window),
        ("break_duration", own.break_duration),
        ("evaluation_interval", own.evaluation_interval),
    ];
    for (key, duration) in durations {
        if let Some(duration) = duration {
            positive(path, key, duration, found);
        }
    }
    let shortest = own.break_duration.unwrap_or(defaults.break_duration);
    let longest = own.max_break_duration.unwrap_or(defaults.max_break_duration);
    if longest >= shortest {
        return;
    }
    let (key, message) = match (own.break_duration, own.max_break_duration) {
        (None, None) => return,
        (Some(_), None) => (
            "break_duration",
            format!(
                "`break_duration` must be at most `max_break_duration`, which is {longest} by `defaults`; \
                 add a longer one"
            ),
        ),
        (_, Some(_)) => (
            "max_break_duration",
            format!("`max_break_duration` must be at least as long as `break_duration`, which is {shortest}"),
        ),
    };
    found.push(Complaint::new(at(path, key), message).within(path));
}

fn timeouts(path: &[String], breaker: &CircuitBreaker, found: &mut Vec<Complaint>) {
    let path = at(path, "adaptive_timeouts");
    let timeouts = &breaker.adaptive_timeouts;
    positive(&path, "min_timeout", timeouts.min_timeout, found);
    positive(&path, "learning_window", timeouts.learning_window, found);
    if timeouts.max_timeout < timeouts.min_timeout {
        let message = format!(
            "`max_timeout` must be at least as long as `min_timeout`, which is {}",
            timeouts.min_timeout
        );
        found.push(Complaint::new(at(&path, "max_timeout"), message).within(&path));
    }
}
