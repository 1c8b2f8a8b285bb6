//! What the words of a test program mean for a planted bug. Pure.
//!
//! An exit code says too little: a filter that matches no test succeeds, and a tree that does not build fails. So every
//! test that was asked for must have a line that says how it ended, and the exit code must agree with all of them.

use std::collections::BTreeMap;

use super::catalogue::Bug;
use super::verdict::Verdict;
use crate::Problem;

/// How the tests ended that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcomes(BTreeMap<String, Outcome>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
}

impl Outcomes {
    /// # Errors
    /// When a test is missing, is ignored or did not come to its end, or when the exit code says something else.
    pub(super) fn parse(words: &str, tests: &[&str], is_success: bool) -> Result<Outcomes, Problem> {
        let ended = |test: &&str| Ok((String::from(*test), outcome(words, test)?));
        let outcomes: BTreeMap<String, Outcome> = tests.iter().map(ended).collect::<Result<_, Problem>>()?;
        if outcomes.values().all(|outcome| *outcome == Outcome::Passed) == is_success {
            Ok(Outcomes(outcomes))
        } else {
            Err("the exit code of the tests says something else than their lines".to_owned())
        }
    }

    fn failed(&self, test: &str) -> bool {
        self.0.get(test) == Some(&Outcome::Failed)
    }
}

fn outcome(words: &str, test: &str) -> Result<Outcome, Problem> {
    let told = |line: &str| {
        let rest = line.strip_prefix("test ")?.strip_prefix(test)?;
        let rest = rest.strip_prefix(" - should panic").unwrap_or(rest);
        rest.strip_prefix(" ... ").map(|end| end.trim_end().to_owned())
    };
    match words.lines().find_map(told).as_deref() {
        Some("ok") => Ok(Outcome::Passed),
        Some("FAILED") => Ok(Outcome::Failed),
        Some(end) => Err(format!("test `{test}` did not come to its end: `{end}`")),
        None => Err(format!("no test called `{test}` ran to its end")),
    }
}

/// # Errors
/// With the first test that fails, when there is one.
pub(super) fn green(outcomes: &Outcomes) -> Result<(), Problem> {
    match outcomes.0.keys().find(|test| outcomes.failed(test)) {
        None => Ok(()),
        Some(test) => Err(format!("test `{test}` fails")),
    }
}

/// Judges the tests of a tree with `bug` planted.
pub(super) fn judge(bug: &Bug, outcomes: &Outcomes) -> Verdict {
    let found_by = bug.signs().into_iter().find(|test| outcomes.failed(test)).map(str::to_owned);
    Verdict { caught: found_by.is_some(), found_by, seeds: None }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
    use super::*;

    fn bug(also: &str) -> Bug {
        let text = format!(
            r#"
            name = "lost_point"
            source = "a router, 2026"
            wrong = "A point that collides is lost."
            invariant = "both_are_kept"
            also = [{also}]
            check = {{ kind = "test", package = "core", suite = "ring" }}
            "#
        );
        catalogue::parse("lost_point.patch".into(), &text).expect("a valid description")
    }

    fn outcomes(lines: &str, tests: &[&str], is_success: bool) -> Result<Outcomes, Problem> {
        let words = format!("\nrunning 2 tests\n{lines}\n\ntest result: told by the lines\n");
        Outcomes::parse(&words, tests, is_success)
    }

    #[test]
    fn the_failing_test_that_a_bug_names_catches_it() {
        let failed = outcomes("test both_are_kept ... FAILED", &["both_are_kept"], false).expect("it is evidence");
        let found_by = Some("both_are_kept".to_owned());
        assert_eq!(judge(&bug(""), &failed), Verdict { caught: true, found_by, seeds: None });
        assert_eq!(green(&failed), Err("test `both_are_kept` fails".to_owned()));
    }

    #[test]
    fn a_test_that_passes_lets_the_bug_survive_unless_another_named_one_fails() {
        let passed = outcomes("test both_are_kept ... ok", &["both_are_kept"], true).expect("it is evidence");
        assert_eq!(green(&passed), Ok(()));
        assert_eq!(judge(&bug(""), &passed), Verdict { caught: false, found_by: None, seeds: None });
        let lines = "test both_are_kept ... ok\ntest twins - should panic ... FAILED";
        let other = outcomes(lines, &["both_are_kept", "twins"], false).expect("it is evidence");
        let found_by = Some("twins".to_owned());
        assert_eq!(judge(&bug("'twins'"), &other), Verdict { caught: true, found_by, seeds: None });
    }

    #[test]
    fn a_test_that_did_not_run_is_no_evidence_whatever_the_exit_code() {
        for lines in
            ["", "test both_are_kept ... ignored", "test both_are_kept ... ", "test goldens::both_are_kept ... ok"]
        {
            for is_success in [false, true] {
                let problem = outcomes(lines, &["both_are_kept"], is_success).expect_err(lines);
                assert!(problem.contains("`both_are_kept`"), "{problem}");
            }
        }
    }

    #[test]
    fn an_exit_code_that_contradicts_the_lines_is_no_evidence() {
        assert!(outcomes("test both_are_kept ... ok", &["both_are_kept"], false).is_err());
        assert!(outcomes("test both_are_kept ... FAILED", &["both_are_kept"], true).is_err());
    }
}
