//! What happens on the way: an owner is killed, a node joins.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::cluster::AGREE;
use ringwatch_cluster_tests::cluster::takeover::{Collected, next_ticks};
use tokio::time::Instant;

use crate::stage::Stage;

/// After this time a target that nobody reads is one that nobody took over.
const PATIENCE: Duration = Duration::from_secs(10);

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Kill,
    Join,
}

impl Event {
    /// The events that are wanted, spread evenly over `time`: one happens half-way.
    pub(crate) fn spread(
        kill: bool,
        join: bool,
        begun: Instant,
        time: Duration,
    ) -> VecDeque<(Instant, Self)> {
        let wanted = [(kill, Self::Kill), (join, Self::Join)];
        let wanted: Vec<Self> = wanted.into_iter().filter(|(w, _)| *w).map(|(_, e)| e).collect();
        let parts = u32::try_from(wanted.len() + 1).unwrap_or(1);
        let at = |n: u32| begun + time * n / parts;
        (1..).map(at).zip(wanted).collect()
    }

    /// Makes it happen, and says what came of it.
    pub(crate) async fn happen(self, stage: &mut Stage) -> Result<Vec<String>> {
        match self {
            Self::Kill => kill(stage).await,
            Self::Join => join(stage).await,
        }
    }
}

async fn kill(stage: &mut Stage) -> Result<Vec<String>> {
    let before = stage.cluster.agree(AGREE).await?;
    let victim = before.busiest();
    let lost = before.owned_by(&victim);
    let n = stage.cluster.number_of(&victim)?;
    let collected = Collected::of(&stage.cluster, Some(n)).await?;
    let since = stage.cluster.seat_mut(n).kill().await?;
    let times = next_ticks(&stage.cluster, &lost, &collected, since, PATIENCE).await?;
    let after = stage.cluster.agree(AGREE).await?;
    let mut told = vec![format!(
        "killed {victim} (kill -9), the owner of {} targets; all of them have new owners, {} of these stood by",
        lost.len(),
        lost.iter()
            .filter(|t| before.standbys.get(*t) == after.owners.get(*t))
            .count(),
    )];
    let (first, last) = (times.values().min(), times.values().max());
    told.push(match (first, last) {
        (Some(first), Some(last)) => format!(
            "  the next tick of its targets was collected {} to {} ms after the kill, {} of {} targets",
            first.as_millis(),
            last.as_millis(),
            times.len(),
            lost.len()
        ),
        _ => format!("  none of its targets was read again within {PATIENCE:?}"),
    });
    Ok(told)
}

async fn join(stage: &mut Stage) -> Result<Vec<String>> {
    let before = stage.cluster.agree(AGREE).await?;
    let since = Instant::now();
    let n = stage.cluster.join().await?;
    let elapsed = since.elapsed();
    let after = stage.cluster.agree(AGREE).await?;
    let newcomer = stage.cluster.seat(n).id();
    let moved = after.moved_since(&before);
    let elsewhere = moved.values().filter(|owner| *owner != newcomer).count();
    let names: Vec<&str> = moved.keys().map(String::as_str).collect();
    Ok(vec![
        format!(
            "{newcomer} joined: {} of {} targets moved to it, {elsewhere} moved elsewhere, all was done {} ms after its start",
            moved.len() - elsewhere,
            after.owners.len(),
            elapsed.as_millis()
        ),
        format!("  moved: {}", names.join(", ")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_happens_half_way_two_at_the_thirds() {
        let begun = Instant::now();
        let minute = Duration::from_secs(60);
        let seconds = |kill, join| -> Vec<(u64, Event)> {
            let events = Event::spread(kill, join, begun, minute);
            events
                .into_iter()
                .map(|(at, event)| ((at - begun).as_secs(), event))
                .collect()
        };
        assert_eq!(seconds(false, false), []);
        assert_eq!(seconds(false, true), [(30, Event::Join)]);
        assert_eq!(seconds(true, true), [(20, Event::Kill), (40, Event::Join)]);
    }
}
