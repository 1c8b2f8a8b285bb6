//! What came of exploring models, for people and programs.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::human::{bytes, compact, grouped, plural, span};
use crate::explore::shipped::{Counts, Listing, Told, in_lines};
use crate::explore::{Outcome, Path, Report, Shipped};

/// What came of exploring one model.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Its name.
    pub name: &'static str,
    /// What it explores.
    pub sentence: &'static str,
    /// Whether states that differ by the names of nodes alone were one.
    pub is_reduced: bool,
    /// What the search found, in a system of whatever kind.
    pub report: Report<()>,
    /// The story of each violation, in the order of the report.
    pub stories: Vec<Vec<Told>>,
    /// The command that follows the path to the first violation again, if its path was written down.
    pub again: Option<String>,
    /// What it counted last time, if that is kept.
    pub pinned: Option<Counts>,
    /// How many transitions an earlier search had taken, which this one went on with.
    pub generated_before: u64,
    /// How much CPU time it took from there on.
    pub cpu: Duration,
}

impl Verdict {
    /// Puts together what a search found in a model; `cpu` is the time it took.
    pub fn new<S: Shipped>(system: &S, report: Report<S::Action>, cpu: Duration) -> Self {
        let Listing { name, sentence, pinned, is_reduced, .. } = system.listing();
        let stories = report.breaches.iter().map(|breach| system.story(&breach.path)).collect();
        let report = report.of_any();
        Self { name, sentence, is_reduced, report, stories, again: None, pinned, generated_before: 0, cpu }
    }

    /// Returns whether every state was met, nothing is broken, every goal was reached and the counts are those kept.
    pub fn is_green(&self) -> bool {
        self.report.is_green() && self.miscounted().is_none()
    }

    /// Returns the counts that were kept, if a complete search counted otherwise: the code does something else now, or
    /// fingerprints are broken.
    pub fn miscounted(&self) -> Option<Counts> {
        let Report { unique, generated, depth, .. } = self.report;
        let is_other =
            |kept: &Counts| (kept.unique, kept.generated, u64::from(kept.depth)) != (unique, generated, depth);
        self.pinned.filter(|kept| self.report.outcome == Outcome::Complete && is_other(kept))
    }

    /// Returns how many transitions were taken in a second of CPU time.
    pub fn transitions_per_second(&self) -> u64 {
        self.per_second(self.report.generated - self.generated_before)
    }

    /// Returns how many new states were met in a second of CPU time.
    fn states_per_second(&self) -> u64 {
        // Of a search that went on, the share of the transitions it took itself.
        let share = u128::from(self.report.unique) * u128::from(self.report.generated - self.generated_before);
        let own = share / u128::from(self.report.generated.max(1));
        self.per_second(u64::try_from(own).unwrap_or(u64::MAX))
    }

    fn per_second(&self, count: u64) -> u64 {
        let rate = u128::from(count) * 1_000_000_000 / self.cpu.as_nanos().max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// Says in a word what came of it.
    pub fn word(&self) -> &'static str {
        match self.report.outcome {
            _ if !self.report.breaches.is_empty() => "BROKEN",
            Outcome::Broken => "BROKEN",
            Outcome::StoppedAt(_) | Outcome::Paused => "stopped",
            Outcome::Complete if self.report.unreached().next().is_some() => "vacuous",
            Outcome::Complete if self.miscounted().is_some() => "miscounts",
            Outcome::Complete => "ok",
        }
    }

    /// Says why a search is not green, beside what is broken: a line each.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        match self.report.outcome {
            Outcome::StoppedAt(limit) => reasons.push(format!("stopped at {limit}: not every state was met")),
            Outcome::Paused => reasons.push("paused: not every state was met".to_owned()),
            Outcome::Complete => {
                reasons.extend(self.report.unreached().map(|goal| format!("no state shows that {goal}")));
            }
            Outcome::Broken => {}
        }
        if let Some(Counts { unique, generated, depth }) = self.miscounted() {
            reasons.push(format!(
                "counted {} states, {} transitions and depth {}, where {}, {} and {depth} are pinned: the code behaves \
                 otherwise, or fingerprints are broken; if that is meant, pin the new counts where the model is listed",
                grouped(self.report.unique),
                grouped(self.report.generated),
                self.report.depth,
                grouped(unique),
                grouped(generated),
            ));
        }
        reasons
    }

    fn to_json(&self) -> Value {
        let report = &self.report;
        let goals: Map<String, Value> =
            report.goals.iter().map(|goal| (goal.name.to_owned(), Value::Bool(goal.witness.is_some()))).collect();
        let found = report.breaches.iter().zip(&self.stories);
        let violations: Vec<Value> = found
            .map(|(found, story)| {
                json!({
                    "invariant": found.breach.invariant,
                    "facts": found.breach.facts,
                    "steps": found.path.0.len(),
                    "path": found.path.to_string(),
                    "story": story_to_json(story),
                })
            })
            .collect();
        json!({
            "name": self.name,
            "symmetry": self.is_reduced,
            "complete": report.outcome == Outcome::Complete,
            "ok": self.is_green(),
            "unique_states": report.unique,
            "generated": report.generated,
            "depth": report.depth,
            "terminals": report.terminals,
            "states_per_cpu_second": self.states_per_second(),
            "transitions_per_cpu_second": self.transitions_per_second(),
            "cpu_seconds": self.cpu.as_secs_f64(),
            "memory_bytes": report.memory_bytes,
            "frontier_peak": report.frontier_peak,
            "goals": goals,
            "reasons": self.reasons(),
            "violations": violations,
        })
    }
}

