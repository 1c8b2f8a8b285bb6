//! `delian sim --world`: scenarios in another world than that of discrete events, and whether the two agree.

mod process;
mod table;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use delian_sim::plan::Plan;
use delian_sim::scenario::Scenario;
use delian_sim::story::Story;
use delian_sim::worlds::agreement::{Row, compare};
use delian_sim::worlds::{Facts, WorldKind, campaign, des};

use self::process::Processes;
use crate::answer::{Answer, Problem};
use crate::cli::SimArguments;
use crate::load;
use crate::screen::{self, Screen};
use crate::stopwatch::{Stopwatch, cpu_seconds};

/// How many seeds of discrete events say what may be, unless said otherwise.
const SEEDS: u64 = 20;

/// How many clusters run at a time, unless said otherwise: each has several processes.
const JOBS: usize = 1;

/// The most that may: each has a place of its own within the loopback network.
const JOBS_MAX: usize = 4;

/// What a scenario came to.
pub(crate) struct Verdict {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) facts: Facts,
    pub(crate) rows: Vec<Row>,
    pub(crate) took: Duration,
}

impl Verdict {
    /// Returns whether nothing was broken and both worlds agree.
    pub(crate) fn is_good(&self) -> bool {
        self.facts.holds() && self.rows.iter().all(|row| row.agrees)
    }
}

/// Runs the scenarios that run in this world.
pub(crate) fn run(arguments: &SimArguments, world: WorldKind) -> Result<Answer, Problem> {
    let stopwatch = Stopwatch::start();
    let (scenarios, left_out) = chosen(arguments, world)?;
    let directory = &arguments.report;
    let logs = directory.join("worlds");
    fs::create_dir_all(&logs)
        .map_err(|error| Problem::new(format!("cannot write the report to {}: {error}", directory.display())))?;
    let seeds = arguments.seeds.unwrap_or(SEEDS);
    let runner = Runner { world, seed: arguments.seed.unwrap_or_default(), seeds, logs: &logs };
    let verdicts = runner.run_all(&scenarios, arguments.jobs.unwrap_or(JOBS).min(JOBS_MAX), arguments.fail_fast);

    let is_good = verdicts.iter().all(Verdict::is_good);
    let document = table::document(world, &verdicts, &left_out, stopwatch.wall_seconds(), cpu_seconds());
    let written = fs::write(directory.join("agreement.md"), table::markdown(world, &verdicts, &left_out))
        .and_then(|()| fs::write(directory.join("agreement.json"), format!("{document:#}\n")));
    if arguments.json {
        screen::say(&format!("{document:#}\n"))?;
    } else {
        let mut text = table::text(&verdicts, &left_out, Screen::of_output());
        text.extend(["See ", &directory.join("agreement.md").display().to_string(), " and agreement.json.\n"]);
        screen::say(&text)?;
    }
    written.map_err(|error| Problem::new(format!("cannot write to {}: {error}", directory.display())))?;
    Ok(if is_good { Answer::Yes } else { Answer::No })
}

/// A scenario that does not run in a world, and why.
pub(crate) struct LeftOut {
    pub(crate) name: String,
    pub(crate) why: String,
}

/// Returns the scenarios that run in this world, and those that say why they do not.
fn chosen(arguments: &SimArguments, world: WorldKind) -> Result<(Vec<Arc<Scenario>>, Vec<LeftOut>), Problem> {
    let (mut scenarios, mut left_out) = (Vec::new(), Vec::new());
    for story in load::scenarios(&arguments.paths)? {
        load::refuse_other_seed(&story, arguments.seed)?;
        let Story::Cluster(scenario) = story else { continue };
        if scenario.worlds.run_in.contains(&world) {
            scenarios.push(scenario);
        } else if let Some(why) = scenario.worlds.not_in.get(&world) {
            left_out.push(LeftOut { name: scenario.name.clone(), why: why.clone() });
        }
    }
    if scenarios.is_empty() {
        return Err(Problem::new(format!(
            "none of these scenarios runs in the world {world}: name some of scenarios/worlds, or add `[worlds]` to one"
        )));
    }
    Ok((scenarios, left_out))
}

/// How scenarios are run.
struct Runner<'a> {
    world: WorldKind,
    seed: u64,
    seeds: u64,
    logs: &'a Path,
}

impl Runner<'_> {
    /// Runs them, some at a time, and returns what came of each, in their order.
    fn run_all(&self, scenarios: &[Arc<Scenario>], jobs: usize, fails_fast: bool) -> Vec<Verdict> {
        let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for cluster in 0..jobs {
                let (next, results) = (&next, &results);
                scope.spawn(move || {
                    while let Some((place, scenario)) = Some(next.fetch_add(1, Ordering::Relaxed))
                        .and_then(|place| scenarios.get(place).map(|scenario| (place, scenario)))
                    {
                        let verdict = self.run_one(scenario, cluster as u8);
                        if fails_fast && !verdict.is_good() {
                            next.store(scenarios.len(), Ordering::Relaxed);
                        }
                        screen::complain(&progress(&verdict));
                        results.lock().unwrap_or_else(PoisonError::into_inner).push((place, verdict));
                    }
                });
            }
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(place, _)| *place);
        results.into_iter().map(|(_, verdict)| verdict).collect()
    }

    fn run_one(&self, scenario: &Arc<Scenario>, cluster: u8) -> Verdict {
        let seeds = scenario.seed.map_or_else(|| (0..self.seeds).collect(), |pinned| vec![pinned]);
        let des: Vec<Facts> =
            seeds.into_iter().map(|seed| des::facts_of(&Arc::new(Plan::draw(scenario, seed)))).collect();
        let plan = Plan::draw(scenario, scenario.seed.unwrap_or(self.seed));
        let watch = Stopwatch::start();
        let facts = match Processes::prepare(&plan, &self.logs.join(&scenario.name), cluster) {
            Ok(mut processes) => campaign(&mut processes, &plan),
            Err(trouble) => {
                let mut facts = Facts::new(self.world);
                facts.broken.push(format!("the world could not be set up: {trouble}"));
                facts
            }
        };
        let took = watch.elapsed();
        let rows = compare(scenario, &des, &facts);
        Verdict { scenario: Arc::clone(scenario), facts, rows, took }
    }
}

/// Returns a line that says how one scenario ended, for whoever waits.
fn progress(verdict: &Verdict) -> String {
    let word = if verdict.is_good() { "ok" } else { "FAILED" };
    format!("{word}  {}  {}", verdict.scenario.name, delian_sim::report::human::span(verdict.took))
}
