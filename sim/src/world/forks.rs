//! Forks: a copy of a world goes on by another plan, and comes out as if it had run by that plan from the start.

use std::sync::Arc;
use std::time::Duration;

use delian_core::Time;

use super::World;
use super::queue::Planned;
use super::settle::Phase;
use crate::plan::{Fork, Plan};
use crate::trace::Line;

/// How far a world has come with the forks of its plan.
#[derive(Clone, Debug)]
pub(super) struct Forks {
    taken: usize,
    next_at: Option<Time>,
}

impl Forks {
    pub(super) fn of(plan: &Plan) -> Self {
        Self { taken: 0, next_at: next_at(plan, 0) }
    }
}

fn next_at(plan: &Plan, taken: usize) -> Option<Time> {
    plan.forks.get(taken).map(|fork| Time::ZERO + fork.at)
}

impl World {
    /// Returns the first instant at which this world can fork: the next whole millisecond, while the chaos lasts.
    pub(crate) fn forks_at(&self) -> Option<Duration> {
        let at = Duration::from_millis(self.now.as_nanos() / 1_000_000 + 1);
        (self.phase == Phase::Chaos && at < self.plan.scenario.chaos).then_some(at)
    }

    /// Goes on by a plan that is this world's own up to its last fork.
    ///
    /// # Panics
    /// If the world has passed that fork, or never went by the plan before it.
    pub(crate) fn go_on_by(&mut self, plan: &Arc<Plan>) {
        let fork = plan.forks.last().expect("another plan begins with a fork");
        let from = Time::ZERO + fork.at;
        assert!(self.now < from, "it is {}, and the fork was to be at {from}", self.now);
        assert_eq!(self.plan.forks, plan.forks[..plan.forks.len() - 1], "the world went by another plan");
        self.plan = Arc::clone(plan);
        self.forks.next_at = next_at(plan, self.forks.taken);
        self.queue.forget_planned(from);
        self.schedule_planned(fork.at);
    }

    /// Schedules what the plan has from an instant on.
    pub(super) fn schedule_planned(&mut self, from: Duration) {
        let plan = Arc::clone(&self.plan);
        for (number, step) in plan.steps.iter().enumerate().filter(|(_, step)| step.at >= from) {
            self.queue.schedule_planned(Time::ZERO + step.at, Planned::Fault(number as u32));
        }
        for (number, operation) in plan.operations.iter().enumerate().filter(|(_, operation)| operation.at >= from) {
            self.queue.schedule_planned(Time::ZERO + operation.at, Planned::Operation(number as u32));
        }
    }

    /// Takes the forks that come before the next happening.
    pub(super) fn take_forks(&mut self) {
        while let Some(at) = self.forks.next_at
            && self.queue.next_at().is_some_and(|next| next >= at)
        {
            let fork = self.plan.forks[self.forks.taken];
            self.forks.taken += 1;
            self.forks.next_at = next_at(&self.plan, self.forks.taken);
            self.take_fork(at, fork);
        }
    }

    /// Gives the network, the disks and whoever starts later other luck. What runs keeps its own: nothing reaches into a
    /// node, and other arrivals move its deadlines soon enough.
    fn take_fork(&mut self, at: Time, fork: Fork) {
        let seed = fork.seed(self.plan.seed);
        self.network.reseed(seed);
        for process in &mut self.processes {
            process.seed = process.seed.derive("fork", seed.get());
            process.disk.reseed(process.seed);
        }
        self.fingerprint.mix(seed.get());
        if self.tracer.is_on() {
            self.tracer.write(Line::fault(at, "forks", &fork.to_string()));
        }
    }
}
