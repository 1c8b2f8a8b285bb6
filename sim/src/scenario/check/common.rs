//! What every scenario must satisfy, of whatever kind.

use super::{Finding, Section};
use crate::scenario::Expectations;
use crate::scenario::words::{choice, nearest};

/// Finds what is wrong with the name and the sentence of a scenario.
pub(crate) fn heading(name: &str, about: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |key: &str, message: String| {
        findings.push(Finding { section: Section::Top, key: key.to_string(), message });
    };
    let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(kebab) {
        let right = "must be a fact in kebab case, such as `a-removed-node-disappears`";
        find("name", format!("the name is `{name}`, but {right}"));
    }
    if about.trim().is_empty() || about.chars().any(char::is_control) {
        find("about", "about must be one line that says what must hold".to_string());
    }
    findings
}

/// Finds facts that nothing counts, and counts that nothing can be.
pub(crate) fn counts(expect: &Expectations, names: &(impl Iterator<Item = &'static str> + Clone)) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |key: String, message: String| findings.push(Finding { section: Section::Expect, key, message });
    for (list, facts) in [("at_least", &expect.at_least), ("at_most", &expect.at_most), ("suite", &expect.suite)] {
        for fact in facts.keys().filter(|fact| names.clone().all(|name| name != *fact)) {
            let mend = match nearest(fact, names.clone()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("a fact is one of {}", choice(names.clone())),
            };
            find(format!("{list}.{fact}"), format!("nothing counts `{fact}`: {mend}"));
        }
    }
    for (fact, least) in &expect.at_least {
        if let Some(most) = expect.at_most.get(fact).filter(|most| *most < least) {
            let message = format!("{fact} must be at least {least} and at most {most}, which nothing can be");
            find(format!("at_most.{fact}"), message);
        }
    }
    findings
}
