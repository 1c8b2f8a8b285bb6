//! Making a failure small: which faults, which operations and which nodes does it really need?
//!
//! A plan is data, and each purpose draws from its own random stream, so leaving a fault or an operation out does not
//! shift the rest. Delta debugging (Zeller and Hildebrandt 2002) leaves out ever smaller parts of the lists and keeps
//! what still breaks the same invariant; then nodes are left out, and times cut short. A fork is luck of its own from an
//! instant on, and goes like a fault where the story does not need it.

mod hunt;
mod pool;

use std::sync::Arc;
use std::time::Duration;

pub use self::pool::shrink_pool;

use self::hunt::{Drawn, Hunt};

use crate::outcome::Violation;
use crate::plan::Plan;
use crate::run::{run_plan, run_traced};
use crate::scenario::{Action, Change, Expectations, Fault, Scenario, Target};
use crate::trace::Tracer;
use crate::world::EmbedderFactory;

/// A small plan that breaks the same invariant as a large one.
#[derive(Clone, Debug)]
pub struct Shrunk<P = Plan> {
    /// The plan.
    pub plan: Arc<P>,
    /// How it breaks the invariant, with the trace before it.
    pub violation: Violation,
    /// How many runs it took to find it.
    pub attempts: u64,
}

/// How far shrinking has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Runs so far.
    pub attempts: u64,
    /// Faults left.
    pub steps: usize,
    /// Operations left.
    pub operations: usize,
    /// Voters and learners left, or members of pools.
    pub processes: u32,
}

/// Shrinks a plan that breaks an invariant; returns nothing if it breaks none. Tells `watch` each time it got smaller.
pub fn shrink(plan: &Arc<Plan>, embedders: &EmbedderFactory, watch: &dyn Fn(Stage)) -> Option<Shrunk> {
    let violation = run_plan(plan, embedders).violation?;
    let breaks = |plan: &Arc<Plan>| run_traced(plan, embedders, Tracer::Off).0.violation;
    let smaller = |plan: &Plan, attempts| {
        let processes = plan.scenario.cluster.processes().into();
        watch(Stage { attempts, steps: plan.steps.len(), operations: plan.operations.len(), processes });
    };
    let mut hunt = Hunt::new(Plan::clone(plan), violation.invariant, &breaks, &smaller);
    hunt.drop_expectations();
    hunt.end_early(violation.at.since(delian_core::Time::ZERO));
    loop {
        let size = hunt.size();
        hunt.leave_out_processes();
        hunt.leave_out(|plan| &mut plan.steps);
        hunt.leave_out(|plan| &mut plan.operations);
        hunt.leave_out(|plan| &mut plan.forks);
        hunt.shorten_steps();
        hunt.calm_network();
        if hunt.size() == size {
            break;
        }
    }
    let attempts = hunt.attempts();
    let plan = Arc::new(hunt.plan);
    let violation = run_plan(&plan, embedders).violation?;
    Some(Shrunk { plan, violation, attempts })
}

impl Drawn for Plan {
    type Scenario = Scenario;

    fn scenario(&mut self) -> &mut Arc<Scenario> {
        &mut self.scenario
    }

    fn expect(scenario: &mut Scenario) -> &mut Expectations {
        &mut scenario.expect
    }
}

