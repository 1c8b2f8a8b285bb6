//! The command line as data: what may be said, and the help that teaches it.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use delian_sim::guide::Guide;
use delian_sim::plan::Fork;
use delian_sim::worlds::WorldKind;

use crate::cert::{self, CertArguments};
use crate::client::EXIT_CODES;
use crate::demo::{self, DemoArguments};
use crate::hunt::{self, HuntArguments};
use crate::members::{self, MembersArguments};
use crate::node::{self, NodeArguments};
use crate::repeat::Run;
use crate::ring::{self, RingArguments};
use crate::status::{self, StatusArguments};
use crate::store::{self, StoreArguments};
use crate::topology::{self, TopologyArguments};
use crate::transfer::{self, TransferArguments};
use crate::why::{self, WhyArguments};

/// How many seeds of each scenario `sim` runs by default: with the files of `scenarios/` about four minutes on two cores.
pub(crate) const SEEDS: u64 = 125;

/// More threads than any machine has cores; far above it, starting them is all that would happen.
pub(crate) const JOBS_MAX: u64 = 1024;

/// The most seeds of `balance`: the interval is narrow by then.
const BALANCE_SEEDS_MAX: u64 = 1_000;

/// The most requests of a run of `balance`: the time of each is kept until its end, some 80 MB of these.
const ARRIVALS_MAX: u64 = 10_000_000;

/// How long `check --explore` waits for the next request: whoever walks a model thinks, and goes to lunch for longer.
const IDLE_MINUTES: u64 = 30;

const EXAMPLES: &str = "\
Examples:
  delian node --dev --found              a federation of one, to try things out
  delian status                          how that node fares
  delian sim                             every scenario, many seeds, all cores
  delian sim scenarios/topology          one folder, or one file
  delian replay FILE --seed 7 --trace -  one run, event by event
  delian shrink FILE --seed 7 --out small.toml
                                         the smallest story that still fails

Exit codes:
  0  done, or green
  1  no: a node refused it, an invariant was broken, or what was expected did not happen
  2  it could not be asked: wrong arguments, an unreadable or wrong file, no node that answers";

const SIM_EXAMPLES: &str = "\
Examples:
  delian sim
  delian sim scenarios/topology --seeds 2000
  delian sim scenarios/swarm/five-voters-survive-any-mix-of-faults.toml --seed 42
  delian sim --guide none                only what the seeds draw by themselves
  delian sim --json --fail-fast | jq .ok

Guides. Every seed first runs as it draws itself; --guide says where to look beside that:
  swarm  another run of each seed, in which every family of faults, every action, node and link
         has a weight of its own: this one hardly ever, that one all the time
  fork   forks from moments at which the cluster stood as never before in this seed: from there
         on faults, operations and the luck of networks and disks are drawn anew
  both   by turns: forks under weights for even seeds, a run under weights for odd ones
Expectations are asked of the seeds' own runs alone, invariants of all. What a fork breaks is told
with the --fork that replays it. Scenarios of pools are run as their seeds draw them, whatever the
guide, and for no more seeds than their files ask for.

Worlds. Scenarios that say so run elsewhere, too, and what comes of them there is set beside what
discrete events come to over --seeds seeds, 20 if not said:
  madsim   the shell that ships, with its transport, certificates and store, on a network, clocks and
           disks that the same seeds decide; a seed is a process. It is built from the checkout that
           this is run in, which takes minutes the first time.
  process  real nodes on loopback behind relays, once for each scenario, in real time
Logs of the nodes and the table of agreement are left in the directory of the report.
  delian sim scenarios/worlds --world madsim
  delian sim scenarios/worlds --world process --jobs 2 --json | jq .ok
  delian sim scenarios/worlds --world madsim,process      one table of all three

Exit codes:
  0  every invariant held, and what was expected happened; worlds agree
  1  a violation, a difference of worlds, an unmet expectation, or a run that does not repeat itself
  2  bad input";

