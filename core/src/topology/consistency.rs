//! What must hold of topology data that arrives ready-made instead of command by command.
//!
//! A whole topology is a delta from nothing, so one check guards both. Data that passes could be the result of accepted
//! commands as far as it can tell; applying it breaks no invariant. It cannot prove that the commands were given.

use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;

use super::command::{Cause, Condition, Drain};
use super::delta::Delta;
use super::refusal::Refusal;
use super::{Member, Topology};
use crate::ids::{Epoch, NodeId};

/// What no sequence of accepted commands could have produced. The receiver drops the data, whichever it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Inconsistency {
    /// A registration would have been refused.
    Refused {
        /// The node.
        node: NodeId,
        /// Why.
        refusal: Refusal,
    },
    /// The members are not in strict order of their identities.
    Unordered(NodeId),
    /// An epoch is out of order, outside the history, or the epoch of another change as well.
    Epoch {
        /// The node that claims it.
        node: NodeId,
        /// The epoch.
        epoch: Epoch,
    },
    /// The latest change of the node was a registration, and yet it is not healthy.
    UnhealthyBirth(NodeId),
    /// The node's condition holds since an epoch that did not set it, or it hands over what it holds without leaving.
    Condition(NodeId),
    /// The node lives on in a life that was ended or never began.
    Undead(NodeId),
    /// More removals than may be remembered.
    TooManyRemovals {
        /// How many.
        removals: usize,
        /// The greatest number.
        max: usize,
    },
    /// The removals were forgotten up to an epoch that other data contradicts.
    Forgotten(Epoch),
    /// The history would run backwards.
    Backwards {
        /// Where it starts.
        from: Epoch,
        /// Where it ends.
        to: Epoch,
    },
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { node, refusal } => write!(f, "registration of {node} is not acceptable: {refusal}"),
            Self::Unordered(node) => write!(f, "{node} is out of order or listed twice"),
            Self::Epoch { node, epoch } => write!(f, "{node} claims {epoch}, which is out of place or taken"),
            Self::UnhealthyBirth(node) => write!(f, "{node} was registered last, but is not healthy"),
            Self::Condition(node) => write!(f, "{node} is in a condition that nothing led to"),
            Self::Undead(node) => write!(f, "{node} goes on with a life that ended or never began"),
            Self::TooManyRemovals { removals, max } => write!(f, "{removals} removals are above the maximum of {max}"),
            Self::Forgotten(epoch) => write!(f, "removals cannot be forgotten up to {epoch}"),
            Self::Backwards { from, to } => write!(f, "history from {from} to {to} runs backwards"),
        }
    }
}

impl core::error::Error for Inconsistency {}

impl Topology {
    /// Checks a delta that starts at the current epoch, in itself and against this topology.
    pub(super) fn check_delta(&self, delta: &Delta) -> Result<(), Inconsistency> {
        if delta.to < delta.from {
            return Err(Inconsistency::Backwards { from: delta.from, to: delta.to });
        }
        let mut claims = Claims { from: delta.from, to: delta.to, taken: BTreeSet::new() };
        let ended = self.check_removals(delta, &mut claims)?;
        let mut previous = NodeId::ZERO;
        for member in &delta.changed {
            let node = member.node();
            let refused = |refusal| Inconsistency::Refused { node, refusal };
            member.registration.validate(&self.settings).map_err(refused)?;
            if node <= previous {
                return Err(Inconsistency::Unordered(node));
            }
            previous = node;
            claims.claim_life(member)?;
            self.check_continuity(delta, member, ended.get(&node).copied())?;
        }
        self.check_names(delta, &ended)?;
        self.check_count(delta, &ended)
    }

    /// Returns when each removed node was removed last.
    fn check_removals(&self, delta: &Delta, claims: &mut Claims) -> Result<BTreeMap<NodeId, Epoch>, Inconsistency> {
        let (removals, max) = (delta.removed.len(), self.settings.removals_kept);
        if removals > max {
            return Err(Inconsistency::TooManyRemovals { removals, max });
        }
        let mut ended = BTreeMap::new();
        let mut previous = delta.from;
        for removal in &delta.removed {
            if removal.node == NodeId::ZERO {
                return Err(Inconsistency::Refused { node: removal.node, refusal: Refusal::NoIdentity });
            }
            if removal.epoch <= previous {
                return Err(Inconsistency::Epoch { node: removal.node, epoch: removal.epoch });
            }
            previous = removal.epoch;
            claims.claim(removal.node, removal.epoch)?;
            ended.insert(removal.node, removal.epoch);
        }
        Ok(ended)
    }

