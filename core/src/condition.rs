//! How a registered node fares and what speaks for it: the words that whoever judges shares with what is agreed on.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// How a registered node fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Condition {
    /// It beats and keeps up.
    Healthy,
    /// It beats too late, or says itself that it does badly: it takes what nobody else can.
    Degraded,
    /// It has been silent for as long as a failure takes: it takes nothing new.
    Silent,
    /// It is about to leave, as was asked for, and takes nothing new: nobody finds that, and nothing else is found of it.
    Leaving,
    /// Nobody reaches it: it takes nothing new.
    Unreachable,
}

impl Condition {
    /// Every condition, in order.
    pub const ALL: [Self; 5] = [Self::Healthy, Self::Degraded, Self::Silent, Self::Leaving, Self::Unreachable];

    /// Returns whether whoever is in this condition has failed, by its silence or because nobody reaches it.
    pub const fn is_failed(self) -> bool {
        matches!(self, Self::Silent | Self::Unreachable)
    }

    /// Returns whether new work may go to whoever is in this condition, if only for want of somebody better.
    pub const fn is_routable(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Silent => "silent",
            Self::Leaving => "leaving",
            Self::Unreachable => "unreachable",
        })
    }
}

/// What speaks for a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// Somebody asked for it: an operator, or the node itself. Whoever registers asks to be healthy.
    Asked,
    /// It beats, and its score is good.
    Beats,
    /// Its own score is too low.
    LowScore {
        /// What its score counts for, in per mille.
        permille: u16,
    },
    /// Its heartbeats stay away.
    Silence {
        /// For how many levels.
        level: u8,
    },
    /// The failure detector holds it dead.
    HeldDead,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("it was asked for"),
            Self::Beats => f.write_str("it beats and its score is good"),
            Self::LowScore { permille } => write!(f, "it gives itself {permille} ‰ only"),
            Self::Silence { level } => write!(f, "its heartbeats stay away, level {level}"),
            Self::HeldDead => f.write_str("the failure detector holds it dead"),
        }
    }
}

/// How far a node that leaves has handed over what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Drain {
    /// After how long it is removed whatever it still holds; never, if nothing is said.
    pub within: Option<Duration>,
    /// How much of what it held is elsewhere, in per mille.
    pub moved: u16,
}

impl Drain {
    /// All that a node holds, in per mille.
    pub const WHOLE: u16 = 1000;
}
