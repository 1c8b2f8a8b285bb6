//! What all runs came to, for people and for programs.
//!
//! A [`Suite`] takes in the runs of one scenario, in whatever order threads finish them; a [`Report`] is all suites.
//! Equal runs give equal bytes: nothing here knows a date, a clock, a host or a number of jobs. The same content is
//! written as Markdown, as JSON and as one HTML page; `reports/README.md` explains every column. Only [`cli_json`]
//! carries the seconds that a command took, because it is printed and not kept.

mod confidence;
mod detection;
mod groups;
pub mod histogram;
mod html;
pub mod human;
#[cfg(feature = "explore")]
pub mod exploration;
pub mod balance;
mod json;
mod markdown;
mod plots;
mod replay;
mod suite;
mod terminal;
mod worst;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::outcome::{Counts, Violation};
use crate::plan::Fork;
use crate::story::Title;

pub use detection::Measured;
pub use histogram::Histogram;
pub use html::STYLE;
pub use json::cli_json;
pub use replay::replay_line;
pub use suite::{FULL_FAILURES_MAX, Failure, SUITE_SEEDS_LEAST, Suite, Unmet, Verdict};
pub use terminal::Color;
pub use worst::Worst;

/// The results of several scenarios, in order of path and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    suites: Vec<Suite>,
}

/// Why a report could not be written.
#[derive(Debug)]
pub struct ReportError {
    /// The file or directory in question.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

/// What all suites add up to.
pub(crate) struct Totals {
    pub(crate) seeds: u64,
    pub(crate) virtual_nanos: u128,
    pub(crate) events: u64,
    pub(crate) counts: Counts,
    pub(crate) failed_suites: u64,
    pub(crate) failed_seeds: u64,
    pub(crate) commit_latency: Histogram,
    pub(crate) settle: Histogram,
}

impl Report {
    /// Makes a report of suites in any order.
    pub fn new(mut suites: Vec<Suite>) -> Self {
        suites.sort_by(|a, b| (a.path(), a.name()).cmp(&(b.path(), b.name())));
        Self { suites }
    }

    /// Adds what was found about a run of a scenario after its suite was complete; see [`Suite::add_finding`].
    ///
    /// # Panics
    /// If the report has no suite of this scenario.
    pub fn add_finding<'a>(&mut self, scenario: impl Into<Title<'a>>, seed: u64, forks: &[Fork], finding: Violation) {
        let Title { path, name, .. } = scenario.into();
        let suite = self.suites.iter_mut().find(|suite| (suite.path(), suite.name()) == (path, name));
        suite.unwrap_or_else(|| panic!("{name} of {path} is in the report")).add_finding(seed, forks, finding);
    }

    /// Returns the suites in order of path and name.
    pub fn suites(&self) -> &[Suite] {
        &self.suites
    }

    /// Returns whether every suite passed; a report without a suite proves nothing and did not.
    pub fn ok(&self) -> bool {
        !self.suites.is_empty() && self.suites.iter().all(|suite| suite.verdict() == Verdict::Passed)
    }

    /// Returns `report.md`.
    pub fn to_markdown(&self) -> String {
        markdown::page(self)
    }

    /// Returns `report.json`.
    pub fn to_json(&self) -> String {
        json::document(self)
    }

    /// Returns `report.html`, which needs nothing but itself.
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// Returns the verdicts for a terminal of `width` columns.
    pub fn to_terminal(&self, width: usize, color: Color) -> String {
        terminal::screen(self, width, color)
    }

    /// Returns what failed, as [`Report::to_terminal`] shows it below the verdicts; empty if nothing did.
    pub fn failures_to_terminal(&self, width: usize, color: Color) -> String {
        terminal::all_failures(self, width, color)
    }

    /// Writes `report.md`, `report.json` and `report.html` into a directory, which is created if need be.
    ///
    /// # Errors
    /// If the directory cannot be created or a file cannot be written.
    pub fn write(&self, directory: &Path) -> Result<(), ReportError> {
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |source| ReportError { path, source }
        };
        std::fs::create_dir_all(directory).map_err(at(directory))?;
        let pages =
            [("report.md", self.to_markdown()), ("report.json", self.to_json()), ("report.html", self.to_html())];
        for (name, text) in pages {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(at(&path))?;
        }
        Ok(())
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals {
            seeds: 0,
            virtual_nanos: 0,
            events: 0,
            counts: Counts::default(),
            failed_suites: 0,
            failed_seeds: 0,
            commit_latency: Histogram::default(),
            settle: Histogram::default(),
        };
        for suite in &self.suites {
            totals.seeds += suite.seeds();
            totals.virtual_nanos += suite.virtual_nanos();
            totals.events += suite.events();
            totals.counts.merge(suite.counts());
            totals.failed_suites += u64::from(suite.verdict() != Verdict::Passed);
            totals.failed_seeds += suite.failure_count();
            totals.commit_latency.merge(suite.commit_latency());
            totals.settle.merge(suite.settle());
        }
        totals
    }

    /// What was looked at beside the runs of the seeds, in one sentence; nothing if nothing was.
    pub(crate) fn beside(&self) -> Option<String> {
        let mut sum = (0_u64, 0_u64);
        for (branches, events) in self.suites.iter().map(Suite::branches) {
            sum = (sum.0 + branches, sum.1.saturating_add(events));
        }
        let (runs, events) = (human::plural(sum.0, "run"), human::grouped(sum.1));
        (sum.0 > 0).then(|| format!("Beside them, {runs} of {events} events left what the seeds draw by themselves."))
    }

    /// The verdict in one sentence.
    pub(crate) fn headline(&self) -> String {
        let totals = self.totals();
        let scenarios = human::plural(self.suites.len() as u64, "scenario");
        let seeds = human::plural(totals.seeds, "seed");
        if self.suites.is_empty() {
            return "Nothing was run.".to_owned();
        }
        if self.ok() {
            return format!("{scenarios} over {seeds}: every invariant held.");
        }
        let failed = human::plural(totals.failed_seeds, "seed");
        format!(
            "{} of {scenarios} did not pass; {failed} of {} failed.",
            totals.failed_suites,
            human::grouped(totals.seeds)
        )
    }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write the report to {}: {}", self.path.display(), self.source)
    }
}

impl std::error::Error for ReportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Appends formatted text to a `String`.
macro_rules! push {
    ($out:expr, $($arg:tt)+) => {{
        use std::fmt::Write as _;
        $out.write_fmt(format_args!($($arg)+)).expect("writing to a String cannot fail");
    }};
}
pub(crate) use push;

/// Appends a formatted line to a `String`.
macro_rules! push_line {
    ($out:expr) => { $out.push('\n') };
    ($out:expr, $($arg:tt)+) => {{
        $crate::report::push!($out, $($arg)+);
        $out.push('\n');
    }};
}
pub(crate) use push_line;
