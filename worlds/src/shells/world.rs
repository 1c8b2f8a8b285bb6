//! The course of a run: what is due when, from the first start to the last judgement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use delian_core::raft::Configuration;
use delian_core::{NodeId, Time};
use delian_sim::outcome::Counts;
use delian_sim::plan::Plan;
use delian_sim::worlds::WorldKind;
use madsim::time::{Instant, sleep_until};

use super::clock::now;
use super::process::{Common, Down, Process};
use super::record::Record;
use super::sessions::Sessions;
use crate::laid::{FaultsInForce, Sum};
use crate::verdict::{self, Verdict};

/// A whole cluster of shells, seen from outside of all of them.
pub(super) struct World {
    pub(super) plan: Arc<Plan>,
    pub(super) common: Arc<Common>,
    pub(super) began_at: Instant,
    pub(super) processes: Vec<Process>,
    pub(super) faults: FaultsInForce,
    /// What all faults came to when they were laid last.
    pub(super) laid: Sum,
    pub(super) sessions: Sessions,
    agenda: BTreeMap<(Duration, u64), Due>,
    numbers: u64,
}

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    FaultBegins(usize),
    FaultEnds(usize),
    Operation(usize),
}

/// Tells a plan from its beginning to its end.
pub(super) async fn live(plan: Plan, without: Vec<&'static str>) -> Verdict {
    let plan = Arc::new(plan);
    let mut world = World::new(&plan);
    world.begin().await;
    world.chaos().await;
    let settled_after = world.settle().await;
    world.verdict(without, settled_after)
}

impl World {
    fn new(plan: &Arc<Plan>) -> Self {
        let cluster = &plan.scenario.cluster;
        let ids = |range: std::ops::RangeInclusive<u16>| -> BTreeSet<NodeId> {
            range.map(|number| NodeId::new(u64::from(number))).collect()
        };
        let (voters, founders) = (cluster.voters, cluster.voters + cluster.learners);
        let record = Record::new(plan, Configuration::founding(ids(1..=voters), ids(voters + 1..=founders)));
        let mut world = Self {
            plan: Arc::clone(plan),
            common: Arc::new(Common::new(Arc::clone(plan), record)),
            began_at: now(),
            processes: (0..cluster.processes()).map(|number| Process::new(plan, number)).collect(),
            faults: FaultsInForce::default(),
            laid: Sum::default(),
            sessions: Sessions::default(),
            agenda: BTreeMap::new(),
            numbers: 0,
        };
        plan.steps.iter().enumerate().for_each(|(number, step)| world.plan_for(step.at, Due::FaultBegins(number)));
        let operations = plan.operations.iter().enumerate();
        operations.for_each(|(number, operation)| world.plan_for(operation.at, Due::Operation(number)));
        world
    }

    fn plan_for(&mut self, at: Duration, due: Due) {
        self.numbers += 1;
        self.agenda.insert((at, self.numbers), due);
    }

    /// Has a fault end when its time is up.
    pub(super) fn plan_end(&mut self, step: usize) {
        let step_of = &self.plan.steps[step];
        if let Some(lasts) = step_of.lasts {
            self.plan_for(step_of.at + lasts, Due::FaultEnds(step));
        }
    }

    /// Returns the time since the world began.
    pub(super) fn now(&self) -> Time {
        Time::ZERO + self.began_at.elapsed()
    }

    /// Starts all processes that are there at the beginning.
    async fn begin(&mut self) {
        for number in 0..self.size() {
            if self.process(number).down == Down::Crashed {
                self.start(number).await;
            }
        }
    }

    /// Starts a process from its disk, unless that is full or lost: whoever mends a full one starts the process then. One
    /// that cannot be started otherwise breaks a promise.
    pub(super) async fn start(&mut self, number: u16) {
        let common = Arc::clone(&self.common);
        let process = &mut self.processes[usize::from(number)];
        if process.is_up() || process.down == Down::Lost || self.laid.full.contains(&number) {
            return;
        }
        let is_restart = process.runs > 0;
        let (id, outcome) = (process.id, process.start(&common).await);
        let now = self.now();
        self.common.record.with(|seen| {
            seen.mix(&format!("start {id}: {outcome:?}"));
            seen.counts.add("restarts", u64::from(is_restart));
            if let Err(why) = outcome {
                seen.ledger.note("starts", now, vec![format!("{id} did not start: {why}")]);
            }
        });
        self.lay_on_process(number);
    }

    /// Kills a process.
    pub(super) fn crash(&mut self, number: u16) {
        let common = Arc::clone(&self.common);
        let process = &mut self.processes[usize::from(number)];
        if !process.is_up() {
            return;
        }
        let id = process.id;
        process.kill(&common);
        self.common.record.with(|seen| {
            seen.mix(&format!("crash {id}"));
            seen.counts.add("crashes", 1);
        });
        self.open_doors();
    }

    /// Lets faults and clients go on until the chaos is over.
    async fn chaos(&mut self) {
        let chaos = self.plan.scenario.chaos;
        while let Some((&(at, number), &due)) = self.agenda.first_key_value()
            && at <= chaos
        {
            self.agenda.remove(&(at, number));
            sleep_until(self.began_at + at).await;
            match due {
                Due::FaultBegins(step) => self.begin_fault(step).await,
                Due::FaultEnds(step) => self.end_fault(step).await,
                Due::Operation(operation) => self.operate(operation),
            }
        }
        sleep_until(self.began_at + chaos).await;
    }

    fn verdict(self, without: Vec<&'static str>, settled_after: Option<Duration>) -> Verdict {
        let (scenario, now) = (&self.plan.scenario, self.now());
        let muted = self.common.gags.muted();
        self.common.record.with(|seen| {
            let mut expect = scenario.expect.clone();
            let mut unjudged = verdict::unjudged(&expect);
            let mut counts = seen.census.counts();
            match seen.judge_history() {
                Some(judged) => counts.add("judged_operations", judged),
                None => unjudged.extend(expect.at_least.remove_entry("judged_operations").map(|(fact, _)| fact)),
            }
            counts.merge(&seen.counts);
            counts.add("muted", muted);
            let missed = verdict::missed(&expect, &counts);
            if !missed.is_empty() {
                seen.ledger.note("expected", now, missed);
            }
            let facts = seen.conclude(&known(&counts), settled_after);
            let (fingerprint, events) = seen.fingerprint();
            Verdict {
                scenario: scenario.name.clone(),
                seed: self.plan.seed,
                breach: seen.ledger.breach().cloned(),
                facts,
                fingerprint,
                events,
                without,
                unjudged,
            }
        })
    }
}

/// Returns the counts of what is counted here.
fn known(counts: &Counts) -> Counts {
    let mut known = Counts::default();
    counts.iter().filter(|(fact, _)| WorldKind::Madsim.counts(fact)).for_each(|(fact, count)| known.add(fact, count));
    known
}