const REPLAY_EXAMPLES: &str = "\
Examples:
  delian replay FILE --seed 42                what was drawn, what happened, the verdict
  delian replay FILE --seed 42 --last 100     the end of its trace
  delian replay FILE --seed 42 --trace - | grep ' n2 '
  delian replay FILE --seed 42 --trace trace.jsonl --json
  delian replay FILE --seed 42 --fork 12.5s:swarm:3
                                              seed 42 up to 12.5s; what follows is drawn anew, under
                                              swarm weights, as the third of its forks

A trace on standard output has it to itself; the verdict then goes to standard error.";

const SHRINK_EXAMPLES: &str = "\
Example:
  delian shrink FILE --seed 42 --out scenarios/regressions/the-fact-it-broke.toml
  delian replay scenarios/regressions/the-fact-it-broke.toml

Exits with 0 when the small scenario is written, and with 2 when the seed breaks nothing.";

const CHECK_EXAMPLES: &str = "\
Examples:
  delian check                        every model of the default set
  delian check --list                 what models there are, and what each is about
  delian check replication figure-8   two models
  delian check --deep --max-memory 12GiB --report deep
                                      the large ones; interrupted, the same command goes on
  delian check replication --explore  a page to walk its states by hand, step by step
  delian check reads --replay reports/latest/reads.path
                                      a counter-example again, step by step

Exit codes:
  0  every state of every model was met, every invariant held, every goal was reached
  1  a violation, a goal that no state shows, counts other than those pinned, or a limit
  2  bad input";

const BALANCE_EXAMPLES: &str = "\
Examples:
  delian balance                       every policy in every setting, some minutes on two cores
  delian balance --quick               the same from fewer requests, in half a minute or two
  delian balance --list                which policies and settings there are
  delian balance --policy random --policy power-of-two-choices --column equal-85
                                       two policies in one setting
  delian balance --policy power-of-two-choices --decay 1s
                                       how well the default does with a shorter memory
  delian balance --service-time 100ms  for servers that take longer: decay, penalty and the age of
                                       reports are in seconds, so this is another question
  delian balance --json | jq '.cells[] | select(.policy == \"random\") | .mean'

Rules are asked of whatever was run that they compare; a small --arrivals may be too few for them.

Exit codes:
  0  every rule that was asked holds
  1  a rule is broken
  2  bad input";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  delian completions bash > ~/.local/share/bash-completion/completions/delian
  delian completions fish > ~/.config/fish/completions/delian.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  delian man | man -l -
  delian man sim | man -l -";

