//! `cargo xtask tla`: whether runs of the real node are ones of Raft as `tests/tla` writes it down, judged by TLC.
//!
//! First TLC visits every state of a small cluster that keeps to the rules, for rules that allow a violation prove
//! nothing. Then it replays the traces of simulated runs by the same rules. Java and the jar of TLC are nobody's duty:
//! where one is missing, the command says so and is content.

mod judge;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Stopwatch;
use crate::{Answer, Problem, process};
use judge::{Judge, Verdict};

/// The variable that names the jar where `--jar` does not.
const JAR: &str = "TLA2TOOLS_JAR";

/// Scenarios whose voters stay and whose logs keep their beginning, with crashes, partitions or late votes.
const SCENARIOS: [&str; 3] = [
    "scenarios/swarm/three-voters-survive-any-mix-of-faults.toml",
    "scenarios/swarm/elections-slower-than-timeouts-elect-one-at-most.toml",
    "scenarios/swarm/messages-alone-cannot-make-a-cluster-disagree.toml",
];

/// The small clusters that TLC explores: each is a configuration of `SmallRaft.tla`.
const MODELS: [&str; 2] = ["SmallRaft.cfg", "LaggingRaft.cfg"];

/// What `cargo xtask tla` accepts.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many runs are judged, taking turns with the scenarios
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: u64,
    /// How many steps of each run are judged; TLC takes some 4 s for 1,000
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    steps: u64,
    /// Where tla2tools.jar lies [default: what `TLA2TOOLS_JAR` names]
    #[arg(long, value_name = "PATH")]
    jar: Option<PathBuf>,
    /// Judges runs alone, without the small clusters
    #[arg(long)]
    runs_only: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Answer, Problem> {
    let root = process::root();
    let jar = arguments.jar.clone().or_else(|| std::env::var_os(JAR).map(PathBuf::from));
    let judge = match Judge::find(jar.as_deref(), &root.join("tests/tla"), &root.join("target/tla"))? {
        Ok(judge) => judge,
        Err(missing) => {
            println!("skipped: {missing}");
            return Ok(Answer::Yes);
        }
    };
    if !arguments.runs_only && !models(&judge)? {
        return Ok(Answer::No);
    }
    runs(&judge, &root, arguments)
}

/// Explores the small clusters. Returns whether the rules keep them safe.
fn models(judge: &Judge) -> Result<bool, Problem> {
    for model in MODELS {
        let watch = Stopwatch::start();
        let said = judge.explore(model)?;
        let seconds = watch.elapsed().as_secs_f64();
        match judge::states(&said) {
            Ok(states) => println!("{model}: safe in all {states} states, {seconds:.1} s"),
            Err(why) => {
                println!("{model}: NOT SAFE\n{why}");
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn runs(judge: &Judge, root: &Path, arguments: &Arguments) -> Result<Answer, Problem> {
    let program = emitter(root)?;
    let width = SCENARIOS.iter().map(|scenario| name_of(scenario).len()).max().unwrap_or(0);
    println!("{:width$}  seed  steps  seconds  ends", "scenario");
    for number in 0..arguments.seeds {
        let scenario = SCENARIOS[(number % SCENARIOS.len() as u64) as usize];
        let seed = number / SCENARIOS.len() as u64;
        let trace = emit(&program, root, scenario, seed, arguments.steps)?;
        let watch = Stopwatch::start();
        let verdict = judge.replay(&trace)?;
        let seconds = watch.elapsed().as_secs_f64();
        let name = name_of(scenario);
        match verdict {
            Verdict::Consumed(steps) => {
                println!("{name:width$}  {seed:>4}  {steps:>5}  {seconds:>7.1}  {}", judge::end(&trace));
            }
            Verdict::Refused { step, why } => {
                println!("{name:width$}  {seed:>4}  REFUSED at step {step}\n{why}");
                println!("the trace: {}", judge.trace().display());
                return Ok(Answer::No);
            }
        }
    }
    println!("{} runs are ones of Raft", arguments.seeds);
    Ok(Answer::Yes)
}

fn name_of(scenario: &str) -> &str {
    Path::new(scenario).file_stem().and_then(|stem| stem.to_str()).unwrap_or(scenario)
}

/// Builds the example that tells a run and returns where it lies.
fn emitter(root: &Path) -> Result<PathBuf, Problem> {
    let mut cargo = process::cargo(root);
    cargo.args(["build", "--release", "--quiet", "--package", "delian-sim", "--example", "tla_trace"]);
    if !process::succeeds(&mut cargo)? {
        return Err("the example tla_trace of delian-sim does not build".to_owned());
    }
    let target = process::target(root);
    Ok(target.join("release/examples/tla_trace").with_extension(std::env::consts::EXE_EXTENSION))
}

fn emit(program: &Path, root: &Path, scenario: &str, seed: u64, steps: u64) -> Result<String, Problem> {
    let mut command = Command::new(program);
    command.arg(root.join(scenario)).args([format!("seed={seed}"), format!("steps={steps}")]);
    let output = process::listen(&mut command)?;
    if !output.status.success() {
        return Err(format!("tla_trace {scenario} seed={seed} failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
