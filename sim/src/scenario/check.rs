//! What a scenario must satisfy, whether a file or Rust code made it.
//!
//! The checks keep two promises for the worlds: every number and process exists, and what is destroyed for good stays
//! within the fault budget, so that a majority of the voters can always be made whole.

pub(crate) mod common;
mod forks;
mod health;
mod releases;
mod worlds;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use delian_core::FeatureLevel;

use super::fate::minority;
use super::words::{word, write_rate, write_signed_millis, write_span, write_target};
use super::{
    Action, Change, Cluster, Direction, Expectations, Fault, Latency, LinkQuality, Operator, Rate, Scenario, Step,
    Swarm, Target, Workload, facts,
};

/// How many voters a cluster may have: seven outlive three losses, and nobody runs more.
pub(super) const VOTERS: RangeInclusive<u64> = 1..=7;
/// How many learners a cluster may have.
pub(super) const LEARNERS: RangeInclusive<u64> = 0..=8;
/// How many spares a cluster may have.
pub(super) const SPARES: RangeInclusive<u64> = 0..=8;
/// How many observers a pool may have: enough for a thousand that see a change.
pub(super) const OBSERVERS: RangeInclusive<u64> = 0..=1200;
/// The numbers that processes may have.
pub(super) const PROCESSES: RangeInclusive<u64> =
    1..=*VOTERS.end() + *LEARNERS.end() + *SPARES.end() + *OBSERVERS.end();
/// The feature levels that a process may speak.
pub(super) const LEVELS: RangeInclusive<u64> = FeatureLevel::FIRST.get()..=FeatureLevel::HIGHEST.get();
/// The longest chaos or settling: a day of virtual time takes a while to simulate.
pub(crate) const RUN_MAX: Duration = Duration::from_hours(24);
/// How many clients there may be.
pub(super) const CLIENTS: RangeInclusive<u64> = 1..=1024;
/// How many subjects there may be, each a member.
pub(super) const SUBJECTS: RangeInclusive<u64> = 1..=1024;
/// How often a client may ask again.
pub(super) const RETRIES: RangeInclusive<u64> = 0..=100;
/// How often a step or an operation may be repeated.
pub(crate) const TIMES: RangeInclusive<u64> = 1..=10_000;
/// The fastest and slowest clock, in parts per million: at half its speed or half as fast again, it still runs.
pub(super) const DRIFT: RangeInclusive<i64> = -500_000..=500_000;
/// How well a node may say that it fares, in thousandths.
pub(super) const SCORES: RangeInclusive<u16> = 0..=1000;
/// The farthest jump of a wall clock in milliseconds, ten years: a battery that died.
pub(super) const WALL_JUMP_MAX: u64 = 10 * 365 * 24 * 3600 * 1000;
/// The most random faults per family, so that a plan fits in memory.
pub(super) const FAULTS_MAX: u128 = 20_000;
/// The most random operations of all clients, for the same reason.
pub(super) const OPERATIONS_MAX: u128 = 2_000_000;
/// The most bytes of an embedder's command in a scenario: enough to exceed every limit that a test would set.
pub(super) const CUSTOM_BYTES_MAX: usize = 1024 * 1024;

/// A part of a scenario that a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    Top,
    Cluster,
    Pool,
    Region(usize),
    Node(usize),
    Config,
    Health,
    Run,
    Network,
    Disk,
    Workload,
    Swarm,
    Operator,
    Worlds,
    Step(usize),
    Operation(usize),
    Expect,
}

/// Something wrong, and the key that says it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) section: Section,
    /// The key, or a path such as `at_least.elections`.
    pub(crate) key: String,
    pub(crate) message: String,
}

/// Finds everything that is wrong with a scenario.
pub(super) fn check(scenario: &Scenario) -> Vec<Finding> {
    let mut findings = check_parts(scenario);
    if findings.is_empty() {
        let mut checker = Checker { scenario, findings };
        checker.budget();
        findings = checker.findings;
    }
    findings
}

