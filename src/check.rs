//! `delian check`: every state of small clusters and pools, the verdict, the reports.

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cpu_time::ThreadTime;
use delian_sim::explore::catalogue::{self, Model, Prepared};
use delian_sim::explore::shipped::{Listing, Tier};
use delian_sim::explore::{Limits, Options, Outcome, Report, Search, Shipped};
use delian_sim::report::exploration::{self, Verdict};
use delian_sim::report::human::{bytes, compact, grouped, span};
use serde_json::json;

use crate::answer::{Answer, Problem};
use crate::cli::{CheckArguments, cores};
use crate::explore;
use crate::progress::Bar;
use crate::retell;
use crate::screen::{self, Screen};
use crate::stopwatch::Stopwatch;

/// What hashes begin with; any number gives the same counts.
const HASH_SEED: u64 = 0;

/// How long a deep search goes on between two checkpoints.
const CHECKPOINT_EVERY: f64 = 300.0;

pub(crate) fn run(arguments: &CheckArguments) -> Result<Answer, Problem> {
    let mut models = chosen(arguments)?;
    if arguments.space.no_symmetry {
        models.iter_mut().for_each(Model::tell_names_apart);
    }
    if arguments.list {
        return list(&models, arguments.json);
    }
    if arguments.by_hand.explore {
        return match only(arguments, models, "--explore")? {
            Model::Cluster(model) => explore::run(arguments, model),
            other @ (Model::Pool(_) | Model::Health(_)) => Err(Problem::new(format!(
                "`--explore` walks models of clusters, and {} is none; its counter-examples can be replayed",
                other.listing().name
            ))),
        };
    }
    if let Some(file) = &arguments.replay {
        return retell::run(only(arguments, models, "--replay")?, HASH_SEED, file, arguments.json);
    }
    let directory = &arguments.report;
    // Before the search, so that nobody waits for minutes to learn of a mistyped directory.
    fs::create_dir_all(directory)
        .map_err(|error| Problem::new(format!("cannot write the report to {}: {error}", directory.display())))?;
    let verdicts = explore_all(arguments, models)?;
    let document = format!("{:#}\n", exploration::to_json(&verdicts));
    if arguments.json {
        screen::say(&document)?;
    } else {
        let seen = format!("See {} and check.json.\n", directory.join("check.md").display());
        screen::say(&(table(&verdicts, Screen::of_output()) + &seen))?;
    }
    for (name, text) in [("check.json", document), ("check.md", exploration::to_markdown(&verdicts))] {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| Problem::new(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(if exploration::all_green(&verdicts) { Answer::Yes } else { Answer::No })
}

/// Returns the models that are asked for.
fn chosen(arguments: &CheckArguments) -> Result<Vec<Model>, Problem> {
    let all = catalogue::all();
    if arguments.models.is_empty() {
        let tier = if arguments.deep { Tier::Deep } else { Tier::Default };
        let all_tiers = arguments.list && !arguments.deep;
        return Ok(all.into_iter().filter(|model| all_tiers || model.listing().tier == tier).collect());
    }
    let find = |name: &String| {
        all.iter().find(|model| model.listing().name == name).cloned().ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|model| model.listing().name).collect();
            Problem::new(format!("there is no model `{name}`; there are {}", names.join(", ")))
        })
    };
    let mut names: Vec<&String> = Vec::new();
    for name in &arguments.models {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().map(find).collect()
}

/// Returns the one model that is named.
fn only(arguments: &CheckArguments, models: Vec<Model>, option: &str) -> Result<Model, Problem> {
    match <[Model; 1]>::try_from(models) {
        Ok([model]) if !arguments.models.is_empty() => Ok(model),
        Ok(_) | Err(_) => Err(Problem::new(format!(
            "`{option}` is about one model: name it; `delian check --list` tells what there is"
        ))),
    }
}

