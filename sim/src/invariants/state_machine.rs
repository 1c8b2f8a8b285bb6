//! State-machine safety (Raft, section 5.4.3): all nodes apply the same commands with the same effect.

use std::collections::BTreeMap;
use std::sync::Arc;

use delian_core::projection::Names;
use delian_core::topology::{Changed, Refusal};
use delian_core::{Epoch, LogIndex, NodeId, Position};

use super::{Breach, Invariant};

/// The effect of every applied command, as the first node saw it.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct StateMachineSafety {
    effects: BTreeMap<LogIndex, (NodeId, Effect)>,
    /// The epoch that each accepted command made, to judge snapshots by.
    epochs: BTreeMap<LogIndex, Epoch>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Effect {
    Changed(Position, Epoch, Changed),
    Refused(Position, Refusal),
}

impl Invariant for StateMachineSafety {
    const NAME: &'static str = "state-machine-safety";
    const SENTENCE: &'static str = "No two nodes commit or apply different commands at one index.";
}

impl StateMachineSafety {
    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        self.effects.values_mut().for_each(|(id, _)| *id = names(*id));
    }

    pub(super) fn on_change(
        self: &mut Arc<Self>,
        id: NodeId,
        position: Position,
        epoch: Epoch,
        what: Changed,
    ) -> Result<(), Breach> {
        if !self.epochs.contains_key(&position.index) {
            Arc::make_mut(self).epochs.insert(position.index, epoch);
        }
        self.compare(id, position, &Effect::Changed(position, epoch, what))
    }

    pub(super) fn on_refusal(
        self: &mut Arc<Self>,
        id: NodeId,
        position: Position,
        refusal: &Refusal,
    ) -> Result<(), Breach> {
        self.compare(id, position, &Effect::Refused(position, refusal.clone()))
    }

    pub(super) fn on_install(&self, id: NodeId, last: Position, epoch: Epoch) -> Result<(), Breach> {
        let expected = self.epochs.range(..=last.index).next_back().map_or(Epoch::ZERO, |(_, epoch)| *epoch);
        if expected == epoch {
            return Ok(());
        }
        Err(Self::breach(vec![
            format!("applying the log up to {last} makes {expected}"),
            format!("{id} installed a snapshot of {last} that holds {epoch}"),
        ]))
    }

    fn compare(self: &mut Arc<Self>, id: NodeId, position: Position, effect: &Effect) -> Result<(), Breach> {
        let Some((first, known)) = self.effects.get(&position.index) else {
            Arc::make_mut(self).effects.insert(position.index, (id, effect.clone()));
            return Ok(());
        };
        if known == effect {
            return Ok(());
        }
        Err(Self::breach(vec![
            format!("{first} applied {known:?} at {}", position.index),
            format!("{id} applied {effect:?} there"),
        ]))
    }
}
