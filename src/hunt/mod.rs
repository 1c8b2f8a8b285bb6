//! `delian hunt`: seeds nobody has run, on all cores, for as long as there is time.
//!
//! Where `delian sim` runs a number of seeds and reports on all of them, a hunt looks for failures alone. What it finds
//! is shrunk and saved as a scenario that replays, each fault once.

mod findings;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, thread};

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueHint};
use delian_shell::daemon::wait_for_interrupt;
use delian_sim::guide::Guide;
use delian_sim::report::human::{grouped, plural, span};
use delian_sim::story::Story;
use serde_json::json;

use self::findings::{Failure, Finding, Findings};
use crate::answer::{Answer, Problem};
use crate::cli::{JOBS_MAX, guides};
use crate::load;
use crate::progress::Bar;
use crate::screen;
use crate::stopwatch::Stopwatch;

pub(crate) const EXAMPLES: &str = "\
Examples:
  delian hunt --for 10m                         all scenarios, seeds that nobody ran, on all cores
  delian hunt scenarios/health --for 8h         a night in one folder
  delian hunt --for 1m --first-seed 7 --save .  seeds from 7 on; findings into this folder

Exit codes:
  0  nothing was found
  1  something was found, and saved as far as it could be
  2  a scenario does not make sense, or the folder cannot be written";

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
}

/// How often somebody without a terminal is told how far it is.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// Seeds are drawn below this, so that they are short enough to type.
const SEEDS: u64 = 1 << 40;

pub(crate) fn run(arguments: &HuntArguments) -> Result<Answer, Problem> {
    let stories = drawing(load::scenarios(&arguments.paths)?)?;
    if !arguments.save.is_dir() {
        let folder = arguments.save.display();
        return Err(Problem::new(format!(
            "there is no folder {folder} for what is found: make it, or name one by --save"
        )));
    }
    // Before the hours, so that nobody learns at their end that nothing could be written.
    let probe = arguments.save.join(".hunt");
    fs::write(&probe, "")
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|error| Problem::new(format!("cannot write to {}: {error}", arguments.save.display())))?;
    let first_seed = match arguments.first_seed {
        Some(seed) => seed,
        None => drawn_seed()?,
    };
    let hunt = Hunt {
        stories,
        first_seed,
        span: arguments.span,
        guide: arguments.guide,
        save: arguments.save.clone(),
        talks: !arguments.json,
        watch: Stopwatch::start(),
        is_over: AtomicBool::new(false),
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        found: AtomicU64::new(0),
        virtual_nanos: AtomicU64::new(0),
        findings: Findings::default(),
    };
    let jobs = arguments.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
    hunt.go(jobs).tell(arguments.json)
}

/// Leaves out what has nothing to draw.
fn drawing(stories: Vec<Story>) -> Result<Vec<Story>, Problem> {
    let stories: Vec<Story> = stories.into_iter().filter(|story| story.seed().is_none()).collect();
    if stories.is_empty() {
        return Err(Problem::new(
            "all of these scenarios are pinned to a seed, so there is nothing to hunt: `delian sim` runs them",
        ));
    }
    Ok(stories)
}

fn drawn_seed() -> Result<u64, Problem> {
    let drawn = delian_shell::daemon::draw_identity();
    drawn
        .map(|drawn| drawn.get() % SEEDS)
        .map_err(|error| Problem::new(format!("cannot draw a seed: {error}; name one by --first-seed")))
}

/// A hunt, shared by all who take part.
struct Hunt {
    stories: Vec<Story>,
    first_seed: u64,
    span: Duration,
    guide: Guide,
    save: PathBuf,
    /// Whether findings are told as they come.
    talks: bool,
    watch: Stopwatch,
    is_over: AtomicBool,
    next: AtomicU64,
    done: AtomicU64,
    found: AtomicU64,
    virtual_nanos: AtomicU64,
    findings: Findings,
}

