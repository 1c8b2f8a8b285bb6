//! Drives any world through a plan.
//!
//! Faults in force are kept as a list and laid over pristine links whenever the list changes, as the world of discrete
//! events does it; so two faults that overlap never undo each other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::history::Exchanges;
use super::sight::Sight;
use super::{Facts, Fate, Happened, Heard, LinkMatrix, Moment, Passage, Reply, Request, Trouble, What, World};
use crate::links::{self, pairs};
use crate::plan::Plan;
use crate::scenario::{Action, Direction, Fault, LinkQuality, Operation, Target, facts};

/// Runs a plan in a world, which is stopped then, and returns what came of it.
///
/// A world that cannot go on is told among what was broken.
pub fn campaign(world: &mut dyn World, plan: &Plan) -> Facts {
    let mut campaign = Campaign::new(world, plan);
    let outcome = campaign.run();
    let mut facts = campaign.conclude();
    if let Err(trouble) = outcome {
        facts.broken.push(format!("the run broke off: {trouble}"));
    }
    world.stop();
    facts
}

/// How long after a disk has room again its node may still stop for the last write that was refused.
const LAST_WRITE_MAX: Duration = Duration::from_secs(5);

/// A run that is under way.
pub(super) struct Campaign<'a> {
    pub(super) world: &'a mut dyn World,
    pub(super) plan: &'a Plan,
    pub(super) sight: Sight,
    pub(super) facts: Facts,
    pub(super) exchanges: Exchanges,
    /// Whether a request beyond those of the plan was answered by a quorum.
    pub(super) has_proof: bool,
    agenda: BTreeSet<(Duration, Due)>,
    laid: Vec<(usize, Laid)>,
    /// Until when processes may stop themselves, because their disks were full in this run of theirs.
    may_end: BTreeMap<u16, Duration>,
    /// Processes that wait for their disks to have room: they stopped themselves, or could not start.
    waiting: BTreeSet<u16>,
}

/// Something that is to be done, in the order in which it is within one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Begin(usize),
    Ask(usize),
    End(usize),
}

/// A fault in force with its targets named.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Laid {
    Links(Vec<(u16, u16)>, Passage),
    Quality(Vec<(u16, u16)>, LinkQuality),
    Frozen(u16),
    Down(u16),
    Other(Vec<u16>),
}

impl<'a> Campaign<'a> {
    fn new(world: &'a mut dyn World, plan: &'a Plan) -> Self {
        let cluster = &plan.scenario.cluster;
        let up: BTreeSet<u16> = (1..=cluster.processes()).filter(|it| !cluster.absent.contains(it)).collect();
        let begins = plan.steps.iter().enumerate().map(|(number, step)| (step.at, Due::Begin(number)));
        let asks = plan.operations.iter().enumerate().map(|(number, operation)| (operation.at, Due::Ask(number)));
        Self {
            facts: Facts::new(world.kind()),
            sight: Sight::new(cluster.processes(), cluster.voters, up),
            exchanges: Exchanges::default(),
            has_proof: false,
            agenda: begins.chain(asks).collect(),
            laid: Vec::new(),
            may_end: BTreeMap::new(),
            waiting: BTreeSet::new(),
            world,
            plan,
        }
    }

    fn run(&mut self) -> Result<(), Trouble> {
        self.world.start()?;
        self.world.set_links(&self.links());
        while let Some((at, due)) = self.agenda.pop_first() {
            if at > self.plan.scenario.chaos {
                break;
            }
            self.pass(at)?;
            match due {
                Due::Begin(number) => self.begin(number)?,
                Due::End(number) => self.lift(|laid, _| laid == number)?,
                Due::Ask(number) => self.ask(number),
            }
        }
        self.pass(self.plan.scenario.chaos)?;
        self.settle()
    }

    /// Lets time pass until then, and takes in what is heard.
    pub(super) fn pass(&mut self, until: Duration) -> Result<(), Trouble> {
        loop {
            self.listen(until)?;
            if self.world.now() >= until {
                return Ok(());
            }
        }
    }

    /// Takes in what is heard until then, or as soon as something is.
    pub(super) fn listen(&mut self, until: Duration) -> Result<(), Trouble> {
        for heard in self.world.wait(until)? {
            self.note(&heard);
        }
        self.revive()
    }

