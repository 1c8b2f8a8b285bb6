//! Scenarios in Rust, with the same checks as a file.

use std::time::Duration;

use delian_core::health::HealthConfig;
use delian_core::{Config, FeatureLevel};

use super::check::{Section, check};
use super::words::write_span;
use super::{
    Action, Fault, Latency, LinkQuality, Manner, Operation, Operator, Problem, Scenario, ScenarioError, Step, Swarm,
    Target, Workload, Worlds,
};
use crate::plan::Fork;

/// Returns so many seconds.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns so many milliseconds.
pub const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A scenario under construction; see [`Scenario::build`].
///
/// [`Builder::at`], [`Builder::lasting`] and [`Builder::manner`] set the stage for the faults and operations that follow.
#[must_use = "a builder does nothing until `finish`"]
#[derive(Clone, Debug)]
pub struct Builder {
    scenario: Scenario,
    at: Duration,
    lasting: Option<Duration>,
    manner: Manner,
}

impl Scenario {
    /// Begins a scenario of three healthy voters; its name is a fact in kebab case.
    ///
    /// ```
    /// use delian_sim::scenario::{Action, Direction, Fault, Scenario, Target, secs};
    ///
    /// let scenario = Scenario::build("a-lonely-leader-is-replaced")
    ///     .about("A leader that nobody hears is replaced, and its own commands stay without effect.")
    ///     .voters(5)
    ///     .config(|config| config.log_bytes_max = 16 * 1024)
    ///     .chaos(secs(60))
    ///     .at(secs(10))
    ///     .lasting(secs(20))
    ///     .fault(Fault::Isolate(Target::Leader, Direction::Outbound))
    ///     .at(secs(40))
    ///     .operation(1, Target::Leader, Action::Custom(b"my own command".to_vec()))
    ///     .expect_at_least("elections", 2)
    ///     .finish()
    ///     .expect("the scenario makes sense");
    /// assert_eq!(scenario.steps.len(), 1);
    ///
    /// let error = Scenario::build("nobody").about("Nobody is there.").voters(0).finish();
    /// assert_eq!(
    ///     error.expect_err("somebody must vote").to_string(),
    ///     "nobody: in [cluster]: voters is 0, but must be from 1 to 7",
    /// );
    /// ```
    pub fn build(name: &str) -> Builder {
        Builder { scenario: Self::plain(name), at: Duration::ZERO, lasting: None, manner: Manner::default() }
    }
}

impl Builder {
    /// Says in one line what must hold.
    pub fn about(mut self, about: &str) -> Self {
        self.scenario.about = about.to_string();
        self
    }

