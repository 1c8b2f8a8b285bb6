//! Forks: from an instant on, what chance decides is decided anew.
//!
//! A fork is data, an instant and a number, so a forked run is replayed from its start like any other. It keeps the plan
//! up to its instant, takes the rest from another drawing, and gives the network, the disks and whoever starts later
//! other luck. What a scenario gives is not chance, and stays.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use delian_core::Seed;

use super::{Drawn, Plan, healed};
use crate::scenario::{REDRAWS, Scenario, Step, minority, read_span, word, write_span};

/// How many forks a plan can have: a line to paste stays a line.
pub const FORKS_MAX: usize = 8;

/// From when on the rest is drawn anew, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fork {
    /// From when on, in whole milliseconds.
    pub at: Duration,
    /// How the rest is drawn.
    pub redraw: Redraw,
    /// Tells apart the forks of one seed.
    pub number: u64,
}

/// How a rest is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Redraw {
    /// As a seed by itself draws: some families of faults on, with a strength.
    Plain,
    /// With all families on and all choices as likely as each other, for comparison.
    Even,
    /// With a weight for every family, action, node and link.
    Swarm,
}

impl Fork {
    /// Returns the seed of what is drawn anew.
    pub(crate) fn seed(self, of: u64) -> Seed {
        Seed::new(of).derive("fork", self.number)
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", write_span(self.at), word(&REDRAWS, self.redraw), self.number)
    }
}

impl FromStr for Fork {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = || r#"must be an instant, a manner and a number, such as "12.5s:swarm:3""#.to_string();
        let mut parts = text.splitn(3, ':');
        let (Some(at), Some(redraw), Some(number)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(right());
        };
        let at = read_span(at).map_err(|_| right())?;
        if !at.as_nanos().is_multiple_of(1_000_000) {
            return Err("must not be finer than 1ms".to_string());
        }
        let (_, redraw) = REDRAWS.iter().find(|(name, _)| *name == redraw).ok_or_else(right)?;
        Ok(Self { at, redraw: *redraw, number: number.parse().map_err(|_| right())? })
    }
}

impl Plan {
    /// Returns the plan whose rest, from the fork's instant on, is drawn anew.
    ///
    /// # Panics
    /// If the plan has a fork at that instant or later.
    #[must_use]
    pub fn forked(&self, fork: Fork) -> Self {
        assert!(self.forks.last().is_none_or(|last| last.at < fork.at), "{fork} is not behind {:?}", self.forks);
        let scenario = &self.scenario;
        let drawn = Drawn::new(scenario, fork.seed(self.seed), fork.redraw, fork.at);
        let mut steps = self.steps.clone();
        steps.truncate(steps.partition_point(|step| step.at < fork.at));
        let rest = drawn.steps.into_iter().filter(|step| step.at >= fork.at);
        append_affordable(&mut steps, rest, scenario);
        let mut operations = self.operations.clone();
        operations.truncate(operations.partition_point(|operation| operation.at < fork.at));
        operations.extend(drawn.operations.into_iter().filter(|operation| operation.at >= fork.at));
        let healed = healed(scenario, &steps, drawn.healing);
        let mut forks = self.forks.clone();
        forks.push(fork);
        Self { scenario: scenario.clone(), seed: self.seed, forks, families: drawn.families, steps, operations, healed }
    }
}

