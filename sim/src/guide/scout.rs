//! The scout: keeps copies of the world at new moments, and forks from those it has used least.

use std::collections::BTreeSet;
use std::sync::Arc;

use delian_core::{Seed, Stream};

use super::{Branch, Explored, retell};
use crate::panics::caught;
use crate::plan::{FORKS_MAX, Fork, Plan, Redraw};
use crate::run::{breach, outcome, run_plan, violation};
use crate::trace::Tracer;
use crate::world::{EmbedderFactory, Outline, World};

/// After how many events the outline of the world is looked at again: half a round of messages among five.
const LOOK_EVERY: u64 = 16;

/// How many copies of a world are kept at most: some megabytes for each thread.
const CHECKPOINTS_MAX: usize = 16;

/// After how many events without a new outline a fork is left.
const PATIENCE: u64 = 160;

/// Of how many forks one goes on to its end, where healing and the answers of all clients are judged.
const ONE_ENDS_IN: u64 = 8;

/// How many checkpoints are compared before one is chosen.
const TOURNAMENT: usize = 4;

/// A copy of the world at a new moment.
struct Checkpoint {
    world: World,
    plan: Arc<Plan>,
    spread: u32,
    chosen: u32,
}

/// Looks for new moments within one seed.
pub(super) struct Scout<'a> {
    embedders: &'a EmbedderFactory,
    redraw: Redraw,
    seen: BTreeSet<u64>,
    checkpoints: Vec<Checkpoint>,
    choices: Stream,
}

impl<'a> Scout<'a> {
    pub(super) fn new(embedders: &'a EmbedderFactory, redraw: Redraw, seed: u64) -> Self {
        let choices = Stream::new(Seed::new(seed), "guide");
        Self { embedders, redraw, seen: BTreeSet::new(), checkpoints: Vec::new(), choices }
    }

    /// Runs a plan, then forks until half as many events again are spent or something fails.
    pub(super) fn explore(mut self, plan: &Arc<Plan>) -> Explored {
        let mut world = World::new(Arc::clone(plan), Arc::clone(self.embedders), Tracer::Off);
        let panic = caught(|| while self.walk(&mut world, plan) != Walk::Over {}).err();
        let mut trunk = outcome(plan, &world, panic);
        drop(world);
        if trunk.violation.is_some() {
            // Again, for the trace of its end.
            trunk = run_plan(plan, self.embedders);
            return Explored { trunk, branches: Vec::new() };
        }
        let (mut branches, mut spent, mut number) = (Vec::new(), 0, 0);
        while spent < trunk.events / 2 && !self.checkpoints.is_empty() {
            number += 1;
            let branch = self.fork(number);
            spent += branch.own_events.max(1);
            let fails = branch.violation.is_some();
            branches.push(branch);
            if fails {
                break;
            }
        }
        Explored { trunk, branches }
    }

    /// Takes one fork from the checkpoint that was chosen least, of a few; of equal ones from that where the nodes differ
    /// most.
    fn fork(&mut self, number: u64) -> Branch {
        let count = self.checkpoints.len() as u64;
        let drawn: Vec<usize> = (0..TOURNAMENT).map(|_| self.choices.below(count) as usize).collect();
        let ends = self.choices.below(ONE_ENDS_IN) == 0;
        let preference = |place: &usize| {
            let Checkpoint { chosen, spread, .. } = &self.checkpoints[*place];
            (*chosen, u32::MAX - spread, *place)
        };
        let place = drawn.into_iter().min_by_key(preference).expect("several were drawn");
        let checkpoint = &mut self.checkpoints[place];
        checkpoint.chosen += 1;
        let at = checkpoint.world.forks_at().expect("no checkpoint is kept from which nothing forks");
        let plan = Arc::new(checkpoint.plan.forked(Fork { at, redraw: self.redraw, number }));
        let mut world = checkpoint.world.clone();
        world.go_on_by(&plan);
        let since = world.census().events;
        let panic = caught(|| {
            let mut patience = PATIENCE;
            while patience > 0 || ends {
                match self.walk(&mut world, &plan) {
                    Walk::Over => break,
                    Walk::New => patience = PATIENCE,
                    Walk::Known => patience = patience.saturating_sub(LOOK_EVERY),
                }
            }
        });
        let fingerprint = world.fingerprint();
        let found = breach(&world, panic.err()).map(|breach| violation(&world, breach));
        let violation = found.map(|found| retell(&plan, found, fingerprint, self.embedders));
        let events = world.census().events;
        Branch { forks: plan.forks.clone(), events, own_events: events - since, fingerprint, violation }
    }