fn list(models: &[Model], as_json: bool) -> Result<Answer, Problem> {
    let models: Vec<Listing> = models.iter().map(Model::listing).collect();
    let set = |model: &Listing| if model.tier == Tier::Deep { "deep" } else { "default" };
    if as_json {
        let rows: Vec<_> = models
            .iter()
            .map(|model| {
                let states = model.pinned.map(|counts| counts.unique);
                json!({
                    "name": model.name,
                    "set": set(model),
                    "symmetry": model.is_reduced,
                    "about": model.sentence,
                    "unique_states": states,
                })
            })
            .collect();
        screen::say(&format!("{:#}\n", json!({ "models": rows })))?;
        return Ok(Answer::Yes);
    }
    let label_width = models.iter().map(|model| model.name.len()).max().unwrap_or(0) + 9;
    let width = Screen::of_output().columns.unwrap_or(usize::MAX);
    let rows = models.iter().map(|model| {
        let label = format!("{:<width$}{}", model.name, set(model), width = label_width - 7);
        let but = if model.is_reduced { " but for the names of nodes" } else { "" };
        let states = model.pinned.map(|counts| format!(" {} states{but}.", grouped(counts.unique)));
        let states = states.unwrap_or_default();
        screen::row(&label, label_width, &format!("{}{states}", model.sentence), width)
    });
    screen::say(&rows.collect::<String>())?;
    Ok(Answer::Yes)
}

/// Explores models on as many threads as asked for; verdicts come in the order of the models.
fn explore_all(arguments: &CheckArguments, models: Vec<Model>) -> Result<Vec<Verdict>, Problem> {
    let jobs = arguments.jobs.unwrap_or_else(cores).min(models.len()).max(1);
    let limits = Limits {
        states_max: arguments.space.max_states.unwrap_or(u64::from(u32::MAX)),
        memory_max: arguments.space.max_memory / jobs as u64,
        state_bytes: None,
    };
    let work = Work {
        systems: models.into_iter().map(|model| model.prepare(HASH_SEED)).collect(),
        limits,
        report: arguments.report.clone(),
        keeps_checkpoints: arguments.deep,
        next: AtomicUsize::new(0),
        done: Mutex::new(Vec::new()),
        bar: Bar::of_search(),
    };
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| work.take_turns());
        }
    });
    let mut done = work.done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, verdict)| verdict).collect()
}

/// What the threads share.
struct Work {
    systems: Vec<Prepared>,
    limits: Limits,
    /// Where the paths of counter-examples are written, and checkpoints if they are kept.
    report: PathBuf,
    keeps_checkpoints: bool,
    next: AtomicUsize,
    done: Mutex<Vec<(usize, Result<Verdict, Problem>)>>,
    bar: Bar,
}

impl Work {
    fn take_turns(&self) {
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(system) = self.systems.get(place) else { return };
            let verdict = system.with(Exploring(self));
            self.done.lock().unwrap_or_else(PoisonError::into_inner).push((place, verdict));
        }
    }

    fn explore<S: Shipped>(&self, system: &S) -> Result<Verdict, Problem> {
        let limits = Limits { state_bytes: Some(S::STATE_BYTES), ..self.limits };
        let options = Options { limits, ..Options::default() };
        let name = system.listing().name;
        let started = ThreadTime::now();
        let kept = if self.keeps_checkpoints { Some(Kept::of(system, &self.report)?) } else { None };
        let mut search = match kept.as_ref().map_or(Ok(None), |kept| kept.load(system))? {
            Some(search) => search,
            None => Search::new(system, HASH_SEED),
        };
        let before = search.generated();
        let report = loop {
            let stopwatch = Stopwatch::start();
            let report: Report<_> = search.run(&options, &mut |progress| {
                self.bar.tell_exploration(name, progress);
                let is_due = kept.is_some() && stopwatch.wall_seconds() > CHECKPOINT_EVERY;
                if is_due { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if let Some(kept) = &kept {
                // What is complete begins anew the next time, for nothing would be left to explore.
                if report.outcome == Outcome::Complete { kept.forget()? } else { kept.save(&search)? }
            }
            if report.outcome != Outcome::Paused {
                break report;
            }
        };
        let first = report.breaches.first();
        let again = match first {
            Some(found) => Some(retell::keep(system, &found.path, &self.report)?),
            None => retell::forget(system, &self.report).map(|()| None)?,
        };
        let cpu = started.try_elapsed().unwrap_or(Duration::ZERO);
        Ok(Verdict { again, generated_before: before, ..Verdict::new(system, report, cpu) })
    }
}

/// One search of the work that is shared.
struct Exploring<'a>(&'a Work);

impl catalogue::Work for Exploring<'_> {
    type Output = Result<Verdict, Problem>;

    fn work<S: Shipped>(self, system: &S) -> Self::Output {
        self.0.explore(system)
    }
}

