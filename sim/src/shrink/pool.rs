//! The same for pools: fewer faults, fewer members, shorter, calmer.

use std::sync::Arc;
use std::time::Duration;

use super::hunt::{Drawn, Hunt};
use super::{Shrunk, Stage};
use crate::pool::plan::PoolPlan;
use crate::pool::scenario::{Between, Fault, PoolScenario, Target};
use crate::pool::{run_pool_plan, run_pool_traced};
use crate::scenario::Expectations;
use crate::trace::Tracer;

/// Shrinks a plan of a pool that breaks an invariant; returns nothing if it breaks none. Tells `watch` each time it got
/// smaller.
pub fn shrink_pool(plan: &Arc<PoolPlan>, watch: &dyn Fn(Stage)) -> Option<Shrunk<PoolPlan>> {
    let violation = run_pool_plan(plan).violation?;
    let breaks = |plan: &Arc<PoolPlan>| run_pool_traced(plan, Tracer::Off).0.violation;
    let smaller = |plan: &PoolPlan, attempts| {
        watch(Stage {
            attempts,
            steps: plan.steps.len(),
            operations: 0,
            processes: plan.scenario.population.everyone(),
        });
    };
    let mut hunt = Hunt::new(PoolPlan::clone(plan), violation.invariant, &breaks, &smaller);
    hunt.drop_expectations();
    hunt.end_early(violation.at.since(delian_core::Time::ZERO));
    loop {
        let size = hunt.size();
        hunt.leave_out(|plan| &mut plan.steps);
        hunt.leave_out_members();
        hunt.spare_targets();
        hunt.shorten_steps();
        hunt.calm_network();
        if hunt.size() == size {
            break;
        }
    }
    let attempts = hunt.attempts();
    let plan = Arc::new(hunt.plan);
    let violation = run_pool_plan(&plan).violation?;
    Some(Shrunk { plan, violation, attempts })
}

impl Drawn for PoolPlan {
    type Scenario = PoolScenario;

    fn scenario(&mut self) -> &mut Arc<PoolScenario> {
        &mut self.scenario
    }

    fn expect(scenario: &mut PoolScenario) -> &mut Expectations {
        &mut scenario.expect
    }
}

impl Hunt<'_, PoolPlan> {
    /// Returns a number that falls whenever the plan gets simpler.
    fn size(&self) -> (usize, u32, usize, Duration) {
        let PoolPlan { scenario, steps, .. } = &self.plan;
        let lasting = steps.iter().filter_map(|step| step.lasts).map(|lasts| lasts.most).sum();
        (steps.len(), scenario.population.everyone(), steps.iter().map(|step| hits(&step.target)).sum(), lasting)
    }

    /// Nothing after the violation can have caused it.
    fn end_early(&mut self, at: Duration) {
        let mut candidate = self.plan.clone();
        candidate.steps.retain(|step| step.at.least <= at);
        self.accept(candidate);
        let last = self.plan.steps.iter().map(|step| step.at.least + step.lasts.map_or(Duration::ZERO, |it| it.most));
        let needed = last.max().unwrap_or_default().min(at);
        let chaos = Duration::from_secs(needed.as_secs() + 1);
        if chaos < self.plan.scenario.chaos {
            let mut candidate = self.with_scenario(|scenario| scenario.chaos = chaos);
            candidate.steps.retain(|step| step.at.least <= chaos);
            self.accept(candidate);
        }
    }

    /// Leaves out members who are there from the beginning, half of them first, then strangers.
    fn leave_out_members(&mut self) {
        let mut part = self.plan.scenario.population.present().div_ceil(2);
        while part > 0 {
            while self.leave_out_last(part) {}
            part /= 2;
        }
        let population = self.plan.scenario.population;
        if population.strangers > 0 {
            let mut candidate = self.with_scenario(|scenario| scenario.population.strangers = 0);
            candidate.steps.retain(|step| !matches!(step.fault, Fault::Stray));
            self.accept(candidate);
        }
    }

    /// Leaves out the last of those who are there from the beginning; whoever comes behind moves up.
    fn leave_out_last(&mut self, count: u32) -> bool {
        let population = self.plan.scenario.population;
        if !self.plan.scenario.regions.is_empty() {
            // Members of regions are numbered by them.
            return false;
        }
        let Some(left) = population.present().checked_sub(count).filter(|left| *left >= population.seeds) else {
            return false;
        };
        let renumbered = |member: u32| {
            if member <= left { Some(member) } else { member.checked_sub(count).filter(|member| *member > left) }
        };
        let mut candidate = self.with_scenario(|scenario| scenario.population.members -= count);
        for step in &mut candidate.steps {
            if let Target::These(members) = &mut step.target {
                *members = members.iter().filter_map(|member| renumbered(*member)).collect();
            }
            if let Fault::Rename(to) = &mut step.fault {
                *to = renumbered(*to).unwrap_or(1);
            }
        }
        candidate.steps.retain(|step| step.fault.is_everywhere() || hits(&step.target) > 0);
        self.accept(candidate)
    }

    /// Lets each step hit fewer.
    fn spare_targets(&mut self) {
        for place in 0..self.plan.steps.len() {
            let mut part = hits(&self.plan.steps[place].target) / 2;
            while part > 0 {
                let mut from = 0;
                while hits(&self.plan.steps[place].target) > part && from < hits(&self.plan.steps[place].target) {
                    let mut candidate = self.plan.clone();
                    if let Target::These(members) = &mut candidate.steps[place].target {
                        members.drain(from..(from + part).min(members.len()));
                    }
                    if hits(&candidate.steps[place].target) == 0 || !self.accept(candidate) {
                        from += part;
                    }
                }
                part /= 2;
            }
        }
    }

    /// Halves how long each fault lasts while that works.
    fn shorten_steps(&mut self) {
        for place in 0..self.plan.steps.len() {
            while let Some(lasts) = self.plan.steps[place].lasts.filter(|it| it.most > Duration::from_millis(10)) {
                let mut candidate = self.plan.clone();
                let half = Duration::from_millis(lasts.most.as_millis() as u64 / 2);
                candidate.steps[place].lasts = Some(Between::exactly(half));
                if !self.accept(candidate) {
                    break;
                }
            }
        }
    }

    /// Takes the random misbehaviour out of healthy links, if the story does not need it.
    fn calm_network(&mut self) {
        let candidate = self.with_scenario(|scenario| {
            let links = &mut scenario.links;
            (links.loss_ppm, links.duplicate_ppm, links.replay_ppm) = (0, 0, 0);
        });
        self.accept(candidate);
    }
}

fn hits(target: &Target) -> usize {
    if let Target::These(members) = target { members.len() } else { 0 }
}