impl Hunt<'_, Plan> {
    /// Returns a number that falls whenever the plan gets simpler.
    fn size(&self) -> (usize, usize, usize, u16, Duration) {
        let Plan { scenario, steps, operations, forks, .. } = &self.plan;
        let lasting = steps.iter().filter_map(|step| step.lasts).sum();
        (steps.len(), operations.len(), forks.len(), scenario.cluster.processes(), lasting)
    }

    /// Nothing after the violation can have caused it.
    fn end_early(&mut self, at: Duration) {
        let mut candidate = self.plan.clone();
        candidate.steps.retain(|step| step.at <= at);
        candidate.operations.retain(|operation| operation.at <= at);
        candidate.forks.retain(|fork| fork.at <= at);
        self.accept(candidate);
        let end = at.saturating_add(Duration::from_secs(1));
        let chaos = Duration::from_secs(end.as_secs());
        if chaos < self.plan.scenario.chaos {
            let fits = |at: Duration| at <= chaos;
            let mut candidate = self.with_scenario(|scenario| scenario.chaos = chaos);
            candidate.steps.retain(|step| fits(step.at));
            candidate.operations.retain(|operation| fits(operation.at));
            candidate.forks.retain(|fork| fork.at < chaos);
            self.accept(candidate);
        }
    }

    /// Leaves out observers, many at a time, and then the last voter, learner or spare, with the steps and operations that
    /// name them, while that works.
    fn leave_out_processes(&mut self) {
        let mut many = self.plan.scenario.cluster.observers;
        while many > 0 {
            let leaves = self.leave_out_last(|scenario| {
                scenario.cluster.observers = scenario.cluster.observers.checked_sub(many)?;
                Some(())
            });
            if !leaves {
                many /= 2;
            }
        }
        while self.leave_out_last(|scenario| {
            let observers = scenario.cluster.observers;
            scenario.cluster.spares = scenario.cluster.spares.checked_sub(1).filter(|_| observers == 0)?;
            Some(())
        }) {}
        while self.leave_out_last(|scenario| {
            let others = scenario.cluster.spares + scenario.cluster.observers;
            // Behind others the last process is not a learner, and renumbering would tell another story.
            scenario.cluster.learners = scenario.cluster.learners.checked_sub(1).filter(|_| others == 0)?;
            Some(())
        }) {}
        while self.leave_out_last(|scenario| {
            let others = scenario.cluster.processes() - scenario.cluster.voters;
            scenario.cluster.voters = scenario.cluster.voters.checked_sub(1).filter(|v| *v > 0 && others == 0)?;
            Some(())
        }) {}
    }

    fn leave_out_last(&mut self, change: impl FnOnce(&mut Scenario) -> Option<()>) -> bool {
        let mut possible = false;
        let mut candidate = self.with_scenario(|scenario| possible = change(scenario).is_some());
        if !possible {
            return false;
        }
        let last = candidate.scenario.cluster.processes();
        candidate.steps.retain(|step| !names_above(&step.fault, last));
        candidate.operations.retain(|operation| !is_above(operation.via, last) && !asks_above(&operation.action, last));
        candidate.healed.retain(|process| *process <= last);
        let mut scenario = Scenario::clone(&candidate.scenario);
        scenario.cluster.absent.retain(|process| *process <= last);
        scenario.cluster.levels.retain(|process, _| *process <= last);
        candidate.scenario = Arc::new(scenario);
        let majority = usize::from(candidate.scenario.cluster.voters / 2) + 1;
        let voters = candidate.scenario.cluster.voters;
        candidate.healed.iter().filter(|process| **process <= voters).count() >= majority && self.accept(candidate)
    }

    /// Halves how long each fault lasts while that works.
    fn shorten_steps(&mut self) {
        for place in 0..self.plan.steps.len() {
            while let Some(lasts) = self.plan.steps[place].lasts.filter(|lasts| *lasts > Duration::from_millis(10)) {
                let mut candidate = self.plan.clone();
                candidate.steps[place].lasts = Some(Duration::from_millis(lasts.as_millis() as u64 / 2));
                if !self.accept(candidate) {
                    break;
                }
            }
        }
    }

    /// Takes the random misbehaviour out of healthy links, if the story does not need it.
    fn calm_network(&mut self) {
        let candidate = self.with_scenario(|scenario| {
            let network = &mut scenario.network;
            (network.loss, network.duplicate, network.reorder, network.replay) = (0, 0, 0, 0);
        });
        self.accept(candidate);
    }
}

fn is_above(target: Target, last: u16) -> bool {
    matches!(target, Target::Process(number) if number > last)
}

/// Returns whether an operation is about a process that is left out.
fn asks_above(action: &Action, last: u16) -> bool {
    match action {
        Action::Quorum(Change::Replace(voters)) => voters.iter().any(|voter| is_above(*voter, last)),
        Action::Quorum(
            Change::AddLearner(target) | Change::Promote(target) | Change::Demote(target) | Change::Remove(target),
        )
        | Action::Transfer(target) => is_above(*target, last),
        Action::Register(_)
        | Action::Deregister(_)
        | Action::Evict(_)
        | Action::SetCondition(..)
        | Action::Drain(..)
        | Action::Moved(..)
        | Action::Custom(_)
        | Action::ForgetLeader
        | Action::Read
        | Action::ReadQuorum(_)
        | Action::ReadLease(_) => false,
    }
}

/// Returns whether a fault names a process that is left out.
fn names_above(fault: &Fault, last: u16) -> bool {
    match fault {
        Fault::Partition(sides) => sides.iter().flatten().any(|target| is_above(*target, last)),
        Fault::Degrade(from, to, _) | Fault::Clog(from, to) => is_above(*from, last) || is_above(*to, last),
        Fault::HealNetwork => false,
        Fault::Isolate(target, _)
        | Fault::Bridge(target)
        | Fault::Crash(target)
        | Fault::Start(target)
        | Fault::Wipe(target)
        | Fault::Forget(target)
        | Fault::Upgrade(target)
        | Fault::Pause(target)
        | Fault::Deafen(target)
        | Fault::SlowDisk(target, _)
        | Fault::StallDisk(target)
        | Fault::FullDisk(target)
        | Fault::CorruptDisk(target)
        | Fault::Drift(target, _)
        | Fault::WallJump(target, _)
        | Fault::MonotonicJump(target, _)
        | Fault::Mute(target)
        | Fault::MutePool(target)
        | Fault::DeafenPool(target)
        | Fault::Score(target, _) => is_above(*target, last),
    }
}
