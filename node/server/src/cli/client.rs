//! What a running node is asked, and where it is.

use clap::{Args, Subcommand};
use ringwatch_config::{Duration, Endpoint};

use super::Output;

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
    /// The members, and then all that happens until Ctrl-C: joins, losses, views, handoffs, take-overs, covers
    #[command(after_help = "\
Examples:
  ringwatch cluster watch
  ringwatch cluster watch -o json | grep taken_over

All members are followed, whichever is asked. With -o json each line is one object: the members (with `members`)
whenever something of them changes, else an event (with `event`).")]
    Watch(Client),
    /// Account for every tick of a range of time; exit code 1 if one is missing or was delivered twice
    #[command(after_help = "\
Examples:
  ringwatch cluster audit
  ringwatch cluster audit --from 1h --to 5m --targets
  ringwatch cluster audit -o json

All nodes are asked. Each keeps its books for an hour, and its standbys know what it has told them; so a node that is
lost leaves no gap in them. due = collected + covered + missed; collected + covered = delivered + dropped + in flight,
and those that ended `elsewhere`: at a node whose books are gone.
Exit codes: 0 the books balance, 1 they do not, 2 wrong usage, 3 the node could not be reached.")]
    Audit {
        /// Ticks from so long ago on
        #[arg(long, value_name = "AGO", default_value = "10m")]
        from: Duration,
        /// Ticks until so long ago
        #[arg(long, value_name = "AGO", default_value = "0s")]
        to: Duration,
        /// Show each target too
        #[arg(long)]
        targets: bool,
        #[command(flatten)]
        client: Client,
    },
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
    /// Give a target to a member, which keeps it; or let the ring say again whose it is
    Move {
        /// The target, such as postgresql://db1.internal:5432
        target: String,
        /// The member's node_id, or auto
        #[arg(value_name = "NODE|auto")]
        node: String,
        #[command(flatten)]
        client: Client,
    },
    /// Move the fewest targets that make the loads of the members alike
    Rebalance {
        /// Only show what would be moved
        #[arg(long)]
        dry_run: bool,
        /// Ask, and do not wait until it is done
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        client: Client,
    },
}

/// `ringwatch breaker ...`
#[derive(Debug, Subcommand)]
pub(crate) enum BreakerCommand {
    /// The circuits of all databases
    List(Client),
    /// Close a circuit, and forget how often it opened
    Reset {
        /// The database: its target id, or the name of its circuit
        target: String,
        #[command(flatten)]
        client: Client,
    },
    /// Open a circuit: not one query is sent until it closes
    Open {
        /// The database: its target id, or the name of its circuit
        target: String,
        /// For how long; without it, until it is reset
        #[arg(long = "for", value_name = "TIME")]
        time: Option<Duration>,
        #[command(flatten)]
        client: Client,
    },
}

/// `ringwatch sampler ...`
#[derive(Debug, Subcommand)]
pub(crate) enum SamplerCommand {
    /// What each sampler does at this moment
    Show(Client),
    /// Set the rate of rows that no rule matches, on all nodes
    SetRate {
        /// The rate, in percent; or default, for the configured one
        #[arg(value_parser = parse_rate)]
        rate: Rate,
        /// The sampler; without it, all
        #[arg(long)]
        name: Option<String>,
        /// How many fingerprints it may remember on this node
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        cache_size: Option<u64>,
        #[command(flatten)]
        client: Client,
    },
}

/// `ringwatch feedback ...`
#[derive(Debug, Subcommand)]
pub(crate) enum FeedbackCommand {
    /// What was found lately, on any node; the newest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        #[command(flatten)]
        client: Client,
    },
    /// How the verification of the node that is asked is, with its thresholds
    Status(Client),
    /// Say that a finding was wrong: what made it becomes less eager
    Wrong {
        /// The finding, by its 16 digits
        id: String,
        #[command(flatten)]
        client: Client,
    },
    /// Say that a finding was right
    Right {
        /// The finding, by its 16 digits
        id: String,
        #[command(flatten)]
        client: Client,
    },
}

/// The rate of a sampler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rate {
    /// The configured one.
    Default,
    /// In percent.
    Percent(f64),
}

fn parse_rate(text: &str) -> Result<Rate, String> {
    if text == "default" {
        return Ok(Rate::Default);
    }
    let rate = text.strip_suffix('%').unwrap_or(text).trim_end().parse().ok();
    rate.filter(|rate| (0.0..=100.0).contains(rate))
        .map(Rate::Percent)
        .ok_or_else(|| {
            format!("`{text}` is not a rate: write a number from 0 to 100, in percent, or `default`")
        })
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

#[cfg(test)]
mod tests {
    use super::{Rate, parse_rate};

    #[test]
    fn a_rate_is_a_number_of_percent() {
        for (text, expected) in [
            ("5", Some(5.0)),
            ("0", Some(0.0)),
            ("2.5 %", Some(2.5)),
            ("100%", Some(100.0)),
            ("100.1", None),
            ("-1", None),
            ("NaN", None),
            ("much", None),
            ("", None),
        ] {
            assert_eq!(parse_rate(text).ok(), expected.map(Rate::Percent), "{text}");
        }
        assert_eq!(parse_rate("default"), Ok(Rate::Default));
    }
}
