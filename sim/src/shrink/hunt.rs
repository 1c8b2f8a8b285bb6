//! The search for a smaller plan, of whatever kind.

use std::sync::Arc;

use crate::outcome::Violation;
use crate::scenario::Expectations;

/// The most runs that one shrinking takes; a bound on time, far above what a plan of a swarm needs.
const ATTEMPTS_MAX: u64 = 20_000;

/// What a seed made of a scenario, as far as every search for a smaller one needs to know it.
pub(super) trait Drawn: Clone + PartialEq {
    /// The scenario it was drawn from.
    type Scenario: Clone;

    fn scenario(&mut self) -> &mut Arc<Self::Scenario>;

    fn expect(scenario: &mut Self::Scenario) -> &mut Expectations;
}

/// The search for a smaller plan that breaks the same invariant.
pub(super) struct Hunt<'a, P> {
    invariant: &'static str,
    /// The smallest plan so far that breaks the invariant.
    pub(super) plan: P,
    breaks: &'a dyn Fn(&Arc<P>) -> Option<Violation>,
    smaller: &'a dyn Fn(&P, u64),
    attempts: u64,
}

impl<'a, P: Drawn> Hunt<'a, P> {
    /// Begins with a plan that breaks an invariant: `breaks` runs one, and `smaller` is told of each that was taken over
    /// and how many runs that took.
    pub(super) fn new(
        plan: P,
        invariant: &'static str,
        breaks: &'a dyn Fn(&Arc<P>) -> Option<Violation>,
        smaller: &'a dyn Fn(&P, u64),
    ) -> Self {
        Self { invariant, plan, breaks, smaller, attempts: 1 }
    }

    /// Returns how many runs there were.
    pub(super) const fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Takes a smaller plan over if it still breaks the same invariant.
    pub(super) fn accept(&mut self, candidate: P) -> bool {
        if self.attempts >= ATTEMPTS_MAX || candidate == self.plan {
            return false;
        }
        self.attempts += 1;
        let candidate = Arc::new(candidate);
        let still_breaks = (self.breaks)(&candidate).is_some_and(|violation| violation.invariant == self.invariant);
        if still_breaks {
            self.plan = Arc::unwrap_or_clone(candidate);
            (self.smaller)(&self.plan, self.attempts);
        }
        still_breaks
    }

    /// Returns the plan as it is now, but for its scenario.
    pub(super) fn with_scenario(&self, change: impl FnOnce(&mut P::Scenario)) -> P {
        let mut candidate = self.plan.clone();
        change(Arc::make_mut(candidate.scenario()));
        candidate
    }

    /// The small story need not exercise what the whole one did, unless that is what failed.
    pub(super) fn drop_expectations(&mut self) {
        let candidate = self.with_scenario(|scenario| *P::expect(scenario) = Expectations::default());
        self.accept(candidate);
    }

    /// Leaves out parts of a list, halves first, then quarters, down to single items, until none can go.
    pub(super) fn leave_out<T: Clone>(&mut self, list: impl Fn(&mut P) -> &mut Vec<T>) {
        let mut part = list(&mut self.plan).len().div_ceil(2).max(1);
        loop {
            let mut place = 0;
            let mut left_out_any = false;
            while place < list(&mut self.plan).len() {
                let mut candidate = self.plan.clone();
                let items = list(&mut candidate);
                items.drain(place..(place + part).min(items.len()));
                // After a success the next part has moved to the same place.
                if self.accept(candidate) {
                    left_out_any = true;
                } else {
                    place += part;
                }
            }
            if part == 1 && !left_out_any {
                return;
            }
            part = part.div_ceil(2).max(1);
            if self.attempts >= ATTEMPTS_MAX {
                return;
            }
        }
    }
}
