//! What the checks lean on: names that must differ, and columns that must exist and fit.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Fault;
use crate::model::{Kind, Stream};

pub(super) fn present(what: &'static str, there: bool) -> Result<(), Fault> {
    if there {
        Ok(())
    } else {
        Err(Fault::Missing { what })
    }
}

pub(super) fn refuse(what: &'static str, contradiction: bool) -> Result<(), Fault> {
    if contradiction {
        Err(Fault::Contradiction { what })
    } else {
        Ok(())
    }
}

/// Names that must differ.
pub(super) struct Names<'a> {
    what: &'static str,
    seen: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            seen: BTreeSet::new(),
        }
    }

    pub(super) fn add(&mut self, name: &'a str) -> Result<(), Fault> {
        present("a name", !name.is_empty())?;
        if self.seen.insert(name) {
            return Ok(());
        }
        Err(Fault::Twice {
            what: self.what,
            name: name.to_owned(),
        })
    }
}

/// What a role wants its column to hold.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    Anything,
    Text,
    Whole,
    Number,
    Instant,
}

impl Wanted {
    fn accepts(self, kind: Kind) -> bool {
        match self {
            Self::Anything => true,
            Self::Text => kind == Kind::Text,
            Self::Whole => kind == Kind::Int,
            Self::Number => matches!(kind, Kind::Int | Kind::Double),
            Self::Instant => kind == Kind::Time,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Anything => "anything",
            Self::Text => "text",
            Self::Whole => "int",
            Self::Number => "int or double",
            Self::Instant => "time",
        }
    }
}

/// The columns of a stream's frames by name, with the one that the texts become.
pub(super) struct Columns<'a>(BTreeMap<&'a str, Kind>);

impl<'a> Columns<'a> {
    pub(super) fn of(stream: &'a Stream) -> Result<Self, Fault> {
        let mut names = Names::new("column");
        let mut columns = BTreeMap::new();
        for column in &stream.columns {
            names.add(&column.name)?;
            present("a column's summary", !column.summary.is_empty())?;
            refuse(
                "a column is `sql` that is not text",
                column.sql && column.kind != Kind::Text,
            )?;
            refuse(
                "a column is `plan` that is not text, or is `sql` too",
                column.plan && (column.kind != Kind::Text || column.sql),
            )?;
            columns.insert(column.name.as_str(), column.kind);
        }
        // Rows that are made of plans have a column of their own for the text.
        if let Some(texts) = stream.texts.as_ref().filter(|_| !stream.cadence.is_of_plans()) {
            names.add(&texts.column)?;
            columns.insert(texts.column.as_str(), Kind::Text);
        }
        Ok(Self(columns))
    }

    pub(super) fn need(&self, role: &'static str, column: &str, wanted: Wanted) -> Result<Kind, Fault> {
        let Some(&kind) = self.0.get(column) else {
            return Err(Fault::NoColumn {
                role,
                column: column.to_owned(),
            });
        };
        if wanted.accepts(kind) {
            return Ok(kind);
        }
        Err(Fault::Type {
            role,
            column: column.to_owned(),
            kind,
            wanted: wanted.words(),
        })
    }
}
