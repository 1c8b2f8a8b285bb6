//! `delian sim --world`: scenarios in another world than that of discrete events, and whether the two agree.

mod process;
mod simulated;
mod table;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use delian_sim::plan::Plan;
use delian_sim::report::human::span;
use delian_sim::scenario::Scenario;
use delian_sim::story::Story;
use delian_sim::worlds::agreement::{Elsewhere, Row, compare};
use delian_sim::worlds::{Facts, WorldKind, campaign, des};

use self::process::Processes;
use self::simulated::Program;
use crate::answer::{Answer, Problem};
use crate::cli::{SimArguments, cores};
use crate::faults;
use crate::load;
use crate::screen::{self, Screen};
use crate::stopwatch::{Stopwatch, cpu_seconds};

/// How many seeds run in worlds whose time is simulated, unless said otherwise.
const SEEDS: u64 = 20;

/// How many clusters of real processes run at a time, unless said otherwise.
const JOBS: usize = 1;

/// The most that may: each has a place of its own within the loopback network.
const JOBS_MAX: usize = 8;

/// Whether nodes of this build let their clocks and disks be bent.
const IS_TEST_BUILD: bool = cfg!(feature = "faults");

/// Why some scenarios do not run with real processes.
const NO_TEST_BUILD: &str = "this build bends no clocks and disks: build with `--features faults`";

/// What a scenario came to.
pub(crate) struct Verdict {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) des: Vec<Facts>,
    /// Nothing if it was not begun anywhere, because another scenario failed.
    pub(crate) elsewhere: Vec<Elsewhere>,
    pub(crate) rows: Vec<Row>,
}

impl Verdict {
    /// Returns whether it ran, nothing was broken and all worlds agree.
    pub(crate) fn is_good(&self) -> bool {
        !self.elsewhere.is_empty() && self.broken().next().is_none() && self.rows.iter().all(Row::agrees)
    }

    /// Returns what was broken, and where.
    pub(crate) fn broken(&self) -> impl Iterator<Item = (WorldKind, &str)> {
        let runs = self.des.iter().chain(self.elsewhere.iter().flat_map(|it| &it.runs));
        runs.flat_map(|facts| facts.broken.iter().map(|broken| (facts.world, broken.as_str())))
    }

    /// Returns what the scenario expects and a world where it ran does not count.
    pub(crate) fn unjudged(&self) -> impl Iterator<Item = (WorldKind, Vec<&str>)> {
        let expect = &self.scenario.expect;
        self.elsewhere.iter().filter_map(move |it| {
            let facts = expect.at_least.keys().chain(expect.at_most.keys());
            let unseen: Vec<&str> = facts.filter(|fact| !it.world.counts(fact)).map(String::as_str).collect();
            (!unseen.is_empty()).then_some((it.world, unseen))
        })
    }
}

/// What a world took for all scenarios.
pub(crate) struct Pace {
    pub(crate) world: WorldKind,
    pub(crate) runs: u64,
    /// How much time of the scenarios passed.
    pub(crate) told: Duration,
    pub(crate) cpu_seconds: f64,
    pub(crate) wall: Duration,
}

/// All that was found.
pub(crate) struct Found {
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) left_out: Vec<LeftOut>,
    /// How many scenarios say nothing of worlds, or are of pools alone.
    pub(crate) passed_over: u64,
    pub(crate) paces: Vec<Pace>,
}

/// Runs the scenarios that run in any of these worlds, with discrete events beside them.
pub(crate) fn run(arguments: &SimArguments, worlds: &[WorldKind]) -> Result<Answer, Problem> {
    let stopwatch = Stopwatch::start();
    let Chosen { scenarios, left_out, passed_over } = chosen(arguments, worlds)?;
    let directory = &arguments.report;
    let logs = directory.join("worlds");
    fs::create_dir_all(&logs)
        .map_err(|error| Problem::new(format!("cannot write the report to {}: {error}", directory.display())))?;
    let runner = Runner::prepare(arguments, worlds, &logs)?;
    let (verdicts, paces) = runner.run_all(&scenarios, worlds);
    let found = Found { verdicts, left_out, passed_over, paces };

    let is_good = found.verdicts.iter().all(Verdict::is_good);
    let document = table::document(&found, stopwatch.wall_seconds(), cpu_seconds());
    let written = fs::write(directory.join("agreement.md"), table::markdown(&found))
        .and_then(|()| fs::write(directory.join("agreement.json"), format!("{document:#}\n")));
    if arguments.json {
        screen::say(&format!("{document:#}\n"))?;
    } else {
        let mut text = table::text(&found, Screen::of_output());
        text.extend(["See ", &directory.join("agreement.md").display().to_string(), " and agreement.json.\n"]);
        screen::say(&text)?;
    }
    written.map_err(|error| Problem::new(format!("cannot write to {}: {error}", directory.display())))?;
    Ok(if is_good { Answer::Yes } else { Answer::No })
}