    /// Checks that the member's life began after its last removal, and is the one held here if it began before.
    fn check_continuity(&self, delta: &Delta, member: &Member, ended: Option<Epoch>) -> Result<(), Inconsistency> {
        let same_condition = |held: &Member| (held.since, held.condition) == (member.since, member.condition);
        let same_life = |held: &Member| {
            held.registered == member.registered
                && held.registration == member.registration
                && (member.since > delta.from || same_condition(held))
        };
        let began_since = member.registered > delta.from;
        let outlived = ended.is_none_or(|epoch| epoch < member.registered);
        if outlived && (began_since || self.get(member.node()).is_some_and(same_life)) {
            Ok(())
        } else {
            Err(Inconsistency::Undead(member.node()))
        }
    }

    fn check_names(&self, delta: &Delta, ended: &BTreeMap<NodeId, Epoch>) -> Result<(), Inconsistency> {
        let mut names = BTreeMap::new();
        for member in &delta.changed {
            let (node, name) = (member.node(), &member.registration.name);
            // A holder that the delta removes or changes gives its old name up.
            let keeps = |holder: &NodeId| !ended.contains_key(holder) && !changes(delta, *holder);
            let held = self.names.get(name).copied().filter(keeps);
            if let Some(holder) = held.or_else(|| names.insert(name, node)) {
                let refusal = Refusal::DuplicateName { name: name.clone(), holder };
                return Err(Inconsistency::Refused { node, refusal });
            }
        }
        Ok(())
    }

    fn check_count(&self, delta: &Delta, ended: &BTreeMap<NodeId, Epoch>) -> Result<(), Inconsistency> {
        let leaves = |node: &&NodeId| self.members.contains_key(*node) && !changes(delta, **node);
        let leaving = ended.keys().filter(leaves).count();
        let mut count = self.members.len() - leaving;
        for member in &delta.changed {
            let node = member.node();
            count += usize::from(!self.members.contains_key(&node));
            if count > self.settings.registrations_max {
                let refusal = Refusal::Full { max: self.settings.registrations_max };
                return Err(Inconsistency::Refused { node, refusal });
            }
        }
        Ok(())
    }
}

/// Says whether the delta, whose members are in order, has a new version of the node.
fn changes(delta: &Delta, node: NodeId) -> bool {
    delta.changed.binary_search_by_key(&node, Member::node).is_ok()
}

/// The epochs of a history that are spoken for: each accepted command begins one, so no two changes share one.
struct Claims {
    from: Epoch,
    to: Epoch,
    taken: BTreeSet<Epoch>,
}

impl Claims {
    fn claim(&mut self, node: NodeId, epoch: Epoch) -> Result<(), Inconsistency> {
        if epoch > self.from && epoch <= self.to && self.taken.insert(epoch) {
            Ok(())
        } else {
            Err(Inconsistency::Epoch { node, epoch })
        }
    }

