//! How likely each choice is: swarm weights for every family, action, node and link.
//!
//! Swarm testing (Groce and others, ISSTA 2012) leaves features out; weights leave them almost out, or heap them up. A
//! run that hits one node again and again, while one link is slow all the time, gets where equal chances hardly ever do.

use std::collections::BTreeMap;
use std::time::Duration;

use super::dice::Dice;
use crate::scenario::{FAMILIES, Family, Fault, Latency, LinkQuality, Scenario, Shape, Step, Target};

/// What a weight may be, in per cent of the usual one.
const PERCENT: [u64; 5] = [2, 10, 30, 100, 300];

/// Below this weight a link or a disk is slow all the time, and its latency so many times the usual one.
const SLOW: [(u64, u32); 2] = [(2, 20), (10, 5)];

/// What is slow all the time is no slower than this, or all that a run shows is waiting.
const SLOWEST: Duration = Duration::from_secs(1);

/// What an operator may ask for; see [`super::operator`].
pub(super) const OPERATOR_ACTIONS: usize = 6;

/// What a client may ask for; see [`super::workload`].
pub(super) const CLIENT_ACTIONS: usize = 8;

/// The weights of one drawing, in per cent.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    families: BTreeMap<Family, u64>,
    /// Whoever leads, and whoever follows first.
    roles: [u64; 2],
    /// By the process's number from 1.
    nodes: Vec<u64>,
    /// By the numbers of both ends.
    links: Vec<Vec<u64>>,
    pub(super) client_actions: [u64; CLIENT_ACTIONS],
    pub(super) operator_actions: [u64; OPERATOR_ACTIONS],
}

/// How one drawing differs from what a seed draws by itself.
#[derive(Clone, Copy)]
pub(super) struct Leaning<'a> {
    /// From when on something is drawn.
    pub(super) from: Duration,
    /// How likely each choice is; as the scenario has it, if not said.
    pub(super) weights: Option<&'a Weights>,
}

impl Weights {
    /// Makes all choices as likely as each other.
    pub(super) fn even(scenario: &Scenario) -> Self {
        Self::each(scenario, || 100)
    }

    /// Draws a weight for everything there is to choose.
    pub(super) fn draw(scenario: &Scenario, mut dice: Dice) -> Self {
        Self::each(scenario, || dice.pick(&PERCENT))
    }

    fn each(scenario: &Scenario, mut weight: impl FnMut() -> u64) -> Self {
        let size = usize::from(scenario.cluster.participants()) + 1;
        let older = FAMILIES.into_iter().map(|(_, family)| family).filter(|family| *family != Family::Health);
        let mut weights = Self {
            families: older.map(|family| (family, weight())).collect(),
            roles: [(); 2].map(|()| weight()),
            nodes: (0..size).map(|_| weight()).collect(),
            links: (0..size).map(|_| (0..size).map(|_| weight()).collect()).collect(),
            client_actions: [(); CLIENT_ACTIONS].map(|()| weight()),
            operator_actions: [(); OPERATOR_ACTIONS].map(|()| weight()),
        };
        // Drawn behind the rest, so that a recorded fork without this family stands for what it stood for.
        weights.families.insert(Family::Health, weight());
        weights
    }

    /// Returns how often a family strikes, in per cent of the scenario's usual.
    pub(super) fn family(&self, family: Family) -> u64 {
        self.families[&family]
    }

    /// Draws whom to hit: as often by role as by name where all weights are equal.
    pub(super) fn target(&self, candidates: &[Target], dice: &mut Dice) -> Target {
        let count = candidates.len() as u64;
        let roles = [(Target::Leader, 3 * self.roles[0] * count), (Target::Follower, self.roles[1] * count)];
        let named = candidates.iter().map(|target| (*target, 4 * self.node(*target)));
        pick(roles.into_iter().chain(named), dice)
    }

    /// Draws whom to ask: half of the time the leader where all weights are equal.
    pub(super) fn via(&self, candidates: &[Target], dice: &mut Dice) -> Target {
        let leader = (Target::Leader, self.roles[0] * candidates.len() as u64);
        let named = candidates.iter().map(|target| (*target, self.node(*target)));
        pick(std::iter::once(leader).chain(named), dice)
    }

