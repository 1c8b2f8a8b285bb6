//! What a subcommand comes to.

use std::fmt;

use delian_sim::scenario::ScenarioError;

/// What a subcommand found out, when it could find out anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All is well.
    Yes,
    /// An invariant is broken.
    No,
}

/// Why a subcommand could not answer.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Scenario files are wrong; all that is wrong with all of them.
    Scenarios(Vec<ScenarioError>),
    /// A configuration is wrong: what is wrong, each with its place.
    Placed(String),
    /// Something else, worded for people.
    Other(String),
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Other(message.into())
    }
}

impl From<ScenarioError> for Problem {
    fn from(error: ScenarioError) -> Self {
        Self::Scenarios(vec![error])
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A place in a file comes first on its line, where editors look for it.
            Self::Scenarios(errors) => {
                for (number, error) in errors.iter().enumerate() {
                    write!(f, "{}{error}", if number == 0 { "" } else { "\n" })?;
                }
                Ok(())
            }
            Self::Placed(problems) => f.write_str(problems),
            Self::Other(message) => write!(f, "error: {message}"),
        }
    }
}
