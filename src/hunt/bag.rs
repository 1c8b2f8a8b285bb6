//! What comes home from a hunt: counts, and findings that are told as they come.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use delian_sim::report::human::{plural, span};
use delian_sim::story::Story;

use super::findings::{Failure, Finding, Findings, Settled};
use super::ground::{Ground, Look};
use super::told::Told;
use crate::progress::Bar;
use crate::screen;
use crate::stopwatch::Stopwatch;

/// How often somebody without a terminal is told how far it is.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// Shared by all who hunt in one process.
pub(super) struct Bag {
    /// Where findings are saved.
    save: PathBuf,
    /// Whether findings are told as they come.
    talks: bool,
    watch: Stopwatch,
    bar: Bar,
    told_at: Mutex<Duration>,
    runs: AtomicU64,
    found: AtomicU64,
    virtual_nanos: AtomicU64,
    findings: Findings,
}

impl Bag {
    pub(super) fn new(save: PathBuf, talks: bool) -> Self {
        Self {
            save,
            talks,
            watch: Stopwatch::start(),
            bar: Bar::of_search(),
            told_at: Mutex::default(),
            runs: AtomicU64::new(0),
            found: AtomicU64::new(0),
            virtual_nanos: AtomicU64::new(0),
            findings: Findings::default(),
        }
    }

    /// Returns how long the hunt goes on.
    pub(super) fn elapsed(&self) -> Duration {
        self.watch.elapsed()
    }

    /// Counts runs.
    pub(super) fn count(&self, runs: u64, virtual_nanos: u64) {
        let add = |counter: &AtomicU64, more: u64| {
            let old = counter.fetch_add(more, Ordering::Relaxed);
            // What others tell may be any number.
            if old.checked_add(more).is_none() {
                counter.store(u64::MAX, Ordering::Relaxed);
            }
        };
        add(&self.runs, runs);
        add(&self.virtual_nanos, virtual_nanos);
    }

    /// Takes in what this process saw at a place; what is new is shrunk here and saved.
    pub(super) fn take(&self, story: &Story, seed: u64, look: &Look) {
        self.count(look.runs, look.virtual_nanos);
        for failed in &look.failures {
            let failure = Failure { story, seed, failed };
            if let Some(place) = self.begin(&failure, 1) {
                self.settle(place, &failure);
            }
        }
    }

    /// Counts a failure that so many runs came upon. Returns where it is among the findings if nobody knew it.
    pub(super) fn begin(&self, failure: &Failure<'_>, times: u64) -> Option<usize> {
        self.findings.begin(failure, times)
    }

    /// Shrinks and saves a finding that nobody knew, which takes long, and tells it.
    pub(super) fn settle(&self, place: usize, failure: &Failure<'_>) {
        if let Some(Settled { finding, is_first }) = self.findings.settle(place, failure, &self.save) {
            self.found.fetch_add(u64::from(is_first), Ordering::Relaxed);
            if self.talks {
                self.bar.aside(&sentence(&finding));
            }
        }
    }

    /// Tells how far it is; `beside` is what else there is to tell.
    pub(super) fn tell_progress(&self, beside: &str, left: Duration) {
        let (runs, found) = (self.runs.load(Ordering::Relaxed), self.found.load(Ordering::Relaxed));
        let left = if left.is_zero() { "ends what has begun".to_string() } else { format!("{} left", span(left)) };
        let line = format!("{}, {found} found, {beside}{left}", plural(runs, "run"));
        self.bar.tell(&line);
        let mut told_at = self.told_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.bar.is_hidden() && self.watch.elapsed() >= *told_at + TELL_EVERY {
            *told_at = self.watch.elapsed();
            screen::complain(&line);
        }
    }

    /// Returns what it all came to.
    pub(super) fn to_told(&self, ground: &Ground) -> Told {
        self.bar.end();
        Told {
            runs: self.runs.load(Ordering::Relaxed),
            first_seed: ground.first_seed(),
            scenarios: ground.scenarios(),
            wall: self.watch.elapsed(),
            virtual_time: Duration::from_nanos(self.virtual_nanos.load(Ordering::Relaxed)),
            findings: self.findings.to_list(),
            beside: String::new(),
            fields: serde_json::Map::new(),
            is_whole: true,
        }
    }
}

#[cfg(feature = "nats")]
impl Bag {
    /// Says something that stays, on standard error, above the line of progress.
    pub(super) fn remark(&self, text: &str) {
        self.bar.remark(text);
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
