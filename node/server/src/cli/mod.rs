//! The command line.

mod client;
mod languages;
mod runtime;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::client::{
    BreakerCommand, Client, ClusterCommand, FeedbackCommand, Rate, SamplerCommand,
};
pub(crate) use self::languages::{Engine, PlanInput, ScanInput, SqlInput};
pub(crate) use self::runtime::{
    Ceiling, Change, FlagsCommand, LimitsCommand, StateCommand, Switch, TargetsCommand,
};

const EXAMPLES: &str = "\
Examples:
  ringwatch validate --config ringwatch.yaml
  ringwatch run --config ringwatch.yaml
  ringwatch run --config base.yaml --config production.yaml --set receivers.postgresql.collection_interval=15s
  ringwatch config generate production
  ringwatch catalogue list
  ringwatch catalogue show postgresql.statements -o json
  ringwatch cluster members
  ringwatch cluster drain ringwatch-0 --address ringwatch-1:7947
  ringwatch targets add postgresql/fleet db7.internal:5432 --label team=billing
  ringwatch breaker list
  ringwatch plan slow.plan
  ringwatch sql --engine mysql statement.sql

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
    #[command(after_help = "\
Examples:
  ringwatch validate --config ringwatch.yaml
  ringwatch validate --config ringwatch.yaml --connect")]
    Validate(Validate),
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
    /// Ask a running node about its cluster and its ticks, drain a member, or move targets
    #[command(after_help = "\
Examples:
  ringwatch cluster members
  ringwatch cluster targets --address ringwatch-1:7947 -o json
  ringwatch cluster locate postgresql://db1.internal:5432
  ringwatch cluster watch
  ringwatch cluster audit --from 1h
  ringwatch cluster drain ringwatch-0
  ringwatch cluster drain ringwatch-0 --undo
  ringwatch cluster move postgresql://db1.internal:5432 ringwatch-2
  ringwatch cluster move postgresql://db1.internal:5432 auto
  ringwatch cluster rebalance --dry-run

Any node can be asked, and answers from what it knows; what moves targets it passes on to the leader.
Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 the node could not be reached.")]
    Cluster {
        /// What to ask.
        #[command(subcommand)]
        what: ClusterCommand,
    },
    /// The circuit breakers of the databases: which are open, and to open or reset one by hand
    #[command(after_help = "\
Examples:
  ringwatch breaker list
  ringwatch breaker list -o json
  ringwatch breaker reset postgresql://db1.internal:5432
  ringwatch breaker open production --for 10m

Any node can be asked: it passes a question about one database on to the node that reads it.
A database is named by its target id, or by the name that its circuit has in the metrics.
Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 the node could not be reached.")]
    Breaker {
        /// What to do.
        #[command(subcommand)]
        what: BreakerCommand,
    },
    /// What the samplers of a node do, and to set the rate of all nodes
    #[command(after_help = "\
Examples:
  ringwatch sampler show
  ringwatch sampler set-rate 5
  ringwatch sampler set-rate 5 --name adaptive_sampler/logs --cache-size 20000
  ringwatch sampler set-rate default

What is shown is about the node that is asked. A rate is set on all nodes and outlasts them, until it is set anew; the
size of a cache is set on the node that is asked, until it ends.
Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 the node could not be reached.")]
    Sampler {
        /// What to do.
        #[command(subcommand)]
        what: SamplerCommand,
    },
    /// Targets that are watched beside the configured ones, without a restart
    #[command(after_help = "\
Examples:
  ringwatch targets list
  ringwatch targets add postgresql/fleet db7.internal:5432 --label team=billing
  ringwatch targets remove postgresql://db7.internal:5432
  ringwatch targets history
  ringwatch targets rollback

A target is read as the configured receiver says: its credentials, its intervals, its streams.
Targets, limits, flags and rates that are changed at run time are one data set: each change makes a new version of it
on all nodes, and a rollback makes one with the content of an older one.
Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 the node could not be reached.")]
    Targets {
        /// What to do.
        #[command(subcommand)]
        what: TargetsCommand,
    },
    /// Switches that take effect on all nodes without a restart
    #[command(after_help = "\
Examples:
  ringwatch flags list
  ringwatch flags set plans off
  ringwatch flags set rebalance default

Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 the node could not be reached.")]
    Flags {
        /// What to do.
        #[command(subcommand)]
        what: FlagsCommand,
    },
    /// How often targets may be asked, changed without a restart
    #[command(after_help = "\
