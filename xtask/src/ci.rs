//! `cargo xtask ci`: every gate, in the order in which it is cheapest to fail.
//!
//! Each step runs on the caller's terminal, so what a tool says stays visible. The first failure ends the run and names
//! the command that repeats it. A tool that is missing is replaced or skipped aloud, never silently.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;

use crate::process::Stopwatch;
use crate::{Answer, Problem, process};

/// How many seeds each scenario gets: enough to meet every fault family, few enough for some minutes with what is looked at
/// beside them.
const SCENARIO_SEEDS: u32 = 20;

/// How many seeds each shared scenario gets in the worlds whose time is simulated.
const WORLD_SEEDS: u32 = 20;

/// How many clusters of real processes run at a time: they mostly wait.
const WORLD_JOBS: u32 = 6;

/// How many seeds each scenario gets that the shell can tell in its simulated world.
const MADSIM_SEEDS: u32 = 3;

/// What is built beside the default, in every step alike: another choice would build half of it anew.
const FEATURES: &str = "delian/opentelemetry,delian/nats,delian/faults";

/// What `cargo xtask ci` accepts.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Skips the steps before this one
    #[arg(long, value_name = "STEP")]
    from: Option<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Step {
    /// The toolchain and its components are there
    Setup,
    /// The layout of the sources
    Fmt,
    /// Lints, with warnings as errors
    Clippy,
    /// The same of the command as it is built without more features
    Plain,
    /// The documentation builds, with warnings as errors
    Docs,
    /// Every test of the workspace, `layers` and `tidy` among them
    Tests,
    /// The examples in the documentation
    Doctests,
    /// Licences, advisories and sources of the dependencies
    Deny,
    /// A node's API under a fuzzer that reads its description
    Api,
    /// Every scenario over a range of seeds
    Scenarios,
    /// Every state of the default set of models
    Models,
    /// Every scenario that the shell can tell in its simulated world
    Madsim,
    /// The scenarios that all worlds share, and whether the worlds agree
    Worlds,
}

/// The optional tools of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tools {
    nextest: Found,
    deny: Found,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Here,
    Missing,
}