    /// Pins the seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.scenario.seed = Some(seed);
        self
    }

    /// Decides anew, from some instants on, what is left to chance.
    pub fn forks(mut self, forks: impl IntoIterator<Item = Fork>) -> Self {
        self.scenario.forks = forks.into_iter().collect();
        self
    }

    /// Names the processes that are made whole when the faults stop.
    pub fn healed(mut self, processes: impl IntoIterator<Item = u16>) -> Self {
        self.scenario.healed = Some(processes.into_iter().collect());
        self
    }

    /// Says in which worlds it runs.
    pub fn worlds(mut self, worlds: Worlds) -> Self {
        self.scenario.worlds = worlds;
        self
    }

    /// Sets the number of voters, 1 to 7.
    pub fn voters(mut self, voters: u16) -> Self {
        self.scenario.cluster.voters = voters;
        self
    }

    /// Sets the number of learners, at most 8.
    pub fn learners(mut self, learners: u16) -> Self {
        self.scenario.cluster.learners = learners;
        self
    }

    /// Sets the number of spares, at most 8.
    pub fn spares(mut self, spares: u16) -> Self {
        self.scenario.cluster.spares = spares;
        self
    }

    /// Sets the number of observers, at most 1,200; they need a pool.
    pub fn observers(mut self, observers: u16) -> Self {
        self.scenario.cluster.observers = observers;
        self
    }

    /// Names the processes that are not started at the beginning.
    pub fn absent(mut self, processes: impl IntoIterator<Item = u16>) -> Self {
        self.scenario.cluster.absent = processes.into_iter().collect();
        self
    }

    /// Lets a process start as an older release, which speaks this feature level at most.
    pub fn level(mut self, process: u16, level: FeatureLevel) -> Self {
        self.scenario.cluster.levels.insert(process, level);
        self
    }

    /// Puts every process into one pool.
    pub fn pool(mut self) -> Self {
        self.scenario.cluster.pool = true;
        self
    }

    /// Lets nodes watch each other's health: each process registers when it starts, and beats.
    pub fn health(mut self, health: HealthConfig) -> Self {
        self.scenario.cluster.config.health = Some(health);
        self
    }

    /// Lets a process register again by itself when it was removed from the topology.
    pub fn registers_again(mut self) -> Self {
        self.scenario.cluster.registers_again = true;
        self
    }

    /// Changes the settings of every node.
    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.scenario.cluster.config);
        self
    }

    /// Sets how long faults and clients go on.
    pub fn chaos(mut self, chaos: Duration) -> Self {
        self.scenario.chaos = chaos;
        self
    }

    /// Sets how long the cluster may take to agree again.
    pub fn settle(mut self, settle: Duration) -> Self {
        self.scenario.settle = settle;
        self
    }

    /// Sets what healthy links are like; start from [`LinkQuality::HEALTHY`].
    pub fn network(mut self, quality: LinkQuality) -> Self {
        self.scenario.network = quality;
        self
    }

    /// Sets how long a flush of a healthy disk takes.
    pub fn flush(mut self, latency: Latency) -> Self {
        self.scenario.flush = latency;
        self
    }

    /// Adds random clients.
    pub fn workload(mut self, workload: Workload) -> Self {
        self.scenario.workload = Some(workload);
        self
    }

    /// Adds random faults.
    pub fn swarm(mut self, swarm: Swarm) -> Self {
        self.scenario.swarm = Some(swarm);
        self
    }

    /// Adds an operator who changes the quorum at random.
    pub fn operator(mut self, operator: Operator) -> Self {
        self.scenario.operator = Some(operator);
        self
    }

    /// Sets when the faults and operations that follow happen, since the start.
    pub fn at(mut self, at: Duration) -> Self {
        self.at = at;
        self
    }

    /// Sets how long the next fault lasts; without it, until the end of the chaos or until undone.
    pub fn lasting(mut self, lasting: Duration) -> Self {
        self.lasting = Some(lasting);
        self
    }

    /// Adds a fault.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.scenario.steps.push(Step { at: self.at, lasts: self.lasting.take(), fault });
        self
    }

    /// Sets how clients hold on to the operations that follow.
    pub fn manner(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }

    /// Adds an operation of a client that asks a process.
    pub fn operation(mut self, client: u16, via: Target, action: Action) -> Self {
        self.scenario.operations.push(Operation { at: self.at, client, via, action, manner: self.manner });
        self
    }

    /// Requires that each run counts a fact at least so often; [`super::facts::FACTS`] lists them.
    pub fn expect_at_least(mut self, fact: &str, count: u64) -> Self {
        self.scenario.expect.at_least.insert(fact.to_string(), count);
        self
    }

    /// Requires that each run counts a fact at most so often.
    pub fn expect_at_most(mut self, fact: &str, count: u64) -> Self {
        self.scenario.expect.at_most.insert(fact.to_string(), count);
        self
    }

    /// Requires that all runs together count a fact at least so often; asked only of 20 seeds or more.
    pub fn expect_of_suite(mut self, fact: &str, count: u64) -> Self {
        self.scenario.expect.suite.insert(fact.to_string(), count);
        self
    }

    /// Requires that every whole node knows a subject at the end.
    pub fn expect_everywhere(mut self, subject: u16) -> Self {
        self.scenario.expect.everywhere.push(subject);
        self
    }

    /// Requires that no whole node knows a subject at the end.
    pub fn expect_nowhere(mut self, subject: u16) -> Self {
        self.scenario.expect.nowhere.push(subject);
        self
    }

    /// Puts everything in order of time and checks it.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong, each with the part that it is about.
    pub fn finish(self) -> Result<Scenario, ScenarioError> {
        let mut scenario = self.scenario;
        scenario.steps.sort_by_key(|step| step.at);
        scenario.operations.sort_by_key(|operation| operation.at);
        let mut findings = check(&scenario);
        findings.sort();
        if findings.is_empty() {
            return Ok(scenario);
        }
        let part = |section| describe(section, &scenario);
        let problems = findings
            .into_iter()
            .map(|finding| Problem { spot: None, message: format!("{}{}", part(finding.section), finding.message) });
        Err(ScenarioError { path: scenario.name.clone(), problems: problems.collect() })
    }
}