/// Runs, asks and simulates the nodes of a federation
///
/// `delian node` runs a node, and `status`, `members`, `topology`, `why` and `transfer` ask one. All the others simulate: a
/// scenario file says who takes part, what goes wrong and what must have happened; a seed makes one story of it. The
/// same scenario and seed give the same story on every machine, so whatever fails is one line to paste.
#[derive(Parser)]
#[command(name = "delian", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Runs a node of a federation
    ///
    /// A node agrees with the others on who belongs, knows who can be reached and who fares how, and answers questions at
    /// its API and dashboard.
    #[command(after_help = node::EXAMPLES)]
    Node(NodeArguments),
    /// Starts a small federation on this machine, and tells a story of it: a leader is lost, and nothing else
    ///
    /// Real nodes on loopback with stores of their own, which end with this command and leave nothing behind. The dashboard
    /// is at the address that it tells; it goes on until Ctrl-C.
    #[command(after_help = demo::EXAMPLES)]
    Demo(DemoArguments),
    /// Tells how a node fares: who leads, how far its log is, what waits
    #[command(after_help = status::EXAMPLES)]
    Status(StatusArguments),
    /// Tells who can be reached, as one node sees it
    #[command(after_help = [members::EXAMPLES, "\n", EXIT_CODES].concat())]
    Members(MembersArguments),
    /// Tells who belongs to the federation, changes that, and tells what happens
    #[command(after_help = topology::EXAMPLES)]
    Topology(TopologyArguments),
    /// Tells why a node is in the condition it is in
    #[command(after_help = [why::EXAMPLES, "\n", EXIT_CODES].concat())]
    Why(WhyArguments),
    /// Has another voter lead
    #[command(after_help = [transfer::EXAMPLES, "\n", EXIT_CODES].concat())]
    Transfer(TransferArguments),
    /// Makes what nodes prove themselves with: an authority, certificates, keys for datagrams
    #[command(after_help = cert::EXAMPLES)]
    Cert(CertArguments),
    /// Runs scenarios over many seeds and writes reports
    ///
    /// Each run is judged by every invariant, at every step. A sample of the runs is then repeated in fresh processes and
    /// must come out the same, event for event.
    #[command(after_help = SIM_EXAMPLES)]
    Sim(SimArguments),
    /// Runs one seed of a scenario and tells all about it
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArguments),
    /// Makes a failing run small and saves it as a scenario
    ///
    /// Faults, client operations and nodes are left out while the same invariant still breaks. What is left is written as
    /// a scenario that is pinned to its seed, loaded again and run, to prove that it still breaks.
    #[command(after_help = SHRINK_EXAMPLES)]
    Shrink(ShrinkArguments),
    /// Looks for failures in seeds that nobody has run, for as long as there is time
    ///
    /// Seed by seed, all scenarios are run on all cores, with forks of each. What breaks an invariant is shrunk, saved as
    /// a scenario that replays, and told once, however often chance comes upon it. Several machines share a hunt through a
    /// server of NATS.
    #[command(after_help = hunt::EXAMPLES)]
    Hunt(HuntArguments),
    /// Visits every state that small clusters of the real node can reach, and judges each
    ///
    /// A model is a cluster, a network and how often each thing may go wrong: deliveries, losses, duplications, deadlines,
    /// crashes and flushes are then tried in every order that the network and the budgets of the model allow. Nothing
    /// is sampled, so within its bounds a model that is complete is a proof; what it breaks is told by the shortest way there.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArguments),
    /// Compares load balancers in a queueing simulation, and judges what is promised of them
    ///
    /// Requests arrive at random at several balancers, which pick one of many servers by a policy, from what they see
    /// themselves and what servers report, late. Told is how long requests stay, in service times, with confidence
    /// intervals over seeds: where servers are equal, where some have half the speed, and where some fail, die or
    /// come back cold. Told beside is what a server gets that fell silent.
    #[command(after_help = BALANCE_EXAMPLES)]
    Balance(BalanceArguments),
    /// Tells where keys live, what a change of nodes moves, and how evenly the ring lies
    ///
    /// The nodes come from a file; every answer comes from the ring that ships. Nothing is asked of a running federation.
    #[command(after_help = ring::EXAMPLES)]
    Ring(RingArguments),
    /// Tells what a node keeps on disk, checks it, and writes it out as JSON
    ///
    /// For the operator of a node that does not run: whose a store is, how far its log goes, and whether all of it is
    /// whole. Nothing is changed.
    #[command(after_help = store::EXAMPLES)]
    Store(StoreArguments),
    /// Lists scenarios, one line each
    ///
    /// The columns are the name, the voters and learners or the members of a pool, how long faults go on, and what must
    /// hold.
    Scenarios(ScenariosArguments),
    /// Lists the invariants that every run is judged by
    Invariants,
    /// Prints completions for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArguments),
    /// Prints the manual page of `delian` or of one subcommand
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArguments),
    /// Runs seeds of the scenario on standard input, for another process to compare
    #[command(hide = true)]
    Rerun(RerunArguments),
}

