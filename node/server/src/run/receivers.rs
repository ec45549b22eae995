//! Receivers: what each reads of its targets, and what becomes of it.

use std::sync::Arc;

use anyhow::Context as _;
use ringwatch_catalogue::{Catalogue, Projections};
use ringwatch_collect::{ReaderPlan, ReceiverPlan, SqlPlan, Wants, projections_of};
use ringwatch_config::Settings;
use ringwatch_config::settings::{ComponentId, Receiver};
use ringwatch_deliver::Signal;

use super::pipelines::signal_of;

/// What the receivers that pipelines name are to do.
pub(crate) struct Receivers {
    /// What is read, by receiver.
    pub(crate) plans: Vec<ReaderPlan>,
    /// What becomes of it.
    pub(crate) projections: Arc<Projections>,
}

/// Plans every receiver that a pipeline names.
pub(crate) fn plan_receivers(settings: &Settings, catalogue: &Catalogue) -> anyhow::Result<Receivers> {
    let mut plans = Vec::new();
    let mut projections = Projections::default();
    for (id, receiver) in &settings.receivers {
        let wants = wants(settings, id)?;
        if !wants.metrics && !wants.logs {
            continue;
        }
        let source = id.to_string();
        let plan = match receiver {
            Receiver::Postgresql(receiver) => {
                let engine = catalogue
                    .engine("postgresql")
                    .context("the catalogue lacks PostgreSQL")?;
                projections_of(&mut projections, engine, &source, &**receiver, wants);
                ReceiverPlan::new(engine, &source, &**receiver, wants).into()
            }
            Receiver::Mysql(receiver) => {
                let engine = catalogue.engine("mysql").context("the catalogue lacks MySQL")?;
                projections_of(&mut projections, engine, &source, &**receiver, wants);
                ReceiverPlan::new(engine, &source, &**receiver, wants).into()
            }
            Receiver::Sqlquery(receiver) => {
                let plan = SqlPlan::new(&source, receiver, wants);
                let plan = plan.map_err(|error| anyhow::anyhow!("receivers.{source}: {error}"))?;
                plan.project(&mut projections);
                plan.into()
            }
        };
        plans.push(plan);
    }
    let projections = Arc::new(projections);
    Ok(Receivers { plans, projections })
}

fn wants(settings: &Settings, receiver: &ComponentId) -> anyhow::Result<Wants> {
    let mut wants = Wants {
        metrics: false,
        logs: false,
    };
    for (id, pipeline) in &settings.service.pipelines {
        if pipeline.receivers.contains(receiver) {
            match signal_of(id)? {
                Signal::Metrics => wants.metrics = true,
                Signal::Logs => wants.logs = true,
            }
        }
    }
    Ok(wants)
}