/// A scenario that does not run in a world, and why.
pub(crate) struct LeftOut {
    pub(crate) name: String,
    pub(crate) world: WorldKind,
    pub(crate) why: String,
}

/// What is run, and what is not.
struct Chosen {
    scenarios: Vec<Arc<Scenario>>,
    left_out: Vec<LeftOut>,
    passed_over: u64,
}

/// Chooses the scenarios that run in any of these worlds, and tells of those that say why they do not run in one.
fn chosen(arguments: &SimArguments, worlds: &[WorldKind]) -> Result<Chosen, Problem> {
    let mut chosen = Chosen { scenarios: Vec::new(), left_out: Vec::new(), passed_over: 0 };
    for story in load::scenarios(&arguments.paths)? {
        load::refuse_other_seed(&story, arguments.seed)?;
        let scenario = match story {
            Story::Cluster(scenario) if scenario.worlds.run_in.len() > 1 => scenario,
            Story::Cluster(_) | Story::Pool(_) => {
                chosen.passed_over += 1;
                continue;
            }
        };
        let missing = worlds.iter().filter_map(|world| scenario.worlds.not_in.get_key_value(world));
        chosen.left_out.extend(missing.map(|(world, why)| {
            let (name, why) = (scenario.name.clone(), why.clone());
            LeftOut { name, world: *world, why }
        }));
        if worlds.contains(&WorldKind::Process) && is_beyond(&scenario, WorldKind::Process) {
            let (name, why) = (scenario.name.clone(), NO_TEST_BUILD.to_string());
            chosen.left_out.push(LeftOut { name, world: WorldKind::Process, why });
        }
        if worlds.iter().any(|world| runs_in(&scenario, *world)) {
            chosen.scenarios.push(scenario);
        }
    }
    if chosen.scenarios.is_empty() {
        let names: Vec<&str> = worlds.iter().map(|world| world.name()).collect();
        return Err(Problem::new(format!(
            "none of these scenarios runs in the world {}{}: name some of scenarios/worlds, or add `[worlds]` to one",
            names.join(" or "),
            if chosen.left_out.iter().any(|it| it.why == NO_TEST_BUILD) {
                " of this build (`--features faults` has it)"
            } else {
                ""
            }
        )));
    }
    Ok(chosen)
}

/// Returns whether a scenario is for a world, and this build can run it there.
fn runs_in(scenario: &Scenario, world: WorldKind) -> bool {
    scenario.worlds.run_in.contains(&world) && !is_beyond(scenario, world)
}

/// Returns whether a scenario is for a world, but not with the nodes of this build.
fn is_beyond(scenario: &Scenario, world: WorldKind) -> bool {
    let is_bent = || scenario.steps.iter().any(|step| faults::is_told(&step.fault));
    world == WorldKind::Process && !IS_TEST_BUILD && scenario.worlds.run_in.contains(&world) && is_bent()
}

/// How scenarios are run.
struct Runner<'a> {
    seeds: Vec<u64>,
    jobs: Option<usize>,
    fails_fast: bool,
    logs: &'a Path,
    simulated: Option<Program>,
}

impl<'a> Runner<'a> {
    fn prepare(arguments: &SimArguments, worlds: &[WorldKind], logs: &'a Path) -> Result<Self, Problem> {
        let seeds = (0..arguments.seeds.unwrap_or(SEEDS)).collect();
        let is_simulated = worlds.contains(&WorldKind::Madsim);
        Ok(Self {
            seeds: arguments.seed.map_or(seeds, |seed| vec![seed]),
            jobs: arguments.jobs,
            fails_fast: arguments.fail_fast,
            logs,
            simulated: is_simulated.then(Program::build).transpose()?,
        })
    }

