//! Faults of every kind by a seeded plan, for as long as is wanted.

use anyhow::Result;
use ringwatch_cluster_tests::chaos::clock::Clocks;
use ringwatch_cluster_tests::chaos::{Kind, Plan, Rig, Run, Wanted};

use super::{Options, Report, start};

/// Targets.
const NAMES: usize = 12;

/// Plays a plan; gives what it says when it is not good.
pub(crate) async fn measure(options: Options, apart: bool) -> Result<()> {
    let mut kinds = Kind::ANYWHERE.to_vec();
    if apart {
        kinds.extend(Kind::APART);
        kinds.push(Kind::Storm);
    }
    match Clocks::missing() {
        None => kinds.insert(0, Kind::Clock),
        Some(why) => eprintln!("skipped of chaos: {:?}: {why}", Kind::Clock),
    }
    let wanted = Wanted {
        apart,
        clocks: true,
        relays: None,
        ..Wanted::new(3, NAMES)
    };
    // Relays and cuts exclude each other: half of the time is for either.
    let storm = kinds.pop_if(|kind| *kind == Kind::Storm).is_some();
    let time = options.minutes(10);
    let (mut rig, folder) = start(&wanted).await?;
    let halves = if storm { 2 } else { 1 };
    let cuts = play(&mut rig, options, "chaos", &kinds, time / halves).await;
    let folder = keep_if_bad(folder, &cuts);
    drop((rig, folder));
    cuts?;
    if storm {
        let wanted = Wanted {
            relays: Some(options.seed),
            ..wanted
        };
        let (mut rig, folder) = start(&wanted).await?;
        let kinds = [Kind::Storm, Kind::Kill, Kind::Freeze, Kind::Roll];
        let storms = play(&mut rig, options, "chaos-storm", &kinds, time / halves).await;
        let folder = keep_if_bad(folder, &storms);
        drop((rig, folder));
        storms?;
    }
    Ok(())
}

async fn play(
    rig: &mut Rig,
    options: Options,
    name: &'static str,
    kinds: &[Kind],
    time: std::time::Duration,
) -> Result<()> {
    // A server that crashes forgets what it has counted.
    if !kinds.contains(&Kind::Database) {
        rig.load(20).await?;
    }
    let run = Run { time, aloud: true };
    let verdict = run.play(rig, Plan::new(options.seed, kinds, 3)?).await?;
    let mut report = Report::new(name);
    report.set("seed", options.seed);
    report.set_all(verdict.figures());
    report.print(options.json);
    verdict.ensure_good()
}

/// The logs of a bad run stay.
fn keep_if_bad(folder: tempfile::TempDir, result: &Result<()>) -> Option<tempfile::TempDir> {
    if result.is_ok() {
        return Some(folder);
    }
    eprintln!("the logs stay in {}", folder.keep().display());
    None
}
