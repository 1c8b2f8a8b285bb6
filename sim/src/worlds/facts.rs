//! What a run came to, as far as it does not depend on luck alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Named, WorldKind};
use crate::outcome::Counts;

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reached {
    /// Who.
    pub who: Named,
    /// Which condition.
    pub condition: String,
}

/// The facts of one run. They can be written down and read again, so that a process may tell another of its run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(with = "as_pairs")]
    pub conditions: BTreeMap<Reached, Duration>,
    /// How long after the last fault the whole processes agreed; nothing if they did not in time.
    pub settled_after: Option<Duration>,
    /// What happened how often, as far as the world counts it.
    #[serde(with = "as_counts")]
    pub counts: Counts,
    /// How much time of the scenario passed.
    pub lasted: Duration,
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
            lasted: Duration::ZERO,
            broken: Vec::new(),
        }
    }

    /// Returns whether nothing was broken.
    pub const fn holds(&self) -> bool {
        self.broken.is_empty()
    }
}

/// A map whose keys are no text, as a list of pairs.
mod as_pairs {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Reached;

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<Reached, Duration>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Reached, Duration>, D::Error> {
        Vec::<(Reached, Duration)>::deserialize(from).map(|pairs| pairs.into_iter().collect())
    }
}

/// Counts by the names of their facts, of which there are only those that this program knows.
mod as_counts {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::outcome::Counts;
    use crate::scenario::facts;

    pub(super) fn serialize<S: Serializer>(counts: &Counts, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(counts.iter())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Counts, D::Error> {
        let mut counts = Counts::default();
        for (told, count) in BTreeMap::<String, u64>::deserialize(from)? {
            let fact = facts::names().find(|name| *name == told);
            counts.add(fact.ok_or_else(|| de::Error::custom(format!("there is no fact {told}")))?, count);
        }
        Ok(counts)
    }
}
