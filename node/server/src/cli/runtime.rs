//! What can be changed without a restart, and what the nodes remember together.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ringwatch_config::Endpoint;

use super::Client;

/// `ringwatch targets ...`
#[derive(Debug, Subcommand)]
pub(crate) enum TargetsCommand {
    /// All targets, with where they come from
    List(Client),
    /// Watch one more server, as a configured receiver does
    Add {
        /// The receiver's name in the configuration, such as postgresql/fleet
        receiver: String,
        /// Where the server listens
        #[arg(value_name = "HOST:PORT")]
        endpoint: Endpoint,
        /// A label for all that comes of it; can be given several times
        #[arg(long, value_name = "NAME=VALUE", value_parser = parse_label)]
        label: Vec<(String, String)>,
        #[command(flatten)]
        client: Change,
    },
    /// Watch a server no more that was added at run time
    Remove {
        /// The target, such as postgresql://db7.internal:5432
        target: String,
        #[command(flatten)]
        client: Change,
    },
    /// Go back to an older version of all that was changed at run time
    Rollback {
        /// The version; without it, the one before the present one
        #[arg(value_name = "VERSION", value_parser = clap::value_parser!(u64).range(1..))]
        to: Option<u64>,
        #[command(flatten)]
        client: Change,
    },
    /// The versions that can be gone back to, and what people did lately
    History {
        /// At most so many actions
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(flatten)]
        client: Client,
    },
}

/// `ringwatch flags ...`
#[derive(Debug, Subcommand)]
pub(crate) enum FlagsCommand {
    /// All flags with what they switch
    List(Client),
    /// Set one
    Set {
        /// The flag
        name: String,
        /// What it is to be
        #[arg(value_enum)]
        value: Switch,
        #[command(flatten)]
        client: Change,
    },
}

/// What a flag is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Switch {
    /// On
    On,
    /// Off
    Off,
    /// As if nobody had set it
    Default,
}

/// `ringwatch limits ...`
#[derive(Debug, Subcommand)]
pub(crate) enum LimitsCommand {
    /// The limits that were set at run time
    List(Client),
    /// Set one
    Set {
        /// The target, such as postgresql://db1.internal:5432
        target: String,
        /// Readings a second, or default for what is configured
        #[arg(value_name = "PER_SECOND|default", value_parser = parse_limit)]
        limit: Ceiling,
        #[command(flatten)]
        client: Change,
    },
}

/// A limit as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ceiling {
    /// The configured one.
    Default,
    /// So many a second.
    PerSecond(f64),
}

/// `ringwatch state ...`
#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Print all of it as JSON
    Export(Client),
    /// Put an export into a cluster that remembers nothing yet
    Import {
        /// The file; - for standard input
        file: PathBuf,
        #[command(flatten)]
        client: Client,
    },
    /// Figures of the copy that the node has
    Inspect(Client),
}

/// Whom to ask for a change.
#[derive(Clone, Debug, Args)]
pub(crate) struct Change {
    /// Only if this is the present version of what was changed at run time
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) expected_version: Option<u64>,
    #[command(flatten)]
    pub(crate) client: Client,
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not a label: write NAME=VALUE")),
    }
}

fn parse_limit(text: &str) -> Result<Ceiling, String> {
    if text == "default" {
        return Ok(Ceiling::Default);
    }
    let limit = text
        .parse()
        .ok()
        .filter(|limit: &f64| limit.is_finite() && *limit > 0.0);
    limit
        .map(Ceiling::PerSecond)
        .ok_or_else(|| format!("`{text}` is not a limit: write a number greater than 0, or `default`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_a_name_and_a_limit_lets_something_through() {
        assert_eq!(parse_label("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(parse_label("a="), Ok(("a".into(), String::new())));
        assert!(parse_label("=b").is_err() && parse_label("a").is_err());
        for (text, expected) in [
            ("0.5", Some(Ceiling::PerSecond(0.5))),
            ("default", Some(Ceiling::Default)),
            ("0", None),
            ("-1", None),
            ("inf", None),
            ("NaN", None),
        ] {
            assert_eq!(parse_limit(text).ok(), expected, "{text}");
        }
    }
}