Examples:
  ringwatch limits list
  ringwatch limits set postgresql://db1.internal:5432 2
  ringwatch limits set postgresql://db1.internal:5432 default

A target needs a pipeline with a rate_limiter that reads it.
Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 the node could not be reached.")]
    Limits {
        /// What to do.
        #[command(subcommand)]
        what: LimitsCommand,
    },
    /// What the nodes remember together: to save it, to put it back, and its figures
    #[command(after_help = "\
Examples:
  ringwatch state inspect
  ringwatch state export > state.json
  ringwatch state import state.json

An export holds breakers, decisions of samplers, the view and what was changed at run time; no secret is in it.
It can be imported into a cluster that remembers nothing yet.
Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 the node could not be reached.")]
    State {
        /// What to do.
        #[command(subcommand)]
        what: StateCommand,
    },
    /// What verification has found, and to say whether it was right
    #[command(after_help = "\
Examples:
  ringwatch feedback list
  ringwatch feedback wrong 5f0c6a7b18d2e394
  ringwatch feedback status

Any node can be asked about findings. A wrong one makes what found it less eager: a series gets a higher threshold,
a value is let through, a check is silent about that stream for a time.
Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 the node could not be reached.")]
    Feedback {
        /// What to do.
        #[command(subcommand)]
        what: FeedbackCommand,
    },
    /// What an execution plan says: its tree with the costly nodes marked, and what to do about them
    #[command(after_help = "\
Examples:
  ringwatch plan slow.plan
  psql -XqAtc 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT ...' | ringwatch plan -o table
  ringwatch plan -o json slow.plan
  ringwatch plan --jsonl < plans.jsonl

It reads what EXPLAIN prints: PostgreSQL's JSON, text, XML and YAML, MySQL's JSON and TREE, MariaDB's JSON, also with
the frame that a client draws around it or the log line before it. Nodes that take more than 10, 40 and 90 % of the
plan's time (of its cost, where it was not executed) for themselves are marked by *, ** and ***.
With --jsonl each line is an object with `text` or a string, and each line of output is the answer, in the same order;
a line that cannot be read is answered with `error`.
Literals are in none of the answers.")]
    Plan(PlanInput),
    /// What verification would find in a text, and the text with it redacted
    #[command(after_help = "\
Examples:
  ringwatch scan server.log
  echo 'card 4000 0000 0000 0002' | ringwatch scan -o table
  ringwatch scan --class iban --class email letter.txt
  ringwatch scan --class all --jsonl < texts.jsonl

Places are counted in characters (Unicode scalar values) from 0, `end` is behind the last one. Without --class the
classes are those that verification looks for by default; docs/pii.md lists all of them.
With --jsonl each line is an object with `text` or a string, and each line of output is the answer, in the same order;
a line that cannot be read is answered with `error`.
Exit code 0 also where something was found.")]
    Scan(ScanInput),
    /// Normalised text, fingerprint, tables, commands and comment tags of a statement
    #[command(after_help = "\
Examples:
  ringwatch sql statement.sql
  echo \"SELECT * FROM users WHERE id = 1\" | ringwatch sql
  ringwatch sql --engine mysql -o json slow.sql
  ringwatch sql --jsonl < statements.jsonl

With --jsonl each line is an object with `text` (and, if it differs, `engine`) or a string, and each line of
output is the answer, in the same order; a line that cannot be read is answered with `error`.
Literals are in none of the answers but `comments`, which are shown as they stand in the text.")]
    Sql(SqlInput),
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

/// `ringwatch validate`
#[derive(Clone, Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) files: ConfigFiles,
    /// Look at every target too: whether it can be reached, and has what is asked for; nothing is executed
    #[arg(long)]
    pub(crate) connect: bool,
}

/// `ringwatch config ...`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// The effective settings with every default, secrets redacted
    Show(ConfigFiles),
    /// Write a configuration to begin with, for one environment or for all
    #[command(after_help = "\
Examples:
  ringwatch config generate production
  ringwatch config generate all --out config

Each file is ENV.yaml, checked before it is written. What differs between environments: thresholds of the sampler
and of the circuit breaker, exporters, log. Each file says which variables it needs.")]
    Generate(GenerateFor),
    /// The JSON Schema of the file
    Schema,
}

/// For which environment, and where.
#[derive(Clone, Debug, Args)]
pub(crate) struct GenerateFor {
    /// The environment: production, staging, development, or all
    #[arg(value_name = "ENV|all")]
    pub(crate) environment: String,
    /// The folder to write to; it is made where it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Overwrite files that are there
    #[arg(long)]
    pub(crate) force: bool,
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
