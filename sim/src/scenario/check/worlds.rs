//! Checks of the worlds in which a scenario runs: each is named, and asked for nothing that it cannot do.

use std::time::Duration;

use super::{Checker, Section, write_span};
use crate::scenario::{Action, Fault, Worlds};
use crate::worlds::WorldKind;

/// The longest a scenario may go on, settling included, where time is real.
const REAL_MAX: Duration = Duration::from_mins(5);

impl Checker<'_> {
    /// Checks what a scenario says of worlds.
    pub(super) fn worlds(&mut self) {
        let Worlds { run_in, not_in, differs, scale } = &self.scenario.worlds;
        if !run_in.contains(&WorldKind::Des) {
            let message = "in leaves `des` out, but every scenario runs there: add it";
            self.find(Section::Worlds, "in", message.to_string());
        }
        for (world, why) in not_in {
            let key = format!("not_in.{world}");
            if run_in.contains(world) {
                self.find(Section::Worlds, &key, format!("not_in names `{world}`, which in names too"));
            } else if why.trim().is_empty() {
                self.find(Section::Worlds, &key, format!("not_in says nothing of `{world}`: say why not"));
            }
        }
        for (fact, why) in differs {
            if !may_differ(fact) {
                let mend = "name who led, what became of an operation, who is there at the end, or a condition";
                let message = format!("differs names `{fact}`, in which no world may differ: {mend}");
                self.find(Section::Worlds, &format!("differs.{fact}"), message);
            } else if why.trim().is_empty() {
                let message = format!("differs says nothing of `{fact}`: say why worlds may differ in it");
                self.find(Section::Worlds, &format!("differs.{fact}"), message);
            }
        }
        if self.scenario.worlds != Worlds::default() {
            for (name, world) in WorldKind::NAMES {
                if !run_in.contains(&world) && !not_in.contains_key(&world) {
                    let mend = format!("add it, or say why not: not_in = {{ {name} = \"…\" }}");
                    self.find(Section::Worlds, "in", format!("in leaves `{name}` out without a reason: {mend}"));
                }
            }
        }
        if *scale == 0 {
            self.find(Section::Worlds, "scale", "scale is 0%, but time must pass".to_string());
        }
        for world in run_in {
            self.faults_in(*world);
        }
        if run_in.contains(&WorldKind::Madsim) {
            self.simulated_operations();
        }
        if run_in.contains(&WorldKind::Process) {
            self.real();
        }
    }

    /// Checks that every fault that is laid can happen in a world.
    fn faults_in(&mut self, world: WorldKind) {
        if world == WorldKind::Madsim && self.scenario.network.rate.is_some() {
            let message = format!("rate does nothing in `{world}`: its links carry whatever is sent");
            self.find(Section::Network, "rate", message);
        }
        for (position, step) in self.scenario.steps.iter().enumerate() {
            if let Some(why) = world.refuses_fault(&step.fault) {
                let message = format!("`{}` does not happen in `{world}`: {why}", step.fault.kind());
                self.find(Section::Step(position), "fault", message);
            }
        }
    }

    /// Checks that a shell in a simulated world can be asked for everything.
    fn simulated_operations(&mut self) {
        let world = WorldKind::Madsim;
        for (position, operation) in self.scenario.operations.iter().enumerate() {
            if let Some(why) = world.refuses_action(&operation.action, operation.manner) {
                let message = format!("this cannot be asked for in `{world}`: {why}");
                self.find(Section::Operation(position), "do", message);
            }
        }
    }

    /// Checks that real processes can do what is asked for.
    fn real(&mut self) {
        let world = WorldKind::Process;
        let scenario = self.scenario;
        let cluster = &scenario.cluster;
        let lasts = (scenario.chaos + scenario.settle) * u32::from(scenario.worlds.scale) / u32::from(Worlds::REAL);
        if lasts > REAL_MAX {
            let (lasts, most) = (write_span(lasts), write_span(REAL_MAX));
            self.find(Section::Run, "chaos", format!("chaos and settle take {lasts} of real time, above {most}"));
        }
        if ![3, 5, 7].contains(&cluster.voters) {
            let message = format!("voters is {}, but in `{world}` the autopilot wants 3, 5 or 7", cluster.voters);
            self.find(Section::Cluster, "voters", message);
        }
        for (key, is_there) in [
            ("spares", cluster.spares > 0),
            ("observers", cluster.observers > 0),
            ("levels", !cluster.levels.is_empty()),
        ] {
            if is_there {
                let message = format!("there are no {key} in `{world}`: leave them, or the world, out");
                self.find(Section::Cluster, key, message);
            }
        }
        for process in cluster.absent.iter().filter(|process| **process <= cluster.voters) {
            let message = format!("absent names n{process}, but in `{world}` every voter founds");
            self.find(Section::Cluster, "absent", message);
        }
        for (key, is_there) in [("swarm", scenario.swarm.is_some()), ("operator", scenario.operator.is_some())] {
            if is_there {
                let section = if key == "swarm" { Section::Swarm } else { Section::Operator };
                self.find(section, "", format!("a {key} draws what `{world}` cannot do: give steps and operations"));
            }
        }
        for (position, step) in scenario.steps.iter().enumerate() {
            if let Fault::Degrade(_, _, quality) = &step.fault
                && quality.replay > 0
            {
                let message = format!("replay does not happen in `{world}`: use duplicate");
                self.find(Section::Step(position), "replay", message);
            }
        }
        self.real_operations();
        for fact in scenario.expect.at_least.keys().chain(scenario.expect.at_most.keys()) {
            if !world.counts(fact) {
                let message = format!("{fact} cannot be counted in `{world}`: expect something else");
                self.find(Section::Expect, fact, message);
            }
        }
    }

    fn real_operations(&mut self) {
        let world = WorldKind::Process;
        let scenario = self.scenario;
        let watched = scenario.cluster.config.health.is_some();
        for (position, operation) in scenario.operations.iter().enumerate() {
            let section = Section::Operation(position);
            if let Some(why) = world.refuses_action(&operation.action, operation.manner) {
                self.find(section, "do", format!("this cannot be asked for in `{world}`: {why}"));
            }
            let subject = operation.action.subject().filter(|subject| *subject <= scenario.cluster.processes());
            if let Some(subject) = subject.filter(|_| watched) {
                let message = format!("subject is {subject}, but with a [health] m{subject} is the process n{subject}");
                self.find(section, "subject", message);
            }
        }
        if let Some(workload) = &scenario.workload {
            let other = workload.mix.evict > 0 || workload.mix.condition > 0 || workload.mix.custom > 0;
            if watched {
                let message = "a workload registers and removes n1 and the others, which is not asked for here";
                self.find(Section::Workload, "subjects", message.to_string());
            }
            if other || workload.mix.read_lease > 0 || workload.manner != crate::scenario::Manner::default() {
                let mend =
                    "give a mix of register, deregister, read and read-quorum alone, without sessions and retries";
                self.find(Section::Workload, "mix", format!("`{world}` cannot do all that mix draws: {mend}"));
            }
        }
    }
}

