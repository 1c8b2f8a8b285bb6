//! What a node can do, as a set of up to 64 numbered abilities.

use core::fmt;

/// A set of capabilities; who numbers them is the owner of the roster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Capabilities(u64);

/// The number of a capability is above [`Capabilities::NUMBER_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapabilityError(u32);

impl fmt::Display for CapabilityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "capability {} is above {}", self.0, Capabilities::NUMBER_MAX)
    }
}

impl core::error::Error for CapabilityError {}

impl Capabilities {
    /// The highest number of a capability.
    pub const NUMBER_MAX: u32 = 63;
    /// None.
    pub const NONE: Self = Self(0);

    /// Returns the set of these capabilities.
    ///
    /// # Errors
    ///
    /// Returns the first number above [`Capabilities::NUMBER_MAX`].
    pub fn of(numbers: impl IntoIterator<Item = u32>) -> Result<Self, CapabilityError> {
        numbers.into_iter().try_fold(Self::NONE, |set, number| match number {
            0..=Self::NUMBER_MAX => Ok(Self(set.0 | 1 << number)),
            number => Err(CapabilityError(number)),
        })
    }

    /// Says whether all of `others` are in the set.
    #[inline]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Returns how many of `others` are in the set.
    #[inline]
    pub const fn shared_with(self, others: Self) -> u32 {
        (self.0 & others.0).count_ones()
    }

    /// Says whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns how many capabilities there are.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }
}

/// Writes the numbers, such as `{0, 3}`.
impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((0..=Self::NUMBER_MAX).filter(|number| self.0 >> number & 1 == 1)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_beyond_the_set_is_refused() {
        assert!(Capabilities::of([0, 63]).is_ok());
        assert_eq!(Capabilities::of([1, 64]), Err(CapabilityError(64)));
    }

    #[test]
    fn a_set_contains_its_parts_and_counts_what_it_shares() {
        let (all, some) = (Capabilities::of([1, 2, 3]).unwrap(), Capabilities::of([2, 3]).unwrap());
        assert!(all.contains(some) && !some.contains(all) && some.contains(Capabilities::NONE));
        assert_eq!(some.shared_with(all), 2);
    }
}
