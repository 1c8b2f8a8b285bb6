//! What the explorer's JSON document means for a planted bug. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::catalogue::{Bug, Kill, Sign};
use super::table::Outcome;
use crate::Problem;

/// The part of the explorer's document that a verdict needs: one model was explored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Document {
    models: Vec<Model>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Model {
    name: String,
    complete: bool,
    ok: bool,
    unique_states: u64,
    depth: u64,
    goals: BTreeMap<String, bool>,
    reasons: Vec<String>,
    violations: Vec<Violation>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Violation {
    invariant: String,
    steps: u64,
}

/// Whether a model kills a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// What broke, or stayed out of reach.
    pub(super) found_by: Option<String>,
    /// How many states were visited until then.
    pub(super) states: u64,
    /// How many steps lead to what is broken; how deep the search went if nothing is.
    pub(super) depth: u64,
}

impl Document {
    /// # Errors
    /// When `text` is no such document, or is not about one model.
    pub(super) fn parse(text: &str) -> Result<Document, Problem> {
        let document: Document =
            serde_json::from_str(text).map_err(|error| format!("the explorer's JSON document: {error}"))?;
        let [model] = document.models.as_slice() else {
            return Err(format!("the explorer's JSON document: {} models instead of one", document.models.len()));
        };
        if model.ok && (!model.violations.is_empty() || !model.complete) {
            return Err(format!("the explorer's JSON document: `ok` of {} is true against its own list", model.name));
        }
        Ok(document)
    }

    /// Returns the names of all models, from what the explorer lists.
    ///
    /// # Errors
    /// When `text` is no such list.
    pub(super) fn models(text: &str) -> Result<Vec<String>, Problem> {
        #[derive(Deserialize)]
        struct List {
            models: Vec<Named>,
        }
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        let list: List =
            serde_json::from_str(text).map_err(|error| format!("the explorer's list of models: {error}"))?;
        Ok(list.models.into_iter().map(|model| model.name).collect())
    }

    fn model(&self) -> &Model {
        self.models.first().expect("a parsed document is about one model")
    }
}

/// # Errors
/// When the model of a bug is none of `models`.
pub(super) fn known(bug: &Bug, kill: &Kill, models: &[String]) -> Result<(), Problem> {
    if models.contains(&kill.model) {
        return Ok(());
    }
    let nearest = models.iter().min_by_key(|name| strsim::levenshtein(name, &kill.model));
    let nearest = nearest.map_or(String::new(), |nearest| format!("; the nearest is `{nearest}`"));
    Err(format!("bug `{}`: there is no model `{}`{nearest}, `delian check --list` shows all", bug.name, kill.model))
}

/// Each model once, with as many states as the most demanding of `kills` wants: all of them unless every one sets a limit.
pub(super) fn widest<'a>(kills: impl Iterator<Item = &'a Kill>) -> Vec<(String, Option<u64>)> {
    let mut limits = BTreeMap::<&str, Option<u64>>::new();
    for kill in kills {
        let limit = limits.entry(&kill.model).or_insert(Some(0));
        *limit = limit.zip(kill.max_states).map(|(one, other)| one.max(other));
    }
    limits.into_iter().map(|(model, limit)| (model.to_owned(), limit)).collect()
}

/// # Errors
/// With what broke or why the search does not count, when it is so. A search that was only limited counts.
pub(super) fn green(document: &Document) -> Result<(), Problem> {
    let model = document.model();
    match model.violations.first() {
        Some(violation) => {
            Err(format!("{} after {} steps; replay: delian check {}", violation.invariant, violation.steps, model.name))
        }
        None if model.ok || !model.complete => Ok(()),
        None => Err(model.reasons.join("; ")),
    }
}