    /// Goes on until the next look, and keeps a copy of the world if it is somewhere new.
    fn walk(&mut self, world: &mut World, plan: &Arc<Plan>) -> Walk {
        for _ in 0..LOOK_EVERY {
            if !world.step() {
                return Walk::Over;
            }
        }
        if world.forks_at().is_none() {
            return Walk::Known;
        }
        let Outline { digest, spread } = world.outline();
        if !self.seen.insert(digest) {
            return Walk::Known;
        }
        // A plan that has all its forks can go on and show something new, but nothing forks from there.
        if plan.forks.len() < FORKS_MAX
            && let Some(place) = self.place_for(spread)
        {
            let checkpoint = Checkpoint { world: world.clone(), plan: Arc::clone(plan), spread, chosen: 0 };
            match self.checkpoints.get_mut(place) {
                Some(kept) => *kept = checkpoint,
                None => self.checkpoints.push(checkpoint),
            }
            let kept = self.checkpoints.len();
            assert!(kept <= CHECKPOINTS_MAX, "{kept} copies of the world, above the bound of {CHECKPOINTS_MAX}");
        }
        Walk::New
    }

    /// Returns where a checkpoint of this spread is to be kept: in place of one that was used most and tells least.
    fn place_for(&self, spread: u32) -> Option<usize> {
        if self.checkpoints.len() < CHECKPOINTS_MAX {
            return Some(self.checkpoints.len());
        }
        let worth = |(place, kept): &(usize, &Checkpoint)| (u32::MAX - kept.chosen, kept.spread, *place);
        let (place, least) = self.checkpoints.iter().enumerate().min_by_key(worth)?;
        (least.chosen > 0 || least.spread < spread).then_some(place)
    }
}

/// How a walk to the next look ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walk {
    /// The run is over.
    Over,
    /// The world stands as it did not before.
    New,
    /// It stands as it did before.
    Known,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::digest_embedder;
    use crate::scenario::{Scenario, Swarm};

    #[test]
    fn checkpoints_are_filled_up_to_their_bound_and_then_replaced() {
        let scenario = Scenario::build("a-swarm").about("Anything may happen.").voters(5).swarm(Swarm::default());
        let plan = Arc::new(Plan::draw(&Arc::new(scenario.finish().expect("it makes sense")), 0));
        let embedders = digest_embedder();
        let mut scout = Scout::new(&embedders, Redraw::Swarm, 0);
        let mut world = World::new(Arc::clone(&plan), Arc::clone(&embedders), Tracer::Off);
        let (mut met, mut replaced) = (0, 0);
        let instants =
            |scout: &Scout<'_>| scout.checkpoints.iter().map(|kept| kept.world.forks_at()).collect::<Vec<_>>();
        loop {
            let before = instants(&scout);
            match scout.walk(&mut world, &plan) {
                Walk::Over => break,
                Walk::New => met += 1,
                Walk::Known => {}
            }
            replaced += u32::from(before.len() == CHECKPOINTS_MAX && instants(&scout) != before);
        }
        assert_eq!(scout.checkpoints.len(), CHECKPOINTS_MAX);
        assert!(met > CHECKPOINTS_MAX && replaced > 0, "{met} new moments, {replaced} took the place of another");
    }
}
