//! What a run came to, as far as it does not depend on luck alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::{Named, WorldKind};
use crate::outcome::Counts;

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It took effect.
    Acknowledged,
    /// A read was answered: the subject is registered.
    Present,
    /// A read was answered: the subject is not registered.
    Absent,
    /// It was refused for this reason, and nothing happened.
    Refused(String),
    /// Nobody knows.
    Unknown,
    /// Nobody listened.
    NotAsked,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acknowledged => f.write_str("acknowledged"),
            Self::Present => f.write_str("registered"),
            Self::Absent => f.write_str("not registered"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Unknown => f.write_str("unknown"),
            Self::NotAsked => f.write_str("nobody listened"),
        }
    }
}

/// A condition that somebody was found in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    /// Who.
    pub who: Named,
    /// Which condition.
    pub condition: String,
}

/// The facts of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Where it ran.
    pub world: WorldKind,
    /// Who led in which term.
    pub leaders: BTreeMap<u64, BTreeSet<u16>>,
    /// What became of the operations that the scenario gives, in their order; those of random clients are only counted.
    pub fates: Vec<(String, Fate)>,
    /// The subjects that were registered at the end, each with its condition.
    pub subjects: BTreeMap<u16, String>,
    /// Who voted at the end.
    pub voters: BTreeSet<u16>,
    /// Which conditions were reached, and when first.
    pub conditions: BTreeMap<Reached, Duration>,
    /// How long after the last fault the whole processes agreed; nothing if they did not in time.
    pub settled_after: Option<Duration>,
    /// What happened how often, as far as the world counts it.
    pub counts: Counts,
    /// What was broken, a sentence each.
    pub broken: Vec<String>,
}

impl Facts {
    /// Begins the facts of a run.
    pub fn new(world: WorldKind) -> Self {
        Self {
            world,
            leaders: BTreeMap::new(),
            fates: Vec::new(),
            subjects: BTreeMap::new(),
            voters: BTreeSet::new(),
            conditions: BTreeMap::new(),
            settled_after: None,
            counts: Counts::default(),
            broken: Vec::new(),
        }
    }

    /// Returns whether nothing was broken.
    pub const fn holds(&self) -> bool {
        self.broken.is_empty()
    }
}
