//! What happens in the cluster: an event as a line for people, and as JSON.

use ringwatch_frame::Clock;
use ringwatch_proto::v1;
use ringwatch_proto::v1::EventKind;
use serde::Serialize;

use crate::commands::text::{plain, time};
use crate::telemetry::timestamp;

/// `ClusterEvent`.
#[derive(Serialize)]
pub(super) struct Event<'a> {
    event: String,
    at: Option<String>,
    node_id: &'a str,
    target_id: &'a str,
    stream: &'a str,
    from: &'a str,
    to: &'a str,
    view: u64,
    seconds: Option<f64>,
    reason: &'a str,
}

pub(super) fn json(event: &v1::ClusterEvent) -> Event<'_> {
    let kind = event.kind().as_str_name();
    Event {
        event: kind.strip_prefix("EVENT_KIND_").unwrap_or(kind).to_lowercase(),
        at: event.at.as_ref().and_then(time),
        node_id: &event.node_id,
        target_id: &event.target_id,
        stream: &event.stream,
        from: &event.from,
        to: &event.to,
        view: event.view,
        seconds: event.took.as_ref().map(seconds),
        reason: &event.reason,
    }
}

/// The event as a line. Nothing where other lines say it already: what the members are, and how a handoff
/// begins and arrives.
pub(super) fn line(event: &v1::ClusterEvent) -> Option<String> {
    let [node, target, from, to] =
        [&event.node_id, &event.target_id, &event.from, &event.to].map(|text| plain(text));
    let what = match event.kind() {
        EventKind::Unspecified
        | EventKind::View
        | EventKind::Member
        | EventKind::HandingOver
        | EventKind::Received => return None,
        EventKind::TakenOver if from.is_empty() => format!("{node} has taken over {target}"),
        EventKind::TakenOver => format!("{node} has taken over {target} from {from}"),
        EventKind::Claimed => format!("{node} has claimed {target}"),
        EventKind::HandedOver => format!("{node} has handed {target} over to {to}"),
        EventKind::Abandoned => format!("{node} keeps {target}, and does not hand it over to {to}"),
        EventKind::Released => format!("{node} has let go of {target}"),
        EventKind::CoverBegan => {
            let stream = plain(&event.stream);
            format!("{node} covers {target} for {from}, {stream} first")
        }
        EventKind::CoverEnded => format!("{node} has covered {target} for {from}"),
        EventKind::Fenced => format!("{node} must not read {target}: another session holds its lock"),
        EventKind::Skipped => format!("{node} does not tell all"),
    };
    let took = event.took.as_ref().map(seconds);
    let took = took.map_or_else(String::new, |took| format!(", {took:.3} s"));
    let reason = match plain(&event.reason) {
        reason if reason.is_empty() => reason,
        reason => format!(": {reason}"),
    };
    let at = event.at.as_ref().and_then(at);
    let at = at.unwrap_or_else(|| timestamp(&Clock::system()));
    Some(format!("{at}  {what}{took}{reason}"))
}

fn at(time: &prost_types::Timestamp) -> Option<String> {
    let time = jiff::Timestamp::new(time.seconds, time.nanos).ok()?;
    Some(format!("{time:.3}"))
}

#[expect(clippy::cast_precision_loss, reason = "a length of time for people")]
fn seconds(took: &prost_types::Duration) -> f64 {
    took.seconds as f64 + f64::from(took.nanos) / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind) -> v1::ClusterEvent {
        v1::ClusterEvent {
            at: Some(prost_types::Timestamp {
                seconds: 1_700_000_000,
                nanos: 5_000_000,
            }),
            node_id: "n2".into(),
            kind: kind.into(),
            target_id: "postgresql://a:1".into(),
            from: "n1".into(),
            to: "n3".into(),
            view: 7,
            ..v1::ClusterEvent::default()
        }
    }

    #[test]
    fn an_event_is_a_line() {
        let mut handed = event(EventKind::HandedOver);
        handed.took = Some(prost_types::Duration {
            seconds: 0,
            nanos: 31_000_000,
        });
        assert_eq!(
            line(&handed).unwrap(),
            "2023-11-14T22:13:20.005Z  n2 has handed postgresql://a:1 over to n3, 0.031 s"
        );
        let mut kept = event(EventKind::Abandoned);
        kept.reason = "no route\x1b".into();
        assert_eq!(
            line(&kept).unwrap(),
            "2023-11-14T22:13:20.005Z  n2 keeps postgresql://a:1, and does not hand it over to n3: no route\\u{1b}"
        );
        assert_eq!(line(&event(EventKind::Received)), None);
        assert_eq!(
            serde_json::to_string(&json(&handed)).unwrap(),
            "{\"event\":\"handed_over\",\"at\":\"2023-11-14T22:13:20.005Z\",\"node_id\":\"n2\",\
             \"target_id\":\"postgresql://a:1\",\"stream\":\"\",\"from\":\"n1\",\"to\":\"n3\",\"view\":7,\
             \"seconds\":0.031,\"reason\":\"\"}"
        );
    }
}