fn describe(section: Section, scenario: &Scenario) -> String {
    match section {
        Section::Top => String::new(),
        Section::Cluster => "in [cluster]: ".to_string(),
        Section::Pool => "in [pool]: ".to_string(),
        Section::Region(position) => format!("in [[region]] {}: ", position + 1),
        Section::Node(position) => format!("in [[node]] {}: ", position + 1),
        Section::Config => "in [config]: ".to_string(),
        Section::Health => "in [health]: ".to_string(),
        Section::Run => "in [run]: ".to_string(),
        Section::Network => "in [network]: ".to_string(),
        Section::Disk => "in [disk]: ".to_string(),
        Section::Workload => "in [workload]: ".to_string(),
        Section::Swarm => "in [swarm]: ".to_string(),
        Section::Operator => "in [operator]: ".to_string(),
        Section::Worlds => "in [worlds]: ".to_string(),
        Section::Expect => "in [expect]: ".to_string(),
        Section::Step(position) => {
            let step = &scenario.steps[position];
            format!("in the step {} at {}: ", step.fault.kind(), write_span(step.at))
        }
        Section::Operation(position) => {
            format!("in the operation at {}: ", write_span(scenario.operations[position].at))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Direction;

    #[test]
    fn a_builder_and_a_file_make_the_same_scenario() {
        let text = r#"
            about = "A leader that is cut off is replaced."
            [cluster]
            voters = 5
            learners = 1
            [config]
            log_bytes_max = "16KiB"
            [workload]
            [[step]]
            at = "10s"
            for = "5s"
            fault = "isolate"
            target = "leader"
            [[operation]]
            at = "5s"
            via = "n6"
            do = "register"
            subject = 4
            [expect]
            at_least = { elections = 2 }
            everywhere = [4]
        "#;
        let read = Scenario::from_toml(text, "a-fact.toml").expect("it makes sense");
        let built = Scenario::build("a-fact")
            .about("A leader that is cut off is replaced.")
            .voters(5)
            .learners(1)
            .config(|config| config.log_bytes_max = 16 * 1024)
            .workload(Workload::default())
            .at(secs(10))
            .lasting(secs(5))
            .fault(Fault::Isolate(Target::Leader, Direction::Both))
            .at(secs(5))
            .operation(1, Target::Process(6), Action::Register(4))
            .expect_at_least("elections", 2)
            .expect_everywhere(4)
            .finish()
            .expect("it makes sense");
        assert_eq!(Scenario { path: String::new(), ..read }, built);
    }

    #[test]
    fn a_builder_names_the_part_that_is_wrong() {
        let error = Scenario::build("a-fact").about("Two things are wrong.").at(secs(3)).lasting(secs(1));
        let error = error.fault(Fault::Wipe(Target::Process(1))).fault(Fault::Pause(Target::Process(4))).finish();
        assert_eq!(
            error.expect_err("a wipe does not end, and nobody is the fourth").to_string(),
            "a-fact: in the step wipe at 3s: `wipe` happens at once and does not end: leave `for` out\n\
             a-fact: in the step pause at 3s: target is n4, but the processes are n1 to n3"
        );
    }
}