/// Removes a file, unless there is none.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), Problem> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Problem::new(format!("cannot remove {}: {error}", path.display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The checkpoint of one model.
struct Kept {
    path: PathBuf,
    digest: u64,
}

impl Kept {
    /// Names the checkpoint of a model as this very command explores it: another build may step otherwise.
    fn of<S: Shipped>(system: &S, directory: &Path) -> Result<Self, Problem> {
        let command = std::env::current_exe().and_then(fs::read);
        let command = command.map_err(|error| Problem::new(format!("cannot read this command: {error}")))?;
        let digest = system.digest(&command);
        Ok(Self { path: directory.join(format!("{}.checkpoint", system.listing().name)), digest })
    }

    /// Removes the checkpoint, if there is one.
    fn forget(&self) -> Result<(), Problem> {
        remove_if_there(&self.path)
    }

    /// Goes on with the checkpoint, if there is one.
    fn load<'a, S: Shipped>(&self, system: &'a S) -> Result<Option<Search<'a, S>>, Problem> {
        if !self.path.exists() {
            return Ok(None);
        }
        let refused = |error: &dyn std::fmt::Display| {
            Problem::new(format!("{}: {error}; remove the file to begin anew", self.path.display()))
        };
        let file = File::open(&self.path).map_err(|error| refused(&error))?;
        Search::resume(system, self.digest, file).map(Some).map_err(|error| refused(&error))
    }

    /// Replaces the checkpoint; one that was written whole stays until then.
    fn save<S: Shipped>(&self, search: &Search<'_, S>) -> Result<(), Problem> {
        let beside = self.path.with_extension("checkpoint.new");
        let written = File::create(&beside)
            .and_then(|file| search.save(self.digest, &file).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&beside, &self.path));
        written.map_err(|error| Problem::new(format!("cannot write {}: {error}", self.path.display())))
    }
}

fn table(verdicts: &[Verdict], screen: Screen) -> String {
    let name_width = verdicts.iter().map(|verdict| verdict.name.len()).max().unwrap_or(0);
    let mut parts = vec![format!(
        "{:<10}{:<name_width$}  {:>11}  {:>12}  {:>5}  {:>8}  {:>8}  {:>9}\n",
        "", "model", "states", "transitions", "depth", "CPU", "per sec.", "memory"
    )];
    parts.extend(verdicts.iter().map(|verdict| {
        let report = &verdict.report;
        // Padded before it is painted, for colours have no width.
        let word = format!("{:<10}", verdict.word());
        let word = if verdict.is_green() { screen.good(&word) } else { screen.bad(&word) };
        format!(
            "{word}{:<name_width$}  {:>11}  {:>12}  {:>5}  {:>8}  {:>8}  {:>9}\n",
            verdict.name,
            grouped(report.unique),
            grouped(report.generated),
            report.depth,
            span(verdict.cpu),
            compact(verdict.transitions_per_second()),
            bytes(report.memory_bytes)
        )
    }));
    for verdict in verdicts.iter().filter(|verdict| !verdict.is_green()) {
        parts.push(format!("\n{} {}\n", screen.bad(verdict.word()), screen.strong(verdict.name)));
        parts.extend(verdict.reasons().iter().map(|reason| format!("  {reason}\n")));
        parts.push(exploration::stories(verdict));
    }
    let headline = exploration::headline(verdicts);
    let painted = if exploration::all_green(verdicts) { screen.good(&headline) } else { screen.bad(&headline) };
    parts.push(format!("\n{painted}\n"));
    parts.concat()
}