    /// Runs all scenarios in one world after another, so that it is known what each world took.
    fn run_all(&self, scenarios: &[Arc<Scenario>], worlds: &[WorldKind]) -> (Vec<Verdict>, Vec<Pace>) {
        let mut paces = Vec::new();
        let des = self.in_world(WorldKind::Des, scenarios, &mut paces);
        let others: Vec<_> =
            worlds.iter().map(|world| (*world, self.in_world(*world, scenarios, &mut paces))).collect();
        let verdict = |(place, scenario): (usize, &Arc<Scenario>)| {
            let of = |(world, runs): &(WorldKind, Vec<Vec<Facts>>)| {
                let runs = runs[place].clone();
                (!runs.is_empty()).then_some(Elsewhere { world: *world, runs })
            };
            let elsewhere: Vec<Elsewhere> = others.iter().filter_map(of).collect();
            let rows = compare(scenario, &des[place], &elsewhere);
            Verdict { scenario: Arc::clone(scenario), des: des[place].clone(), elsewhere, rows }
        };
        (scenarios.iter().enumerate().map(verdict).collect(), paces)
    }

    /// Runs all scenarios in a world, some at a time, and returns the runs of each, in their order; none of those that do not
    /// run there, or were not begun because another one failed.
    fn in_world(&self, world: WorldKind, scenarios: &[Arc<Scenario>], paces: &mut Vec<Pace>) -> Vec<Vec<Facts>> {
        let (watch, cpu_before) = (Stopwatch::start(), cpu_seconds());
        let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let results = Mutex::new(vec![Vec::new(); scenarios.len()]);
        thread::scope(|scope| {
            for job in 0..self.jobs_in(world) {
                let (next, is_over, results) = (&next, &is_over, &results);
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed)
                        && let Some((place, scenario)) = Some(next.fetch_add(1, Ordering::Relaxed))
                            .and_then(|place| scenarios.get(place).map(|scenario| (place, scenario)))
                    {
                        if !runs_in(scenario, world) {
                            continue;
                        }
                        let begun = Stopwatch::start();
                        let runs = self.runs(world, scenario, job);
                        let is_good = runs.iter().all(Facts::holds);
                        is_over.fetch_or(self.fails_fast && !is_good, Ordering::Relaxed);
                        screen::complain(&progress(world, scenario, is_good, begun.elapsed()));
                        results.lock().unwrap_or_else(PoisonError::into_inner)[place] = runs;
                    }
                });
            }
        });
        let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let runs = results.iter().flatten();
        let told = runs.clone().map(|facts| facts.lasted).sum();
        let (cpu_seconds, wall) = (cpu_seconds() - cpu_before, watch.elapsed());
        paces.push(Pace { world, runs: runs.count() as u64, told, cpu_seconds, wall });
        results
    }

    /// Returns how many scenarios run at a time: real processes need time for themselves, all else has the cores.
    fn jobs_in(&self, world: WorldKind) -> usize {
        match world {
            WorldKind::Process => self.jobs.unwrap_or(JOBS).min(JOBS_MAX),
            WorldKind::Des | WorldKind::Madsim => self.jobs.unwrap_or_else(cores),
        }
    }

    fn runs(&self, world: WorldKind, scenario: &Arc<Scenario>, job: usize) -> Vec<Facts> {
        let seeds = scenario.seed.map_or_else(|| self.seeds.clone(), |pinned| vec![pinned]);
        match (world, &self.simulated) {
            (WorldKind::Madsim, Some(program)) => program.runs(scenario, &seeds),
            (WorldKind::Process, _) => vec![self.process(scenario, seeds[0], job as u8)],
            (WorldKind::Des | WorldKind::Madsim, _) => {
                seeds.into_iter().map(|seed| des::facts_of(&Arc::new(Plan::draw(scenario, seed)))).collect()
            }
        }
    }

    /// Runs a scenario once with real processes; `cluster` tells apart those that run at a time.
    fn process(&self, scenario: &Arc<Scenario>, seed: u64, cluster: u8) -> Facts {
        let plan = Plan::draw(scenario, seed);
        match Processes::prepare(&plan, &self.logs.join(&scenario.name), cluster) {
            Ok(mut processes) => campaign(&mut processes, &plan),
            Err(trouble) => {
                let mut facts = Facts::new(WorldKind::Process);
                facts.broken.push(format!("the world could not be set up: {trouble}"));
                facts
            }
        }
    }
}

/// Returns a line that says how one scenario ended, for whoever waits.
fn progress(world: WorldKind, scenario: &Scenario, is_good: bool, took: Duration) -> String {
    let verdict = if is_good { "ok" } else { "FAILED" };
    format!("{verdict}  {world}  {}  {}", scenario.name, span(took))
}
