//! What differs between two epochs, so that thousands of observers follow without loading the quorum.
//!
//! A delta carries the members that changed and every removal in between, each with its epoch. The removals rebuild the
//! receiver's own bounded history, so that it ends with exactly the bytes of the source and can serve deltas itself. A
//! delta is taken whole or refused: it starts at one epoch and fits no other.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Bound;

use serde::{Deserialize, Serialize};

use super::consistency::Inconsistency;
use super::{Member, Removal, Topology};
use crate::codec::grow_vec;
use crate::ids::{Epoch, NodeId};

/// Everything that turns the topology of one epoch into that of a later one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Delta {
    /// The epoch to which the delta applies.
    pub from: Epoch,
    /// The epoch that it leads to.
    pub to: Epoch,
    /// The members that changed after `from`, as they are at `to`, in the order of their identities.
    #[serde(deserialize_with = "grow_vec")]
    pub changed: Vec<Member>,
    /// The removals after `from`, in the order of their epochs. A node that came back is in `changed` too.
    #[serde(deserialize_with = "grow_vec")]
    pub removed: Vec<Removal>,
}

/// Why there is no delta since an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaUnavailable {
    /// A removal since then was forgotten: the asker needs the whole topology.
    TooOld {
        /// The epoch asked about.
        since: Epoch,
        /// The oldest epoch that can be answered.
        oldest: Epoch,
    },
    /// The asker has seen more: it may be the one to ask.
    Ahead {
        /// The epoch asked about.
        since: Epoch,
        /// The epoch of this topology.
        current: Epoch,
    },
}

impl fmt::Display for DeltaUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld { since, oldest } => {
                write!(f, "removals before {oldest} are forgotten, so {since} is too old: ask for the whole topology")
            }
            Self::Ahead { since, current } => write!(f, "{since} is ahead of this topology at {current}: ask later"),
        }
    }
}

impl core::error::Error for DeltaUnavailable {}

/// Why a delta was not applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DeltaError {
    /// It leads nowhere new: drop it.
    Stale {
        /// The epoch that it leads to.
        to: Epoch,
        /// The epoch of this topology.
        current: Epoch,
    },
    /// It starts elsewhere and leads on: ask for the delta since the current epoch.
    Misplaced {
        /// The epoch to which it applies.
        from: Epoch,
        /// The epoch of this topology.
        current: Epoch,
    },
    /// It contradicts itself or this topology: ask someone for the whole.
    Inconsistent(Inconsistency),
}

impl fmt::Display for DeltaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale { to, current } => write!(f, "delta to {to} is no news at {current}: drop it"),
            Self::Misplaced { from, current } => {
                write!(f, "delta from {from} does not apply at {current}: ask for the one since {current}")
            }
            Self::Inconsistent(why) => write!(f, "delta is inconsistent: {why}"),
        }
    }
}

impl core::error::Error for DeltaError {}

impl Topology {
    /// Returns who changed or was removed after an epoch, some of them twice; nothing if a removal since then was forgotten.
    pub(crate) fn touched_since(&self, since: Epoch) -> Option<impl Iterator<Item = NodeId>> {
        let changed = self.changes.range((Bound::Excluded(since), Bound::Unbounded)).map(|(_, node)| *node);
        let first = self.removals.partition_point(|removal| removal.epoch <= since);
        let removed = self.removals.range(first..).map(|removal| removal.node);
        (since >= self.forgotten).then(|| changed.chain(removed))
    }

    /// Returns what changed after the epoch `since`; nothing, if that is the current one.
    ///
    /// # Errors
    ///
    /// Returns why the question cannot be answered: a removal was forgotten, or the epoch has not come.
    ///
    /// # Panics
    ///
    /// Never: the index of changes names members only.
    pub fn delta(&self, since: Epoch) -> Result<Delta, DeltaUnavailable> {
        if since > self.epoch {
            return Err(DeltaUnavailable::Ahead { since, current: self.epoch });
        }
        if since < self.forgotten {
            return Err(DeltaUnavailable::TooOld { since, oldest: self.forgotten });
        }
        let later = self.changes.range((Bound::Excluded(since), Bound::Unbounded));
        let mut changed: Vec<_> = later
            .map(|(_, node)| self.members.get(node).expect("the index of changes names members only").clone())
            .collect();
        changed.sort_unstable_by_key(Member::node);
        let first = self.removals.partition_point(|removal| removal.epoch <= since);
        let removed = self.removals.range(first..).copied().collect();
        Ok(Delta { from: since, to: self.epoch, changed, removed })
    }

