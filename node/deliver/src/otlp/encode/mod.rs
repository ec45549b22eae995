//! OTLP requests as protobuf bytes, written straight from the columns of frames.
//!
//! The attributes of a row are made once, in the row's first point; its other points copy them from there. The length
//! of an outer message is written when it ends, in a varint of fixed width, so that nothing is visited twice.

mod attribute;
mod block;
mod logs;
mod metrics;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;

use ringwatch_catalogue::{Projection, Projections};
use ringwatch_frame::{Batch, Frame, Resource};

use crate::Signal;
use crate::admit::projection;
use crate::project::Plain;

/// What a request holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Metric points or log records.
    pub items: u64,
    /// Rows of the batch, whether something came of them or not.
    pub rows: u64,
}

/// Appends the `ExportMetricsServiceRequest` of `batch` to `out`. `version` is that of the instrumentation scope.
/// Nothing is written when no row gives a point.
pub fn encode_metrics(batch: &Batch, projections: &Projections, version: &str, out: &mut Vec<u8>) -> Encoded {
    encode(Signal::Metrics, batch, projections, version, usize::MAX, out).unwrap_or_default()
}

/// Appends the `ExportLogsServiceRequest` of `batch` to `out`. `version` is that of the instrumentation scope.
/// Nothing is written when no row gives a record.
pub fn encode_logs(batch: &Batch, projections: &Projections, version: &str, out: &mut Vec<u8>) -> Encoded {
    encode(Signal::Logs, batch, projections, version, usize::MAX, out).unwrap_or_default()
}

/// Appends the request of `batch` to `out`, which is empty before. `None` when it would be longer than `most` bytes,
/// which shows before all is written; what is in `out` then is of no use.
pub(super) fn encode(
    signal: Signal,
    batch: &Batch,
    projections: &Projections,
    version: &str,
    most: usize,
    out: &mut Vec<u8>,
) -> Option<Encoded> {
    let groups = Group::all(batch, projections, |projection| match signal {
        Signal::Metrics => !projection.metrics.is_empty(),
        Signal::Logs => !projection.events.is_empty(),
    });
    let entries = |frame: &Frame, projection: &Projection, out: &mut Vec<u8>| match signal {
        Signal::Metrics => metrics::write(frame, projection, most, out),
        Signal::Logs => logs::write(frame, projection, most, out),
    };
    let items: Option<u64> = groups
        .iter()
        .map(|group| group.write(version, out, entries))
        .sum();
    Some(Encoded {
        items: items?,
        rows: batch.rows(),
    })
}

/// The frames of one resource, by scope. Resource, scope and their lists have the same tags in both signals.
struct Group<'a> {
    resource: Vec<u8>,
    scopes: Vec<(&'a str, Vec<(&'a Frame, &'a Projection)>)>,
}

const RESOURCE_GROUPS: u8 = 1;
const RESOURCE: u8 = 1;
const SCOPE_GROUPS: u8 = 2;
const SCOPE: u8 = 1;
/// Of `ScopeMetrics` the metrics, of `ScopeLogs` the records.
const ENTRIES: u8 = 2;

impl<'a> Group<'a> {
    /// The frames of `batch` with a projection that is `wanted`, in groups in the order in which they came.
    fn all(
        batch: &'a Batch,
        projections: &'a Projections,
        wanted: impl Fn(&Projection) -> bool,
    ) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut last: Option<(&Arc<Resource>, usize)> = None;
        for frame in batch.frames() {
            let Some(projection) = projection(projections, frame).filter(|found| wanted(found)) else {
                continue;
            };
            let resource = &frame.meta().resource;
            let at = match last {
                Some((seen, at)) if Arc::ptr_eq(seen, resource) => at,
                _ => {
                    let bytes = resource_bytes(resource);
                    *places.entry(bytes).or_insert_with_key(|bytes| {
                        groups.push(Self {
                            resource: bytes.clone(),
                            scopes: Vec::new(),
                        });
                        groups.len() - 1
                    })
                }
            };
            last = Some((resource, at));
            let scopes = &mut groups[at].scopes;
            match scopes.iter_mut().find(|(scope, _)| *scope == projection.scope) {
                Some((_, frames)) => frames.push((frame, projection)),
                None => scopes.push((&projection.scope, vec![(frame, projection)])),
            }
        }
        groups
    }

    /// Appends the group, unless nothing comes of its rows. Gives the number of points or records; `None` as `entries`
    /// does.
    fn write(
        &self,
        version: &str,
        out: &mut Vec<u8>,
        entries: impl Fn(&Frame, &Projection, &mut Vec<u8>) -> Option<u64>,
    ) -> Option<u64> {
        let whole = wire::begin(out, RESOURCE_GROUPS);
        wire::bytes(out, RESOURCE, &self.resource);
        let mut items = 0;
        for (scope, frames) in &self.scopes {
            let list = wire::begin(out, SCOPE_GROUPS);
            let head = wire::begin(out, SCOPE);
            wire::bytes(out, 1, scope.as_bytes());
            wire::bytes(out, 2, version.as_bytes());
            wire::end(out, head);
            let here: Option<u64> = frames
                .iter()
                .map(|(frame, projection)| entries(frame, projection, out))
                .sum();
            let here = here?;
            wire::end_unless_empty(out, list, here);
            items += here;
        }
        wire::end_unless_empty(out, whole, items);
        Some(items)
    }
}

fn resource_bytes(resource: &Resource) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 * resource.len());
    for (key, value) in resource.iter() {
        wire::attribute(&mut bytes, 1, key, &Plain::from(value));
    }
    bytes
}
