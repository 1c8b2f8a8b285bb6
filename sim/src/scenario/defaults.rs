//! What a scenario is when nothing else is said.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use delian_core::Config;

use super::{
    Cluster, Expectations, Family, Latency, LinkQuality, Manner, Mix, Operator, Scenario, Shape, Swarm, Workload,
    Worlds,
};
use crate::worlds::WorldKind;

impl Latency {
    /// A healthy disk: a flush takes 1 ms to 5 ms, as on a solid-state disk that is shared.
    pub const FLUSH: Self =
        Self { least: Duration::from_millis(1), most: Duration::from_millis(5), shape: Shape::Skewed };
}

impl LinkQuality {
    /// A healthy link: 1 ms to 10 ms, mostly short, and nothing goes wrong. Chance losses are a scenario's to ask for.
    pub const HEALTHY: Self = Self {
        latency: Latency { least: Duration::from_millis(1), most: Duration::from_millis(10), shape: Shape::Skewed },
        loss: 0,
        duplicate: 0,
        reorder: 0,
        replay: 0,
        rate: None,
    };
}

impl Mix {
    /// Nothing at all: what a mix starts from that names its kinds.
    pub const NOTHING: Self =
        Self { register: 0, deregister: 0, evict: 0, condition: 0, custom: 0, read: 0, read_quorum: 0, read_lease: 0 };
    /// Mostly registrations and some of everything that costs no round of messages of its own.
    pub const USUAL: Self =
        Self { register: 5, deregister: 2, evict: 1, condition: 1, custom: 1, read: 2, ..Self::NOTHING };

    /// Returns the sum of the weights.
    pub fn total(&self) -> u64 {
        self.weights().into_iter().sum()
    }

    /// Returns the weights in order.
    pub(crate) fn weights(&self) -> [u64; 8] {
        let Self { register, deregister, evict, condition, custom, read, read_quorum, read_lease } = *self;
        [register, deregister, evict, condition, custom, read, read_quorum, read_lease].map(u64::from)
    }
}

/// Three clients that each act twice a second, on eight subjects.
impl Default for Workload {
    fn default() -> Self {
        let manner = Manner::default();
        Self { clients: 3, interval: Duration::from_millis(500), subjects: 8, mix: Mix::USUAL, manner }
    }
}

/// All families; a family that is on strikes about every 5 s and for at most 10 s, many election timeouts long.
impl Default for Swarm {
    fn default() -> Self {
        Self { families: Family::ALL.to_vec(), interval: Duration::from_secs(5), lasting: Duration::from_secs(10) }
    }
}

/// A change every 5 s: most of them commit before the next.
impl Default for Operator {
    fn default() -> Self {
        Self { interval: Duration::from_secs(5) }
    }
}

/// Three voters with the usual settings.
impl Default for Cluster {
    fn default() -> Self {
        Self {
            voters: 3,
            learners: 0,
            spares: 0,
            observers: 0,
            absent: Vec::new(),
            levels: BTreeMap::new(),
            pool: false,
            registers_again: false,
            config: Config::default(),
        }
    }
}

/// Discrete events alone.
impl Default for Worlds {
    fn default() -> Self {
        Self {
            run_in: BTreeSet::from([WorldKind::Des]),
            not_in: BTreeMap::new(),
            differs: BTreeMap::new(),
            scale: Self::REAL,
        }
    }
}

impl Worlds {
    /// The scale of a second that takes a second.
    pub const REAL: u16 = 1000;
}

impl Family {
    /// The families that `all` stands for, in order: those that leave the configuration alone.
    pub const ALL: [Self; 10] = [
        Self::Partition,
        Self::Degrade,
        Self::Clog,
        Self::Crash,
        Self::Pause,
        Self::Deafen,
        Self::SlowDisk,
        Self::FullDisk,
        Self::LoseDisk,
        Self::Clock,
    ];
}

impl Scenario {
    /// Three healthy voters, a minute of nothing and half a minute to settle.
    pub(super) fn plain(name: &str) -> Self {
        Self {
            name: name.to_string(),
            about: String::new(),
            path: String::new(),
            seed: None,
            seeds_max: None,
            forks: Vec::new(),
            healed: None,
            worlds: Worlds::default(),
            cluster: Cluster::default(),
            chaos: Duration::from_mins(1),
            settle: Duration::from_secs(30),
            network: LinkQuality::HEALTHY,
            flush: Latency::FLUSH,
            workload: None,
            swarm: None,
            operator: None,
            steps: Vec::new(),
            operations: Vec::new(),
            expect: Expectations::default(),
        }
    }
}
