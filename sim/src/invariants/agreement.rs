//! In the end all whole nodes hold the same topology, and it is what the committed commands make.

use delian_core::raft::Payload;
use delian_core::topology::Command;
use delian_core::{NodeId, Topology};

use super::ledger::Ledger;
use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct Agreement;

impl Invariant for Agreement {
    const NAME: &'static str = "one-topology-in-the-end";
    const SENTENCE: &'static str =
        "When all has healed, every whole node holds the topology that the committed commands make.";
}

/// Replays the ledger from nothing and compares: a second way to the same state.
pub(super) fn at_end(whole: &[NodeId], ledger: &Ledger, view: &impl View) -> Result<(), Breach> {
    let Some(first) = whole.iter().find_map(|id| view.node(*id)) else { return Ok(()) };
    let mut expected = Topology::new(first.settings().topology());
    for (_, payload) in ledger.committed() {
        if let Payload::Command(bytes) = payload
            && let Ok(command) = Command::decode(bytes)
        {
            // A refused command changes nothing, here as on every node.
            let _refused = expected.apply(&command);
        }
    }
    for id in whole {
        let Some(node) = view.node(*id) else { continue };
        if *node.topology() != expected {
            return Err(Agreement::breach(vec![
                format!("the committed commands make {} with {} members", expected.epoch(), expected.len()),
                format!("{id} holds {} with {} members", node.topology().epoch(), node.topology().len()),
            ]));
        }
    }
    Ok(())
}