    /// Applies a delta that starts at the current epoch; afterwards this topology equals the source of the delta.
    ///
    /// # Errors
    ///
    /// Returns why the delta does not apply; then nothing has changed.
    pub fn apply_delta(&mut self, delta: &Delta) -> Result<(), DeltaError> {
        if delta.from != self.epoch && delta.to <= self.epoch {
            return Err(DeltaError::Stale { to: delta.to, current: self.epoch });
        }
        if delta.from != self.epoch {
            return Err(DeltaError::Misplaced { from: delta.from, current: self.epoch });
        }
        self.check_delta(delta).map_err(DeltaError::Inconsistent)?;
        self.absorb(delta.clone());
        Ok(())
    }

    /// Takes in a delta that was checked against this topology.
    pub(super) fn absorb(&mut self, delta: Delta) {
        // Everything old leaves before anything new arrives, because two members may have exchanged their names.
        for removal in delta.removed {
            self.remove(removal);
        }
        for member in &delta.changed {
            self.take(member.node());
        }
        for member in delta.changed {
            self.put(member);
        }
        self.epoch = delta.to;
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{register, settings, topology_of};
    use super::super::{Cause, Command, Condition};
    use super::*;
    use crate::ids::Blob;

    fn deregister(node: u64) -> Command {
        Command::Deregister(NodeId::new(node))
    }

    /// Applies the delta and requires that nothing tells the two topologies apart.
    fn follow(old: &Topology, new: &Topology) {
        let mut follower = old.clone();
        follower.apply_delta(&new.delta(old.epoch()).unwrap()).unwrap();
        assert_eq!(&follower, new);
        assert_eq!(follower.fingerprint(), new.fingerprint());
        follower.assert_invariants();
    }

    #[test]
    fn a_follower_equals_its_source() {
        let commands = [
            register(1, "ada"),
            register(2, "bob"),
            Command::SetCondition {
                node: NodeId::new(1),
                epoch: Epoch::new(1),
                condition: Condition::Silent,
                cause: Cause::Asked,
            },
            deregister(1),
            register(1, "eve"),
            Command::Custom(Blob::default()),
        ];
        let new = topology_of(&commands);
        for seen in 0..=commands.len() {
            follow(&topology_of(&commands[..seen]), &new);
        }
    }

    #[test]
    fn two_members_may_exchange_their_names_between_two_epochs() {
        let old = [register(1, "ada"), register(2, "bob")];
        let swap = [register(1, "eve"), register(2, "ada"), register(1, "bob")];
        follow(&topology_of(&old), &topology_of(&[old.as_slice(), &swap].concat()));
    }

    #[test]
    fn a_node_that_came_back_is_both_removed_and_changed() {
        let new = topology_of(&[register(1, "ada"), deregister(1), register(1, "ada")]);
        let delta = new.delta(Epoch::new(1)).unwrap();
        assert_eq!(delta.removed, [Removal { node: NodeId::new(1), epoch: Epoch::new(2) }]);
        assert_eq!(delta.changed.len(), 1);
    }

    #[test]
    fn the_history_of_removals_is_bounded_and_says_so() {
        let mut topology = topology_of(&[]);
        for node in 1..=5 {
            topology.apply(&register(node, "ada")).unwrap();
            topology.apply(&deregister(node)).unwrap();
        }
        assert_eq!(topology.removals.len(), settings().removals_kept);
        let too_old = DeltaUnavailable::TooOld { since: Epoch::new(3), oldest: Epoch::new(4) };
        assert_eq!(topology.delta(Epoch::new(3)), Err(too_old));
        assert_eq!(topology.delta(Epoch::new(4)).unwrap().removed.len(), 3);
        let ahead = DeltaUnavailable::Ahead { since: Epoch::new(11), current: Epoch::new(10) };
        assert_eq!(topology.delta(Epoch::new(11)), Err(ahead));
    }

    #[test]
    fn a_delta_applies_at_its_own_epoch_only() {
        let commands = [register(1, "ada"), register(2, "bob"), deregister(1)];
        let new = topology_of(&commands);
        let refused = |at: usize, delta: &Delta| {
            let before = topology_of(&commands[..at]);
            let mut follower = before.clone();
            let error = follower.apply_delta(delta).expect_err("the delta starts elsewhere");
            assert_eq!(follower, before);
            error
        };
        let (early, late) =
            (topology_of(&commands[..1]).delta(Epoch::ZERO).unwrap(), new.delta(Epoch::new(2)).unwrap());
        assert_eq!(refused(2, &early), DeltaError::Stale { to: Epoch::new(1), current: Epoch::new(2) });
        assert_eq!(refused(3, &late), DeltaError::Stale { to: Epoch::new(3), current: Epoch::new(3) });
        assert_eq!(refused(1, &late), DeltaError::Misplaced { from: Epoch::new(2), current: Epoch::new(1) });
        let overlapping = new.delta(Epoch::new(1)).unwrap();
        assert_eq!(refused(2, &overlapping), DeltaError::Misplaced { from: Epoch::new(1), current: Epoch::new(2) });
    }

    #[test]
    fn an_empty_delta_changes_nothing() {
        let topology = topology_of(&[register(1, "ada")]);
        follow(&topology, &topology);
    }
}
