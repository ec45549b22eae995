//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ringwatch_config::Endpoint;

const EXAMPLES: &str = "\
Examples:
  ringwatch validate --config ringwatch.yaml
  ringwatch run --config ringwatch.yaml
  ringwatch run --config base.yaml --config production.yaml --set receivers.postgresql.collection_interval=15s
  ringwatch catalogue list
  ringwatch catalogue show postgresql.statements -o json
  ringwatch cluster members
  ringwatch cluster drain ringwatch-0 --address ringwatch-1:7947

Exit codes: 0 done, 1 the answer is no or the input is bad, 2 wrong usage, 3 the node could not be reached.";

const ABOUT: &str =
    "Watches databases: reads them on time, harms none of them, and loses nothing without saying so.";

/// `ringwatch` and what stands behind it.
#[derive(Debug, Parser)]
#[command(name = "ringwatch", version, about = ABOUT, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node
    #[command(after_help = "\
Examples:
  ringwatch run --config ringwatch.yaml
  ringwatch run --config base.yaml --config production.yaml
  ringwatch run --config ringwatch.yaml --set service.telemetry.logs.level=debug

SIGTERM or Ctrl-C: last readings finish, the queue is flushed, and the node leaves within 30 seconds.")]
    Run(ConfigFiles),
    /// Check a configuration: every fault with its place, or nothing and exit code 0
    #[command(after_help = "Example:\n  ringwatch validate --config ringwatch.yaml")]
    Validate(ConfigFiles),
    /// Show the effective configuration, or what a configuration may hold
    Config {
        /// What to show.
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Show what can be collected, from which server versions, and what it becomes
    #[command(after_help = "\
Examples:
  ringwatch catalogue list
  ringwatch catalogue show postgresql.tables
  ringwatch catalogue list -o json")]
    Catalogue {
        /// What to show.
        #[command(subcommand)]
        what: CatalogueCommand,
    },
    /// Ask a running node about its cluster, or drain a member
    #[command(after_help = "\
Examples:
  ringwatch cluster members
  ringwatch cluster targets --address ringwatch-1:7947 -o json
  ringwatch cluster locate postgresql://db1.internal:5432
  ringwatch cluster watch
  ringwatch cluster drain ringwatch-0
  ringwatch cluster drain ringwatch-0 --undo

Any node can be asked, and answers from what it knows.
Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 the node could not be reached.")]
    Cluster {
        /// What to ask.
        #[command(subcommand)]
        what: ClusterCommand,
    },
    /// Print the completion script of a shell
    #[command(after_help = "Example:\n  ringwatch completions bash > /etc/bash_completion.d/ringwatch")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigFiles {
    /// A configuration file; each further one is laid over those before it
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) config: Vec<PathBuf>,
    /// A single value, which goes before the files: `exporters.otlp.endpoint=host:4317`
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    pub(crate) set: Vec<String>,
}

/// `ringwatch config ...`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// The effective settings with every default, secrets redacted
    Show(ConfigFiles),
    /// The JSON Schema of the file
    Schema,
}

/// `ringwatch catalogue ...`
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogueCommand {
    /// Every stream and every metric
    List {
        /// How to print it
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// One stream: its SQL by version, its columns and what they become
    Show {
        /// The stream's name, such as postgresql.tables
        stream: String,
        /// How to print it
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
}

/// `ringwatch cluster ...`
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// The members, with their states and how many targets each has
    Members(Client),
    /// The ring: which part of the targets each member is given
    Ring(Client),
    /// The targets, each with its owner and standby
    Targets(Client),
    /// Where one target is
    Locate {
        /// The target, such as postgresql://db1.internal:5432
        target: String,
        #[command(flatten)]
        client: Client,
    },
    /// The members, and then every change until Ctrl-C
    Watch(Client),
    /// Make a member hand over its targets; it stays a member and takes none until --undo
    Drain {
        /// The member's node_id
        node: String,
        /// Let it take targets again
        #[arg(long)]
        undo: bool,
        /// Ask, and do not wait until it is done
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        client: Client,
    },
}

/// Whom to ask, and how to print the answer.
#[derive(Clone, Debug, Args)]
pub(crate) struct Client {
    /// The gRPC port of any node
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7947")]
    pub(crate) address: Endpoint,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