/// Appends steps, but for those that would lose one disk too many: each drawing keeps within the budget, and two of them
/// together need not.
fn append_affordable(steps: &mut Vec<Step>, rest: impl Iterator<Item = Step>, scenario: &Scenario) {
    let given = scenario.lost_for_good();
    let voters = scenario.cluster.voters;
    let mut gone = scenario.gone();
    gone.extend(steps.iter().filter_map(|step| step.fault.loses()));
    for step in rest {
        if let Some(victim) = step.fault.loses()
            && !given.contains(&victim)
        {
            let lost = gone.iter().filter(|process| **process <= voters).count();
            if gone.contains(&victim) || victim <= voters && lost >= minority(voters) {
                continue;
            }
            gone.insert(victim);
        }
        steps.push(step);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::scenario::arbitrary::scenarios;
    use proptest::prelude::*;

    fn forks() -> impl Strategy<Value = Fork> {
        let redraws = prop_oneof![Just(Redraw::Plain), Just(Redraw::Even), Just(Redraw::Swarm)];
        (0_u64..90_000, redraws, any::<u64>()).prop_map(|(millis, redraw, number)| Fork {
            at: Duration::from_millis(millis),
            redraw,
            number,
        })
    }

    proptest! {
        #[test]
        fn a_fork_reads_back_as_it_was_written(fork in forks()) {
            prop_assert_eq!(fork.to_string().parse(), Ok(fork));
        }

        #[test]
        fn a_fork_keeps_what_was_before_it_and_the_order(scenario in scenarios(), seed: u64, fork in forks()) {
            let trunk = Plan::draw(&Arc::new(scenario), seed);
            let forked = trunk.forked(fork);
            let before = |steps: &[Step]| steps.iter().filter(|step| step.at < fork.at).cloned().collect::<Vec<_>>();
            prop_assert_eq!(before(&trunk.steps), before(&forked.steps));
            prop_assert!(forked.steps.is_sorted_by_key(|step| step.at));
            prop_assert!(forked.operations.is_sorted_by_key(|operation| operation.at));
            prop_assert_eq!(trunk.forked(fork), forked);
        }

        #[test]
        fn forks_together_lose_no_majority(scenario in scenarios(), seed: u64, numbers in (any::<u64>(), any::<u64>())) {
            let fork = |millis, number| Fork { at: Duration::from_millis(millis), redraw: Redraw::Swarm, number };
            let plan = Plan::draw(&Arc::new(scenario), seed).forked(fork(400, numbers.0)).forked(fork(900, numbers.1));
            let voters = plan.scenario.cluster.voters;
            let mut gone = plan.scenario.gone();
            gone.extend(plan.steps.iter().filter_map(|step| step.fault.loses()));
            let count = |processes: &BTreeSet<u16>| processes.iter().filter(|process| **process <= voters).count();
            prop_assert!(count(&gone) <= minority(voters));
            prop_assert!(count(&plan.healed) * 2 > usize::from(voters) && plan.healed.is_disjoint(&gone));
        }

        #[test]
        fn a_forked_plan_saved_as_a_scenario_is_drawn_again_as_it_was(scenario in scenarios(), seed: u64, number: u64) {
            let scenario = Scenario { forks: Vec::new(), ..scenario };
            let fork = Fork { at: Duration::from_millis(500), redraw: Redraw::Swarm, number };
            let plan = Plan::draw(&Arc::new(scenario), seed).forked(fork);
            let saved = plan.to_scenario("saved", "What a seed drew.").to_toml();
            let read = Scenario::from_toml(&saved, "saved.toml").map_err(|error| TestCaseError::fail(format!("{error}")))?;
            let again = Plan::draw(&Arc::new(read), seed);
            prop_assert_eq!(again.forks, plan.forks);
            prop_assert_eq!(again.steps, plan.steps);
            prop_assert_eq!(again.operations, plan.operations);
            prop_assert_eq!(again.healed, plan.healed);
        }
    }

    #[test]
    fn what_is_no_fork_is_told_what_one_looks_like() {
        for text in ["", "12s", "12s:swarm", "soon:swarm:1", "12s:wild:1", "12s:swarm:-1", "12s:swarm:1:2"] {
            let told = text.parse::<Fork>().expect_err("it is none");
            assert!(told.contains("12.5s:swarm:3"), "{text}: {told}");
        }
        assert_eq!("1us:swarm:1".parse::<Fork>(), Err("must not be finer than 1ms".to_string()));
    }
}