    /// Draws the other end of a link that begins at `from`.
    pub(super) fn end(&self, from: Target, others: &[Target], dice: &mut Dice) -> Target {
        pick(others.iter().map(|to| (*to, self.link(from, *to))), dice)
    }

    /// Returns the links and disks that are slow from an instant until the chaos ends, of families that the scenario has.
    pub(super) fn slow(&self, scenario: &Scenario, from: Duration) -> Vec<Step> {
        let has = |family| scenario.swarm.as_ref().is_some_and(|swarm| swarm.families.contains(&family));
        let processes = || (1..=scenario.cluster.participants()).map(Target::Process);
        let mut faults = Vec::new();
        if has(Family::Degrade) {
            for (a, b) in processes().flat_map(|a| processes().map(move |b| (a, b))).filter(|(a, b)| a != b) {
                if let Some(times) = slowness(self.link(a, b)) {
                    let latency = slower(scenario.network.latency, times);
                    faults.push(Fault::Degrade(a, b, LinkQuality { latency, ..scenario.network }));
                }
            }
        }
        if has(Family::SlowDisk) {
            let slow = |process| Some(Fault::SlowDisk(process, slower(scenario.flush, slowness(self.node(process))?)));
            faults.extend(processes().filter_map(slow));
        }
        let lasts = scenario.chaos.saturating_sub(from);
        faults.into_iter().map(|fault| Step { at: from, lasts: Some(lasts), fault }).collect()
    }

    fn node(&self, target: Target) -> u64 {
        if let Target::Process(number) = target { self.nodes[usize::from(number)] } else { self.roles[0] }
    }

    fn link(&self, from: Target, to: Target) -> u64 {
        if let (Target::Process(from), Target::Process(to)) = (from, to) {
            self.links[usize::from(from)][usize::from(to)]
        } else {
            self.node(to)
        }
    }
}

fn pick(choices: impl Iterator<Item = (Target, u64)>, dice: &mut Dice) -> Target {
    let (targets, weights): (Vec<_>, Vec<_>) = choices.unzip();
    targets[dice.weighted(&weights)]
}

fn slowness(weight: u64) -> Option<u32> {
    SLOW.iter().find(|(percent, _)| *percent == weight).map(|(_, times)| *times)
}

fn slower(latency: Latency, times: u32) -> Latency {
    let most = latency.most.saturating_mul(times).min(SLOWEST.max(latency.most));
    Latency { least: latency.most, most, shape: Shape::Skewed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Swarm;
    use delian_core::Seed;

    fn scenario() -> Scenario {
        let scenario = Scenario::build("a-swarm").about("Anything may happen.").voters(5).swarm(Swarm::default());
        scenario.finish().expect("it makes sense")
    }

    #[test]
    fn even_weights_slow_nothing_down_and_drawn_ones_some_links_and_disks() {
        let scenario = scenario();
        assert_eq!(Weights::even(&scenario).slow(&scenario, Duration::ZERO), []);
        let slow =
            |seed| Weights::draw(&scenario, Dice::new(Seed::new(seed), "weights")).slow(&scenario, Duration::ZERO);
        let all: Vec<usize> = (0..50).map(|seed| slow(seed).len()).collect();
        assert!(all.iter().all(|count| *count < 25), "{all:?} of 25 links and disks are slow");
        assert!(all.iter().any(|count| *count > 5), "{all:?}");
    }

    #[test]
    fn a_heavy_node_is_hit_most() {
        let mut weights = Weights::even(&scenario());
        weights.nodes[2] = 300;
        weights.nodes[3] = 2;
        let nodes: Vec<Target> = (1..=5).map(Target::Process).collect();
        let mut dice = Dice::new(Seed::new(1), "weights");
        let hits: Vec<Target> = (0..1_000).map(|_| weights.target(&nodes, &mut dice)).collect();
        let count = |target| hits.iter().filter(|hit| **hit == target).count();
        assert!(count(Target::Process(2)) > 2 * count(Target::Process(1)), "{}", count(Target::Process(2)));
        assert!(count(Target::Process(3)) < 10, "{}", count(Target::Process(3)));
    }
}
