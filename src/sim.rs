//! `delian sim`: scenarios over many seeds, the verdict, the reports.

use std::fs;

use delian_sim::fleet::{Campaign, Stop};
use delian_sim::report::human::{grouped, plural};
use delian_sim::report::{Report, cli_json};
use delian_sim::story::Story;
use delian_sim::worlds::WorldKind;

use crate::answer::{Answer, Problem};
use crate::cli::{SEEDS, SimArguments, cores};
use crate::load;
use crate::progress::Bar;
use crate::repeat::{Sample, in_a_fresh_process};
use crate::screen::{self, Screen};
use crate::stopwatch::{Stopwatch, cpu_seconds};

pub(crate) fn run(arguments: &SimArguments) -> Result<Answer, Problem> {
    let others: Vec<WorldKind> =
        WorldKind::NAMES.map(|(_, world)| world).into_iter().filter(|it| is_beside(arguments, *it)).collect();
    if !others.is_empty() {
        return elsewhere(arguments, &others);
    }
    let stopwatch = Stopwatch::start();
    let scenarios = load::scenarios(&arguments.paths)?;
    for scenario in &scenarios {
        load::refuse_other_seed(scenario, arguments.seed)?;
    }
    let directory = &arguments.report;
    // Before the runs, so that nobody waits a minute to learn of a mistyped directory.
    fs::create_dir_all(directory)
        .map_err(|error| Problem::new(format!("cannot write the report to {}: {error}", directory.display())))?;

    let campaign = campaign(arguments);
    let sample = Sample::of(campaign);
    let mut report = run_all(campaign, &scenarios, &sample);
    let repeated = if campaign.stop == Stop::AtFirstFailure && !report.ok() {
        None
    } else {
        Some(repeat(campaign, &scenarios, &sample, &mut report)?)
    };

    let written = report.write(directory);
    if arguments.json {
        say_json(&report, &stopwatch)?;
    } else {
        let screen = Screen::of_output();
        let mut text = report.to_terminal(screen.width(), screen.color);
        text.extend(repeated.map(|repeated| repeated.to_text()));
        if written.is_ok() {
            text.extend([
                "See ",
                &directory.join("report.md").display().to_string(),
                ", report.html and report.json.\n",
            ]);
        }
        screen::say(&text)?;
    }
    written.map_err(|error| Problem::new(error.to_string()))?;
    Ok(if report.ok() { Answer::Yes } else { Answer::No })
}

/// Whether a world is asked for beside that of discrete events, which is there always.
fn is_beside(arguments: &SimArguments, world: WorldKind) -> bool {
    world != WorldKind::Des && arguments.worlds.contains(&world)
}

#[cfg(unix)]
fn elsewhere(arguments: &SimArguments, worlds: &[WorldKind]) -> Result<Answer, Problem> {
    crate::worlds::run(arguments, worlds)
}

#[cfg(not(unix))]
fn elsewhere(_: &SimArguments, worlds: &[WorldKind]) -> Result<Answer, Problem> {
    Err(Problem::new(format!("the world {} needs signals and a whole loopback network", worlds[0])))
}

fn campaign(arguments: &SimArguments) -> Campaign {
    Campaign {
        first_seed: arguments.seed.unwrap_or(0),
        seeds: arguments.seed.map_or(arguments.seeds.unwrap_or(SEEDS), |_| 1),
        jobs: arguments.jobs.unwrap_or_else(cores),
        stop: if arguments.fail_fast { Stop::AtFirstFailure } else { Stop::AtEnd },
        guide: arguments.guide,
    }
}

fn run_all(campaign: Campaign, scenarios: &[Story], sample: &Sample) -> Report {
    let bar = Bar::of_runs();
    campaign.run(scenarios, &|progress| {
        for ran in &progress.latest {
            sample.offer(ran, &scenarios[ran.scenario]);
        }
        bar.tell_runs(&progress);
    })
}

/// How many runs were repeated, and how many of them came out otherwise.
struct Repeated {
    count: usize,
    differing: usize,
}

impl Repeated {
    fn to_text(&self) -> String {
        let runs = plural(self.count as u64, "run");
        match self.differing {
            0 => format!("{runs} repeated in fresh processes: the same, event for event.\n"),
            some => format!("{runs} repeated in fresh processes: {} came out otherwise.\n", grouped(some as u64)),
        }
    }
}

fn repeat(campaign: Campaign, scenarios: &[Story], sample: &Sample, report: &mut Report) -> Result<Repeated, Problem> {
    let bar = Bar::of_repeats(sample.count());
    let findings =
        sample.repeat(scenarios, campaign.jobs, &in_a_fresh_process, &|repeated| bar.tell_repeats(repeated))?;
    let differing = findings.len();
    for finding in findings {
        report.add_finding(&scenarios[finding.scenario], finding.seed, &finding.forks, finding.violation);
    }
    Ok(Repeated { count: sample.count(), differing })
}

fn say_json(report: &Report, stopwatch: &Stopwatch) -> Result<(), Problem> {
    // The document lists failed seeds; what all seeds together did not do is nobody's seed, and told here.
    for suite in report.suites() {
        for unmet in suite.unmet() {
            screen::complain(&format!(
                "{}: all seeds together were to count {} at least {} times and counted {}",
                suite.name(),
                unmet.fact,
                unmet.wanted,
                unmet.counted
            ));
        }
    }
    screen::say(&format!("{:#}\n", cli_json(report, stopwatch.wall_seconds(), cpu_seconds())))
}
