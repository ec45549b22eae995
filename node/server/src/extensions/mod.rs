//! What runs beside the pipelines when `service.extensions` names it. The health check is not here: it always
//! runs.

mod profile;
mod zpages;

use ringwatch_config::Settings;
use ringwatch_config::settings::Extension;
use tokio_util::sync::CancellationToken;

pub(crate) use self::zpages::{Pipe, SpanTable, ZpagesParts};
use crate::own_metrics::Served;

/// The extensions that run.
pub(crate) struct Extensions {
    served: Vec<Served>,
    stop: CancellationToken,
}

impl Extensions {
    /// Ends what they are doing.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        for served in self.served {
            served.stop().await;
        }
    }
}

/// The table of spans, if a page will show it. Without one nobody records spans for it.
pub(crate) fn span_table(settings: &Settings) -> Option<SpanTable> {
    named(settings)
        .any(|extension| matches!(extension, Extension::Zpages(_)))
        .then(SpanTable::default)
}

/// Starts every extension that `service.extensions` names.
pub(crate) async fn start_extensions(settings: &Settings, parts: &ZpagesParts) -> anyhow::Result<Extensions> {
    let stop = CancellationToken::new();
    let mut served = Vec::new();
    for extension in named(settings) {
        served.push(match extension {
            Extension::HealthCheck(_) => continue,
            Extension::Pprof(pprof) => {
                let router = profile::router(stop.clone());
                Served::start(&pprof.endpoint, "extensions.pprof.endpoint", router).await?
            }
            Extension::Zpages(zpages) => {
                let router = zpages::router(parts);
                Served::start(&zpages.endpoint, "extensions.zpages.endpoint", router).await?
            }
        });
    }
    Ok(Extensions { served, stop })
}

fn named(settings: &Settings) -> impl Iterator<Item = &Extension> {
    let ids = settings.service.extensions.iter();
    ids.filter_map(|id| settings.extensions.get(id))
}
