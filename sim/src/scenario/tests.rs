//! The scenarios of the project and their README, held to the code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::settings::{HEALTH_SETTINGS, SETTINGS};
use super::words::{CONDITIONS, DIRECTIONS, FAMILIES, ROLES, SHAPES};
use super::{Fault, Scenario, facts};
use crate::plan::Plan;
use crate::story::Story;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn stories() -> Vec<Story> {
    Story::load_all(&[folder()]).unwrap_or_else(|errors| panic!("{}", errors[0]))
}

fn all() -> Vec<Scenario> {
    let clusters = stories().into_iter().filter_map(|story| match story {
        Story::Cluster(scenario) => Some(Arc::unwrap_or_clone(scenario)),
        Story::Pool(_) => None,
    });
    clusters.collect()
}

fn handbook() -> String {
    std::fs::read_to_string(folder().join("README.md")).expect("scenarios/README.md is there")
}

/// Returns every fenced snippet of the README, made whole where it only shows a part.
fn snippets() -> Vec<String> {
    let text = handbook();
    let fenced = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(""));
    let whole = |snippet: &str| {
        let about = if snippet.contains("about =") { "" } else { "about = \"A snippet.\"\n" };
        let cluster = if snippet.contains("[cluster]") { "" } else { "[cluster]\nvoters = 5\n" };
        format!("{about}{snippet}{cluster}")
    };
    fenced.map(whole).collect()
}

#[test]
fn every_scenario_makes_sense_and_says_why_it_is_there() {
    let stories = stories();
    assert!(stories.len() >= 32, "only {} scenarios", stories.len());
    for story in stories {
        let text = std::fs::read_to_string(story.path()).expect("it was read before");
        assert!(text.starts_with("# "), "{} does not begin with a comment that says why", story.path());
        assert!(story.about().ends_with('.'), "{}: about is a sentence", story.path());
    }
}

/// A directed scenario that expects a fault must have a step for it, or it could never pass.
#[test]
fn every_expected_fault_is_planned() {
    let is_fault = |fact: &&String| fact.starts_with("fault.");
    for scenario in all().into_iter().map(Arc::new) {
        // What all seeds together are to bring is asked of twenty; a step that is written down is there with any.
        let seeds = if scenario.expect.suite.keys().any(|fact| is_fault(&fact)) { 20 } else { 2 };
        let plans: Vec<Plan> = (0..seeds).map(|seed| Plan::draw(&scenario, seed)).collect();
        let expected = scenario.expect.at_least.iter().chain(&scenario.expect.suite);
        for (fact, least) in expected.filter(|(fact, _)| is_fault(fact)) {
            let steps = |plan: &Plan| plan.steps.iter().filter(|it| facts::of_fault(&it.fault) == Some(fact)).count();
            let planned: u64 = if scenario.expect.suite.contains_key(fact) {
                plans.iter().map(|plan| steps(plan) as u64).sum()
            } else {
                plans.iter().map(|plan| steps(plan) as u64).min().unwrap_or(0)
            };
            let name = &scenario.name;
            assert!(planned >= *least, "{name}: {planned} of {least} {fact}");
        }
    }
}

#[test]
fn every_scenario_reads_back_as_it_is_written() {
    for story in stories() {
        assert_eq!(Story::from_toml(&story.to_toml(), story.path()).as_ref(), Ok(&story));
    }
}

#[test]
fn every_snippet_of_the_readme_can_be_read() {
    let snippets = snippets();
    assert!(snippets.len() > 10, "only {} snippets", snippets.len());
    for snippet in snippets {
        if let Err(error) = Scenario::from_toml(&snippet, "snippet.toml") {
            panic!("{error}\n\n{snippet}");
        }
    }
}

#[test]
fn the_readme_shows_every_kind_of_fault_and_of_operation() {
    let read =
        snippets().into_iter().map(|text| Scenario::from_toml(&text, "snippet.toml").expect("it was read before"));
    let steps: Vec<Fault> = read.flat_map(|scenario| scenario.steps).map(|step| step.fault).collect();
    let shown: BTreeSet<&str> = steps.iter().map(Fault::kind).collect();
    assert_eq!(shown, BTreeSet::from(Fault::KINDS));
}

#[test]
fn the_readme_names_every_word_and_every_fact() {
    let text = handbook();
    let words = |words: &[&'static str]| words.to_vec();
    let mut names: Vec<&str> = words(&Fault::KINDS);
    names.extend(SETTINGS.iter().map(|(name, _)| *name));
    names.extend(HEALTH_SETTINGS.iter().map(|(name, _)| *name));
    names.extend(FAMILIES.iter().map(|(name, _)| *name));
    names.extend(DIRECTIONS.iter().map(|(name, _)| *name));
    names.extend(SHAPES.iter().map(|(name, _)| *name));
    names.extend(CONDITIONS.iter().map(|(name, _)| *name));
    names.extend(ROLES.iter().map(|(name, _)| *name));
    for name in names {
        let shown = [format!("`{name}`"), format!("\"{name}\""), format!("\n{name} =")];
        assert!(shown.iter().any(|shown| text.contains(shown)), "scenarios/README.md does not name {name}");
    }
    for (fact, counts) in facts::FACTS {
        let row = format!("| `{fact}` | {counts} |");
        assert!(text.contains(&row), "scenarios/README.md does not have the row\n{row}");
    }
}
