//! Paths: what a name in an expression stands for, and which column of a frame that is.

use std::fmt;
use std::sync::Arc;

use arrow_schema::FieldRef;
use ringwatch_frame::{Place, Role, is_attribute, role_of};

/// What an expression looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathRef {
    /// A bare name: the column of that name, else the attribute, else the resource's attribute.
    Name(Arc<str>),
    /// An attribute of points or records, by its key as it goes out.
    Attribute(Arc<str>),
    /// An attribute of the resource.
    Resource(Arc<str>),
    /// The body of a record, else what a bare `body` names.
    Body,
    /// The text of a record's severity, else what a bare `severity_text` or `severity` names.
    SeverityText,
    /// The number of a record's severity, else what a bare `severity_number` names.
    SeverityNumber,
    /// The time of a point or record in nanoseconds since the Unix epoch, where a column has it.
    Time,
}

impl PathRef {
    /// What a bare name stands for.
    pub(super) fn bare(name: &str) -> Self {
        match name {
            "body" => Self::Body,
            "severity_text" | "severity" => Self::SeverityText,
            "severity_number" => Self::SeverityNumber,
            "time_unix_nano" => Self::Time,
            _ => Self::Name(name.into()),
        }
    }

    /// The names under which it may stand in a frame, most telling first.
    fn names(&self) -> &[&str] {
        match self {
            Self::Body => &["body"],
            Self::SeverityText => &["severity_text", "severity"],
            Self::SeverityNumber => &["severity_number"],
            Self::Time => &["time_unix_nano"],
            _ => &[],
        }
    }

    /// The role of its column, if it is not that of an attribute.
    pub(super) fn role(&self) -> Option<Role> {
        match self {
            Self::Body => Some(Role::Body),
            Self::SeverityText => Some(Role::SeverityText),
            Self::SeverityNumber => Some(Role::SeverityNumber),
            _ => None,
        }
    }

    fn place(&self) -> Option<Place<'_>> {
        match self {
            Self::Name(key) | Self::Attribute(key) => Some(Place::Attribute(key)),
            Self::Body => Some(Place::Body),
            Self::SeverityText => Some(Place::SeverityText),
            Self::SeverityNumber => Some(Place::SeverityNumber),
            Self::Time => Some(Place::Timestamp),
            Self::Resource(_) => None,
        }
    }

    /// The name of the column that is added when it is set and no column holds it.
    pub(super) fn column_name(&self) -> &str {
        match self {
            Self::Name(key) | Self::Attribute(key) | Self::Resource(key) => key,
            other => other.names().first().copied().unwrap_or_default(),
        }
    }
}

impl fmt::Display for PathRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(key) => write!(f, "attributes[\"{key}\"]"),
            Self::Resource(key) => write!(f, "resource.attributes[\"{key}\"]"),
            other => f.write_str(other.column_name()),
        }
    }
}

/// What the projection of a stream says: which column stands for what.
pub trait Places {
    /// The column that goes out as `place`, if one does.
    fn column(&self, place: Place<'_>) -> Option<Arc<str>>;

    /// All attributes of points and records that come from columns: their keys and their columns. What works
    /// on all attributes (`keep_keys`, `truncate_all`) knows no others but those that processors added.
    fn attributes(&self) -> Vec<(Arc<str>, Arc<str>)> {
        Vec::new()
    }
}

/// No projection: columns are known by their own names and roles alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPlaces;

impl Places for NoPlaces {
    fn column(&self, _: Place<'_>) -> Option<Arc<str>> {
        None
    }
}

/// Where the values of a path come from in rows of one schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Column(usize),
    /// A column whose instants are read as nanoseconds.
    Nanoseconds(usize),
    Resource(Arc<str>),
    Nowhere,
}

/// Where `path` is in rows of these columns.
pub(super) fn locate(path: &PathRef, fields: &[FieldRef], places: &dyn Places) -> Origin {
    if let PathRef::Resource(key) = path {
        return Origin::Resource(Arc::clone(key));
    }
    match (locate_column(path, fields, places), path) {
        (Some(at), PathRef::Time) => Origin::Nanoseconds(at),
        (Some(at), _) => Origin::Column(at),
        (None, PathRef::Name(key)) => Origin::Resource(Arc::clone(key)),
        (None, path) => path
            .names()
            .first()
            .map_or(Origin::Nowhere, |name| Origin::Resource((*name).into())),
    }
}

/// The column of `path`, if there is one: what a processor put there, else what the projection says, else by
/// name.
pub(super) fn locate_column(path: &PathRef, fields: &[FieldRef], places: &dyn Places) -> Option<usize> {
    let named = |name: &str| fields.iter().position(|field| field.name() == name);
    let projected = || {
        let column = path.place().and_then(|place| places.column(place));
        column.map(|column| named(&column))
    };
    match path {
        PathRef::Resource(_) => None,
        PathRef::Name(key) => named(key).or_else(|| projected().flatten()),
        PathRef::Attribute(key) => fields
            .iter()
            .position(|field| field.name() == &**key && is_attribute(field))
            .or_else(|| projected().unwrap_or_else(|| named(key))),
        other => other
            .role()
            .and_then(|role| fields.iter().position(|field| role_of(field) == Some(role)))
            .or_else(|| projected().flatten())
            .or_else(|| other.names().iter().find_map(|name| named(name))),
    }
}
