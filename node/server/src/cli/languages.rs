//! What the commands that read a text take: `plan`, `scan`, `sql`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Output;

/// What `ringwatch plan` reads, and how it answers.
#[derive(Clone, Debug, Args)]
pub(crate) struct PlanInput {
    /// The file to read; standard input without one, or for -
    pub(crate) file: Option<PathBuf>,
    /// Many plans, one JSON value a line, and one answer a line
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// How to print one answer [default: table on a terminal, else json]
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<Output>,
}

/// What `ringwatch scan` reads, and how it answers.
#[derive(Clone, Debug, Args)]
pub(crate) struct ScanInput {
    /// The file to read; standard input without one, or for -
    pub(crate) file: Option<PathBuf>,
    /// A class to look for, or `all`; can be given several times [default: those that verification looks for]
    #[arg(long, value_name = "CLASS")]
    pub(crate) class: Vec<String>,
    /// Many texts, one JSON value a line, and one answer a line
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// How to print one answer [default: table on a terminal, else json]
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<Output>,
}

/// What `ringwatch sql` reads, and how it answers.
#[derive(Clone, Debug, Args)]
pub(crate) struct SqlInput {
    /// The file to read; standard input without one, or for -
    pub(crate) file: Option<PathBuf>,
    /// Whose SQL it is
    #[arg(long, value_enum, default_value_t)]
    pub(crate) engine: Engine,
    /// Many texts, one JSON value a line, and one answer a line
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// How to print one answer [default: table on a terminal, else json]
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<Output>,
}

/// Whose SQL a text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// PostgreSQL
    #[default]
    Postgresql,
    /// MySQL
    Mysql,
    /// MariaDB
    Mariadb,
}
