//! What is wrong with a configuration.

use alloc::string::String;
use core::fmt;

/// Why a configuration makes no sense: the field, its value and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The field at fault, of [`super::Config`] or [`crate::swim::PoolConfig`].
    pub field: &'static str,
    /// The value and the mend, as a sentence without the field's name.
    pub problem: String,
}

/// Refuses a field, with its value and the mend as [`ConfigError::problem`] has them.
pub(crate) fn wrong<T>(field: &'static str, problem: String) -> Result<T, ConfigError> {
    Err(ConfigError { field, problem })
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}

impl core::error::Error for ConfigError {}
