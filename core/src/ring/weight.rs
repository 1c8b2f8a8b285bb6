//! How much of the circle a node asks for, and how much load it may bear.
//!
//! Both are integers: two replicas that disagreed in the last bit of a float would disagree on an owner.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The thousandths in one.
const WHOLE: u32 = 1000;

/// The share of the circle that a node gets beside the others, in thousandths of one unit; never zero.
///
/// A node that must get nothing new is walked past, see [`super::Eligible`], so that its keys come back unmoved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weight(u32);

/// The weight is zero or above [`Weight::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightError(u32);

impl fmt::Display for WeightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a weight of {} thousandths is not from 1 to {}", self.0, Weight::MAX.0)
    }
}

impl core::error::Error for WeightError {}

impl Weight {
    /// What an ordinary node weighs.
    pub const UNIT: Self = Self(WHOLE);
    /// The least weight, which brings one point.
    pub const MIN: Self = Self(1);
    /// The greatest weight: a thousand units.
    pub const MAX: Self = Self(1000 * WHOLE);

    /// Returns the weight of so many thousandths of a unit.
    ///
    /// # Errors
    ///
    /// Returns the number if it is zero or above [`Weight::MAX`].
    pub const fn of_thousandths(thousandths: u32) -> Result<Self, WeightError> {
        if thousandths < Self::MIN.0 || thousandths > Self::MAX.0 {
            return Err(WeightError(thousandths));
        }
        Ok(Self(thousandths))
    }

    /// Returns the number of thousandths.
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::UNIT
    }
}

/// Writes units with three decimals, such as `1.500`.
impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / WHOLE, self.0 % WHOLE)
    }
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How many points, also called virtual nodes, a unit of weight brings; never zero.
///
/// With `v` points each the shares of equal nodes deviate by `1/√v` of their mean: 8.2 % at the default of 150.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PointsPerUnit(u16);

/// The number of points is zero or above [`PointsPerUnit::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointsPerUnitError(u16);

impl fmt::Display for PointsPerUnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} points per unit of weight are not from 1 to {}", self.0, PointsPerUnit::MAX.0)
    }
}

impl core::error::Error for PointsPerUnitError {}

impl PointsPerUnit {
    /// The greatest number: beyond it shares get no more even than 1 %.
    pub const MAX: Self = Self(10_000);

    /// Wraps a number of points.
    ///
    /// # Errors
    ///
    /// Returns the number if it is zero or above [`PointsPerUnit::MAX`].
    pub const fn new(points: u16) -> Result<Self, PointsPerUnitError> {
        if points == 0 || points > Self::MAX.0 { Err(PointsPerUnitError(points)) } else { Ok(Self(points)) }
    }

    /// Returns the plain number of points.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns how many points a node of this weight has: the product, rounded to the nearest, and at least one.
    ///
    /// Points are numbered from zero, so another weight adds or takes away points at the end and moves no other.
    pub const fn points(self, weight: Weight) -> u32 {
        // At most 10,000 points times 1,000,000 thousandths, which fits in 64 bits and divided in 32.
        let rounded = (self.0 as u64 * weight.0 as u64 + WHOLE as u64 / 2) / WHOLE as u64;
        if rounded == 0 { 1 } else { rounded as u32 }
    }
}

impl Default for PointsPerUnit {
    fn default() -> Self {
        Self(150)
    }
}

/// How far above its fair share a node may be loaded, in thousandths: the `c` of bounded loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CapacityFactor(u32);

/// The factor lies below one, so that not all load would find a place, or above [`CapacityFactor::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityFactorError(u32);

impl fmt::Display for CapacityFactorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a capacity factor of {} thousandths is not from {WHOLE} to {}", self.0, CapacityFactor::MAX.0)
    }
}

impl core::error::Error for CapacityFactorError {}

impl CapacityFactor {
    /// The greatest factor: a thousand times the fair share bounds nothing.
    pub const MAX: Self = Self(1000 * WHOLE);

    /// Returns the factor of so many thousandths.
    ///
    /// # Errors
    ///
    /// Returns the number if it is below 1,000 or above [`CapacityFactor::MAX`].
    pub const fn of_thousandths(thousandths: u32) -> Result<Self, CapacityFactorError> {
        if thousandths < WHOLE || thousandths > Self::MAX.0 {
            return Err(CapacityFactorError(thousandths));
        }
        Ok(Self(thousandths))
    }

    /// Returns the number of thousandths.
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// Returns the capacity of a node while `load` is borne by all nodes of weight `all` together: `⌈c·w·(load+1)/W⌉`.
    ///
    /// The capacities of all nodes add up to more than the load, so there is always room for one more.
    ///
    /// # Panics
    ///
    /// Panics if `all`, which counts thousandths, is zero.
    pub fn capacity(self, weight: Weight, load: u64, all: u64) -> u64 {
        assert!(all > 0, "nobody bears a load of {load}");
        u64::try_from(self.share(weight, load).div_ceil(u128::from(all) * u128::from(WHOLE))).unwrap_or(u64::MAX)
    }

    /// Says whether a node that bears `own` is below its capacity.
    pub(super) fn admits(self, own: u64, weight: Weight, load: u64, all: u64) -> bool {
        // A whole number is below a fraction rounded up if it is below the fraction, and 64 + 10 + 46 bits fit.
        u128::from(own) * u128::from(all) * u128::from(WHOLE) < self.share(weight, load)
    }

    /// Returns the capacity times the weight of all, in millionths.
    fn share(self, weight: Weight, load: u64) -> u128 {
        u128::from(self.0) * u128::from(weight.0) * (u128::from(load) + 1)
    }
}

impl Default for CapacityFactor {
    fn default() -> Self {
        Self(1250)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn points_are_the_rounded_product_and_at_least_one() {
        for (thousandths, points) in [(1, 1), (3, 1), (9, 1), (10, 2), (500, 75), (1000, 150), (1003, 150), (1004, 151)]
        {
            let weight = Weight::of_thousandths(thousandths).unwrap();
            assert_eq!(PointsPerUnit::default().points(weight), points, "{weight}");
        }
        assert_eq!(PointsPerUnit::MAX.points(Weight::MAX), 10_000_000);
    }

    #[test]
    fn numbers_without_a_meaning_are_refused() {
        assert_eq!(Weight::of_thousandths(0), Err(WeightError(0)));
        let above = Weight::of_thousandths(1_000_001).unwrap_err();
        assert_eq!(above.to_string(), "a weight of 1000001 thousandths is not from 1 to 1000000");
        assert_eq!(PointsPerUnit::new(0), Err(PointsPerUnitError(0)));
        assert_eq!(PointsPerUnit::new(10_001), Err(PointsPerUnitError(10_001)));
        assert_eq!(CapacityFactor::of_thousandths(999), Err(CapacityFactorError(999)));
        assert_eq!(CapacityFactor::of_thousandths(1_000_001), Err(CapacityFactorError(1_000_001)));
    }

    #[test]
    fn a_capacity_is_rounded_up_and_never_overflows() {
        let factor = CapacityFactor::default();
        assert_eq!(factor.capacity(Weight::UNIT, 0, 10_000), 1);
        assert_eq!(factor.capacity(Weight::UNIT, 99, 10_000), 13);
        assert_eq!(factor.capacity(Weight::MAX, u64::MAX, 1), u64::MAX);
        assert!(factor.admits(12, Weight::UNIT, 99, 10_000) && !factor.admits(13, Weight::UNIT, 99, 10_000));
        assert!(!CapacityFactor::MAX.admits(u64::MAX, Weight::MIN, u64::MAX, 1 << 46));
    }
}