/// Whether luck may decide a fact; what is promised in every world may not differ in any.
fn may_differ(fact: &str) -> bool {
    ["who led", "another leads in between", "registered at the end", "voters at the end"].contains(&fact)
        || fact.contains(" through ")
        || fact.contains(" is ")
}

impl Action {
    /// Returns the subject that it is about, if it is about one.
    pub const fn subject(&self) -> Option<u16> {
        match self {
            Self::Register(subject)
            | Self::Deregister(subject)
            | Self::Evict(subject)
            | Self::SetCondition(subject, _)
            | Self::Drain(subject, _)
            | Self::Moved(subject, _)
            | Self::ReadQuorum(subject)
            | Self::ReadLease(subject) => Some(*subject),
            Self::Custom(_) | Self::Quorum(_) | Self::Transfer(_) | Self::ForgetLeader | Self::Read => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use delian_core::health::HealthConfig;

    use crate::scenario::{Action, Builder, Fault, LinkQuality, Rate, Scenario, Target, Workload, Worlds, secs};
    use crate::worlds::WorldKind;

    fn real() -> Builder {
        let mut worlds = Worlds::default();
        worlds.run_in.extend([WorldKind::Process]);
        worlds.not_in.insert(WorldKind::Madsim, "it is about processes".to_string());
        Scenario::build("a-fact").about("It is real.").worlds(worlds).chaos(secs(20)).settle(secs(20)).at(secs(5))
    }

    fn refusal(story: Builder) -> String {
        story.finish().expect_err("something is wrong").to_string()
    }

    #[test]
    fn what_real_processes_can_do_passes() {
        let story = real().fault(Fault::Crash(Target::Leader)).operation(1, Target::Leader, Action::Register(11));
        assert!(story.finish().is_ok());
    }

    #[test]
    fn what_real_processes_cannot_do_is_found_with_its_reason() {
        assert_eq!(
            refusal(real().fault(Fault::CorruptDisk(Target::Process(1)))),
            "a-fact: in the step corrupt-disk at 5s: `corrupt-disk` does not happen in `process`: its nodes that found \
             their disks damaged are another test's"
        );
        assert_eq!(
            refusal(real().health(HealthConfig::default()).operation(1, Target::Leader, Action::Register(2))),
            "a-fact: in the operation at 5s: subject is 2, but with a [health] m2 is the process n2"
        );
        assert!(refusal(real().voters(4)).contains("voters is 4, but in `process` the autopilot wants"));
        assert!(refusal(real().chaos(secs(300))).contains("above 5m"));
        assert!(refusal(real().workload(Workload::default())).contains("`process` cannot do all that mix draws"));
        assert!(refusal(real().expect_at_least("writes", 1)).contains("writes cannot be counted in `process`"));
    }

    #[test]
    fn what_a_simulated_shell_cannot_do_is_found_with_its_reason() {
        let mut worlds = Worlds::default();
        worlds.run_in.extend([WorldKind::Madsim]);
        worlds.not_in.insert(WorldKind::Process, "it is about time".to_string());
        let story = || Scenario::build("a-fact").about("It is told.").worlds(worlds.clone()).at(secs(5));
        let usual = story().finish().expect("it makes sense").network;
        let quality = |duplicate| LinkQuality { duplicate, ..usual };
        let all = Target::Everyone;
        let doubled = Fault::Degrade(all, all, quality(10));
        assert!(refusal(story().fault(doubled)).contains("`degrade` does not happen in `madsim`: its network doubles"));
        let narrow = Fault::Degrade(all, all, LinkQuality { rate: Some(Rate(1 << 20)), ..usual });
        assert!(refusal(story().fault(narrow)).contains("its links carry whatever is sent"));
        let one = Fault::Degrade(Target::Leader, all, quality(0));
        assert!(refusal(story().fault(one)).contains("its network has one quality for all links"));
        let forgets = story().operation(1, Target::Leader, Action::ForgetLeader);
        assert!(refusal(forgets).contains("this cannot be asked for in `madsim`"));
        assert!(story().fault(Fault::Degrade(all, all, quality(0))).finish().is_ok());
    }

    #[test]
    fn every_world_is_named_once_and_left_out_with_a_reason() {
        let mut worlds = Worlds::default();
        worlds.run_in.insert(WorldKind::Process);
        let story = |worlds: &Worlds| Scenario::build("a-fact").about("It is real.").worlds(worlds.clone());
        assert!(refusal(story(&worlds)).contains("in leaves `madsim` out without a reason"));
        worlds.not_in.insert(WorldKind::Madsim, " ".to_string());
        assert!(refusal(story(&worlds)).contains("not_in says nothing of `madsim`: say why not"));
        worlds.differs.insert("broken".to_string(), "it must be so".to_string());
        assert!(refusal(story(&worlds)).contains("differs names `broken`, in which no world may differ"));
        worlds.differs = [("n3 is silent".to_string(), " ".to_string())].into();
        assert!(refusal(story(&worlds)).contains("differs says nothing of `n3 is silent`: say why"));
        worlds.run_in.insert(WorldKind::Madsim);
        assert!(refusal(story(&worlds)).contains("not_in names `madsim`, which in names too"));
        worlds.run_in.remove(&WorldKind::Des);
        assert!(refusal(story(&worlds)).contains("in leaves `des` out"));
    }
}
