//! The rules that findings are judged by. One is asked where what it compares was run, and not otherwise.

use super::column::{Column, Sickness};
use super::known::{known, why_it_differs};
use super::policy::{RANDOM, RECOMMENDED};
use super::settings::Settings;
use super::study::{Cell, Findings};

/// How much above the first experiment's row the recommended policy may be.
const ABOVE_KNOWN_MAX: f64 = 1.10;
/// How far a mean may be from the first experiment's, which had two digits and one seed.
const OFF_KNOWN_MAX: f64 = 0.15;
/// How far the mean of uniform draws may be from theory even where its interval is narrower: a run is finite.
const OFF_THEORY_MAX: f64 = 0.05;
/// How much worse than uniform draws scores without a cliff may be, where reports come every 100 service times.
const WITHOUT_CLIFF_MAX: f64 = 1.10;

/// A rule, and what it found in one setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The rule in a sentence.
    pub rule: &'static str,
    /// In which setting.
    pub column: &'static str,
    /// The numbers that it compared.
    pub facts: String,
    /// Whether it holds.
    pub holds: bool,
}

/// Judges by all rules, setting by setting.
pub fn judge(findings: &Findings) -> Vec<Judged> {
    let rules = [
        theory,
        all_near_known,
        default_near_known,
        default_not_worse,
        bounds_bound,
        cliff_is_worse,
        scores_are_not,
        stable_is_not,
        sick_get_less,
        slow_start_helps,
    ];
    let columns = &findings.study.columns;
    rules.iter().flat_map(|rule| columns.iter().filter_map(move |column| rule(findings, column))).collect()
}

fn theory(findings: &Findings, column: &Column) -> Option<Judged> {
    let (cell, mean) = (findings.cell(RANDOM, column.name)?, column.mean_of_random()?);
    let off = (cell.mean.mean - mean).abs();
    let allowed = (OFF_THEORY_MAX * mean).max(2.0 * finite(cell));
    Some(Judged {
        rule: "Uniform draws over equal servers stay as long as theory says, 1/(1 - load).",
        column: column.name,
        facts: format!("{:.3}, where theory says {mean:.3}", cell.mean.mean),
        holds: off <= allowed,
    })
}

fn all_near_known(findings: &Findings, column: &Column) -> Option<Judged> {
    let Settings { service, arrivals, .. } = Settings::default();
    let study = &findings.study;
    // Elsewhere a run has another length beside the first experiment's, and so have queues that grow.
    if (study.settings.service, study.settings.arrivals) != (service, arrivals) {
        return None;
    }
    let cells = study.policies.iter().filter_map(|policy| {
        let (cell, known) = (findings.cell(policy.name, column.name)?, known(policy.name, column.name)?);
        let is_asked = why_it_differs(policy.name, column.name).is_none();
        is_asked.then(|| (cell, known.mean, (cell.mean.mean / known.mean - 1.0).abs()))
    });
    let cells: Vec<(&Cell, f64, f64)> = cells.collect();
    let (far, known, off) = cells.iter().max_by(|one, other| one.2.total_cmp(&other.2))?;
    let is_near = |cell: &Cell, known: f64, off: f64| off <= OFF_KNOWN_MAX || cell.could_be_of_one_seed(known);
    Some(Judged {
        rule: "Each mean is within 15 % of the first experiment's, or that is one that a single seed could have had. Not \
               asked of the cells that are known to differ.",
        column: column.name,
        facts: format!(
            "{} rows; the furthest is {}, {:.2} beside {known}, {:.0} % off",
            cells.len(),
            far.policy.name,
            far.mean.mean,
            100.0 * off
        ),
        holds: cells.iter().all(|(cell, known, off)| is_near(cell, *known, *off)),
    })
}

fn default_near_known(findings: &Findings, column: &Column) -> Option<Judged> {
    let (cell, known) = (findings.cell(RECOMMENDED, column.name)?, known(RECOMMENDED, column.name)?);
    let most = ABOVE_KNOWN_MAX * known.mean;
    Some(Judged {
        rule: "The recommended policy is at most 10 % above its row of the first experiment.",
        column: column.name,
        facts: format!("{:.2}, at most {most:.2}", cell.mean.mean),
        holds: cell.mean.mean <= most,
    })
}

