//! `cargo xtask bench swim`: how soon and how rightly members of a pool notice deaths, and at what cost, beside foca in the
//! same simulated world.
//!
//! Speeds and memory are measured alone; all else is virtual time, which other work on the machine does not change, so
//! that runs on all cores. One process per seed.

mod rows;
mod summary;
mod table;

use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::bench::measured::Measured;
use crate::bench::swim::rows::{Contender, Effort, Row};
use crate::bench::swim::table::{Circumstances, Report};
use crate::bench::{peers, publish};
use crate::{Answer, Problem, process};

/// Where the report lies that the repository keeps.
const BASELINE: &str = "reports/baseline/bench-swim";

/// The package of `bench/` that has the members of both.
const PROGRAM: &str = "swim-of-delian-and-foca";

/// What `cargo xtask bench swim` accepts.
#[derive(clap::Args)]
#[group(id = "swim")]
pub(crate) struct Options {
    #[command(flatten)]
    report: super::Options,
    /// Gives foca's slow rows as many seeds as ours: 10,000 of its members take minutes to learn of each other
    #[arg(long)]
    full: bool,
    /// Runs 100,000 members for a minute, too; ours alone, for foca's would take 120 GB
    #[arg(long)]
    huge: bool,
}

impl Options {
    /// Returns the command that does the same again.
    fn command(&self) -> String {
        let flags = [("--full", self.full), ("--huge", self.huge), ("--no-peers", self.report.no_peers)];
        let said = flags.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag);
        ["cargo xtask bench swim"].into_iter().chain(said).collect::<Vec<&str>>().join(" ")
    }
}

pub(crate) fn run(options: &Options) -> Result<Answer, Problem> {
    let root = process::root();
    peers::require(&root, PROGRAM)?;
    let program = peers::program(&root, PROGRAM);
    let effort = Effort { full: options.full, huge: options.huge };
    let mut rows = rows::all(effort);
    rows.retain(|row| row.contender != Contender::Foca || !options.report.no_peers);
    for row in rows.iter_mut().filter(|row| row.work.is_of_speed()) {
        eprintln!("{}", row.words(1));
        row.turns = (1..=row.seeds).map(|seed| Measured::of(&program, &row.words(seed))).collect::<Result<_, _>>()?;
    }
    measure_together(&program, &mut rows)?;
    let circumstances = Circumstances { command: options.command(), ..Circumstances::here(&root)? };
    let report = Report { circumstances, rows };
    publish(&options.report, &root, BASELINE, &report.to_markdown(), &report.to_json())?;
    Ok(Answer::Yes)
}

/// Measures what does not depend on the machine, one process per core at a time.
fn measure_together(program: &Path, rows: &mut [Row]) -> Result<(), Problem> {
    let of_time = |row: &Row| !row.work.is_of_speed();
    let jobs: Vec<(usize, u64)> = (0..rows.len())
        .filter(|row| of_time(&rows[*row]))
        .flat_map(|row| (1..=rows[row].seeds).map(move |seed| (row, seed)))
        .collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let words: Vec<String> = jobs.iter().map(|(row, seed)| rows[*row].words(*seed)).collect();
    let work = || {
        while let Some(words) = words.get(next.fetch_add(1, Ordering::Relaxed)) {
            let measured = Measured::of(program, words);
            done.lock().expect("no other thread failed").push((words.clone(), measured));
        }
    };
    eprintln!("{} runs on all cores", jobs.len());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    let mut done: std::collections::BTreeMap<String, Result<Measured, Problem>> =
        done.into_inner().expect("no thread failed").into_iter().collect();
    for ((row, _), words) in jobs.iter().zip(&words) {
        rows[*row].turns.push(done.remove(words).expect("every run was made")?);
    }
    Ok(())
}
