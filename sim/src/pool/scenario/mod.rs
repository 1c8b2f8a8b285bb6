//! What is to be simulated of pools, as data.
//!
//! A [`PoolScenario`] is what a person writes; with a seed it becomes a [`super::plan::PoolPlan`], in which nothing is
//! left to chance but what links do and members draw. A step that names neither a time nor whom it hits leaves both to
//! the seed.

mod check;
mod faults;
mod file;
mod settings;
#[cfg(test)]
mod tests;
mod words;
mod write;

use std::ops::Range;
use std::time::Duration;

use delian_core::swim::PoolConfig;

use super::network::Links;
use crate::scenario::{Expectations, secs};

pub use self::faults::{Comeback, FACTS, Fault, Gap, Incarnations, Way, Where, fact_names};

/// A story of a pool, to be told over many seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolScenario {
    /// Its name, a fact in kebab case: the file's stem.
    pub name: String,
    /// One sentence: what must hold.
    pub about: String,
    /// Where it was read from, relative to where the reader stands.
    pub path: String,
    /// The seed it is pinned to, as shrinking leaves it.
    pub seed: Option<u64>,
    /// The most seeds that one campaign runs of it; for large pools, whose runs take seconds.
    pub seeds_max: Option<u64>,
    /// Who takes part.
    pub population: Population,
    /// The regions of a federation, if the members are not all in one pool: each has a pool of its own.
    pub regions: Vec<Region>,
    /// The numbers of the pool; its name is [`POOL`].
    pub config: PoolConfig,
    /// What links are like when nothing is wrong with them.
    pub links: Links,
    /// How long faults go on.
    pub chaos: Duration,
    /// How long, after the faults stop, the pool may take to agree again.
    pub settle: Duration,
    /// Whether members learn the present addresses of the seeds when the faults stop.
    pub discovery: Discovery,
    /// Faults at random.
    pub swarm: Option<PoolSwarm>,
    /// What goes wrong, in order of the earliest time.
    pub steps: Vec<Step>,
    /// What must have happened, so that a pass means something.
    pub expect: Expectations,
}

/// The name of the pool that a scenario is about.
pub const POOL: &str = "pool";

/// The name of the pool of all gateways.
pub const WIDE: &str = "wide";

/// The name of the other pool in its network.
pub const STRANGERS: &str = "strangers";

/// Who takes part. Members are numbered from 1; strangers come behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Population {
    /// Members of the pool.
    pub members: u32,
    /// How they begin.
    pub beginning: Beginning,
    /// Through how many of the first members others join.
    pub seeds: u32,
    /// How many of the last members are not started at the beginning; a `join` step brings them up.
    pub absent: u32,
    /// Members of another pool on the same network, who know each other.
    pub strangers: u32,
    /// Which numbers the pool has by default.
    pub tier: Tier,
}

/// A region of a federation. Its members are numbered behind those of the regions before it, gateways first.
///
/// A gateway is in two pools, that of its region and the wide one of all gateways, with an address and an incarnation of
/// its own in each: nothing that it knows in the one helps it in the other, but it runs or does not in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// How many members it has.
    pub members: u32,
    /// How many of the first of them are gateways.
    pub gateways: u32,
}

/// How the members of a pool begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Beginning {
    /// They know each other, as after a long quiet time.
    Acquainted,
    /// All join at once.
    Joining,
}

/// When members learn the addresses of the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Discovery {
    /// When they start and know nobody.
    AtStart,
    /// Again when the faults stop: where all seeds may have moved, nothing else brings everyone together.
    Again,
}

/// Which numbers a pool has by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Those of one datacenter or region.
    Local,
    /// Those of gateways far from each other.
    Wide,
}

impl Tier {
    /// Returns the numbers of the tier for a pool of this name.
    pub fn config(self, name: &str) -> PoolConfig {
        match self {
            Self::Local => PoolConfig::local(name),
            Self::Wide => PoolConfig::wide(name),
        }
    }

    /// Returns what links of the tier are like when nothing is wrong with them.
    pub const fn links(self) -> Links {
        match self {
            Self::Local => Links::local(0),
            Self::Wide => {
                Links { delay_min: Duration::from_millis(20), delay_max: Duration::from_millis(80), ..Links::local(0) }
            }
        }
    }
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, since the start; a seed draws an instant between the two.
    pub at: Between,
    /// How long it lasts; without it until the end of the chaos, and for good where something is gone.
    pub lasts: Option<Between>,
    /// What goes wrong.
    pub fault: Fault,
    /// Whom it hits.
    pub target: Target,
}

/// Two bounds, which may be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Between {
    /// The least.
    pub least: Duration,
    /// The most.
    pub most: Duration,
}

impl Between {
    /// Leaves nothing to chance.
    pub const fn exactly(span: Duration) -> Self {
        Self { least: span, most: span }
    }
}

/// Whom a step hits, of those whom its fault can hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// These, by their numbers from 1.
    These(Vec<u32>),
    /// So many, drawn by the seed.
    Some(u32),
    /// So many of a thousand, drawn by the seed, and one at least.
    Share(u16),
    /// All of them.
    All,
}

/// Faults at random: for each seed first which kinds are on, then when, how and whom they hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSwarm {
    /// The kinds to draw from, as files name them.
    pub faults: Vec<&'static str>,
    /// The mean pause between two faults of one kind that is on.
    pub interval: Duration,
    /// The longest that one fault lasts.
    pub lasting: Duration,
}

impl Population {
    /// Returns how many members are started at the beginning.
    pub const fn present(&self) -> u32 {
        self.members - self.absent
    }

    /// Returns how many there are of both pools.
    pub const fn everyone(&self) -> u32 {
        self.members + self.strangers
    }
}

/// Every kind that makes sense in any pool; a kind that is on strikes about every 10 s and for at most 15 s.
impl Default for PoolSwarm {
    fn default() -> Self {
        let needs_others = ["join", "stray"];
        let faults = Fault::KINDS.into_iter().filter(|kind| !needs_others.contains(kind)).collect();
        Self { faults, interval: secs(10), lasting: secs(15) }
    }
}

impl PoolScenario {
    /// Returns whom a fault can hit, as places from 0: a member's number less one.
    pub(crate) const fn can_hit(&self, fault: &Fault) -> Range<u32> {
        let population = self.population;
        if matches!(fault, Fault::Join) {
            population.present()..population.members
        } else if matches!(fault, Fault::Stray) {
            population.members..population.everyone()
        } else {
            0..population.present()
        }
    }

    /// A pool of five to which nothing happens.
    pub(crate) fn plain(name: &str, tier: Tier) -> Self {
        Self {
            name: name.to_string(),
            about: String::new(),
            path: String::new(),
            seed: None,
            seeds_max: None,
            population: Population {
                members: 5,
                beginning: Beginning::Acquainted,
                seeds: 1,
                absent: 0,
                strangers: 0,
                tier,
            },
            regions: Vec::new(),
            config: tier.config(POOL),
            links: tier.links(),
            chaos: secs(60),
            settle: secs(60),
            discovery: Discovery::AtStart,
            swarm: None,
            steps: Vec::new(),
            expect: Expectations::default(),
        }
    }
}