    fn note(&mut self, heard: &Heard) {
        match &heard.what {
            What::Happened(process, Happened::Halted(_)) if self.may_end(*process, heard.at) => {
                self.sight.ended(*process);
                self.waiting.insert(*process);
            }
            What::Happened(..) => self.sight.note(&mut self.facts, heard),
            What::Answered(number, reply) if *number < self.plan.operations.len() => {
                self.exchanges.answer(*number, heard.at, reply.clone());
            }
            What::Answered(_, reply) => self.has_proof |= matches!(reply, Reply::Registered(_)),
        }
    }

    fn ask(&mut self, number: usize) {
        let operation = &self.plan.operations[number];
        let one = |target| self.sight.resolve(target)[0];
        let via = one(operation.via);
        let to = if let Action::Transfer(target) = operation.action { Some(one(target)) } else { None };
        if self.sight.up.contains(&via) {
            self.exchanges.ask(number, self.world.now());
            self.world.submit(Request { number, via, action: operation.action.clone(), to });
        }
    }

    fn begin(&mut self, number: usize) -> Result<(), Trouble> {
        let step = &self.plan.steps[number];
        let targets = |target: &Target| self.sight.resolve(*target);
        let cut = |links| Laid::Links(links, Passage::Cut);
        let laid: Vec<Laid> = match &step.fault {
            Fault::Partition(sides) => vec![cut(self.links_between(sides))],
            Fault::Isolate(target, direction) => {
                targets(target).into_iter().map(|it| cut(links::of(it, *direction, &self.all()))).collect()
            }
            Fault::Bridge(target) => vec![cut(links::around(targets(target)[0], &self.all()))],
            Fault::Degrade(from, to, quality) => vec![Laid::Quality(pairs(&targets(from), &targets(to)), *quality)],
            Fault::Clog(from, to) => vec![Laid::Links(pairs(&targets(from), &targets(to)), Passage::Held)],
            Fault::Deafen(target) => {
                let inbound = |it| Laid::Links(links::of(it, Direction::Inbound, &self.all()), Passage::Held);
                targets(target).into_iter().map(inbound).collect()
            }
            Fault::Crash(target) => {
                targets(target).into_iter().filter(|it| self.sight.up.contains(it)).map(Laid::Down).collect()
            }
            Fault::Pause(target) => {
                targets(target).into_iter().filter(|it| self.sight.up.contains(it)).map(Laid::Frozen).collect()
            }
            Fault::HealNetwork => {
                return self.lift(|_, laid| matches!(laid, Laid::Links(..) | Laid::Quality(..)));
            }
            Fault::Start(target) => return self.start(&targets(target), &step.fault),
            fault @ (Fault::Wipe(target)
            | Fault::Forget(target)
            | Fault::SlowDisk(target, _)
            | Fault::StallDisk(target)
            | Fault::FullDisk(target)
            | Fault::Upgrade(target)
            | Fault::CorruptDisk(target)
            | Fault::Drift(target, _)
            | Fault::WallJump(target, _)
            | Fault::MonotonicJump(target, _)
            | Fault::Mute(target)
            | Fault::MutePool(target)
            | Fault::DeafenPool(target)
            | Fault::Score(target, _)) => {
                let processes = targets(target);
                if matches!(fault, Fault::FullDisk(_)) {
                    self.may_end.extend(processes.iter().map(|process| (*process, Duration::MAX)));
                }
                self.world.other_fault(fault, &processes, Moment::Begins)?;
                vec![Laid::Other(processes)]
            }
        };
        self.count(&step.fault, &laid);
        if let Some(lasts) = step.lasts {
            self.agenda.insert((step.at + lasts, Due::End(number)));
        }
        for laid in laid {
            match &laid {
                Laid::Down(process) => {
                    self.world.crash(*process)?;
                    self.sight.went_down(*process);
                }
                Laid::Frozen(process) => self.world.freeze(*process)?,
                Laid::Links(..) | Laid::Quality(..) | Laid::Other(_) => {}
            }
            self.laid.push((number, laid));
        }
        self.world.set_links(&self.links());
        Ok(())
    }

    /// Counts a fault, if it took hold of anything.
    fn count(&mut self, fault: &Fault, laid: &[Laid]) {
        let is_up = |process: &u16| self.sight.up.contains(process);
        let takes_hold = |laid: &Laid| !matches!(laid, Laid::Other(processes) if !processes.iter().any(is_up));
        if laid.iter().any(takes_hold)
            && let Some(fact) = facts::of_fault(fault)
        {
            self.sight.counts.add(fact, 1);
        }
    }

