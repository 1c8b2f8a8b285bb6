//! An owner that is not overloaded: consistent hashing with bounded loads.
//!
//! A node takes nothing beyond `⌈c·w·(load+1)/W⌉`, where `load` is what all bear, `w` its weight and `W` that of all; what
//! it cannot take goes on clockwise (Mirrokni, Thorup and Zadimoghaddam, SODA 2018, arXiv 1608.01350). At `c` = 1.25 that
//! evens out the shares of the ring while almost no key leaves its owner. It is no cure for hot keys: where a few keys
//! make up most of the load, walks grow long and a change moves many keys. So a walk has a limit, and ends with the least
//! loaded node that it met.

use alloc::vec::Vec;
use core::fmt;

use super::token::Token;
use super::{CapacityFactor, Eligible, Ring, Slot};

/// How much a node may bear, and how far a key may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bound {
    /// How far above its fair share a node may be loaded.
    pub factor: CapacityFactor,
    /// The most points to look at.
    pub walk_max: u32,
}

impl Default for Bound {
    /// At 1,000 nodes and the most skewed of usual loads, Zipf's, the longest walks have 132 points.
    fn default() -> Self {
        Self { factor: CapacityFactor::default(), walk_max: 256 }
    }
}

/// What each member of one ring bears, in whatever unit: requests under way, keys, bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loads {
    roster: u64,
    /// By slot.
    borne: Vec<u64>,
    all: u64,
}

impl Loads {
    /// Returns loads of zero for the members of a ring.
    pub fn none(ring: &Ring) -> Self {
        Self { roster: ring.roster, borne: alloc::vec![0; ring.len()], all: 0 }
    }

    /// Returns what a member bears.
    pub fn of(&self, slot: Slot) -> u64 {
        self.borne[slot.index()]
    }

    /// Returns what all bear together.
    pub const fn all(&self) -> u64 {
        self.all
    }

    /// Puts a load onto a member, as far as numbers go.
    pub fn add(&mut self, slot: Slot, load: u64) {
        let load = load.min(u64::MAX - self.all);
        self.borne[slot.index()] += load;
        self.all += load;
    }

    /// Takes a load off a member, as far as there is one.
    pub fn remove(&mut self, slot: Slot, load: u64) {
        let own = &mut self.borne[slot.index()];
        let load = load.min(*own);
        *own -= load;
        self.all -= load;
    }
}

/// Why no owner within its bound was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overload {
    /// Nobody is eligible.
    Nobody,
    /// All that the walk met are at their capacity.
    WalkEnded {
        /// How many points it looked at.
        walked: u32,
        /// Who bears the least for its weight of those that it met; none if none was eligible.
        least: Option<Slot>,
    },
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => write!(f, "nobody is eligible"),
            Self::WalkEnded { walked, least: Some(least) } => {
                write!(f, "nobody below capacity within {walked} points; {least} bears the least")
            }
            Self::WalkEnded { walked, least: None } => write!(f, "nobody eligible within {walked} points"),
        }
    }
}

impl core::error::Error for Overload {}

impl Ring {
    /// Returns the first member at the token of a key or after it that can take one more unit of load.
    ///
    /// Only nodes of `among` count, if given, and the load is shared out among them.
    ///
    /// # Errors
    ///
    /// Returns [`Overload`] if nobody is eligible or the walk met its limit.
    ///
    /// # Panics
    ///
    /// Panics if `loads` or `among` was made for a ring of other members.
    pub fn owner_bounded(
        &self,
        key: &[u8],
        bound: Bound,
        loads: &Loads,
        among: Option<&Eligible>,
    ) -> Result<Slot, Overload> {
        assert!(loads.roster == self.roster, "these loads are not those of the {self:?}");
        let all = among.map_or(self.weight, |among| {
            among.assert_of(self);
            among.weight()
        });
        if all == 0 {
            return Err(Overload::Nobody);
        }
        let mut least: Option<Slot> = None;
        let mut index = self.points.first_from(Token::of(key));
        for _ in 0..bound.walk_max {
            let slot = self.points.owner(index);
            index = self.points.after(index);
            if among.is_some_and(|among| !among.contains(slot)) {
                continue;
            }
            if bound.factor.admits(loads.of(slot), self.weight(slot), loads.all, all) {
                return Ok(slot);
            }
            if least.is_none_or(|least| self.bears_less(loads, slot, least)) {
                least = Some(slot);
            }
        }
        Err(Overload::WalkEnded { walked: bound.walk_max, least })
    }

    /// Says whether one member bears less for its weight than another.
    fn bears_less(&self, loads: &Loads, one: Slot, other: Slot) -> bool {
        // Fractions compared by cross-multiplication: no rounding, and 64 bits times 20 fit.
        let crossed =
            |load: Slot, weight: Slot| u128::from(loads.of(load)) * u128::from(self.weight(weight).thousandths());
        crossed(one, other) < crossed(other, one)
    }
}