    fn claim_life(&mut self, member: &Member) -> Result<(), Inconsistency> {
        let Member { registration: _, registered, changed, condition, since, cause, drain } = *member;
        let node = member.node();
        self.claim(node, changed)?;
        let is_newborn = registered == changed;
        if is_newborn && (condition, cause) != (Condition::Healthy, Cause::Asked) {
            return Err(Inconsistency::UnhealthyBirth(node));
        }
        if registered > changed {
            return Err(Inconsistency::Epoch { node, epoch: registered });
        }
        // A life that began before this history claimed its epochs there.
        if !is_newborn && registered > self.from {
            self.claim(node, registered)?;
        }
        let hands_over_some = drain.is_none_or(|drain| drain.moved < Drain::WHOLE);
        if since < registered
            || since > changed
            || drain.is_some() != (condition == Condition::Leaving)
            || !hands_over_some
        {
            return Err(Inconsistency::Condition(node));
        }
        if since > self.from && since != registered && since != changed { self.claim(node, since) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::super::fixtures::{register, topology_of};
    use super::super::{Command, DeltaError, Removal};
    use super::*;

    fn node(number: u64) -> NodeId {
        NodeId::new(number)
    }

    fn silence(number: u64, epoch: u64) -> Command {
        Command::SetCondition {
            node: node(number),
            epoch: Epoch::new(epoch),
            condition: Condition::Silent,
            cause: Cause::Asked,
        }
    }

    /// Applies the forged delta from epoch 2 to 5 and returns the complaint.
    fn complaint(forge: impl FnOnce(&mut Delta)) -> Inconsistency {
        let old = [register(1, "ada"), register(2, "bob")];
        let new = [silence(1, 1), register(3, "eve"), Command::Deregister(node(2))];
        let before = topology_of(&old);
        let mut delta = topology_of(&[old.as_slice(), &new].concat()).delta(before.epoch()).unwrap();
        assert_eq!(before.check_delta(&delta), Ok(()));
        forge(&mut delta);
        let mut follower = before.clone();
        let Err(DeltaError::Inconsistent(why)) = follower.apply_delta(&delta) else {
            panic!("the forged delta was not found inconsistent: {delta:?}");
        };
        assert_eq!(follower, before);
        why
    }

    #[test]
    fn epochs_lie_within_the_history_and_belong_to_one_change() {
        let claims = |number, epoch| Inconsistency::Epoch { node: node(number), epoch: Epoch::new(epoch) };
        assert_eq!(complaint(|d| d.changed[0].changed = Epoch::new(2)), claims(1, 2));
        assert_eq!(complaint(|d| d.changed[0].changed = Epoch::new(6)), claims(1, 6));
        assert_eq!(complaint(|d| d.changed[0].changed = Epoch::new(5)), claims(1, 5));
        assert_eq!(complaint(|d| d.changed[1].registered = Epoch::new(5)), claims(3, 5));
        assert_eq!(complaint(|d| d.removed[0].epoch = Epoch::new(2)), claims(2, 2));
        assert_eq!(complaint(|d| d.to = Epoch::new(4)), claims(2, 5));
        let backwards = Inconsistency::Backwards { from: Epoch::new(2), to: Epoch::new(1) };
        assert_eq!(complaint(|d| d.to = Epoch::new(1)), backwards);
    }

    #[test]
    fn a_life_goes_on_only_as_the_one_that_is_held() {
        assert_eq!(complaint(|d| d.changed[0].registered = Epoch::new(2)), Inconsistency::Undead(node(1)));
        assert_eq!(complaint(|d| d.changed[0].registration.port = 9), Inconsistency::Undead(node(1)));
        assert_eq!(complaint(|d| d.removed[0].node = node(1)), Inconsistency::Undead(node(1)));
        assert_eq!(complaint(|d| d.changed[1].condition = Condition::Leaving), Inconsistency::UnhealthyBirth(node(3)));
    }

    #[test]
    fn a_condition_is_one_that_something_led_to() {
        let strange = |forge: fn(&mut Member)| {
            assert_eq!(complaint(|d| forge(&mut d.changed[0])), Inconsistency::Condition(node(1)));
        };
        strange(|silent| silent.since = Epoch::ZERO);
        strange(|silent| silent.since = Epoch::new(4));
        strange(|silent| silent.drain = Some(Drain::default()));
        strange(|silent| silent.condition = Condition::Leaving);
        strange(|silent| {
            (silent.condition, silent.drain) = (Condition::Leaving, Some(Drain { within: None, moved: 1000 }));
        });
        // It has been in another condition since then.
        assert_eq!(complaint(|d| d.changed[0].since = Epoch::new(1)), Inconsistency::Undead(node(1)));
        assert_eq!(complaint(|d| d.changed[1].cause = Cause::HeldDead), Inconsistency::UnhealthyBirth(node(3)));
    }

    #[test]
    fn registrations_in_a_delta_are_as_acceptable_as_in_commands() {
        let refused = |number, refusal| Inconsistency::Refused { node: node(number), refusal };
        assert_eq!(complaint(|d| d.changed[1].registration.port = 0), refused(3, Refusal::NoPort));
        let taken = complaint(|d| d.changed[1].registration.name = "ada".to_string());
        assert_eq!(taken, refused(3, Refusal::DuplicateName { name: "ada".to_string(), holder: node(1) }));
        let kept = complaint(|d| {
            d.changed[1].registration.name = "bob".to_string();
            d.removed.clear();
        });
        assert_eq!(kept, refused(3, Refusal::DuplicateName { name: "bob".to_string(), holder: node(2) }));
        assert_eq!(complaint(|d| d.removed[0].node = NodeId::ZERO), refused(0, Refusal::NoIdentity));
    }

    #[test]
    fn a_delta_cannot_exceed_the_limits() {
        let full = complaint(|d| {
            d.to = Epoch::new(9);
            for number in 4..=6 {
                let mut extra = d.changed[1].clone();
                extra.registration.node = node(number);
                extra.registration.name = number.to_string();
                extra.registered = Epoch::new(number + 2);
                (extra.changed, extra.since) = (extra.registered, extra.registered);
                d.changed.push(extra);
            }
        });
        assert_eq!(full, Inconsistency::Refused { node: node(6), refusal: Refusal::Full { max: 4 } });
        let many = complaint(|d| {
            d.to = Epoch::new(9);
            d.removed.extend((6..9).map(|epoch| Removal { node: node(2), epoch: Epoch::new(epoch) }));
        });
        assert_eq!(many, Inconsistency::TooManyRemovals { removals: 4, max: 3 });
    }

    #[test]
    fn members_are_listed_once_and_in_order() {
        assert_eq!(complaint(|d| d.changed.reverse()), Inconsistency::Unordered(node(1)));
        assert_eq!(complaint(|d| d.changed[0].registration.node = node(3)), Inconsistency::Undead(node(3)));
    }
}
