//! What came of comparing load balancers, for people and programs.
//!
//! As all reports, it knows no date, clock or host: the same study gives the same bytes.

mod groups;
mod html;
mod json;
mod markdown;
mod plots;
mod terminal;

use std::io;
use std::path::Path;

use super::ReportError;
use super::human::{grouped, plural, span};
use crate::queueing::{DeadShare, Estimate, Findings, Judged, Study, dead_shares, judge};

pub use json::document as to_json;
pub use markdown::page as to_markdown;
pub use terminal::screen as to_terminal;

/// The findings of a study, judged.
#[derive(Clone, Debug)]
pub struct Balance {
    /// What was found.
    pub findings: Findings,
    /// The rules that could be asked.
    pub judged: Vec<Judged>,
    /// What a silent server gets, which no setting changes.
    pub dead_shares: Vec<DeadShare>,
}

impl Balance {
    /// Judges findings.
    pub fn new(findings: Findings) -> Self {
        let judged = judge(&findings);
        Self { findings, judged, dead_shares: dead_shares() }
    }

    /// Returns whether no rule is broken.
    pub fn ok(&self) -> bool {
        self.judged.iter().all(|judged| judged.holds)
    }

    /// Writes `balance.md`, `balance.json` and `balance.html` into a directory that exists.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, directory: &Path) -> Result<(), ReportError> {
        let pages = [
            ("balance.md", markdown::page(self)),
            ("balance.json", format!("{:#}\n", json::document(self))),
            ("balance.html", html::page(self)),
        ];
        for (name, text) in pages {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(|source: io::Error| ReportError { path, source })?;
        }
        Ok(())
    }

    /// Says in one sentence what came of it.
    fn headline(&self) -> String {
        let Study { policies, columns, seeds, .. } = &self.findings.study;
        let size = format!(
            "{} in {} over {}",
            policies_of(policies.len()),
            plural(columns.len() as u64, "setting"),
            plural(*seeds, "seed")
        );
        let rules = self.judged.len();
        match self.judged.iter().filter(|judged| !judged.holds).count() {
            _ if rules == 0 => format!("{size}; no rule compares these."),
            0 => format!("{size}: every rule holds wherever it was asked, {} times.", grouped(rules as u64)),
            broken => format!("{size}: {broken} of {rules} questions are answered with no."),
        }
    }

    /// Says what all runs had in common.
    fn setup(&self) -> String {
        let Study { settings, .. } = &self.findings.study;
        format!(
            "{} requests in each run, of which the first fifth is not measured. All times are in service times; the core, \
             which counts some things in seconds, is told that one takes {}. The average of power-of-two-choices forgets \
             within {}.",
            grouped(settings.arrivals),
            span(settings.service),
            span(settings.choices.decay)
        )
    }
}

/// How a time is to be read.
const READING: &str = "A cell is the mean time in the system with its 95 % confidence interval over the seeds (Student's t), \
                       and after the stroke the 99th percentile. Times are of requests that were answered before the \
                       last one arrived: † marks cells where more than 2 % of the requests still waited then. There queues \
                       grow for as long as the run lasts, and the number says little more than that.";

/// What the first experiment did otherwise.
const FIRST: &str = "The first experiment had one seed, of which it gave two digits. Its average of latencies was by sample (a \
                     tenth of each answer), where the core's forgets by time. Behind each mean: by how much it differs from \
                     that of the first experiment.";

/// What the table of the silent server tells.
const SILENT: &str = "The share of picks that go to one server whose last report is too old to count, while all others report \
                      the same: how much they use of processors, memory and connections, and their latency. The \
                      documented rules give it one half, whatever the others score.";

/// Above which share of requests that wait at the end a cell is marked.
const WAITING_MAX: f64 = 0.02;

fn policies_of(count: usize) -> String {
    format!("{count} polic{}", if count == 1 { "y" } else { "ies" })
}

/// Returns a number to three digits, or all before the point.
fn digits(number: f64) -> String {
    match decimals(number) {
        0 => grouped(whole(number.round())),
        places => format!("{number:.places$}"),
    }
}

fn decimals(number: f64) -> usize {
    match number {
        _ if number < 9.995 => 2,
        _ if number < 99.95 => 1,
        _ => 0,
    }
}

/// Returns an estimate such as `2.63 ±0.02`.
fn estimated(estimate: &Estimate) -> String {
    let places = decimals(estimate.mean);
    match estimate.half_width {
        half if half.is_infinite() => digits(estimate.mean),
        half if places == 0 => format!("{} ±{}", digits(estimate.mean), grouped(whole(half.ceil()))),
        half => format!("{} ±{half:.places$}", digits(estimate.mean)),
    }
}

/// Returns a whole number that is not negative.
#[expect(clippy::cast_sign_loss, reason = "times and shares are not negative, and zero takes their place if they are")]
fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

/// Returns a share such as `0.22 %`.
fn share(part: f64) -> String {
    format!("{:.2} %", 100.0 * part)
}

#[cfg(test)]
mod tests;
