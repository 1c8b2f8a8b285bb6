//! What a simulation's JSON document means for a planted bug. Pure.

use serde::Deserialize;

use super::catalogue::Bug;
use crate::Problem;

/// The part of the simulator's document that a verdict needs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Document {
    ok: bool,
    scenarios: Vec<Scenario>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Scenario {
    seeds: u64,
    failed: Vec<Failure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Failure {
    seed: u64,
    invariant: String,
    replay: String,
}

/// Whether the right invariant noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The expected invariant, or one the bug's description accepts, tripped.
    pub(super) caught: bool,
    /// Which invariant tripped.
    pub(super) found_by: Option<String>,
    /// How many seeds were tried until then, or all of them; none where tests judged.
    pub(super) seeds: Option<u64>,
}

impl Document {
    /// # Errors
    /// When `text` is no such document, or contradicts itself.
    pub(super) fn parse(text: &str) -> Result<Document, Problem> {
        let document: Document =
            serde_json::from_str(text).map_err(|error| format!("the simulator's JSON document: {error}"))?;
        if document.scenarios.iter().all(|scenario| scenario.seeds == 0) {
            return Err("the simulator's JSON document: no seed ran".to_owned());
        }
        // Not ok without a failing seed is no contradiction: all seeds together may have missed what they were to meet.
        if document.ok && document.failures().next().is_some() {
            return Err("the simulator's JSON document: `ok` is true against its own list".to_owned());
        }
        Ok(document)
    }

    fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.scenarios.iter().flat_map(|scenario| &scenario.failed)
    }

    fn seeds(&self) -> u64 {
        self.scenarios.iter().map(|scenario| scenario.seeds).sum()
    }
}

/// # Errors
/// With the first failure and its replay line, when there is one.
pub(super) fn green(document: &Document) -> Result<(), Problem> {
    match document.failures().next() {
        None if document.ok => Ok(()),
        None => Err("the seeds together did not meet what the scenario is about".to_owned()),
        Some(Failure { seed, invariant, replay }) => Err(format!("{invariant} at seed {seed}; replay: {replay}")),
    }
}

/// Judges the run of a tree with `bug` planted.
pub(super) fn judge(bug: &Bug, document: &Document) -> Verdict {
    let signs = bug.signs();
    let accepted = |failure: &&Failure| signs.contains(&failure.invariant.as_str());
    // The lowest seed, not the first in the list: several seeds run at once and any of them may end first.
    let catching = document.failures().filter(accepted).min_by_key(|failure| failure.seed);
    let any = document.failures().min_by_key(|failure| failure.seed);
    Verdict {
        caught: catching.is_some(),
        found_by: catching.or(any).map(|failure| failure.invariant.clone()),
        // Seeds are tried from 0 upwards, so the one that caught tells how many it took.
        seeds: Some(catching.map_or(document.seeds(), |failure| failure.seed.saturating_add(1))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn bug(also: &[&str]) -> Bug {
        Bug {
            name: "early_vote".to_owned(),
            source: String::new(),
            wrong: String::new(),
            invariant: "one_leader_per_term".to_owned(),
            also: also.iter().map(|&name| name.to_owned()).collect(),
            check: None,
            explore: None,
            patch: PathBuf::new(),
        }
    }

    fn document(failed: &[(u64, &str)]) -> Document {
        let failed: Vec<String> = failed
            .iter()
            .map(|(seed, name)| {
                format!(r#"{{"seed":{seed},"invariant":"{name}","at_ns":9,"replay":"delian replay x"}}"#)
            })
            .collect();
        let text = format!(
            r#"{{"ok":{},"scenarios":[{{"name":"x","path":"x.toml","seeds":50,"failed":[{}],"elections":3}}],"wall_seconds":1.0}}"#,
            failed.is_empty(),
            failed.join(",")
        );
        Document::parse(&text).expect("a valid document")
    }

    #[test]
    fn the_expected_invariant_catches() {
        let verdict = judge(&bug(&[]), &document(&[(7, "one_leader_per_term")]));
        let found_by = Some("one_leader_per_term".to_owned());
        assert_eq!(verdict, Verdict { caught: true, found_by, seeds: Some(8) });
    }

    #[test]
    fn another_invariant_does_not_catch_unless_it_is_accepted() {
        let failed = document(&[(7, "log_matching")]);
        let found_by = Some("log_matching".to_owned());
        assert_eq!(judge(&bug(&[]), &failed), Verdict { caught: false, found_by: found_by.clone(), seeds: Some(50) });
        assert_eq!(judge(&bug(&["log_matching"]), &failed), Verdict { caught: true, found_by, seeds: Some(8) });
    }

    #[test]
    fn the_lowest_catching_seed_counts_even_behind_others() {
        let failed = document(&[(9, "one_leader_per_term"), (2, "log_matching"), (4, "one_leader_per_term")]);
        let found_by = Some("one_leader_per_term".to_owned());
        assert_eq!(judge(&bug(&[]), &failed), Verdict { caught: true, found_by, seeds: Some(5) });
    }

    #[test]
    fn a_green_run_lets_the_bug_survive() {
        assert_eq!(judge(&bug(&[]), &document(&[])), Verdict { caught: false, found_by: None, seeds: Some(50) });
    }

    #[test]
    fn a_red_run_without_a_bug_names_the_replay() {
        assert_eq!(green(&document(&[])), Ok(()));
        let problem = green(&document(&[(3, "log_matching")])).expect_err("a failure");
        assert_eq!(problem, "log_matching at seed 3; replay: delian replay x");
    }

    #[test]
    fn seeds_that_together_met_too_little_are_not_green() {
        let document =
            Document::parse(r#"{"ok":false,"scenarios":[{"seeds":5,"failed":[]}]}"#).expect("it is evidence");
        assert_eq!(green(&document), Err("the seeds together did not meet what the scenario is about".to_owned()));
    }

    #[test]
    fn a_document_that_ran_nothing_or_contradicts_itself_is_no_evidence() {
        assert!(Document::parse(r#"{"ok":true,"scenarios":[]}"#).is_err());
        assert!(Document::parse(r#"{"ok":true,"scenarios":[{"seeds":0,"failed":[]}]}"#).is_err());
        assert!(Document::parse("no such scenario").is_err());
    }
}