    fn start(&mut self, processes: &[u16], fault: &Fault) -> Result<(), Trouble> {
        self.laid.retain(|(_, laid)| !matches!(laid, Laid::Down(process) if processes.contains(process)));
        for process in processes {
            if !self.sight.up.contains(process) {
                self.bring_up(*process)?;
                self.sight.counts.add(facts::of_fault(fault).unwrap_or("restarts"), 1);
            }
        }
        Ok(())
    }

    /// Starts a process, or has it wait until its disk has room.
    fn bring_up(&mut self, process: u16) -> Result<(), Trouble> {
        if self.has_full_disk(process) {
            self.waiting.insert(process);
            return Ok(());
        }
        self.world.restart(process)?;
        self.sight.came_up(process);
        self.waiting.remove(&process);
        self.may_end.remove(&process);
        Ok(())
    }

    /// Starts those that wait, once their disks have room again and no fault keeps them down.
    fn revive(&mut self) -> Result<(), Trouble> {
        let is_down = |process| self.laid.iter().any(|(_, laid)| *laid == Laid::Down(process));
        let may_run = |process: &u16| !self.has_full_disk(*process) && !is_down(*process);
        for process in self.waiting.iter().copied().filter(may_run).collect::<Vec<_>>() {
            self.bring_up(process)?;
        }
        Ok(())
    }

    /// Returns whether a process may have stopped itself then: its disk is full, or was until a moment before.
    fn may_end(&self, process: u16, at: Duration) -> bool {
        self.may_end.get(&process).is_some_and(|until| at <= *until)
    }

    fn has_full_disk(&self, process: u16) -> bool {
        self.laid.iter().any(|(number, laid)| fills(&self.plan.steps[*number].fault, laid, process))
    }

    /// Lifts every fault: the chaos is over. Who is not to be made whole is stopped, and who is runs again.
    pub(super) fn lift_all(&mut self) -> Result<(), Trouble> {
        let healed = &self.plan.healed;
        let lost: Vec<u16> = self.sight.up.iter().copied().filter(|process| !healed.contains(process)).collect();
        for process in lost {
            self.world.crash(process)?;
            self.sight.went_down(process);
        }
        self.waiting.retain(|process| healed.contains(process));
        self.lift(|_, _| true)?;
        for process in healed {
            if self.sight.ever_up.contains(process) && !self.sight.up.contains(process) {
                self.bring_up(*process)?;
            }
        }
        Ok(())
    }

    /// Lifts the faults that `which` picks, and starts the processes that only they kept down.
    fn lift(&mut self, which: impl Fn(usize, &Laid) -> bool) -> Result<(), Trouble> {
        let all = std::mem::take(&mut self.laid).into_iter();
        let (lifted, kept): (Vec<_>, Vec<_>) = all.partition(|(number, laid)| which(*number, laid));
        self.laid = kept;
        self.world.set_links(&self.links());
        // Clocks and disks first: whoever starts again must find them as they are to be.
        for (number, laid) in &lifted {
            if let Laid::Other(processes) = laid {
                self.world.other_fault(&self.plan.steps[*number].fault, processes, Moment::Ends)?;
            }
        }
        let excused_until = self.world.now() + LAST_WRITE_MAX;
        for (process, until) in &mut self.may_end {
            let is_full = self.laid.iter().any(|(number, laid)| fills(&self.plan.steps[*number].fault, laid, *process));
            *until = if is_full { Duration::MAX } else { excused_until.min(*until) };
        }
        for (_, laid) in lifted {
            let is_kept = self.laid.iter().any(|(_, other)| *other == laid);
            match laid {
                Laid::Frozen(process) if !is_kept && self.sight.up.contains(&process) => self.world.thaw(process)?,
                Laid::Down(process)
                    if !is_kept && !self.sight.up.contains(&process) && self.plan.healed.contains(&process) =>
                {
                    self.bring_up(process)?;
                }
                Laid::Links(..) | Laid::Quality(..) | Laid::Frozen(_) | Laid::Down(_) | Laid::Other(_) => {}
            }
        }
        self.revive()
    }

