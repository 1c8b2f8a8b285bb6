//! What a pick comes to: a node and why it is that one, or nobody and why there is nobody.

use core::fmt;
use core::time::Duration;

use super::roster::{Proximity, Seat};
use crate::ids::NodeId;

/// Who serves a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// The node.
    pub node: NodeId,
    /// Its seat, by which it is reported on.
    pub seat: Seat,
    /// By which rule of the policy.
    pub why: Why,
    /// Among whom.
    pub among: Among,
}

/// By which rule a policy took a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// It was drawn, with the same chance as any other.
    Drawn,
    /// It was drawn with a chance in proportion to its score.
    DrawnByScore(u32),
    /// It was drawn by its score, though it is overloaded, for all are.
    DrawnOfOverloaded(u32),
    /// It was its turn.
    Turn,
    /// It has the fewest unanswered requests for its weight: so many.
    FewestInFlight(u32),
    /// Of two that were drawn it costs less: so much, in nanoseconds times requests.
    Cheaper {
        /// What it costs.
        cost: u64,
        /// What the other one costs.
        than: u64,
    },
    /// Nobody else was there to compare it with.
    Only,
    /// It is the nearest one that is well enough.
    Nearest {
        /// How near its place is.
        proximity: Proximity,
        /// How long a message takes there and back.
        distance: Duration,
    },
    /// It serves the session already.
    Kept,
    /// It owns the key.
    Owner,
    /// It is the next one clockwise, for whoever owns the key may not be asked.
    NextOwner,
    /// It is the next one clockwise that may take one more, for whoever comes before bears all it may.
    NextWithRoom {
        /// How many points of such were walked past.
        full: u32,
    },
    /// All that the walk met bear all they may; it bears the least of them for its weight: so many requests in flight.
    LeastOfFull(u32),
}

impl Why {
    /// Returns whether the node is the one that a key or a session belongs to: any other one is not as good.
    pub const fn is_placed(self) -> bool {
        matches!(self, Self::Kept | Self::Owner | Self::NextOwner | Self::NextWithRoom { .. } | Self::LeastOfFull(_))
    }
}

/// Among whom a policy took a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Among {
    /// Among all who may be asked.
    Eligible,
    /// Among those of the region that the request prefers.
    Preferred,
    /// Among those who are near.
    Near,
    /// Among all members, healthy or not: so few are healthy that they would be overrun.
    Everyone,
}

/// Nobody may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NoCandidate {
    /// The name of the policy.
    pub policy: &'static str,
    /// How many members there are.
    pub members: usize,
    /// What kept them out.
    pub filtered: Filtered,
}

/// How many members each filter kept out; one that several would is counted at the first of them, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Filtered {
    /// Not eligible: held dead, ejected, or whatever the caller goes by.
    pub ineligible: usize,
    /// Excluded by the request.
    pub excluded: usize,
    /// Without a capability that the request requires.
    pub incapable: usize,
    /// Above the load that the request allows.
    pub overloaded: usize,
    /// Outside the region or the distance that the pick was narrowed to.
    pub elsewhere: usize,
    /// On no ring, for a policy that places by key.
    pub unplaced: usize,
}

impl Filtered {
    /// Returns how many were kept out.
    pub const fn sum(&self) -> usize {
        self.ineligible + self.excluded + self.incapable + self.overloaded + self.elsewhere + self.unplaced
    }
}

impl fmt::Display for NoCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, members, filtered } = self;
        write!(f, "{policy} finds nobody among {members} members")?;
        let Filtered { ineligible, excluded, incapable, overloaded, elsewhere, unplaced } = *filtered;
        let counts = [
            (ineligible, "ineligible"),
            (excluded, "excluded"),
            (incapable, "incapable"),
            (overloaded, "overloaded"),
            (elsewhere, "elsewhere"),
            (unplaced, "unplaced"),
        ];
        let mut mark = ':';
        for (count, word) in counts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{mark} {count} {word}")?;
            mark = ',';
        }
        Ok(())
    }
}

impl core::error::Error for NoCandidate {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_refusal_names_the_policy_and_each_filter_that_kept_someone_out() {
        let filtered = Filtered { ineligible: 3, incapable: 2, ..Filtered::default() };
        let refusal = NoCandidate { policy: "nearest", members: 5, filtered };
        assert_eq!(refusal.to_string(), "nearest finds nobody among 5 members: 3 ineligible, 2 incapable");
        let empty = NoCandidate { members: 0, filtered: Filtered::default(), ..refusal };
        assert_eq!(empty.to_string(), "nearest finds nobody among 0 members");
    }
}
