//! What processors ask about columns, as the catalogue and the users' statements answer it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringwatch_catalogue::{Projection, Projections};
use ringwatch_pipeline::Resolver;
use ringwatch_pipeline::transform::Lookup;

/// Columns by what they become: attributes by the names under which they go out.
pub(super) fn resolver(projections: &Arc<Projections>) -> Resolver {
    let projections = Arc::clone(projections);
    Arc::new(move |source, stream, place| projections.get(source, stream)?.column_of(place).map(Arc::from))
}

/// The same, and all attributes at once.
pub(super) fn lookup(projections: &Arc<Projections>) -> Lookup {
    let all = Arc::clone(projections);
    Lookup {
        column: resolver(projections),
        attributes: Arc::new(move |source, stream| {
            all.get(source, stream)
                .map(|found| attributes(found))
                .unwrap_or_default()
        }),
    }
}

/// Each attribute once. Where points and records call it the same, the points' column counts, as for one that
/// is asked for by name.
fn attributes(projection: &Projection) -> Vec<(Arc<str>, Arc<str>)> {
    let mut all: BTreeMap<&str, &str> = BTreeMap::new();
    let of_points = projection.metrics.iter().flat_map(|metric| &metric.attributes);
    for (key, column) in of_points {
        all.entry(key).or_insert(column);
    }
    let of_records = projection.events.iter().flat_map(|event| &event.attributes);
    for attribute in of_records {
        all.entry(&attribute.key).or_insert(&attribute.column);
    }
    all.into_iter()
        .map(|(key, column)| (key.into(), column.into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use ringwatch_catalogue::{Catalogue, Place};

    use super::*;

    fn projections() -> Arc<Projections> {
        let catalogue = Catalogue::embedded().unwrap();
        let engine = catalogue.engine("postgresql").unwrap();
        let mut projections = Projections::default();
        for stream in &engine.streams {
            let projection = Projection::of(&engine.engine, stream, |_| true);
            projections.insert("postgresql/a", &stream.name, projection);
        }
        Arc::new(projections)
    }

    #[test]
    fn the_catalogue_s_attributes_are_found_by_the_names_under_which_they_go_out() {
        let resolve = resolver(&projections());
        for (source, stream, key, column) in [
            ("postgresql/a", "statements", "db.query.text", Some("query_text")),
            ("postgresql/a", "statements", "db.namespace", Some("datname")),
            ("postgresql/a", "activity", "user.name", Some("usename")),
            ("postgresql/a", "databases", "db.namespace", Some("datname")),
            ("postgresql/a", "databases", "db.query.text", None),
            ("postgresql/a", "nothing", "db.namespace", None),
            ("postgresql/b", "activity", "user.name", None),
        ] {
            let found = resolve(source, &format!("postgresql.{stream}"), Place::Attribute(key));
            assert_eq!(found.as_deref(), column, "{source} {stream} {key}");
        }
    }

    #[test]
    fn all_attributes_are_those_that_can_be_asked_for_one_by_one() {
        let lookup = lookup(&projections());
        for stream in ["postgresql.statements", "postgresql.databases"] {
            let all = (lookup.attributes)("postgresql/a", stream);
            assert!(!all.is_empty(), "{stream}");
            for (key, column) in all {
                let one = (lookup.column)("postgresql/a", stream, Place::Attribute(&key));
                assert_eq!(one, Some(column), "{key}");
            }
        }
        assert_eq!((lookup.attributes)("postgresql/a", "nothing"), []);
    }
}
