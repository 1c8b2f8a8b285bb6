//! The assembly of a node from its configuration, and its life.

use delian_shell::config::Effective;

use crate::answer::{Answer, Problem};

/// All that the command line decides about a node.
#[derive(Debug)]
pub(super) struct Start {
    /// What it runs under.
    pub(super) effective: Effective,
    /// What it does about its store.
    pub(super) beginning: Beginning,
}

/// How a node treats the store that it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// It goes on where it was. If there is no store it makes one and joins, for which it needs `cluster.join`.
    Resume,
    /// It founds, alone or with `cluster.founders`. A store that is there already is a reason not to.
    Found,
    /// It sets aside the store that is there, and joins as one that forgot everything.
    Rejoin,
}

/// Runs a node until it is told to end.
///
/// # Errors
/// Why it cannot start.
pub(super) fn run(start: &Start) -> Result<Answer, Problem> {
    let name = &start.effective.options().node.name;
    Err(Problem::new(format!("{name:?} ({:?}): the parts of a running node are not in this build", start.beginning)))
}