#[derive(Args)]
pub(crate) struct SimArguments {
    /// Scenario files, or folders with *.toml files [default: scenarios]
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// How many seeds of each scenario to run, numbered from 0; one that is pinned to a seed runs once [default: 125, or 20
    /// beside another world]
    #[arg(long, value_name = "N", conflicts_with = "seed",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub(crate) seeds: Option<u64>,
    /// Runs only this seed
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// How many runs go on at once [default: one for each core]
    #[arg(long, value_name = "J", value_parser = RangedU64ValueParser::<usize>::new().range(1..=JOBS_MAX))]
    pub(crate) jobs: Option<usize>,
    /// Where to write report.md, report.html and report.json
    #[arg(long, value_name = "DIR", default_value = "reports/latest", value_hint = ValueHint::DirPath)]
    pub(crate) report: PathBuf,
    /// Where to run them: des, or beside it madsim for the shell on a simulated network, process for real processes behind
    /// relays, or madsim,process for both
    #[arg(long = "world", value_name = "WORLD", default_value = WorldKind::Des.name(), value_delimiter = ',',
          hide_possible_values = true, value_parser = worlds())]
    pub(crate) worlds: Vec<WorldKind>,
    /// Prints one JSON document and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    /// Begins no new run once one has failed
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Where to look beside the run that each seed draws by itself: none, swarm, fork or both
    #[arg(long, value_name = "GUIDE", default_value_t = Guide::Both, hide_possible_values = true,
          value_parser = guides())]
    pub(crate) guide: Guide,
}

/// Returns how many cores there are for this process.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

fn worlds() -> impl TypedValueParser<Value = WorldKind> {
    PossibleValuesParser::new(WorldKind::NAMES.map(|(name, _)| name)).map(|chosen| {
        let known = WorldKind::NAMES.into_iter().find(|(name, _)| *name == chosen);
        known.expect("only these names are possible").1
    })
}

pub(crate) fn guides() -> impl TypedValueParser<Value = Guide> {
    let names = PossibleValuesParser::new(Guide::NAMES.map(|(name, _)| name));
    names.map(|chosen| {
        let known = Guide::NAMES.into_iter().find(|(name, _)| *name == chosen);
        known.expect("only these names are possible").1
    })
}

#[derive(Args)]
pub(crate) struct CheckArguments {
    /// The models, by name [default: the default set, or with --deep the deep one]
    #[arg(value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// Lists the models and explores none
    #[arg(long)]
    pub(crate) list: bool,
    /// Explores the deep set, for hours; checkpoints in the report's directory let it go on where it stopped
    #[arg(long)]
    pub(crate) deep: bool,
    #[command(flatten)]
    pub(crate) space: SpaceArguments,
    /// Follows the path of a counter-example in this file, which was written beside its report, and tells each step
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["list", "deep", "jobs", "explore"])]
    pub(crate) replay: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) by_hand: ByHandArguments,
    /// How many models to explore at once [default: one for each core]
    #[arg(long, value_name = "J", value_parser = RangedU64ValueParser::<usize>::new().range(1..=JOBS_MAX))]
    pub(crate) jobs: Option<usize>,
    /// Where to write check.md and check.json, and MODEL.path for what is broken
    #[arg(long, value_name = "DIR", default_value = "reports/latest", value_hint = ValueHint::DirPath)]
    pub(crate) report: PathBuf,
    /// Prints one JSON document and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct BalanceArguments {
    /// A policy, by name; may be repeated [default: all]
    #[arg(long = "policy", value_name = "NAME")]
    pub(crate) policies: Vec<String>,
    /// A setting, by name; may be repeated [default: all]
    #[arg(long = "column", value_name = "NAME")]
    pub(crate) columns: Vec<String>,
    /// Lists the policies and settings and runs nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// How many seeds of each policy in each setting, numbered from 0 [default: 5]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..=BALANCE_SEEDS_MAX))]
    pub(crate) seeds: Option<u64>,
    /// How many requests arrive in a run; the first fifth is not measured [default: 400000]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1_000..=ARRIVALS_MAX))]
    pub(crate) arrivals: Option<u64>,
    /// Three seeds of 100000 requests, unless said otherwise
    #[arg(long)]
    pub(crate) quick: bool,
    /// How long a service takes on average, at full speed: from 1us to 10s
    #[arg(long, value_name = "SPAN", default_value = "10ms", value_parser = service_time)]
    pub(crate) service_time: Duration,
    /// Within which time the average of power-of-two-choices forgets [default: the core's]
    #[arg(long, value_name = "SPAN", value_parser = delian_sim::scenario::read_span)]
    pub(crate) decay: Option<Duration>,
    /// How many runs go on at once [default: one for each core]
    #[arg(long, value_name = "J", value_parser = RangedU64ValueParser::<usize>::new().range(1..=JOBS_MAX))]
    pub(crate) jobs: Option<usize>,
    /// Where to write balance.md, balance.html and balance.json
    #[arg(long, visible_alias = "out", value_name = "DIR", default_value = "reports/latest",
          value_hint = ValueHint::DirPath)]
    pub(crate) report: PathBuf,
    /// Prints one JSON document and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

