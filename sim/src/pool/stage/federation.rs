//! Which pools there are on stage, and who is in which.
//!
//! Nodes are numbered through: those of one pool after those of another, and the halves of gateways that are in the wide
//! pool behind all others. The two halves of a gateway share their fate and nothing else, as in the core, where a node's
//! two pools have a machine and a directory each.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use delian_core::swim::{PoolConfig, PoolLabel, PoolSettings};

use crate::pool::scenario::{Beginning, POOL, PoolScenario, STRANGERS, Tier, WIDE};

/// One pool on stage.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) settings: Arc<PoolSettings>,
    /// Who is at home in it.
    pub(super) homes: Range<u32>,
    /// How many of the last of them are not there at the beginning.
    pub(super) absent: u32,
    /// Through whom others join.
    pub(super) seeds: Vec<u32>,
    pub(super) beginning: Beginning,
    /// How much longer than others its packets take, at each end.
    pub(super) farness: Duration,
}

/// All pools on stage.
#[derive(Clone, Debug)]
pub(super) struct Federation {
    grounds: Vec<Ground>,
    /// By region: the halves of its gateways in the wide pool, and how far before them their other halves are.
    gateways: Vec<(Range<u32>, u32)>,
}

/// Half of what packets take longer from one region to another.
const FARNESS: Duration = Duration::from_millis(20);

impl Federation {
    pub(super) fn of(scenario: &PoolScenario) -> Self {
        if scenario.regions.is_empty() { Self::plain(scenario) } else { Self::of_regions(scenario) }
    }

    /// One pool, and maybe another on the same network.
    fn plain(scenario: &PoolScenario) -> Self {
        let population = scenario.population;
        let (members, everyone) = (population.members, population.everyone());
        let ours = Ground {
            settings: settings(&scenario.config, POOL),
            homes: 0..members,
            absent: population.absent,
            seeds: (0..population.seeds).collect(),
            beginning: population.beginning,
            farness: Duration::ZERO,
        };
        let theirs = Ground {
            settings: settings(&scenario.config, STRANGERS),
            homes: members..everyone,
            absent: 0,
            seeds: (members..everyone).take(1).collect(),
            beginning: Beginning::Acquainted,
            farness: Duration::ZERO,
        };
        Self { grounds: vec![ours, theirs], gateways: Vec::new() }
    }

    fn of_regions(scenario: &PoolScenario) -> Self {
        let population = scenario.population;
        let (mut first, mut half) = (0, population.members);
        let (mut grounds, mut gateways) = (Vec::new(), Vec::new());
        for (region, number) in scenario.regions.iter().zip(1..) {
            grounds.push(Ground {
                settings: settings(&scenario.config, &format!("region {number}")),
                homes: first..first + region.members,
                absent: 0,
                seeds: (first..first + population.seeds).collect(),
                beginning: population.beginning,
                farness: Duration::ZERO,
            });
            gateways.push((half..half + region.gateways, half - first));
            first += region.members;
            half += region.gateways;
        }
        grounds.push(Ground {
            settings: settings(&Tier::Wide.config(WIDE), WIDE),
            homes: population.members..half,
            absent: 0,
            seeds: gateways.iter().map(|(halves, _)| halves.start).collect(),
            beginning: population.beginning,
            farness: FARNESS,
        });
        Self { grounds, gateways }
    }

    pub(super) fn grounds(&self) -> &[Ground] {
        &self.grounds
    }

    /// Returns the pool in which a node is.
    pub(super) fn ground(&self, home: u32) -> &Ground {
        let mut grounds = self.grounds.iter();
        grounds.find(|ground| ground.homes.contains(&home)).expect("every node is at home in a pool")
    }

    /// Returns how many nodes there are, halves of gateways among them.
    pub(super) fn homes(&self) -> u32 {
        self.grounds.iter().map(|ground| ground.homes.end).max().unwrap_or(0)
    }

    /// Returns the half of a gateway that is in the wide pool.
    pub(super) fn other_half(&self, home: u32) -> Option<u32> {
        let mut halves = self.gateways.iter().map(|(halves, ahead)| (halves, home + ahead));
        halves.find(|(halves, half)| halves.contains(half)).map(|(_, half)| half)
    }

    /// Returns the halves of gateways in the wide pool, by region.
    pub(super) fn gateways(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        self.gateways.iter().map(|(halves, _)| halves.clone())
    }

    /// Returns the settings with the longest times.
    pub(super) fn slowest(&self) -> &Arc<PoolSettings> {
        let slowest = self.grounds.iter().max_by_key(|ground| ground.settings.probe_interval());
        &slowest.expect("there is a pool").settings
    }

    pub(super) fn is_wide(&self, settings: &PoolSettings) -> bool {
        !self.gateways.is_empty() && settings.label() == PoolLabel::of(WIDE)
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = PoolLabel> + '_ {
        self.grounds.iter().map(|ground| ground.settings.label())
    }
}

fn settings(config: &PoolConfig, name: &str) -> Arc<PoolSettings> {
    let config = PoolConfig { name: name.to_string(), ..config.clone() };
    Arc::new(config.check().expect("the scenario was checked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::scenario::Region;

    #[test]
    fn gateways_are_the_first_of_their_region_and_have_another_half_behind_everyone() {
        let mut scenario = PoolScenario::plain("regions", Tier::Local);
        scenario.regions = vec![Region { members: 5, gateways: 2 }, Region { members: 4, gateways: 1 }];
        scenario.population.members = 9;
        let federation = Federation::of(&scenario);
        let halves: Vec<Option<u32>> = (0..9).map(|home| federation.other_half(home)).collect();
        let none = None;
        assert_eq!(halves, [Some(9), Some(10), none, none, none, Some(11), none, none, none]);
        assert_eq!((federation.homes(), federation.gateways().collect::<Vec<_>>()), (12, vec![9..11, 11..12]));
        assert_eq!(federation.ground(10).seeds, [9, 11]);
        assert!(
            federation.is_wide(&federation.ground(11).settings) && !federation.is_wide(&federation.ground(5).settings)
        );
        assert_eq!(federation.labels().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }
}
