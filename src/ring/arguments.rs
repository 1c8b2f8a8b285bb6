//! What may be said to `delian ring`, and the help that teaches it.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::{Args, Subcommand, ValueHint};
use delian_core::ring::{Level, REPLICAS_MAX, Rule};

/// How many sample keys tell a share from its neighbour's, in a fraction of a second.
const KEYS: u64 = 1_000_000;
/// A minute's work on one core.
const KEYS_MAX: u64 = 100_000_000;

pub(crate) const EXAMPLES: &str = "\
Examples:
  delian ring locate user:42 --nodes nodes.toml    who owns a key, and by which of its points
  delian ring locate user:42 --nodes nodes.toml --without node-3
                                                   who takes over while node-3 is away
  delian ring replicas user:42 -n 3 --spread rack --nodes nodes.toml
  delian ring diff --nodes old.toml --to new.toml --replicas 3
                                                   what moves, from whom to whom
  delian ring balance --nodes nodes.toml --plot ring.svg
  seq 1 100 | delian ring balance --nodes -        names from standard input

A file of nodes in TOML. Only `name` must be there, and it alone says where points lie:

  points_per_weight = 150    # the default
  [[node]]
  name = \"node-1\"
  weight = 1.5               # default 1; from 0.001 to 1000
  region = \"eu\"              # default \"\"
  datacenter = \"zrh1\"        # default \"\"; belongs to its region
  rack = \"r1\"                # default \"\"; belongs to its datacenter
  eligible = false           # default true; a node that may not be asked keeps its points

Or a plain list: one name on each line; blank lines and lines that begin with # say nothing. A file
is TOML if its name ends in .toml, or if it begins with `[[` or `key =`; otherwise it is a list.

Exit codes:
  0  the question has an answer
  1  the answer is no: too few nodes for so many copies, nobody who may be asked, or keys that do
     not fall as the shares of the ring foretell
  2  bad input: wrong arguments, an unreadable or wrong file";

const LOCATE_EXAMPLES: &str = "\
Examples:
  delian ring locate user:42 user:43 --nodes nodes.toml
  delian ring locate user:42 --nodes nodes.toml --without node-3 --without node-7
  delian ring locate --nodes nodes.txt < keys.txt
  delian ring locate --nodes nodes.toml --json < keys.txt | jq -r '.keys[].owner' | sort | uniq -c

A key's token is the XXH32 hash of its bytes under seed 0. Its owner has the first point at the
token or clockwise after it. `point` is that point and what was hashed for it, `arc` the part of
the circle that belongs to this one point, and `share` all that belongs to the owner.

`delian ring --help` tells how files of nodes are written.";

const REPLICAS_EXAMPLES: &str = "\
Examples:
  delian ring replicas user:42 -n 3 --nodes nodes.toml
  delian ring replicas user:42 -n 3 --spread rack --nodes nodes.toml
  delian ring replicas user:42 -n 3 --apart datacenter --nodes nodes.toml

Copies lie on different nodes, the owner's first and the next ones clockwise. --spread skips
whoever would bring a second copy into a rack, datacenter or region while there are others, as
Cassandra's NetworkTopologyStrategy does; --apart never allows a second one, and says so when
there are too few.

`delian ring --help` tells how files of nodes are written.";

const DIFF_EXAMPLES: &str = "\
Examples:
  delian ring diff --nodes old.toml --to new.toml
  delian ring diff --nodes old.toml --to new.toml --replicas 3 --spread rack
  delian ring diff --nodes old.toml --to new.toml --ranges --json | jq .ranges

Exact, not sampled: the circle is cut at every point of both rings. The ideal is the least that
must move for shares to be as the weights ask. What is sent are copies that come to nodes that
had none of the key before: what a network must carry, however copies change places. Whether
nodes are eligible moves nothing.

`delian ring --help` tells how files of nodes are written.";

const BALANCE_EXAMPLES: &str = "\
Examples:
  delian ring balance --nodes nodes.toml
  delian ring balance --nodes nodes.toml --all --keys 10000000 --seed 7
  delian ring balance --nodes nodes.toml --replicas 3 --spread rack
  delian ring balance --nodes nodes.toml --plot ring.svg
  delian ring balance --nodes nodes.toml --json | jq .evenness

Shares are counted token by token. `of fair` is a share as a multiple of what the weight asks
for, and cv the coefficient of variation of these multiples. `ideal points` says what as many
points come to that lie truly at random: a ring near it is as even as its points allow. The chi-
squared test asks whether sample keys fall as the shares foretell, and p how likely so great a
statistic is if they do; below 0.0001 the answer is no. `keys` are the hits of these keys,
`copies` what a node bears of all copies, and `serves` what it serves while others are not
eligible.