/// Returns whether all models are green.
pub fn all_green(verdicts: &[Verdict]) -> bool {
    verdicts.iter().all(Verdict::is_green)
}

/// Returns the document for programs.
pub fn to_json(verdicts: &[Verdict]) -> Value {
    json!({
        "ok": all_green(verdicts),
        "models": verdicts.iter().map(Verdict::to_json).collect::<Vec<_>>(),
    })
}

/// Returns a story for programs: a list of steps.
pub fn story_to_json(story: &[Told]) -> Value {
    story.iter().map(|told| json!({"what": told.what, "changes": told.changes})).collect()
}

/// Returns the table and the stories as Markdown.
pub fn to_markdown(verdicts: &[Verdict]) -> String {
    let mut text = String::from("# What was explored\n\n");
    write(&mut text, format_args!("{}\n\n", headline(verdicts)));
    text += "| model | verdict | states | transitions | depth | CPU | memory |\n|---|---|---:|---:|---:|---:|---:|\n";
    for verdict in verdicts {
        let Verdict { report, .. } = verdict;
        write(
            &mut text,
            format_args!(
                "| {} | {} | {} | {} | {} | {} | {} |\n",
                verdict.name,
                verdict.word(),
                grouped(report.unique),
                grouped(report.generated),
                report.depth,
                span(verdict.cpu),
                bytes(report.memory_bytes)
            ),
        );
    }
    text += "\nMemory is what a search held when it held most: fingerprints with the copy that growth makes, the way back from \
             each state, the states that waited, and what it kept of steps that were taken.\n\n";
    for verdict in verdicts {
        write(&mut text, format_args!("## {}\n\n{}\n\n", verdict.name, verdict.sentence));
        if verdict.is_reduced {
            text += "- states that differ by the names of nodes alone are one\n";
        }
        for reason in verdict.reasons() {
            write(&mut text, format_args!("- {reason}\n"));
        }
        for goal in &verdict.report.goals {
            let way = goal.witness.as_ref().map_or("never".to_owned(), |path| plural(path.0.len() as u64, "step"));
            write(&mut text, format_args!("- {}: {way}\n", goal.name));
        }
        text.push('\n');
        if !verdict.report.breaches.is_empty() {
            write(&mut text, format_args!("```text\n{}```\n\n", stories(verdict)));
        }
    }
    text
}

/// Returns the stories of what a model breaks, for people; nothing if it breaks nothing.
pub fn stories(verdict: &Verdict) -> String {
    let mut text = String::new();
    for (found, story) in verdict.report.breaches.iter().zip(&verdict.stories) {
        let (breach, Path(places)) = (&found.breach, &found.path);
        write(&mut text, format_args!("{} after {}\n", breach.invariant, plural(places.len() as u64, "step")));
        write(&mut text, format_args!("{}\n", breach.sentence));
        for fact in &breach.facts {
            write(&mut text, format_args!("- {fact}\n"));
        }
        text.push('\n');
        text += &in_lines(story);
        write(&mut text, format_args!("\npath  {}\n", found.path));
    }
    if let Some(again) = &verdict.again {
        write(&mut text, format_args!("again {again}\n"));
    }
    text
}

/// Says in one sentence what came of all.
pub fn headline(verdicts: &[Verdict]) -> String {
    let states = verdicts.iter().map(|verdict| verdict.report.unique).sum();
    let transitions = verdicts.iter().map(|verdict| verdict.report.generated).sum();
    let explored = format!("{} states and {} transitions", compact(states), compact(transitions));
    let red = verdicts.iter().filter(|verdict| !verdict.is_green()).count() as u64;
    let models = plural(verdicts.len() as u64, "model");
    if red == 0 {
        format!("{models}, {explored}: complete, and every invariant held in each.")
    } else {
        format!("{red} of {models} did not pass; {explored}.")
    }
}

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes all that is written");
}
