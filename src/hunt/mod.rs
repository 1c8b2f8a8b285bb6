//! `delian hunt`: seeds nobody has run, on all cores, for as long as there is time.
//!
//! Where `delian sim` runs a number of seeds and reports on all of them, a hunt looks for failures alone. What it finds
//! is shrunk and saved as a scenario that replays, each fault once. Several machines share a hunt through a server of
//! NATS: `shared` says how.

mod ground;
mod findings;
mod bag;
mod told;
mod local;
#[cfg(feature = "nats")]
mod shared;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueHint};
use delian_sim::guide::Guide;

use self::bag::Bag;
use self::ground::Ground;
use crate::answer::{Answer, Problem};
use crate::cli::{JOBS_MAX, cores, guides};
use crate::load;

pub(crate) const EXAMPLES: &str = "\
Examples:
  delian hunt --for 10m                         all scenarios, seeds that nobody ran, on all cores
  delian hunt scenarios/health --for 8h         a night in one folder
  delian hunt --for 1m --first-seed 7 --save .  seeds from 7 on; findings into this folder

Several machines, by a server of NATS that all of them reach, and the feature nats:
  delian hunt --for 8h --nats nats://10.0.0.9:4222   leads: hunts, shrinks and saves what any finds
  delian hunt --worker --nats nats://10.0.0.9:4222   helps, elsewhere, with the same scenarios

Where the server asks who comes, the URL tells it: nats://user:password@host:4222, or with a token
nats://token@host:4222. With tls://, the server's certificate must be one that this machine trusts.
A URL among the arguments is seen by everybody on the machine; @FILE reads it from a file.
JetStream is not needed.

What a lost worker had begun goes to other workers alone: should a run kill its process, whoever leads
does not die of it. Seeds that no worker came back from are named at the end; try them elsewhere.
Ctrl-C ends a shared hunt as its time does: what has begun is told, and findings are shrunk. Once it
ends, Ctrl-C ends it at once, with what is known.

Exit codes:
  0  nothing was found; with --worker, the hunt is over, or led by nobody any more
  1  something was found, and saved as far as it could be; or seeds were begun elsewhere and not told of
  2  a scenario does not make sense, the folder cannot be written, no server of NATS answers, or
     whoever leads runs something else";

/// What `delian hunt` accepts.
#[derive(Args)]
pub(crate) struct HuntArguments {
    /// Scenario files, or folders of them [default: scenarios]
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// How long; runs that have begun are ended, and findings shrunk
    #[arg(long = "for", value_name = "SPAN", default_value = "10m", value_parser = delian_sim::scenario::read_span)]
    span: Duration,
    /// The seed to begin with [default: drawn, so that every hunt looks elsewhere]
    #[arg(long, value_name = "S")]
    first_seed: Option<u64>,
    /// How many runs go on at once [default: one for each core]
    #[arg(long, value_name = "J", value_parser = RangedU64ValueParser::<usize>::new().range(1..=JOBS_MAX))]
    jobs: Option<usize>,
    /// What is looked at beside the run of each seed: none, swarm, fork or both
    #[arg(long, value_name = "GUIDE", default_value_t = Guide::Both, hide_possible_values = true,
          value_parser = guides())]
    guide: Guide,
    /// The folder for the smallest story of each finding
    #[arg(long, value_name = "DIR", default_value = "scenarios/regressions", value_hint = ValueHint::DirPath)]
    save: PathBuf,
    /// Prints one JSON document and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sharing: SharingArguments,
}

