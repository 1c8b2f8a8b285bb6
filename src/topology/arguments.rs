//! What may be said to `delian topology`, and the help that teaches it.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use delian_shell::config::{read_bytes, read_id, read_span};
use delian_shell::shapes::Severity;

use crate::client::{ClientArguments, ReadArguments};

pub(crate) const EXAMPLES: &str = "\
Examples:
  delian topology show                     who belongs, where, and in which condition
  delian topology watch                    what happens, line by line
  delian topology drain ada --wait         empty a node and let it go
  delian topology remove n7                take out a node that will not come back

Exit codes:
  0  done, or yes
  1  the node refused it, or the answer is no
  2  it could not be asked: wrong arguments, no node that answers, no permission, or an outcome
     that nobody knows";

const SHOW_EXAMPLES: &str = "\
Examples:
  delian topology show
  delian topology show --since 40                    what changed after epoch 40
  delian topology show --consistency quorum          all that was committed before the question
  delian topology show --json | jq -r '.nodes[].name'";

const REGISTER_EXAMPLES: &str = "\
Examples:
  delian topology register n9 --name gus --address 10.0.0.9 --port 7400
  delian topology register n9 --name gus --address gus.example.org --port 7400 \\
      --region eu --datacenter zrh1 --rack r2 --latitude 47.3769 --longitude 8.5417 \\
      --total 2TiB --tag disk=nvme --tag spare

A node that runs registers by itself; this is for what runs something else. Registering a node again
begins its next life.";

const DRAIN_EXAMPLES: &str = "\
Examples:
  delian topology drain ada                  ada takes nothing new, and hands over what it holds
  delian topology drain ada --within 10m     and is removed by then, whatever it still holds
  delian topology drain ada --wait           ends when ada is gone
  delian topology drain ada --cancel         ada stays after all

With --wait the exit code is 1 if the node stays after all.";

const REMOVE_EXAMPLES: &str = "\
Examples:
  delian topology remove n7

For a node that will not come back: its keys have other owners at once. One that runs is drained
first, and one that was removed registers again when it is started again.";

const WATCH_EXAMPLES: &str = "\
Examples:
  delian topology watch                                until Ctrl-C
  delian topology watch --for 10s
  delian topology watch --until became_leader --for 1m
                                                       1 if none came within a minute
  delian topology watch --severity warning --json | jq -r .text

One node tells what it sees. After a break the watch goes on where it was; where that is forgotten,
or another node answers, a line says so. With --json each line is a document, and such a line has
`reset` or `cut` as its kind.";

#[derive(Args)]
pub(crate) struct TopologyArguments {
    #[command(subcommand)]
    pub(crate) command: TopologyCommand,
}

#[derive(Subcommand)]
pub(crate) enum TopologyCommand {
    /// Tells who is registered, where, and in which condition
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArguments),
    /// Registers a node, or begins its next life
    #[command(after_help = REGISTER_EXAMPLES)]
    Register(RegisterArguments),
    /// Has a node hand over what it holds, and then lets it go
    #[command(after_help = DRAIN_EXAMPLES)]
    Drain(DrainArguments),
    /// Takes a node out at once
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(RemoveArguments),
    /// Tells what happens, line by line
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(WatchArguments),
}

#[derive(Args)]
pub(crate) struct ShowArguments {
    /// Shows what changed after this epoch alone
    #[arg(long, value_name = "EPOCH")]
    pub(crate) since: Option<u64>,
    #[command(flatten)]
    pub(crate) read: ReadArguments,
}

#[derive(Args)]
pub(crate) struct RegisterArguments {
    /// The identity of the node, such as n9
    #[arg(value_name = "ID", value_parser = identity)]
    pub(crate) id: String,
    /// Its name, unique among registered nodes
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// The host name or IP address at which its peers reach it
    #[arg(long, value_name = "HOST")]
    pub(crate) address: String,
    /// The port there
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// The region it stands in
    #[arg(long, value_name = "REGION", default_value = "default")]
    pub(crate) region: String,
    /// The datacenter of the region
    #[arg(long, value_name = "DATACENTER", default_value = "default")]
    pub(crate) datacenter: String,
    /// The rack of the datacenter
    #[arg(long, value_name = "RACK", default_value = "default")]
    pub(crate) rack: String,
    /// Degrees north
    #[arg(long, value_name = "DEGREES", default_value = "0", allow_negative_numbers = true, value_parser = microdegrees)]
    pub(crate) latitude: i32,
    /// Degrees east
    #[arg(long, value_name = "DEGREES", default_value = "0", allow_negative_numbers = true, value_parser = microdegrees)]
    pub(crate) longitude: i32,
    /// Its storage, such as 2TiB
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = read_bytes)]
    pub(crate) total: u64,
    /// The part that is free [default: all of it]
    #[arg(long, value_name = "SIZE", value_parser = read_bytes)]
    pub(crate) free: Option<u64>,
    /// What an operator adds: KEY=VALUE, or KEY alone; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    pub(crate) tags: Vec<String>,
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

#[derive(Args)]
pub(crate) struct DrainArguments {
    /// The node, by identity or name
    #[arg(value_name = "NODE")]
    pub(crate) node: String,
    /// After which time it is removed whatever it still holds [default: never]
    #[arg(long, value_name = "SPAN", value_parser = read_span, conflicts_with = "cancel")]
    pub(crate) within: Option<Duration>,
    /// Has the node stay after all
    #[arg(long, conflicts_with = "wait")]
    pub(crate) cancel: bool,
    /// Ends when the node is gone
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

#[derive(Args)]
pub(crate) struct RemoveArguments {
    /// The node, by identity or name
    #[arg(value_name = "NODE")]
    pub(crate) node: String,
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

#[derive(Args)]
pub(crate) struct WatchArguments {
    /// Ends after this time
    #[arg(long = "for", value_name = "SPAN", value_parser = read_span)]
    pub(crate) span: Option<Duration>,
    #[arg(long, value_name = "KIND", help = "Ends with the first event of this kind, such as became_leader")]
    pub(crate) until: Option<String>,
    /// Leaves out what matters less
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = Level::Info)]
    pub(crate) severity: Level,
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// It happens all the time
    Routine,
    /// Worth a line
    Info,
    /// Worth a look
    Warning,
    /// Somebody must act
    Error,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Routine => Self::Routine,
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
        }
    }
}

fn identity(text: &str) -> Result<String, String> {
    read_id(text).map(|id| id.to_string())
}

/// Reads degrees with at most six decimals as millionths.
fn microdegrees(text: &str) -> Result<i32, String> {
    let degrees = delian_shell::config::read_degrees(text)?;
    Ok(degrees.get())
}
