//! The answer of `cargo xtask bugs --explore`: for programs as JSON, for people as a table, for the repository as
//! Markdown. Pure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::super::catalogue::Sign;
use super::super::table::aligned;

/// All that is told.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Report {
    /// The bugs that were planted.
    pub(super) bugs: Vec<Row>,
    /// The bugs that the explorer is not expected to see.
    pub(super) unseen: Vec<Unseen>,
    /// The models that kill nothing, where all bugs were planted.
    pub(super) idle: Vec<String>,
}

/// What came of one planted bug.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) model: String,
    pub(super) expected: Sign,
    pub(super) outcome: Outcome,
    /// What broke, or stayed out of reach.
    pub(super) found_by: Option<String>,
    /// How many states were visited until then.
    pub(super) states: u64,
    /// How many steps lead there; how deep the search went if nothing broke.
    pub(super) depth: u64,
    /// How long the search ran, without the build; not in what the repository keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seconds: Option<f64>,
}

/// What came of a planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The model showed what it was expected to.
    Killed,
    /// It showed nothing, or something else.
    Survived,
}

/// A bug that the explorer is not expected to see.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Unseen {
    pub(super) name: String,
    pub(super) why: Why,
    pub(super) reason: String,
}

/// Why the explorer does not see a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// No run can tell it from the correct code.
    Equivalent,
    /// It needs what no model has.
    OutOfScope,
}

impl Why {
    const fn word(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::OutOfScope => "out of scope",
        }
    }
}

impl Report {
    /// Returns what the repository is to keep: these rows without what differs from run to run, and of an earlier
    /// report those of other bugs, as far as `names`, the bugs that a model is said to kill, still has them.
    pub(super) fn kept(&self, earlier: Option<Report>, names: &[&str], models: &[String]) -> Report {
        let mut bugs = self.bugs.clone();
        for row in &mut bugs {
            row.seconds = None;
        }
        let other = |row: &Row| self.bugs.iter().all(|new| new.name != row.name) && names.contains(&row.name.as_str());
        bugs.extend(earlier.into_iter().flat_map(|report| report.bugs).filter(other));
        // Stable, so the rows of one bug stay in the order of its description.
        bugs.sort_by(|one, other| one.name.cmp(&other.name));
        let idle = idle(models, &bugs);
        Report { bugs, unseen: self.unseen.clone(), idle }
    }

    /// Counts a bug as killed when every model that is said to kill it does.
    fn headline(&self) -> String {
        let names = |rows: &mut dyn Iterator<Item = &Row>| rows.map(|row| row.name.clone()).collect::<BTreeSet<_>>();
        let survived = |row: &&Row| row.outcome == Outcome::Survived;
        let (all, survivors) = (names(&mut self.bugs.iter()), names(&mut self.bugs.iter().filter(survived)));
        let killers = self.bugs.iter().filter(|row| row.outcome == Outcome::Killed);
        let models: BTreeSet<&str> = killers.map(|row| row.model.as_str()).collect();
        format!("{} of {} killed by {} models", all.len() - survivors.len(), all.len(), models.len())
    }
}

/// Returns the models that kill none of the bugs.
pub(super) fn idle(models: &[String], rows: &[Row]) -> Vec<String> {
    let kills = |model: &String| rows.iter().any(|row| row.outcome == Outcome::Killed && row.model == *model);
    models.iter().filter(|model| !kills(model)).cloned().collect()
}

pub(super) fn line(row: &Row) -> String {
    let Row { name, model, states, depth, .. } = row;
    match (&row.found_by, row.outcome) {
        (Some(by), Outcome::Killed) => format!("{name}: killed in {model} by {by}, {states} states, {depth} steps"),
        (Some(by), Outcome::Survived) => {
            format!("{name}: SURVIVED {model}, {by} instead of {}, {depth} steps", expected(&row.expected))
        }
        (None, _) => {
            format!("{name}: SURVIVED {states} states of {model}, {} did not show", expected(&row.expected))
        }
    }
}

pub(super) fn whole(report: &Report) -> String {
    let header = ["bug", "model", "killed", "found by", "states", "depth", "seconds"].map(str::to_owned);
    let rows = report.bugs.iter().map(|row| {
        [
            row.name.clone(),
            row.model.clone(),
            if row.outcome == Outcome::Killed { "yes" } else { "NO" }.to_owned(),
            row.found_by.clone().unwrap_or_else(|| "-".to_owned()),
            row.states.to_string(),
            row.depth.to_string(),
            row.seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}")),
        ]
    });
    let mut lines = vec![aligned(&std::iter::once(header).chain(rows).collect::<Vec<_>>()) + &report.headline()];
    lines.extend(report.unseen.iter().map(|Unseen { name, why, reason }| format!("{name}: {}. {reason}", why.word())));
    if !report.idle.is_empty() {
        lines.push(format!("kill nothing: {}", report.idle.join(", ")));
    }
    lines.join("\n") + "\n"
}