fn default_not_worse(findings: &Findings, column: &Column) -> Option<Judged> {
    if column.half_speed > 0 {
        return None;
    }
    let (cell, random) = (findings.cell(RECOMMENDED, column.name)?, findings.cell(RANDOM, column.name)?);
    let is_never_worse = cell.runs.iter().zip(&random.runs).all(|(ours, random)| ours.mean <= random.mean);
    Some(Judged {
        rule: "With no seed is the recommended policy worse than uniform draws, on servers of equal speed.",
        column: column.name,
        facts: format!("{:.2}, uniform draws {:.2}", cell.mean.mean, random.mean.mean),
        holds: is_never_worse,
    })
}

fn bounds_bound(findings: &Findings, column: &Column) -> Option<Judged> {
    if !column.is_equal() {
        return None;
    }
    let all = findings.cell("bound-shortest", column.name)?;
    let two = findings.cell("bound-two-true", column.name)?;
    let ours = findings.cell(RECOMMENDED, column.name)?;
    let [all, two, ours] = [all, two, ours].map(|cell| cell.mean.mean);
    Some(Judged {
        rule: "Knowing all queues beats knowing two, and knowing two beats what a balancer can know.",
        column: column.name,
        facts: format!("{all:.2}, {two:.2}, {ours:.2}"),
        holds: all <= two && two <= ours,
    })
}

fn cliff_is_worse(findings: &Findings, column: &Column) -> Option<Judged> {
    let random = findings.cell(RANDOM, column.name).filter(|_| column.is_equal())?;
    let documented = findings.cell("resource-aware", column.name)?;
    Some(Judged {
        rule: "The documented cliff at 90 % is worse than uniform draws, as its documentation says.",
        column: column.name,
        facts: format!("{:.1}, uniform draws {:.2}", documented.mean.mean, random.mean.mean),
        holds: documented.mean.mean > random.mean.mean,
    })
}

fn scores_are_not(findings: &Findings, column: &Column) -> Option<Judged> {
    let rule = "The same scores without exclusion are no worse than uniform draws, by 10 % at most.";
    without_cliff(findings, column, "resource-aware-no-cliff", rule)
}

fn stable_is_not(findings: &Findings, column: &Column) -> Option<Judged> {
    let rule = "The stable rules are no worse than uniform draws, by 10 % at most.";
    without_cliff(findings, column, "resource-aware-stable", rule)
}

fn without_cliff(findings: &Findings, column: &Column, policy: &str, rule: &'static str) -> Option<Judged> {
    let is_asked = column.is_equal() && column.report_every <= 100;
    let random = findings.cell(RANDOM, column.name).filter(|_| is_asked)?;
    let scores = findings.cell(policy, column.name)?;
    Some(Judged {
        rule,
        column: column.name,
        facts: format!("{:.2}, uniform draws {:.2}", scores.mean.mean, random.mean.mean),
        holds: scores.mean.mean <= WITHOUT_CLIFF_MAX * random.mean.mean,
    })
}

fn sick_get_less(findings: &Findings, column: &Column) -> Option<Judged> {
    let fair = match column.sickness {
        Sickness::None | Sickness::Rejoining(_) => return None,
        Sickness::Failing(count) | Sickness::Dying(count) => count as f64 / column.servers as f64,
    };
    let share = findings.cell(RECOMMENDED, column.name)?.sick_share();
    Some(Judged {
        rule: "The recommended policy sends the sick at most a tenth of their fair share.",
        column: column.name,
        facts: format!("{:.3} % of requests, where a fair share is {:.0} %", 100.0 * share, 100.0 * fair),
        holds: share <= fair / 10.0,
    })
}

fn slow_start_helps(findings: &Findings, column: &Column) -> Option<Judged> {
    if column.name != "rejoining-slowly" {
        return None;
    }
    let (with, without) = (findings.cell(RECOMMENDED, column.name)?, findings.cell(RECOMMENDED, "rejoining")?);
    let is_never_worse = with.runs.iter().zip(&without.runs).all(|(with, without)| with.mean <= without.mean);
    Some(Judged {
        rule: "With no seed does slow start make the recommended policy worse after servers come back cold.",
        column: column.name,
        facts: format!(
            "{:.3} and 99th percentile {:.2}; without {:.3} and {:.2}",
            with.mean.mean, with.p99.mean, without.mean.mean, without.p99.mean
        ),
        holds: is_never_worse && with.p99.mean <= without.p99.mean,
    })
}

fn finite(cell: &Cell) -> f64 {
    if cell.mean.half_width.is_finite() { cell.mean.half_width } else { 0.0 }
}