/// Judges the search in a tree with a bug planted.
pub(super) fn judge(kill: &Kill, document: &Document) -> Verdict {
    let model = document.model();
    let states = model.unique_states;
    if let Some(Violation { invariant, steps }) = model.violations.first() {
        let expected = matches!(&kill.sign, Sign::Invariant(wanted) if wanted == invariant);
        let outcome = if expected { Outcome::Killed } else { Outcome::Survived };
        return Verdict { outcome, found_by: Some(invariant.clone()), states, depth: *steps };
    }
    let missing = match &kill.sign {
        Sign::Goal(goal) if model.complete && model.goals.get(goal) == Some(&false) => Some(goal.clone()),
        Sign::Goal(_) | Sign::Invariant(_) => None,
    };
    let outcome = if missing.is_some() { Outcome::Killed } else { Outcome::Survived };
    Verdict { outcome, found_by: missing.map(|goal| format!("never: {goal}")), states, depth: model.depth }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kill(sign: Sign, max_states: Option<u64>) -> Kill {
        Kill { model: "three".to_owned(), sign, max_states }
    }

    fn invariant(name: &str) -> Sign {
        Sign::Invariant(name.to_owned())
    }

    fn document(complete: bool, elected: bool, violations: &str) -> Document {
        let ok = complete && elected && violations.is_empty();
        let reasons = if elected { "" } else { r#""no state shows that a leader is elected""# };
        let text = format!(
            r#"{{"ok":{ok},"models":[{{"name":"three","complete":{complete},"ok":{ok},"unique_states":70,"generated":90,
            "depth":12,"goals":{{"a leader is elected":{elected}}},"reasons":[{reasons}],"violations":[{violations}]}}]}}"#
        );
        Document::parse(&text).expect("a valid document")
    }

    const BROKEN: &str = r#"{"invariant":"log_matching","steps":7,"story":[]}"#;

    #[test]
    fn the_named_invariant_kills_and_no_other() {
        let broken = document(false, false, BROKEN);
        let verdict = |outcome| Verdict { outcome, found_by: Some("log_matching".to_owned()), states: 70, depth: 7 };
        assert_eq!(judge(&kill(invariant("log_matching"), None), &broken), verdict(Outcome::Killed));
        assert_eq!(judge(&kill(invariant("one_leader_per_term"), None), &broken), verdict(Outcome::Survived));
    }

    #[test]
    fn a_goal_that_a_complete_search_misses_kills() {
        let goal = kill(Sign::Goal("a leader is elected".to_owned()), None);
        assert_eq!(judge(&goal, &document(true, false, "")).outcome, Outcome::Killed);
        assert_eq!(judge(&goal, &document(false, false, "")).outcome, Outcome::Survived);
        assert_eq!(judge(&goal, &document(true, true, "")).outcome, Outcome::Survived);
        assert_eq!(judge(&goal, &document(false, false, BROKEN)).outcome, Outcome::Survived);
    }

    #[test]
    fn a_green_search_lets_the_bug_survive() {
        let verdict = judge(&kill(invariant("log_matching"), None), &document(true, true, ""));
        assert_eq!(verdict, Verdict { outcome: Outcome::Survived, found_by: None, states: 70, depth: 12 });
    }

    #[test]
    fn a_search_without_a_bug_may_be_limited_and_no_more() {
        assert_eq!(green(&document(true, true, "")), Ok(()));
        assert_eq!(green(&document(false, true, "")), Ok(()));
        let problem = green(&document(true, false, "")).expect_err("a vacuous model");
        assert_eq!(problem, "no state shows that a leader is elected");
        let problem = green(&document(false, true, BROKEN)).expect_err("a broken tree");
        assert_eq!(problem, "log_matching after 7 steps; replay: delian check three");
    }

    #[test]
    fn a_model_is_explored_once_as_far_as_any_bug_wants() {
        let kills = [kill(invariant("a"), Some(5)), kill(invariant("b"), Some(9))];
        assert_eq!(widest(kills.iter()), [("three".to_owned(), Some(9))]);
        let kills = [kill(invariant("a"), None), kill(invariant("b"), Some(9))];
        assert_eq!(widest(kills.iter()), [("three".to_owned(), None)]);
    }

    #[test]
    fn an_unknown_model_suggests_the_nearest() {
        let text = r#"
            name = "early_vote"
            source = "a database, 2018"
            wrong = "A vote leaves before it is on disk."
            invariant = "one_leader_per_term"
            explore = { model = "three" }
        "#;
        let bug = super::super::super::catalogue::parse("early_vote.patch".into(), text).expect("a description");
        let models = Document::models(r#"{"models":[{"name":"tree","set":"deep"},{"name":"figure-8"}]}"#);
        let problem = known(&bug, &kill(invariant("a"), None), &models.expect("a list")).expect_err("no such model");
        assert_eq!(
            problem,
            "bug `early_vote`: there is no model `three`; the nearest is `tree`, `delian check --list` shows all"
        );
    }

    #[test]
    fn a_document_about_no_model_or_against_itself_is_no_evidence() {
        assert!(Document::parse(r#"{"ok":true,"models":[]}"#).is_err());
        assert!(Document::parse("no such model").is_err());
        let lie = r#"{"models":[{"name":"three","complete":false,"ok":true,"unique_states":1,"depth":1,"goals":{},"reasons":[],"violations":[]}]}"#;
        assert!(Document::parse(lie).is_err());
    }
}