fn service_time(text: &str) -> Result<Duration, String> {
    let span = delian_sim::scenario::read_span(text)?;
    let (least, most) = (Duration::from_micros(1), Duration::from_secs(10));
    if (least..=most).contains(&span) { Ok(span) } else { Err("must be from 1us to 10s".to_string()) }
}

/// Which states a search tells apart, and how many of them it may visit.
#[derive(Args)]
pub(crate) struct SpaceArguments {
    /// Tells states apart that differ by the names of nodes alone, also in models that take them for one
    #[arg(long)]
    pub(crate) no_symmetry: bool,
    /// How many states of a model to visit at most
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub(crate) max_states: Option<u64>,
    /// How much memory to use at most, for all models that are explored at once: their states, and up to 200 MB for
    /// each of what is kept of steps that were taken
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = delian_sim::scenario::read_bytes)]
    pub(crate) max_memory: u64,
}

/// The page on which a person walks a model.
#[derive(Args)]
pub(crate) struct ByHandArguments {
    /// Serves one page, on this machine alone, to walk the states of a model by hand
    #[arg(long, conflicts_with_all = ["list", "deep", "jobs", "json"])]
    pub(crate) explore: bool,
    /// The port of that page [default: any that is free]
    #[arg(long, value_name = "N", requires = "explore")]
    pub(crate) port: Option<u16>,
    /// After how many minutes without a request the page is served no more
    #[arg(long, value_name = "MINUTES", default_value_t = IDLE_MINUTES, requires = "explore",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub(crate) idle: u64,
}

#[derive(Args)]
pub(crate) struct ReplayArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// Writes the trace, one line per event, to a file or to standard output
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath)]
    pub(crate) trace: Option<PathBuf>,
    /// Only the last N lines of the trace; without --trace on standard output
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<NonZero<usize>>,
    /// The trace as JSON lines; the verdict as one JSON document, unless the trace has standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ShrinkArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// Where to write the small scenario; its name in kebab case, with .toml, becomes the scenario's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
    /// Overwrites FILE if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// One run: a scenario, a seed, and where it forks.
#[derive(Args)]
pub(crate) struct RunArguments {
    /// A scenario file
    #[arg(value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) path: PathBuf,
    /// The seed; may be left out if the scenario is pinned to one, and may not differ from that
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// From AT on what is left to chance is drawn anew: HOW is plain or swarm, N tells forks apart; may be repeated
    #[arg(long = "fork", value_name = "AT:HOW:N")]
    pub(crate) forks: Vec<Fork>,
}

#[derive(Args)]
pub(crate) struct ScenariosArguments {
    /// Scenario files, or folders with *.toml files [default: scenarios]
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Prints one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Args)]
pub(crate) struct ManArguments {
    /// A subcommand, for its own page, and one of its own, such as `ring locate`
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Args)]
pub(crate) struct RerunArguments {
    /// What the scenario's file is called
    pub(crate) path: String,
    /// The runs: a seed, and for a fork SEED@EVENTS@FORK,FORK
    #[arg(long = "run", value_name = "RUN", required = true)]
    pub(crate) runs: Vec<Run>,
    /// Prints traces instead of fingerprints
    #[arg(long)]
    pub(crate) trace: bool,
}