/// How a hunt is shared.
#[derive(Args)]
struct SharingArguments {
    /// Shares the hunt with other machines through the server of NATS there; @FILE reads the URL from a file
    #[arg(long, value_name = "URL|@FILE", help_heading = "Several machines")]
    nats: Option<String>,
    /// Helps in the hunt that somebody else leads: runs what it is given, until that ends
    #[arg(long, requires = "nats", conflicts_with_all = ["span", "first_seed", "guide", "save", "range"],
          help_heading = "Several machines")]
    worker: bool,
    /// The name of the hunt, by which several share one server
    #[arg(long, value_name = "NAME", default_value = "delian", requires = "nats", value_parser = hunt_name,
          help_heading = "Several machines")]
    name: String,
    /// How many seeds a worker is given at once
    #[arg(long, value_name = "N", default_value_t = RANGE_USUAL, requires = "nats", help_heading = "Several machines",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=RANGE_MAX))]
    range: u64,
}

/// Seeds are drawn below this, so that they are short enough to type.
const SEEDS: u64 = 1 << 40;

/// Seconds of work for one core: long beside the way to it, short when it is lost with its worker.
const RANGE_USUAL: u64 = 32;

/// Whatever fails in so many fits into one message.
const RANGE_MAX: u64 = 256;

/// As long as a name of a host may be in one part.
const NAME_LENGTH_MAX: usize = 63;

/// Reads the name of a hunt, which is a part of subjects.
fn hunt_name(text: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !text.is_empty() && text.len() <= NAME_LENGTH_MAX && text.chars().all(fits) {
        return Ok(text.to_string());
    }
    Err(format!("must be 1 to {NAME_LENGTH_MAX} letters, digits, - and _"))
}

pub(crate) fn run(arguments: &HuntArguments) -> Result<Answer, Problem> {
    if let Some(nats) = &arguments.sharing.nats {
        return run_shared(arguments, nats);
    }
    let (ground, bag) = begin(arguments)?;
    local::hunt(&ground, &bag, arguments.span, arguments.jobs()).tell(arguments.json)
}

#[cfg(not(feature = "nats"))]
fn run_shared(_: &HuntArguments, _: &str) -> Result<Answer, Problem> {
    Err(Problem::new(
        "this program was built without the feature nats: build it with --features nats, or leave --nats out to hunt on \
         this machine alone",
    ))
}

#[cfg(feature = "nats")]
fn run_shared(arguments: &HuntArguments, nats: &str) -> Result<Answer, Problem> {
    let SharingArguments { worker, name, range, .. } = &arguments.sharing;
    let place = shared::Place::new(nats, name)?;
    if *worker {
        let ground = Ground::new(load::scenarios(&arguments.paths)?, 0, Guide::None)?;
        return shared::help(&ground, &place, arguments.jobs(), arguments.json);
    }
    let (ground, bag) = begin(arguments)?;
    let course = shared::Course { span: arguments.span, jobs: arguments.jobs(), range: *range };
    shared::lead(ground, bag, place, course)?.tell(arguments.json)
}

/// Finds out before the hours whether they would be lost.
fn begin(arguments: &HuntArguments) -> Result<(Ground, Bag), Problem> {
    let stories = load::scenarios(&arguments.paths)?;
    let first_seed = match arguments.first_seed {
        Some(seed) => seed,
        None => drawn_seed()?,
    };
    let ground = Ground::new(stories, first_seed, arguments.guide)?;
    require_folder(&arguments.save)?;
    Ok((ground, Bag::new(arguments.save.clone(), !arguments.json)))
}

fn require_folder(folder: &Path) -> Result<(), Problem> {
    if !folder.is_dir() {
        let folder = folder.display();
        return Err(Problem::new(format!(
            "there is no folder {folder} for what is found: make it, or name one by --save"
        )));
    }
    let probe = folder.join(".hunt");
    fs::write(&probe, "")
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|error| Problem::new(format!("cannot write to {}: {error}", folder.display())))
}

fn drawn_seed() -> Result<u64, Problem> {
    let drawn = delian_shell::daemon::draw_identity();
    drawn
        .map(|drawn| drawn.get() % SEEDS)
        .map_err(|error| Problem::new(format!("cannot draw a seed: {error}; name one by --first-seed")))
}

impl HuntArguments {
    fn jobs(&self) -> usize {
        self.jobs.unwrap_or_else(cores)
    }
}
