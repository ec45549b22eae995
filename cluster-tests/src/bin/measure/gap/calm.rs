//! Nothing happens: no tick is covered.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{Bearable, Options, Report, close, outcome, start, wanted};

pub(crate) async fn measure(options: Options) -> Result<()> {
    let (mut rig, folder) = start(&wanted(3)).await?;
    rig.load(50).await?;
    let outcomes = ["collected", "covered", "superseded", "fenced"];
    let mut before = Vec::new();
    for name in outcomes {
        before.push(outcome(&rig, name).await?);
    }
    let (begun, time) = (Instant::now(), options.minutes(60));
    while begun.elapsed() < time {
        sleep(Duration::from_secs(30).min(time)).await;
        let covered = outcome(&rig, "covered").await? - before[1];
        eprintln!(
            "{} of {} s, {covered} ticks covered",
            begun.elapsed().as_secs(),
            time.as_secs()
        );
    }
    let mut report = Report::new("gap-calm");
    report.set("seconds", begun.elapsed().as_secs());
    for (name, before) in outcomes.into_iter().zip(before) {
        report.set(&format!("{name}_ticks"), outcome(&rig, name).await? - before);
    }
    let bearable = Bearable::default();
    close(rig, folder, report, bearable, options.json).await
}
