//! Which columns an answer must have, and what they must hold.

use std::collections::BTreeMap;

use ringwatch_config::settings::{SqlQuery, SqlValueType};
use ringwatch_frame::ColumnType;

/// What a column is wanted for. The later wins where a column is wanted for several things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Want {
    /// As it comes.
    Any,
    /// Text: a body, a severity.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Double,
    /// An instant.
    Time,
}

impl Want {
    /// What a column becomes that holds `came` at the server.
    pub(crate) fn becomes(self, came: ColumnType) -> ColumnType {
        match self {
            Self::Any => came,
            Self::Text => ColumnType::Text,
            Self::Int => ColumnType::Int,
            Self::Double => ColumnType::Double,
            Self::Time => ColumnType::Time,
        }
    }
}

/// Which columns an answer must have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mapping {
    wants: BTreeMap<String, (Want, String)>,
    tracking: Option<String>,
}

impl Mapping {
    /// What the metrics and logs of `query` name.
    pub(crate) fn of(query: &SqlQuery) -> Self {
        let mut mapping = Self::default();
        for (at, metric) in query.metrics.iter().enumerate() {
            let place = |key: &str| format!("metrics[{at}].{key}");
            let number = match metric.value_type {
                SqlValueType::Int => Want::Int,
                SqlValueType::Double => Want::Double,
            };
            mapping.want(&metric.value_column, number, place("value_column"));
            mapping.attributes(&metric.attribute_columns, &place("attribute_columns"));
            for (key, column) in [
                ("start_ts_column", &metric.start_ts_column),
                ("ts_column", &metric.ts_column),
            ] {
                column
                    .iter()
                    .for_each(|name| mapping.want(name, Want::Time, place(key)));
            }
            if let Some(condition) = &metric.row_condition {
                mapping.want(&condition.column, Want::Any, place("row_condition.column"));
            }
        }
        for (at, log) in query.logs.iter().enumerate() {
            let place = |key: &str| format!("logs[{at}].{key}");
            mapping.want(&log.body_column, Want::Text, place("body_column"));
            if let Some(name) = &log.severity_column {
                mapping.want(name, Want::Text, place("severity_column"));
            }
            if let Some(name) = &log.timestamp_column {
                mapping.want(name, Want::Time, place("timestamp_column"));
            }
            mapping.attributes(&log.attribute_columns, &place("attribute_columns"));
        }
        if let Some(name) = &query.tracking_column {
            mapping.want(name, Want::Any, "tracking_column".into());
            mapping.tracking = Some(name.clone());
        }
        mapping
    }

    fn attributes(&mut self, names: &[String], place: &str) {
        for name in names {
            self.want(name, Want::Any, place.to_owned());
        }
    }

    fn want(&mut self, name: &str, want: Want, place: String) {
        let entry = self.wants.entry(name.to_owned()).or_insert((want, place));
        entry.0 = entry.0.max(want);
    }

    /// What the column is wanted for, if it is.
    pub(crate) fn want_of(&self, name: &str) -> Want {
        self.wants.get(name).map_or(Want::Any, |(want, _)| *want)
    }

    /// The columns that must be there, with the first place of the configuration that names each.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.wants
            .iter()
            .map(|(name, (_, place))| (name.as_str(), place.as_str()))
    }

    /// The column whose last value is remembered.
    pub(crate) fn tracking(&self) -> Option<&str> {
        self.tracking.as_deref()
    }
}
