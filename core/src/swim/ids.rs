//! The numbers that have a meaning within a pool.

use core::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// The logical clock of what is said about one member: only the member itself raises it, to refute a suspicion, to
/// announce a change of its card or to begin another life (SWIM, section 4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(u32);

/// How many incarnations one life of a node has before they reach into those of the next.
const PER_BOOT: u32 = 1 << 12;

/// The greatest step that hearsay may raise an incarnation by: as many as 256 lives in a row of which nobody heard.
const HEARSAY_STEP_MAX: u32 = 1 << 20;

impl Incarnation {
    /// The incarnation before any other.
    pub const ZERO: Self = Self(0);

    /// Wraps a number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the first incarnation of a node's life, above those of its earlier ones unless it refuted 4,096 times in one
    /// of them; then the others tell it.
    pub const fn of_boot(boot: crate::ids::Boot) -> Self {
        let boot = boot.get();
        Self(if boot > (u32::MAX / PER_BOOT) as u64 { u32::MAX } else { (boot as u32).saturating_mul(PER_BOOT) })
    }

    /// Returns the plain number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns the next incarnation, or the same one at the end of the range: it never wraps to one that is older.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns whether no incarnation comes after this one: who is in it can change no more, and refute nothing.
    pub const fn is_last(self) -> bool {
        self.0 == u32::MAX
    }

    /// Returns whether hearsay may raise the incarnation of a member from this one to `claimed`. One forged packet could
    /// otherwise use up the range, and the member could never refute again.
    pub const fn may_rise_to(self, claimed: Self) -> bool {
        claimed.0.saturating_sub(self.0) <= HEARSAY_STEP_MAX
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which pool a packet belongs to: 32 bits of the hash of the pool's name. Packets of another pool are refused, so pools
/// that reach each other by mistake stay apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PoolLabel([u8; 4]);

impl PoolLabel {
    /// Returns the label of the pool of this name.
    pub fn of(name: &str) -> Self {
        let [a, b, c, d, ..] = xxh3_64(name.as_bytes()).to_be_bytes();
        Self([a, b, c, d])
    }
}

impl fmt::Display for PoolLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for PoolLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number of one probe of one member; an answer repeats it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProbeNumber(u32);

impl ProbeNumber {
    /// Wraps a number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the plain number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns the next number; they come round after four billion probes, when no answer to the first is left.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Debug for ProbeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// 32 bits of the hash of a node's id: whom a ping is meant for, so that nobody else at that address answers it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeTag([u8; 4]);

impl NodeTag {
    /// Returns the tag of a node.
    pub const fn of(node: crate::ids::NodeId) -> Self {
        let mixed = super::mix::mix(node.get());
        Self(((mixed >> 32) as u32).to_be_bytes())
    }
}

impl fmt::Debug for NodeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Boot;

    #[test]
    fn an_incarnation_saturates_and_never_wraps() {
        assert_eq!(Incarnation::new(u32::MAX).next(), Incarnation::new(u32::MAX));
        assert_eq!(Incarnation::of_boot(Boot::new(u64::MAX)), Incarnation::new(u32::MAX));
    }

    #[test]
    fn a_later_life_begins_above_the_refutations_of_an_earlier_one() {
        let first = Incarnation::of_boot(Boot::new(1));
        let refuted = (0..4_000).fold(first, |incarnation, _| incarnation.next());
        assert!(Incarnation::of_boot(Boot::new(2)) > refuted);
    }

    #[test]
    fn hearsay_raises_an_incarnation_by_no_more_than_many_lives() {
        let known = Incarnation::new(7);
        assert!(known.may_rise_to(Incarnation::new(7 + (1 << 20))));
        assert!(!known.may_rise_to(Incarnation::new(8 + (1 << 20))));
    }

    #[test]
    fn the_labels_of_two_pools_differ() {
        assert_ne!(PoolLabel::of("eu"), PoolLabel::of("us"));
    }
}
