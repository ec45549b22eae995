//! `Cluster.Audit`: what became of ticks, in the words of the wire.

use ringwatch_frame::Tick;
use ringwatch_proto::v1;
use tonic::Status;

use super::convert::timestamp;
use crate::audit::{Account, End, Run, TickBooks, What};

/// Answers from the books of `node`.
pub(super) fn audit(
    books: &TickBooks,
    node: &str,
    asked: &v1::AuditRequest,
) -> Result<v1::AuditResponse, Status> {
    let range = asked
        .from
        .as_ref()
        .and_then(nanos)
        .zip(asked.to.as_ref().and_then(nanos));
    let (from, to) = range.filter(|(from, to)| from < to).ok_or_else(|| {
        Status::invalid_argument("`from` and `to` must be times, the first before the second")
    })?;
    let excerpt = books.between(from, to);
    let time = |nanos| Some(timestamp(Tick::from_unix_nanos(nanos)));
    Ok(v1::AuditResponse {
        node_id: node.to_owned(),
        since: time(excerpt.since),
        now: time(excerpt.now),
        streams: excerpt.accounts.iter().map(account).collect(),
    })
}

/// A time of the wire in nanoseconds since the Unix epoch; nothing for what is none.
pub(crate) fn nanos(time: &prost_types::Timestamp) -> Option<i64> {
    let fraction = i64::from(time.nanos);
    if !(0..1_000_000_000).contains(&fraction) {
        return None;
    }
    time.seconds.checked_mul(1_000_000_000)?.checked_add(fraction)
}

fn account(account: &Account) -> v1::StreamAccount {
    v1::StreamAccount {
        target_id: account.target.to_string(),
        stream: account.stream.name().to_owned(),
        database: account.stream.database().unwrap_or_default().to_owned(),
        interval: account.step,
        closings: account.closings.clone(),
        runs: account.runs.iter().map(run).collect(),
    }
}

fn run(run: &Run) -> v1::TickRun {
    let (outcome, missed) = match run.what {
        What::Collected => (v1::TickOutcome::Collected, ""),
        What::Covered => (v1::TickOutcome::Covered, ""),
        What::Inherited => (v1::TickOutcome::Inherited, ""),
        What::Missed(reason) => (v1::TickOutcome::Missed, reason),
        What::Superseded => (v1::TickOutcome::Superseded, ""),
        What::Heard(true) => (v1::TickOutcome::HeardCollected, ""),
        What::Heard(false) => (v1::TickOutcome::HeardMissed, ""),
    };
    let (end, dropped) = match run.end {
        // Of a tick that was read it says that nobody knows.
        End::NoFrame | End::Unknown => (v1::FrameEnd::Unspecified, ""),
        End::Pending => (v1::FrameEnd::Pending, ""),
        End::Delivered => (v1::FrameEnd::Delivered, ""),
        End::DeliveredTwice => (v1::FrameEnd::DeliveredTwice, ""),
        End::Dropped(reason) => (v1::FrameEnd::Dropped, reason.as_str()),
        End::Elsewhere => (v1::FrameEnd::Elsewhere, ""),
    };
    v1::TickRun {
        first: run.first,
        step: if run.count > 1 { run.step } else { 0 },
        count: run.count,
        outcome: outcome.into(),
        missed: missed.to_owned(),
        end: end.into(),
        dropped: dropped.to_owned(),
        epoch: run.epoch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_none_is_refused() {
        let time = |seconds, nanos| prost_types::Timestamp { seconds, nanos };
        assert_eq!(nanos(&time(1, 5)), Some(1_000_000_005));
        assert_eq!(nanos(&time(-1, 5)), Some(-999_999_995));
        for bad in [
            time(1, -1),
            time(1, 1_000_000_000),
            time(i64::MAX, 0),
            time(i64::MIN, 0),
        ] {
            assert_eq!(nanos(&bad), None, "{bad:?}");
        }
    }
}