`delian ring --help` tells how files of nodes are written.";

#[derive(Args)]
pub(crate) struct RingArguments {
    #[command(subcommand)]
    pub(crate) command: RingCommand,
}

#[derive(Subcommand)]
pub(crate) enum RingCommand {
    /// Tells who owns keys, and by which of its points
    #[command(after_help = LOCATE_EXAMPLES)]
    Locate(LocateArguments),
    /// Tells where the copies of keys lie, the owner's first
    #[command(after_help = REPLICAS_EXAMPLES)]
    Replicas(ReplicasArguments),
    /// Tells what moves when one list of nodes takes the place of another
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(DiffArguments),
    /// Tells how evenly nodes share the ring, with a plot, and tests it
    #[command(after_help = BALANCE_EXAMPLES)]
    Balance(BalanceArguments),
}

#[derive(Args)]
pub(crate) struct LocateArguments {
    /// The keys [default: those on standard input, one on each line]
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    #[command(flatten)]
    pub(crate) nodes: NodesArguments,
    /// Prints one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which nodes there are, and who of them may be asked.
#[derive(Args)]
pub(crate) struct NodesArguments {
    /// The nodes, as TOML or as a list of names; - is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) nodes: PathBuf,
    /// Walks past this node, as if the file said that it is not eligible; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) without: Vec<String>,
}

#[derive(Args)]
pub(crate) struct ReplicasArguments {
    /// The keys [default: those on standard input, one on each line]
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    #[command(flatten)]
    pub(crate) nodes: NodesArguments,
    /// How many copies there are of each key
    #[arg(short = 'n', long = "copies", value_name = "N", default_value_t = 3,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=REPLICAS_MAX as u64))]
    pub(crate) copies: usize,
    #[command(flatten)]
    pub(crate) rule: RuleArguments,
    /// Prints one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// How copies are kept apart.
#[derive(Args)]
pub(crate) struct RuleArguments {
    /// Spreads copies over as many racks, datacenters or regions as there are, and over the wider ones
    #[arg(long, value_name = "LEVEL", value_parser = levels(), hide_possible_values = true)]
    pub(crate) spread: Option<Level>,
    /// Puts no two copies into one rack, datacenter or region
    #[arg(long, value_name = "LEVEL", value_parser = levels(), hide_possible_values = true, conflicts_with = "spread")]
    pub(crate) apart: Option<Level>,
}

impl RuleArguments {
    /// Returns the option that names a level, if one does.
    pub(crate) fn level(&self) -> Option<(&'static str, Level)> {
        self.spread.map(|level| ("--spread", level)).or_else(|| self.apart.map(|level| ("--apart", level)))
    }

    pub(crate) fn rule(&self) -> Rule {
        match (self.spread, self.apart) {
            (Some(level), _) => Rule::Spread(level),
            (None, Some(level)) => Rule::Apart(level),
            (None, None) => Rule::Nodes,
        }
    }
}

fn levels() -> impl TypedValueParser<Value = Level> {
    let names = PossibleValuesParser::new(["rack", "datacenter", "region"]);
    names.map(|chosen| match chosen.as_str() {
        "rack" => Level::Rack,
        "datacenter" => Level::Datacenter,
        _ => Level::Region,
    })
}

#[derive(Args)]
pub(crate) struct DiffArguments {
    /// The nodes before, as TOML or as a list of names; - is standard input
    #[arg(long, value_name = "OLD", value_hint = ValueHint::FilePath)]
    pub(crate) nodes: PathBuf,
    /// The nodes behind
    #[arg(long, value_name = "NEW", value_hint = ValueHint::FilePath)]
    pub(crate) to: PathBuf,
    /// How many copies there are of each key
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=REPLICAS_MAX as u64))]
    pub(crate) replicas: usize,
    #[command(flatten)]
    pub(crate) rule: RuleArguments,
    /// Lists every range that moves, too
    #[arg(long)]
    pub(crate) ranges: bool,
    /// Shows all rows of the table, however many
    #[arg(long)]
    pub(crate) all: bool,
    /// Prints one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct BalanceArguments {
    #[command(flatten)]
    pub(crate) nodes: NodesArguments,
    /// How many sample keys are hashed
    #[arg(long, value_name = "N", default_value_t = KEYS,
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=KEYS_MAX))]
    pub(crate) keys: u64,
    /// Which sample keys
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Judges the load of so many copies, too
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=REPLICAS_MAX as u64))]
    pub(crate) replicas: usize,
    #[command(flatten)]
    pub(crate) rule: RuleArguments,
    /// Draws the distribution of shares into this file, as SVG
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) plot: Option<PathBuf>,
    /// Shows all nodes, however many
    #[arg(long)]
    pub(crate) all: bool,
    /// Prints one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}
