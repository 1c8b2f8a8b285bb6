//! What was found of one life never touches another one, and brings nobody back.

use std::collections::BTreeMap;

use delian_core::raft::Payload;
use delian_core::topology::{Changed, Command};
use delian_core::{Epoch, NodeId, Position};

use super::super::ledger::Ledger;
use super::super::{Breach, Invariant};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug, Default)]
pub(in super::super) struct FoundOfTheLife {
    /// Who is registered, and since which epoch.
    lives: BTreeMap<NodeId, Epoch>,
    /// The last epoch that any node began.
    seen: Epoch,
}

impl Invariant for FoundOfTheLife {
    const NAME: &'static str = "found-of-the-registered-life";
    const SENTENCE: &'static str = "A command that names a life takes effect only while that life is registered, and only a registration begins one.";
}

impl FoundOfTheLife {
    /// Takes in a change of the topology, the first time that any node applies it.
    pub(super) fn on_change(
        &mut self,
        position: Position,
        epoch: Epoch,
        what: Changed,
        ledger: &Ledger,
    ) -> Result<(), Breach> {
        if epoch <= self.seen {
            return Ok(());
        }
        self.seen = epoch;
        if let Some((node, named)) = ledger.payload(position).and_then(named)
            && self.lives.get(&node) != Some(&named)
        {
            let held = self.lives.get(&node).map_or("not registered".to_string(), |held| format!("of {held}"));
            return Err(Self::breach(vec![format!("{epoch} changes {node} of {named} by {what:?}, but it is {held}")]));
        }
        match what {
            Changed::Registered(node) | Changed::Updated(node) => {
                self.lives.insert(node, epoch);
            }
            Changed::Deregistered(node) | Changed::Evicted(node) | Changed::Drained(node) => {
                self.lives.remove(&node);
            }
            Changed::ConditionSet(node, _) | Changed::Moved(node, _) if !self.lives.contains_key(&node) => {
                return Err(Self::breach(vec![format!("{epoch} brings {node} back by {what:?}")]));
            }
            Changed::ConditionSet(..) | Changed::Moved(..) | Changed::Custom => {}
        }
        Ok(())
    }
}

/// Returns the life that a command outside of sessions names, if it names one.
fn named(payload: &Payload) -> Option<(NodeId, Epoch)> {
    let Payload::Command(bytes) = payload else { return None };
    match Command::decode(bytes).ok()? {
        Command::Evict { node, epoch }
        | Command::SetCondition { node, epoch, .. }
        | Command::Drain { node, epoch, .. }
        | Command::DrainProgress { node, epoch, .. } => Some((node, epoch)),
        Command::Register(_) | Command::Deregister(_) | Command::Custom(_) => None,
    }
}