impl Hunt {
    /// Hunts until the time is over, or somebody asks for the end.
    fn go(self, jobs: usize) -> Told {
        let bar = Bar::of_search();
        let hunt = &self;
        thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(|| hunt.work(&bar))).collect();
            hunt.watch_over(&bar, || workers.iter().all(thread::ScopedJoinHandle::is_finished));
        });
        drop(bar);
        Told {
            runs: self.done.into_inner(),
            first_seed: self.first_seed,
            scenarios: self.stories.len(),
            wall: self.watch.elapsed(),
            virtual_time: Duration::from_nanos(self.virtual_nanos.into_inner()),
            findings: self.findings.into_list(),
        }
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed) && self.watch.elapsed() < self.span
    }

    /// Tells how far it is, and ends it when somebody asks for that.
    fn watch_over(&self, bar: &Bar, are_done: impl Fn() -> bool) {
        let (interrupt, interrupted) = std::sync::mpsc::channel();
        // Held here, too, so that it is a pause also when nobody will interrupt any more.
        let _held = interrupt.clone();
        // It lives as long as the process: nobody can take back that somebody waits for a signal.
        thread::spawn(move || {
            // A system that gives no way to wait ends this process itself.
            if wait_for_interrupt().is_ok() {
                let _ = interrupt.send(());
            }
        });
        let mut told_at = Duration::ZERO;
        while !are_done() {
            if interrupted.recv_timeout(Duration::from_millis(200)).is_ok() {
                self.is_over.store(true, Ordering::Relaxed);
            }
            let (runs, found) = (self.done.load(Ordering::Relaxed), self.found.load(Ordering::Relaxed));
            let left = self.span.saturating_sub(self.watch.elapsed());
            let line = format!("{}, {found} found, {} left", plural(runs, "run"), span(left));
            bar.tell(&line);
            if bar.is_hidden() && self.watch.elapsed() >= told_at + TELL_EVERY {
                told_at = self.watch.elapsed();
                screen::complain(&line);
            }
        }
    }

    /// Takes the next run until there is no time for another.
    fn work(&self, bar: &Bar) {
        while self.goes_on() {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((story, seed)) = self.run_at(place) else { return };
            let explored = story.explore(seed, self.guide);
            self.done.fetch_add(1 + explored.branches.len() as u64, Ordering::Relaxed);
            let nanos = u64::try_from(explored.trunk.virtual_time.as_nanos()).unwrap_or(u64::MAX);
            self.virtual_nanos.fetch_add(nanos, Ordering::Relaxed);
            let branches =
                explored.branches.iter().filter_map(|branch| Some((branch.violation.as_ref()?, &*branch.forks)));
            let own = explored.trunk.violation.iter().map(|violation| (violation, [].as_slice()));
            for (violation, forks) in own.chain(branches) {
                let failure = Failure { story, seed, forks, violation };
                if let Some(finding) = self.findings.take(&failure, &self.save) {
                    self.found.fetch_add(1, Ordering::Relaxed);
                    if self.talks {
                        bar.aside(&sentence(&finding));
                    }
                }
            }
        }
    }

    /// Returns the run at a place: seed by seed across all scenarios, those that want few seeds in the first rounds alone.
    fn run_at(&self, place: u64) -> Option<(&Story, u64)> {
        let mut left = place;
        for round in 0.. {
            let taking_part = self.stories.iter().filter(|story| story.seeds(u64::MAX) > round);
            let columns = taking_part.clone().count() as u64;
            if columns == 0 {
                return None;
            }
            if columns == self.endless() {
                // From here on all rounds are alike.
                let story = taking_part.clone().nth((left % columns) as usize)?;
                return Some((story, self.first_seed.wrapping_add(round + left / columns)));
            }
            if left < columns {
                return Some((taking_part.clone().nth(left as usize)?, self.first_seed.wrapping_add(round)));
            }
            left -= columns;
        }
        None
    }

    /// Returns how many scenarios take part for ever.
    fn endless(&self) -> u64 {
        self.stories.iter().filter(|story| story.seeds(u64::MAX) == u64::MAX).count() as u64
    }
}

fn sentence(finding: &Finding) -> String {
    let Finding { invariant, sentence, scenarios, seed, file, unsaved, .. } = finding;
    let scenario = scenarios.first().map_or("", String::as_str);
    let saved = match (file, unsaved) {
        (Some(file), _) => format!("saved as {}", file.display()),
        (None, Some(why)) => format!("not saved: {why}"),
        (None, None) => "not saved".to_string(),
    };
    format!("FOUND  {invariant}: {sentence}\n       seed {seed} of {scenario}; {saved}\n")
}

/// What a hunt came to.
struct Told {
    runs: u64,
    first_seed: u64,
    scenarios: usize,
    wall: Duration,
    virtual_time: Duration,
    findings: Vec<Finding>,
}

impl Told {
    fn tell(&self, as_json: bool) -> Result<Answer, Problem> {
        let text = if as_json { format!("{:#}\n", self.to_json()) } else { self.to_text() };
        screen::say(&text)?;
        Ok(if self.findings.is_empty() { Answer::Yes } else { Answer::No })
    }

    fn to_text(&self) -> String {
        let mut text = format!(
            "{} of {} from seed {} on, {} of virtual time in {}.\n",
            plural(self.runs, "run"),
            plural(self.scenarios as u64, "scenario"),
            self.first_seed,
            span(self.virtual_time),
            span(self.wall),
        );
        if self.findings.is_empty() {
            text.push_str("Every invariant held.\n");
            return text;
        }
        let mut by_invariant: BTreeMap<&str, u64> = BTreeMap::new();
        for finding in &self.findings {
            *by_invariant.entry(&finding.invariant).or_default() += finding.times;
        }
        let broken = by_invariant.into_iter();
        text.extend(broken.map(|(invariant, times)| format!("{invariant} broke in {}.\n", plural(times, "run"))));
        let files = self.findings.iter().filter_map(|finding| finding.file.as_ref());
        text.extend(files.map(|file| format!("  cargo run --release -- replay {}\n", file.display())));
        text.extend([grouped(self.findings.len() as u64), " found.\n".to_string()]);
        text
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "runs": self.runs,
            "scenarios": self.scenarios,
            "first_seed": self.first_seed,
            "wall_seconds": self.wall.as_secs_f64(),
            "virtual_seconds": self.virtual_time.as_secs_f64(),
            "findings": self.findings,
            "ok": self.findings.is_empty(),
        })
    }
}