/// How a step is carried out on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Plan {
    /// Looks at the toolchain itself.
    Prepare,
    /// Runs cargo with these arguments and one variable of the environment.
    Cargo { arguments: Vec<String>, variable: Option<(&'static str, &'static str)>, remark: Option<&'static str> },
    /// Runs the command as the tests build it, which has more checks than a release.
    Built { arguments: Vec<String> },
    /// Leaves the step out, for this reason.
    Skip(&'static str),
}

/// How one step went.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Passed(Duration),
    Skipped,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Answer, Problem> {
    let root = process::root();
    let tools = Tools { nextest: look_for(&root, "nextest"), deny: look_for(&root, "deny") };
    let from = arguments.from.unwrap_or(Step::Setup);
    let server = if from <= Step::Tests { look_for_server(&root) } else { Found::Here };
    let mut outcomes = Vec::new();
    for &step in Step::value_variants().iter().filter(|&&step| step >= from) {
        println!("\n== {} ==", name(step));
        let plan = plan(step, tools);
        if let Plan::Skip(reason) = plan {
            println!("skipped: {reason}");
            outcomes.push((step, Outcome::Skipped));
            continue;
        }
        let watch = Stopwatch::start();
        if !carry_out(&plan, &root)? {
            println!("\n{}", failure(step, &plan));
            return Ok(Answer::No);
        }
        let spent = watch.elapsed();
        println!("{} took {:.1} s", name(step), spent.as_secs_f64());
        outcomes.push((step, Outcome::Passed(spent)));
    }
    println!("\n{}", summary(&outcomes));
    if server == Found::Missing {
        println!("shared hunts were not tried: there is no nats-server; to add it: apt-get install nats-server");
    }
    println!("{}", closing(from));
    Ok(Answer::Yes)
}

fn look_for(root: &Path, subcommand: &str) -> Found {
    if process::answers(process::cargo(root).args([subcommand, "--version"])) { Found::Here } else { Found::Missing }
}

fn carry_out(plan: &Plan, root: &Path) -> Result<bool, Problem> {
    match plan {
        Plan::Prepare => prepare(root),
        Plan::Cargo { arguments, variable, remark } => {
            if let Some(remark) = remark {
                println!("{remark}");
            }
            println!("$ {}", shell_line(plan));
            process::succeeds(process::cargo(root).args(arguments).envs(*variable))
        }
        Plan::Built { arguments } => {
            println!("$ {}", shell_line(plan));
            Ok(build(root)? && process::succeeds(process::untold(&built(root)).current_dir(root).args(arguments))?)
        }
        Plan::Skip(_) => Ok(true),
    }
}

/// Shows the toolchain and adds the components a fresh machine may lack.
fn prepare(root: &Path) -> Result<bool, Problem> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if look_for(root, subcommand) == Found::Here {
            continue;
        }
        println!("cargo {subcommand} is missing, adding the component {component}");
        if !process::succeeds(Command::new("rustup").current_dir(root).args(["component", "add", component]))? {
            return Ok(false);
        }
    }
    for subcommand in ["--version", "clippy --version", "fmt --version"] {
        if !process::succeeds(process::cargo(root).args(subcommand.split(' ')))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gets the server that tests of shared hunts ask, as Debian packs it, and installs and starts nothing.
fn look_for_server(root: &Path) -> Found {
    let folder = process::target(root).join("nats-server");
    let places = [PathBuf::from("nats-server"), "/usr/sbin/nats-server".into(), folder.join("usr/sbin/nats-server")];
    if places.iter().any(|place| process::answers(Command::new(place).arg("--version"))) {
        return Found::Here;
    }
    println!("nats-server is not there: its package is unpacked into {}", folder.display());
    let has_come = std::fs::create_dir_all(&folder).is_ok()
        && process::answers(Command::new("apt-get").current_dir(&folder).args(["download", "nats-server"]))
        && std::fs::read_dir(&folder).into_iter().flatten().flatten().any(|entry| {
            let package = entry.path();
            package.extension().is_some_and(|it| it == "deb")
                && process::answers(Command::new("dpkg").arg("-x").arg(&package).arg(&folder))
        });
    if has_come { Found::Here } else { Found::Missing }
}

/// Builds the command as the tests do, for which there is nothing to do after them.
pub(crate) fn build(root: &Path) -> Result<bool, Problem> {
    let line = format!("test --quiet --workspace --features {FEATURES} --test cli --no-run");
    process::succeeds(process::cargo(root).args(words(&line)))
}

/// Returns where that leaves the command.
pub(crate) fn built(root: &Path) -> PathBuf {
    process::target(root).join("debug").join(format!("delian{}", std::env::consts::EXE_SUFFIX))
}

fn plan(step: Step, tools: Tools) -> Plan {
    match step {
        Step::Setup => Plan::Prepare,
        Step::Fmt => cargo("fmt --all --check"),
        Step::Clippy => cargo(&format!("clippy --workspace --all-targets --features {FEATURES} -- -D warnings")),
        Step::Plain => cargo("clippy --package delian -- -D warnings"),
        Step::Docs => Plan::Cargo {
            arguments: words("doc --workspace --no-deps"),
            variable: Some(("RUSTDOCFLAGS", "-D warnings")),
            remark: None,
        },
        Step::Tests => match tools.nextest {
            Found::Here => {
                let line = format!("nextest run --workspace --features {FEATURES} --test-threads {}", test_threads());
                remarked(&line, "tests run under nextest")
            }
            Found::Missing => remarked(
                &format!("test --workspace --features {FEATURES} --tests"),
                "nextest is missing, tests run under cargo test; to add it: cargo install --locked cargo-nextest",
            ),
        },
        Step::Doctests => cargo(&format!("test --workspace --features {FEATURES} --doc")),
        Step::Deny => match tools.deny {
            Found::Here => cargo("deny check"),
            Found::Missing => Plan::Skip("cargo-deny is missing; to add it: cargo install --locked cargo-deny"),
        },
        Step::Api => cargo("xtask fuzz-api"),
        Step::Scenarios => own(&format!("sim --seeds {SCENARIO_SEEDS} --report target/ci-report")),
        Step::Models => own("check --report target/ci-report"),
        Step::Madsim => cargo(&format!("xtask madsim --seeds {MADSIM_SEEDS}")),
        Step::Worlds => own(&format!(
            "sim scenarios/worlds --world madsim,process --seeds {WORLD_SEEDS} --jobs {WORLD_JOBS} --report target/ci-worlds"
        )),
    }
}

/// How many tests run at a time: those of processes and of shared hunts mostly wait.
fn test_threads() -> usize {
    2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn cargo(line: &str) -> Plan {
    Plan::Cargo { arguments: words(line), variable: None, remark: None }
}

fn own(line: &str) -> Plan {
    Plan::Built { arguments: words(line) }
}

fn remarked(line: &str, remark: &'static str) -> Plan {
    Plan::Cargo { arguments: words(line), variable: None, remark: Some(remark) }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// The plan as a line to paste into a shell.
fn shell_line(plan: &Plan) -> String {
    match plan {
        Plan::Prepare | Plan::Skip(_) => format!("cargo xtask ci --from {}", name(Step::Setup)),
        Plan::Cargo { arguments, variable, .. } => {
            let variable = variable.map(|(key, value)| format!("{key}='{value}' ")).unwrap_or_default();
            format!("{variable}cargo {}", arguments.join(" "))
        }
        Plan::Built { arguments } => format!("target/debug/delian {}", arguments.join(" ")),
    }
}

fn failure(step: Step, plan: &Plan) -> String {
    let name = name(step);
    format!("step `{name}` failed\nto repeat it: {}\nto go on from it: cargo xtask ci --from {name}", shell_line(plan))
}

fn summary(outcomes: &[(Step, Outcome)]) -> String {
    let cells: Vec<String> = outcomes
        .iter()
        .map(|(step, outcome)| match outcome {
            Outcome::Passed(spent) => format!("{} {:.1} s", name(*step), spent.as_secs_f64()),
            Outcome::Skipped => format!("{} skipped", name(*step)),
        })
        .collect();
    cells.join(" | ")
}

/// The last line; a run that left gates out does not claim all of them.
fn closing(from: Step) -> String {
    if from == Step::Setup {
        "all gates passed".to_owned()
    } else {
        format!("all gates from `{}` on passed", name(from))
    }
}

/// The name of `step` on the command line.
fn name(step: Step) -> String {
    step.to_possible_value().expect("no step is hidden").get_name().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Tools = Tools { nextest: Found::Here, deny: Found::Here };
    const NONE: Tools = Tools { nextest: Found::Missing, deny: Found::Missing };

    #[test]
    fn lints_and_docs_turn_warnings_into_errors() {
        assert!(shell_line(&plan(Step::Clippy, ALL)).ends_with("-D warnings"));
        assert_eq!(shell_line(&plan(Step::Docs, ALL)), "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps");
    }

    #[test]
    fn tests_run_with_or_without_nextest() {
        assert_eq!(
            shell_line(&plan(Step::Tests, ALL)),
            format!("cargo nextest run --workspace --features {FEATURES} --test-threads {}", test_threads())
        );
        assert_eq!(
            shell_line(&plan(Step::Tests, NONE)),
            format!("cargo test --workspace --features {FEATURES} --tests")
        );
    }

    #[test]
    fn what_runs_long_is_the_command_that_the_tests_built() {
        for step in [Step::Scenarios, Step::Models, Step::Worlds] {
            assert!(matches!(plan(step, NONE), Plan::Built { .. }), "{step:?}");
            assert!(step > Step::Tests, "{step:?}");
        }
        assert!(shell_line(&plan(Step::Models, ALL)).starts_with("target/debug/delian check"));
    }

    #[test]
    fn only_the_dependency_check_may_be_skipped() {
        let skipped: Vec<Step> =
            Step::value_variants().iter().copied().filter(|&step| matches!(plan(step, NONE), Plan::Skip(_))).collect();
        assert_eq!(skipped, [Step::Deny]);
    }

    #[test]
    fn a_failure_names_the_step_and_both_ways_to_repeat_it() {
        let text = failure(Step::Fmt, &plan(Step::Fmt, ALL));
        assert_eq!(
            text,
            "step `fmt` failed\nto repeat it: cargo fmt --all --check\nto go on from it: cargo xtask ci --from fmt"
        );
    }

    #[test]
    fn only_a_whole_run_claims_all_gates() {
        assert_eq!(closing(Step::Setup), "all gates passed");
        assert_eq!(closing(Step::Docs), "all gates from `docs` on passed");
    }

    #[test]
    fn the_summary_is_one_line_with_seconds() {
        let outcomes = [(Step::Fmt, Outcome::Passed(Duration::from_millis(1_240))), (Step::Deny, Outcome::Skipped)];
        assert_eq!(summary(&outcomes), "fmt 1.2 s | deny skipped");
    }
}