/// Finds what is wrong with each part, whether or not other parts are there.
pub(super) fn check_parts(scenario: &Scenario) -> Vec<Finding> {
    let mut checker = Checker { scenario, findings: Vec::new() };
    checker.top();
    checker.cluster(&scenario.cluster);
    checker.run();
    checker.quality(Section::Network, &scenario.network);
    checker.latency(Section::Disk, "flush", scenario.flush);
    if let Some(workload) = &scenario.workload {
        checker.workload(workload);
    }
    if let Some(swarm) = &scenario.swarm {
        checker.swarm(swarm);
    }
    if let Some(operator) = &scenario.operator {
        checker.operator(*operator);
    }
    for (position, step) in scenario.steps.iter().enumerate() {
        checker.step(Section::Step(position), step);
    }
    checker.operations();
    checker.expect(&scenario.expect);
    checker.worlds();
    checker.findings
}

struct Checker<'a> {
    scenario: &'a Scenario,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn find(&mut self, section: Section, key: &str, message: String) {
        self.findings.push(Finding { section, key: key.to_string(), message });
    }

    fn number(&mut self, section: Section, key: &str, number: u64, range: &RangeInclusive<u64>) {
        if !range.contains(&number) {
            self.find(section, key, outside(key, number, range));
        }
    }

    /// Checks that a time is positive and at most `most`.
    fn span(&mut self, section: Section, key: &str, span: Duration, most: Duration) {
        if span.is_zero() {
            self.find(section, key, format!("{key} is 0s, but must be positive"));
        } else if span > most {
            self.find(section, key, format!("{key} is {}, but must be at most {}", write_span(span), write_span(most)));
        }
    }

    fn top(&mut self) {
        self.findings.extend(common::heading(&self.scenario.name, &self.scenario.about));
    }

    fn cluster(&mut self, cluster: &Cluster) {
        self.number(Section::Cluster, "voters", cluster.voters.into(), &VOTERS);
        self.number(Section::Cluster, "learners", cluster.learners.into(), &LEARNERS);
        self.number(Section::Cluster, "spares", cluster.spares.into(), &SPARES);
        self.number(Section::Cluster, "observers", cluster.observers.into(), &OBSERVERS);
        self.processes(Section::Cluster, "absent", &cluster.absent);
        self.levels(cluster);
        if !cluster.config.voters.is_empty() || !cluster.config.learners.is_empty() {
            let message = "voters and learners of the config must be left empty: the cluster's numbers fill them in";
            self.find(Section::Config, "voters", message.to_string());
        } else if let Err(error) = cluster.config.clone().check() {
            self.find(health::section_of(error.field), error.field, error.to_string());
        }
        self.watched(cluster);
    }

    /// Checks that a list names processes of the cluster, each once.
    fn processes(&mut self, section: Section, key: &str, processes: &[u16]) {
        let count = self.scenario.cluster.processes();
        let mut seen = BTreeSet::new();
        for process in processes {
            if *process == 0 || *process > count {
                self.find(section, key, format!("{key} names process {process}, but they are {}", everybody(count)));
            } else if !seen.insert(process) {
                self.find(section, key, format!("{key} names process {process} twice"));
            }
        }
    }

    fn run(&mut self) {
        self.span(Section::Run, "chaos", self.scenario.chaos, RUN_MAX);
        self.span(Section::Run, "settle", self.scenario.settle, RUN_MAX);
        self.forks();
        if self.scenario.healed.is_some() && self.scenario.changes_quorum() {
            let message = "healed cannot be named where the quorum changes: everyone is made whole who can be";
            self.find(Section::Run, "healed", message.to_string());
        } else if let Some(healed) = &self.scenario.healed {
            self.processes(Section::Run, "healed", healed);
            let lost = self.scenario.lost_for_good();
            for process in healed.iter().filter(|process| lost.contains(process)) {
                let message = format!("healed names process {process}, but a step destroys its disk for good");
                self.find(Section::Run, "healed", message);
            }
            let voters = self.scenario.cluster.voters;
            let whole = healed.iter().filter(|process| (1..=voters).contains(process)).collect::<BTreeSet<_>>().len();
            let needed = usize::from(voters) / 2 + 1;
            if whole < needed {
                let message =
                    format!("healed names {whole} of the {voters} voters, but must name at least {needed}, a majority");
                self.find(Section::Run, "healed", message);
            }
        }
    }

    fn quality(&mut self, section: Section, quality: &LinkQuality) {
        self.latency(section, "latency", quality.latency);
        let chances = [
            ("loss", quality.loss),
            ("duplicate", quality.duplicate),
            ("reorder", quality.reorder),
            ("replay", quality.replay),
        ];
        for (key, permille) in chances.into_iter().filter(|(_, permille)| *permille > 1000) {
            self.find(section, key, format!("{key} is {permille} per mille, but must be at most 1000"));
        }
        if let Some(rate) = quality.rate.filter(|rate| *rate < Rate::MIN) {
            let (rate, least) = (write_rate(Some(rate)), write_rate(Some(Rate::MIN)));
            let message = format!("rate is {rate} in a second, but must be at least {least}");
            self.find(section, "rate", message);
        }
    }

    fn latency(&mut self, section: Section, key: &str, Latency { least, most, .. }: Latency) {
        if least > most {
            let (least, most) = (write_span(least), write_span(most));
            self.find(section, key, format!("{key} is {least}..{most}, but must begin with the lesser"));
        } else if most > RUN_MAX {
            self.find(section, key, format!("{key} is up to {}, but must be at most 24h", write_span(most)));
        }
    }

    fn workload(&mut self, workload: &Workload) {
        let section = Section::Workload;
        self.number(section, "clients", workload.clients.into(), &CLIENTS);
        self.number(section, "subjects", workload.subjects.into(), &SUBJECTS);
        self.number(section, "retries", workload.manner.retries.into(), &RETRIES);
        self.span(section, "interval", workload.interval, RUN_MAX);
        let Some(each) = self.scenario.chaos.as_nanos().checked_div(workload.interval.as_nanos()) else { return };
        if each * u128::from(workload.clients) > OPERATIONS_MAX {
            let (interval, chaos) = (write_span(workload.interval), write_span(self.scenario.chaos));
            let message = format!(
                "interval is {interval}, which makes more than {OPERATIONS_MAX} operations in {chaos}: make it longer"
            );
            self.find(section, "interval", message);
        }
        if workload.mix.total() == 0 {
            self.find(section, "mix", "mix gives no kind a weight, so that no operation could be drawn".to_string());
        }
    }

    fn swarm(&mut self, swarm: &Swarm) {
        let section = Section::Swarm;
        if swarm.families.is_empty() {
            let message = r#"families is empty: name some, say "all", or leave the swarm out"#;
            self.find(section, "families", message.to_string());
        }
        let mut seen = BTreeSet::new();
        for family in swarm.families.iter().filter(|family| !seen.insert(**family)) {
            let family = word(&super::words::FAMILIES, *family);
            self.find(section, "families", format!("families names `{family}` twice"));
        }
        self.clocks_of_swarm(swarm);
        self.health_of_swarm(swarm);
        self.span(section, "interval", swarm.interval, RUN_MAX);
        self.span(section, "lasting", swarm.lasting, RUN_MAX);
        let faults = self.scenario.chaos.as_nanos().checked_div(swarm.interval.as_nanos());
        if faults.is_some_and(|faults| faults > FAULTS_MAX) {
            let (interval, chaos) = (write_span(swarm.interval), write_span(self.scenario.chaos));
            let message = format!(
                "interval is {interval}, which makes more than {FAULTS_MAX} faults per family in {chaos}: make it longer"
            );
            self.find(section, "interval", message);
        }
    }

    fn operator(&mut self, Operator { interval }: Operator) {
        self.span(Section::Operator, "interval", interval, RUN_MAX);
        let changes = self.scenario.chaos.as_nanos().checked_div(interval.as_nanos());
        if changes.is_some_and(|changes| changes > FAULTS_MAX) {
            let (interval, chaos) = (write_span(interval), write_span(self.scenario.chaos));
            let message = format!(
                "interval is {interval}, which makes more than {FAULTS_MAX} changes in {chaos}: make it longer"
            );
            self.find(Section::Operator, "interval", message);
        }
    }

    fn step(&mut self, section: Section, step: &Step) {
        self.instant(section, step.at);
        if let Some(lasts) = step.lasts {
            if step.fault.is_momentary() {
                let kind = step.fault.kind();
                self.find(section, "for", format!("`{kind}` happens at once and does not end: leave `for` out"));
            } else {
                self.span(section, "for", lasts, RUN_MAX);
            }
        }
        match &step.fault {
            Fault::Partition(sides) => self.sides(section, sides),
            Fault::Isolate(target, Direction::Both | Direction::Inbound | Direction::Outbound)
            | Fault::Bridge(target) => self.one(section, "target", *target),
            Fault::Degrade(from, to, quality) => {
                self.target(section, "from", *from);
                self.target(section, "to", *to);
                self.quality(section, quality);
            }
            Fault::Clog(from, to) => {
                self.target(section, "from", *from);
                self.target(section, "to", *to);
            }
            Fault::HealNetwork => {}
            Fault::Wipe(target) | Fault::CorruptDisk(target) => self.named(section, *target),
            Fault::Crash(target)
            | Fault::Start(target)
            | Fault::Forget(target)
            | Fault::Upgrade(target)
            | Fault::Pause(target)
            | Fault::Deafen(target)
            | Fault::StallDisk(target)
            | Fault::FullDisk(target) => self.target(section, "target", *target),
            Fault::SlowDisk(target, flush) => {
                self.target(section, "target", *target);
                self.latency(section, "flush", *flush);
            }
            Fault::Drift(target, ppm) => {
                self.target(section, "target", *target);
                self.drift(section, *ppm);
            }
            Fault::WallJump(target, by) => {
                self.target(section, "target", *target);
                if by.unsigned_abs() > WALL_JUMP_MAX {
                    let by = write_signed_millis(*by);
                    self.find(section, "by", format!("by is {by}, but must be at most ten years either way"));
                }
            }
            Fault::MonotonicJump(target, by) => {
                self.target(section, "target", *target);
                self.span(section, "by", *by, RUN_MAX);
                self.leap(section, *by);
            }
            fault @ (Fault::Mute(target)
            | Fault::MutePool(target)
            | Fault::DeafenPool(target)
            | Fault::Score(target, _)) => {
                self.target(section, "target", *target);
                self.silence(section, fault);
            }
        }
    }

    fn instant(&mut self, section: Section, at: Duration) {
        if at > self.scenario.chaos {
            let (at, chaos) = (write_span(at), write_span(self.scenario.chaos));
            self.find(section, "at", format!("at is {at}, but must not be after the end of the chaos, {chaos}"));
        }
    }

    fn sides(&mut self, section: Section, sides: &[Vec<Target>]) {
        if sides.is_empty() || sides.iter().any(Vec::is_empty) {
            let message = r#"sides must list at least one side with somebody on it, such as [["n1", "n2"]]"#;
            self.find(section, "sides", message.to_string());
        }
        let mut seen = BTreeSet::new();
        for target in sides.iter().flatten() {
            self.target(section, "sides", *target);
            if !seen.insert(*target) {
                self.find(section, "sides", format!("sides names `{}` twice", write_target(*target)));
            }
        }
    }

    fn target(&mut self, section: Section, key: &str, target: Target) {
        let count = self.scenario.cluster.processes();
        if let Target::Process(number) = target
            && !(1..=count).contains(&number)
        {
            self.find(section, key, format!("{key} is n{number}, but the processes are {}", everybody(count)));
        }
    }

    /// Checks a target that must be one process.
    fn one(&mut self, section: Section, key: &str, target: Target) {
        self.target(section, key, target);
        if matches!(target, Target::Followers | Target::Everyone) {
            let several = write_target(target);
            let message =
                format!("{key} is `{several}`, but must be one process, such as `n1`, `leader` or `follower`");
            self.find(section, key, message);
        }
    }

    /// Checks a target that must be named by its number, because the budget of lost disks is counted beforehand.
    fn named(&mut self, section: Section, target: Target) {
        self.target(section, "target", target);
        if !matches!(target, Target::Process(_)) {
            let role = write_target(target);
            let message = format!("target is `{role}`, but a disk that is lost for good must be named, such as `n1`");
            self.find(section, "target", message);
        }
    }

    fn operations(&mut self) {
        for (position, operation) in self.scenario.operations.iter().enumerate() {
            let section = Section::Operation(position);
            self.instant(section, operation.at);
            self.number(section, "client", operation.client.into(), &CLIENTS);
            self.one(section, "via", operation.via);
            self.number(section, "retries", operation.manner.retries.into(), &RETRIES);
            match &operation.action {
                Action::Register(subject)
                | Action::Deregister(subject)
                | Action::Evict(subject)
                | Action::ReadQuorum(subject)
                | Action::ReadLease(subject)
                | Action::Drain(subject, _)
                | Action::Moved(subject, _)
                | Action::SetCondition(subject, _) => {
                    self.number(section, "subject", u64::from(*subject), &SUBJECTS);
                }
                Action::Custom(bytes) if bytes.len() > CUSTOM_BYTES_MAX => {
                    let message = format!("text has {} bytes, but may have at most {CUSTOM_BYTES_MAX}", bytes.len());
                    self.find(section, "text", message);
                }
                Action::Quorum(change) => self.change(section, change),
                Action::Transfer(target) => self.one(section, "to", *target),
                Action::Custom(_) | Action::Read | Action::ForgetLeader => {}
            }
        }
    }

    fn change(&mut self, section: Section, change: &Change) {
        match change {
            Change::AddLearner(target) | Change::Promote(target) | Change::Demote(target) | Change::Remove(target) => {
                self.one(section, "process", *target);
            }
            Change::Replace(voters) => {
                if voters.is_empty() {
                    let message = r#"voters must name somebody, such as ["n3", "n4", "n5"]"#;
                    self.find(section, "voters", message.to_string());
                }
                for target in voters {
                    self.one(section, "voters", *target);
                }
            }
        }
    }

    /// Checks that a majority of the voters can be made whole in the end.
    fn budget(&mut self) {
        let cluster = &self.scenario.cluster;
        let voter = |process: &u16| *process <= cluster.voters;
        let gone = self.scenario.gone();
        if gone.iter().filter(|process| voter(process)).count() <= minority(cluster.voters) {
            return;
        }
        let most = minority(cluster.voters);
        let loses = |step: &Step| step.fault.loses().is_some_and(|process| voter(&process));
        let why = format!("of {} voters at most {most} may be lost for good or never come", cluster.voters);
        match self.scenario.steps.iter().rposition(loses) {
            Some(position) => self.find(Section::Step(position), "target", format!("one disk too many is lost: {why}")),
            None => self.find(Section::Cluster, "absent", format!("too many voters are absent and never start: {why}")),
        }
    }

    fn expect(&mut self, expect: &Expectations) {
        self.findings.extend(common::counts(expect, &facts::names()));
        for (key, subjects) in [("everywhere", &expect.everywhere), ("nowhere", &expect.nowhere)] {
            for subject in subjects {
                self.number(Section::Expect, key, u64::from(*subject), &SUBJECTS);
            }
        }
        for subject in expect.nowhere.iter().filter(|subject| expect.everywhere.contains(subject)) {
            let message = format!("nowhere names {subject}, which everywhere names too");
            self.find(Section::Expect, "nowhere", message);
        }
    }
}

/// Says that a number lies outside its range.
pub(crate) fn outside<T: std::fmt::Display>(
    key: &str,
    number: impl std::fmt::Display,
    range: &RangeInclusive<T>,
) -> String {
    format!("{key} is {number}, but must be from {} to {}", range.start(), range.end())
}

fn everybody(count: u16) -> String {
    if count == 1 { "n1 alone".to_string() } else { format!("n1 to n{count}") }
}
