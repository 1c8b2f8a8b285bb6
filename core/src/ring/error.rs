//! Why members cannot form a ring.

use alloc::sync::Arc;
use core::fmt;

use super::POINTS_MAX;
use super::point::NAME_BYTES_MAX;

/// Why a ring refuses a change; it stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RingError {
    /// A name is empty.
    NoName,
    /// A name has more than [`NAME_BYTES_MAX`] bytes.
    NameTooLong {
        /// How many it has.
        bytes: usize,
    },
    /// A member with this name is in the ring already.
    NameTaken(Arc<str>),
    /// No member has this name.
    Stranger(Arc<str>),
    /// All points together are more than [`POINTS_MAX`].
    TooManyPoints {
        /// How many there would be, as far as they were counted.
        points: usize,
    },
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => write!(f, "a member of the ring has no name"),
            Self::NameTooLong { bytes } => {
                write!(f, "a name of {bytes} bytes is above the limit of {NAME_BYTES_MAX} for the ring")
            }
            Self::NameTaken(name) => write!(f, "`{name}` is in the ring already"),
            Self::Stranger(name) => write!(f, "`{name}` is not in the ring"),
            Self::TooManyPoints { points } => {
                write!(f, "{points} points are above the limit of {POINTS_MAX}: lower weights or points per unit")
            }
        }
    }
}

impl core::error::Error for RingError {}

/// Checks what can be judged of a name without knowing the others.
pub(super) fn check_name(name: &str) -> Result<(), RingError> {
    match name.len() {
        0 => Err(RingError::NoName),
        1..=NAME_BYTES_MAX => Ok(()),
        bytes => Err(RingError::NameTooLong { bytes }),
    }
}

/// Returns how many points there are with `more` of them, if that is within the limit.
pub(super) fn check_points(points: usize, more: u32) -> Result<usize, RingError> {
    match points.saturating_add(more as usize) {
        sum @ 0..=POINTS_MAX => Ok(sum),
        points => Err(RingError::TooManyPoints { points }),
    }
}