    /// Lays the faults in force over pristine links.
    fn links(&self) -> LinkMatrix {
        let mut links = LinkMatrix::new(self.plan.scenario.cluster.processes(), self.plan.scenario.network);
        for (_, laid) in &self.laid {
            match laid {
                Laid::Links(pairs, passage) => pairs.iter().for_each(|(a, b)| links.worsen(*a, *b, *passage)),
                Laid::Quality(pairs, quality) => pairs.iter().for_each(|(a, b)| links.set_quality(*a, *b, *quality)),
                Laid::Frozen(_) | Laid::Down(_) | Laid::Other(_) => {}
            }
        }
        links
    }

    fn links_between(&self, sides: &[Vec<Target>]) -> Vec<(u16, u16)> {
        let side = |targets: &Vec<Target>| targets.iter().flat_map(|target| self.sight.resolve(*target)).collect();
        links::between(&sides.iter().map(side).collect::<Vec<_>>(), &self.all())
    }

    fn all(&self) -> Vec<u16> {
        self.sight.resolve(Target::Everyone)
    }

    /// Ends the account of a run.
    fn conclude(mut self) -> Facts {
        let split: Vec<String> = Sight::split_terms(&self.facts.leaders).collect();
        self.facts.broken.extend(split.into_iter().map(|sentence| format!("one-leader-per-term: {sentence}")));
        match self.exchanges.judge(&self.plan.operations) {
            Ok(judged) => self.sight.counts.add("judged_operations", judged),
            Err(facts) => {
                self.facts.broken.extend(facts.into_iter().map(|fact| format!("history-is-linearizable: {fact}")));
            }
        }
        self.count_fates();
        self.sight.counts.merge(&self.world.counts());
        self.facts.counts = self.sight.counts.clone();
        self.facts.lasted = self.world.now();
        self.expected();
        self.facts
    }

    fn count_fates(&mut self) {
        for (number, operation) in self.plan.operations.iter().enumerate() {
            let fact = match (&operation.action, self.exchanges.fate(number)) {
                (_, Fate::NotAsked) => continue,
                (_, Fate::Unknown) => "unknown",
                (_, Fate::Refused(_)) => "rejected",
                (Action::Read, _) => "reads",
                (Action::ReadQuorum(_), _) => "quorum_reads",
                (Action::ReadLease(_), _) => "lease_reads",
                (Action::Transfer(_), _) => "transfers",
                (_, Fate::Acknowledged | Fate::Present | Fate::Absent) => "acknowledged",
            };
            self.sight.counts.add(fact, 1);
        }
        self.facts.fates = self.exchanges.fates(self.plan);
    }
}

/// Returns whether a fault that was laid fills the disk of a process.
fn fills(fault: &Fault, laid: &Laid, process: u16) -> bool {
    matches!(fault, Fault::FullDisk(_)) && matches!(laid, Laid::Other(processes) if processes.contains(&process))
}

/// Returns whether every world knows what became of an operation: discrete events keep no record of what operators ask.
pub(super) const fn has_fate(action: &Action) -> bool {
    !matches!(action, Action::Transfer(_) | Action::ForgetLeader | Action::Quorum(_))
}

/// Returns what an operation asks for, in a few words.
pub(super) fn label(operation: &Operation) -> String {
    let Operation { at, via, action, .. } = operation;
    let (at, via) = (crate::scenario::write_span(*at), crate::scenario::write_target(*via));
    let what = match action {
        Action::Register(subject) => format!("register m{subject}"),
        Action::Deregister(subject) => format!("deregister m{subject}"),
        Action::Evict(subject) => format!("evict m{subject}"),
        Action::SetCondition(subject, condition) => format!("set m{subject} {condition}"),
        Action::Drain(subject, _) => format!("drain m{subject}"),
        Action::Moved(subject, permille) => format!("{permille} ‰ of m{subject} moved"),
        Action::ReadQuorum(subject) => format!("read m{subject}"),
        Action::ReadLease(subject) => format!("read m{subject} under a lease"),
        Action::Read => "read the status".to_string(),
        Action::Transfer(target) => format!("hand over to {}", crate::scenario::write_target(*target)),
        other @ (Action::Custom(_) | Action::Quorum(_) | Action::ForgetLeader) => format!("{other:?}"),
    };
    format!("{at} {what} through {via}")
}