pub(super) fn markdown(report: &Report) -> String {
    let mut lines = vec![
        "# Planted bugs that the explorer kills\n".to_owned(),
        "Remade by `cargo xtask bugs --explore --write`; searches are exact, so equal trees give equal rows. `states` is \
         how many were visited until the bug showed, `depth` the length of the shortest way there.\n"
            .to_owned(),
        format!("{}.\n", report.headline()),
        "| bug | model | what shows it | states | depth |\n|---|---|---|---:|---:|".to_owned(),
    ];
    lines.extend(report.bugs.iter().map(|row| {
        let Row { name, model, expected: sign, outcome, found_by, states, depth, .. } = row;
        let shown = match (outcome, found_by) {
            (Outcome::Killed, Some(by)) => by.clone(),
            (_, Some(by)) => format!("**survived**: {by} instead of {}", expected(sign)),
            (_, None) => format!("**survived**: {} did not show", expected(sign)),
        };
        format!("| {name} | {model} | {shown} | {states} | {depth} |")
    }));
    if !report.unseen.is_empty() {
        lines.push("\n## What the explorer does not see\n\n| bug | why | reason |\n|---|---|---|".to_owned());
        let told = |unseen: &Unseen| format!("| {} | {} | {} |", unseen.name, unseen.why.word(), unseen.reason);
        lines.extend(report.unseen.iter().map(told));
    }
    if !report.idle.is_empty() {
        lines.push(format!("\n## Models that kill nothing\n\n{}", report.idle.join(", ")));
    }
    lines.join("\n") + "\n"
}

fn expected(sign: &Sign) -> String {
    match sign {
        Sign::Invariant(invariant) => invariant.clone(),
        Sign::Goal(goal) => format!("never: {goal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(outcome: Outcome, found_by: Option<&str>) -> Row {
        Row {
            name: "early_vote".to_owned(),
            model: "three".to_owned(),
            expected: Sign::Invariant("one_leader_per_term".to_owned()),
            outcome,
            found_by: found_by.map(str::to_owned),
            states: 70,
            depth: 7,
            seconds: Some(1.5),
        }
    }

    fn report() -> Report {
        let killed = row(Outcome::Killed, Some("one_leader_per_term"));
        let unseen = Unseen { name: "late_lease".to_owned(), why: Why::OutOfScope, reason: "No clocks.".to_owned() };
        Report { bugs: vec![killed], unseen: vec![unseen], idle: vec!["four".to_owned()] }
    }

    #[test]
    fn what_is_kept_has_no_seconds() {
        let models = ["three".to_owned(), "four".to_owned()];
        let kept = report().kept(None, &["early_vote"], &models);
        let text = serde_json::to_string(&kept).expect("a report is plain data");
        assert_eq!(
            text,
            r#"{"bugs":[{"name":"early_vote","model":"three","expected":{"invariant":"one_leader_per_term"},"outcome":"killed","found_by":"one_leader_per_term","states":70,"depth":7}],"unseen":[{"name":"late_lease","why":"out_of_scope","reason":"No clocks."}],"idle":["four"]}"#
        );
        assert!(!markdown(&report()).contains("1.5"));
    }

    #[test]
    fn the_table_tells_kills_reasons_and_idle_models() {
        let text = whole(&report());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "bug         model  killed  found by             states  depth  seconds");
        assert_eq!(lines[1], "early_vote  three  yes     one_leader_per_term  70      7      1.5");
        assert_eq!(lines[2], "1 of 1 killed by 1 models");
        assert_eq!(lines[3], "late_lease: out of scope. No clocks.");
        assert_eq!(lines[4], "kill nothing: four");
    }

    #[test]
    fn new_rows_replace_those_kept_earlier_and_bugs_that_are_gone_go() {
        let named = |name: &str, states| Row { name: name.to_owned(), states, ..row(Outcome::Killed, Some("x")) };
        let of = |bugs: Vec<Row>| Report { bugs, unseen: Vec::new(), idle: Vec::new() };
        let earlier = of(vec![named("a", 1), named("b", 1), named("gone", 1)]);
        let kept = of(vec![named("b", 2)]).kept(Some(earlier), &["a", "b"], &[]);
        let rows: Vec<_> = kept.bugs.iter().map(|row| (row.name.as_str(), row.states)).collect();
        assert_eq!(rows, [("a", 1), ("b", 2)]);
    }

    #[test]
    fn a_bug_is_killed_when_every_model_that_is_said_to_kill_it_does() {
        let four = |outcome| Row { model: "four".to_owned(), ..row(outcome, Some("one_leader_per_term")) };
        let of = |second| Report {
            bugs: vec![row(Outcome::Killed, Some("one_leader_per_term")), four(second)],
            unseen: Vec::new(),
            idle: Vec::new(),
        };
        assert_eq!(of(Outcome::Killed).headline(), "1 of 1 killed by 2 models");
        assert_eq!(of(Outcome::Survived).headline(), "0 of 1 killed by 1 models");
    }

    #[test]
    fn a_model_with_a_survivor_alone_is_idle() {
        let models = ["three".to_owned(), "four".to_owned()];
        assert_eq!(idle(&models, &[row(Outcome::Killed, Some("one_leader_per_term"))]), ["four"]);
        assert_eq!(idle(&models, &[row(Outcome::Survived, None)]), ["three", "four"]);
    }

    #[test]
    fn a_bug_that_shows_otherwise_has_survived() {
        let other = row(Outcome::Survived, Some("log_matching"));
        assert_eq!(line(&other), "early_vote: SURVIVED three, log_matching instead of one_leader_per_term, 7 steps");
        let report = Report { bugs: vec![other], unseen: Vec::new(), idle: Vec::new() };
        assert!(markdown(&report).contains("**survived**: log_matching instead of one_leader_per_term"));
    }
}
