//! How much of the work a node asks for beside the others.

use core::fmt;

/// The thousandths in one unit.
const WHOLE: u32 = 1000;

/// The share of the work that a node should get beside the others, in thousandths of one unit; never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// The greatest weight: a thousand units.
    pub const MAX: Self = Self(1000 * WHOLE);

    /// Returns the weight of so many thousandths of a unit.
    ///
    /// # Errors
    ///
    /// Returns the number if it is zero or above [`Weight::MAX`].
    pub const fn of_thousandths(thousandths: u32) -> Result<Self, WeightError> {
        if thousandths == 0 || thousandths > Self::MAX.0 {
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
