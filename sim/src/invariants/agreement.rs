//! In the end all whole nodes hold the same topology and the same sessions, and they are what the committed commands make.

use delian_core::{NodeId, SessionId};

use super::session_model::Made;
use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct Agreement;

impl Invariant for Agreement {
    const NAME: &'static str = "one-topology-in-the-end";
    const SENTENCE: &'static str =
        "When all has healed, every whole node holds the topology and the sessions that the committed entries make.";
}

/// Compares what the nodes hold with what a second way to the same state made.
pub(super) fn at_end(whole: &[NodeId], made: &Made, view: &impl View) -> Result<(), Breach> {
    let Made { topology: expected, open, accepted: _ } = made;
    for id in whole {
        let Some(node) = view.node(*id) else { continue };
        if node.topology() != expected {
            return Err(Agreement::breach(vec![
                format!("the committed commands make {} with {} members", expected.epoch(), expected.len()),
                format!("{id} holds {} with {} members", node.topology().epoch(), node.topology().len()),
            ]));
        }
        let held: Vec<SessionId> = node.sessions().iter().map(|(session, _)| session).collect();
        if held != *open {
            return Err(Agreement::breach(vec![
                format!("the committed entries leave the sessions {open:?} open"),
                format!("{id} holds {held:?} open"),
            ]));
        }
    }
    Ok(())
}
