//! A load whose calls are counted by the server: what the nodes tell of them is to come to the same number.

use anyhow::Result;
use rustix::process::Signal;

use super::rig::{Rig, SOON};
use crate::cluster::ticks::{self, STATEMENTS};
use crate::pgbench::{self, Load};
use crate::wait;

/// What the load calls; nothing else does.
const CALLED: &str = "update counted ";

impl Rig {
    /// Starts a load of one statement, once every target's baseline is taken: from then on each call is to be told.
    ///
    /// # Errors
    /// No statement of a target is told, or pgbench is not there.
    pub async fn load(&mut self, rate: u32) -> Result<()> {
        wait::until("statements of every target", SOON, async || {
            let told = |t: &&String| {
                let key = ((*t).clone(), STATEMENTS.to_owned());
                self.sink.look(|l| l.event_times.contains_key(&key))
            };
            let told = self.targets.iter().filter(told).count();
            wait::when(told == self.targets.len(), || format!("of {told} targets"))
        })
        .await?;
        self.load_rate = rate;
        let script = self.logs().join("counted.sql");
        let text = "\\set id random(1, 100)\nupdate counted set n = n + 1 where id = :id;\n";
        std::fs::write(&script, text)?;
        let load = Load {
            database: "postgres".into(),
            clients: 1,
            rate: Some(rate),
            seconds: 24 * 3600,
            scripts: vec![script.to_string_lossy().into_owned()],
        };
        self.load = Some(pgbench::start(
            &self.server,
            &load,
            &self.logs().join("pgbench.log"),
        )?);
        Ok(())
    }

    /// Ends the load, waits until all of it should have been told, and gives how many calls were lost and how many told
    /// twice, of all targets together; nothing where there was no load.
    ///
    /// # Errors
    /// The load cannot be ended, or the server does not answer.
    pub async fn calls_lost_and_doubled(&mut self) -> Result<Option<(i64, i64)>> {
        let Some(mut load) = self.load.take() else {
            return Ok(None);
        };
        load.end(Signal::TERM, SOON).await?;
        let query = format!("select sum(calls)::int8 from pg_stat_statements where query like '{CALLED}%'");
        let truth = self.server.number("postgres", &query).await?;
        let told = || -> Vec<i64> {
            self.sink
                .look(|l| self.targets.iter().map(|t| ticks::calls(l, t, CALLED)).collect())
        };
        // What has not come after this has not been told.
        let _ = wait::until("the calls to be told", SOON, async || {
            wait::when(told().iter().all(|told| *told == truth), String::new)
        })
        .await;
        let told = told();
        let lost = told.iter().map(|told| (truth - told).max(0)).sum();
        let doubled = told.iter().map(|told| (told - truth).max(0)).sum();
        Ok(Some((lost, doubled)))
    }
}
