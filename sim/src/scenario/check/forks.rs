//! Forks: few, in order, and while something is left to be decided.

use super::{Checker, Section};
use crate::plan::{FORKS_MAX, Fork};
use crate::scenario::words::write_span;
use crate::scenario::{Expectations, Problem, Scenario, ScenarioError};

impl Scenario {
    /// Returns the scenario with these forks behind those that it has. It expects nothing any more: what must have
    /// happened is asked of runs as the scenario has them.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with them.
    pub fn forked(&self, forks: &[Fork]) -> Result<Self, ScenarioError> {
        let mut scenario = self.clone();
        scenario.forks.extend(forks);
        if !forks.is_empty() {
            scenario.expect = Expectations::default();
        }
        let mut checker = Checker { scenario: &scenario, findings: Vec::new() };
        checker.forks();
        let problem = |finding: super::Finding| Problem { spot: None, message: finding.message };
        let problems: Vec<Problem> = checker.findings.into_iter().map(problem).collect();
        let told_by = if self.path.is_empty() { &self.name } else { &self.path };
        if problems.is_empty() { Ok(scenario) } else { Err(ScenarioError { path: told_by.clone(), problems }) }
    }
}

impl Checker<'_> {
    pub(super) fn forks(&mut self) {
        let Scenario { forks, chaos, .. } = self.scenario;
        let mut find = |message| self.find(Section::Run, "forks", message);
        if forks.len() > FORKS_MAX {
            find(format!("{} forks are too many: at most {FORKS_MAX} can be told in a line", forks.len()));
        }
        for fork in forks.iter().filter(|fork| fork.at >= *chaos) {
            find(format!("fork {fork} is not before the end of the chaos, at {}", write_span(*chaos)));
        }
        for pair in forks.windows(2).filter(|pair| pair[0].at >= pair[1].at) {
            find(format!("fork {} is not behind {}", pair[1], pair[0]));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Scenario, secs};

    fn told(forks: &[&str]) -> String {
        let forks: Vec<_> = forks.iter().map(|fork| fork.parse().expect("it is one")).collect();
        let scenario = Scenario::build("calm").about("Nothing goes wrong.").chaos(secs(10)).finish();
        let scenario = scenario.expect("it makes sense");
        scenario.forked(&forks).map_or_else(|error| error.to_string(), |forked| forked.to_toml())
    }

    #[test]
    fn forks_are_few_in_order_and_before_the_end() {
        assert!(told(&["1s:swarm:1", "2.5s:plain:2"]).contains(r#"forks = ["1s:swarm:1", "2.5s:plain:2"]"#));
        assert_eq!(told(&["10s:swarm:1"]), "calm: fork 10s:swarm:1 is not before the end of the chaos, at 10s");
        assert_eq!(told(&["2s:swarm:1", "2s:swarm:2"]), "calm: fork 2s:swarm:2 is not behind 2s:swarm:1");
        let nine: Vec<String> = (1..=9).map(|second| format!("{second}s:even:1")).collect();
        let nine: Vec<&str> = nine.iter().map(String::as_str).collect();
        assert_eq!(told(&nine), "calm: 9 forks are too many: at most 8 can be told in a line");
    }
}
