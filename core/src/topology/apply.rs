//! The only way in which a topology changes: one command at a time, whole or not at all.

use super::command::{Cause, Change, Changed, Command, Condition, Drain};
use super::refusal::Refusal;
use super::registration::Registration;
use super::{Member, Removal, Topology};
use crate::ids::{Epoch, NodeId};

impl Topology {
    /// Applies one command. If it is accepted the epoch rises by exactly one; otherwise nothing changes.
    ///
    /// A `Register` of a registered node is a new life of it: its registration is replaced, its condition is
    /// [`Condition::Healthy`] again, and whatever named its older registration epoch is void. A `SetCondition` that
    /// repeats the condition is accepted like any other, since the proposer knows best what is worth an epoch.
    ///
    /// # Errors
    ///
    /// Returns what [`Topology::check`] returns.
    ///
    /// # Panics
    ///
    /// Never: the check found every node that is taken out.
    pub fn apply(&mut self, command: &Command) -> Result<Change, Refusal> {
        self.check(command)?;
        self.epoch = self.epoch.next();
        let epoch = self.epoch;
        let what = match command {
            Command::Register(registration) => self.register(registration, epoch),
            Command::Deregister(node) => {
                self.remove(Removal { node: *node, epoch });
                Changed::Deregistered(*node)
            }
            Command::Evict { node, epoch: _ } => {
                self.remove(Removal { node: *node, epoch });
                Changed::Evicted(*node)
            }
            Command::SetCondition { node, epoch: _, condition, cause } => {
                self.alter(*node, |held| held.in_condition(*condition, *cause, epoch));
                Changed::ConditionSet(*node, *condition)
            }
            Command::Custom(_) => Changed::Custom,
            Command::Drain { node, epoch: _, within } => {
                self.alter(*node, |held| {
                    let leaving = held.in_condition(Condition::Leaving, Cause::Asked, epoch);
                    let drain = leaving.drain.map(|drain| Drain { within: *within, ..drain });
                    Member { drain, ..leaving }
                });
                Changed::ConditionSet(*node, Condition::Leaving)
            }
            Command::DrainProgress { node, epoch: _, moved: Drain::WHOLE } => {
                self.remove(Removal { node: *node, epoch });
                Changed::Drained(*node)
            }
            Command::DrainProgress { node, epoch: _, moved } => {
                self.alter(*node, |held| {
                    let drain = held.drain.map(|drain| Drain { moved: drain.moved.max(*moved), ..drain });
                    Member { drain, changed: epoch, ..held }
                });
                Changed::Moved(*node, *moved)
            }
        };
        Ok(Change { epoch, what })
    }

    /// Applies a [`Command::Custom`] of so many bytes, which nobody here reads. Returns its epoch.
    ///
    /// # Errors
    ///
    /// Returns what [`Topology::check`] returns.
    pub(crate) fn order(&mut self, bytes: usize) -> Result<Epoch, Refusal> {
        self.check_epochs()?;
        self.check_custom(bytes)?;
        self.epoch = self.epoch.next();
        Ok(self.epoch)
    }

    /// Says whether [`Topology::apply`] would accept the command in this epoch.
    ///
    /// # Errors
    ///
    /// Returns why not, with the value at fault and the mend.
    pub fn check(&self, command: &Command) -> Result<(), Refusal> {
        self.check_epochs()?;
        match command {
            Command::Register(registration) => self.check_registration(registration),
            Command::Deregister(node) => self.registered_epoch(*node).map(|_| ()),
            Command::Evict { node, epoch } | Command::Drain { node, epoch, within: _ } => {
                self.check_life(*node, *epoch)
            }
            Command::SetCondition { node, epoch, condition: _, cause } => {
                self.check_life(*node, *epoch)?;
                // What was found before the node was asked to leave, or by one who has not heard of that, undoes no drain.
                if *cause != Cause::Asked && self.is_leaving(*node) { Err(Refusal::Leaving(*node)) } else { Ok(()) }
            }
            Command::Custom(bytes) => self.check_custom(bytes.len()),
            Command::DrainProgress { node, epoch, moved } => {
                self.check_life(*node, *epoch)?;
                if !self.is_leaving(*node) {
                    return Err(Refusal::NotLeaving(*node));
                }
                if *moved > Drain::WHOLE { Err(Refusal::MovedMoreThanAll { moved: *moved }) } else { Ok(()) }
            }
        }
    }

    fn check_epochs(&self) -> Result<(), Refusal> {
        if self.epoch.next() == self.epoch { Err(Refusal::Exhausted) } else { Ok(()) }
    }

    fn check_custom(&self, bytes: usize) -> Result<(), Refusal> {
        let max = self.settings.custom_bytes_max;
        if bytes > max { Err(Refusal::CustomTooLarge { bytes, max }) } else { Ok(()) }
    }

    fn register(&mut self, registration: &Registration, epoch: Epoch) -> Changed {
        let node = registration.node;
        let before = self.take(node);
        self.put(Member::born(registration.clone(), epoch));
        if before.is_some() { Changed::Updated(node) } else { Changed::Registered(node) }
    }

    /// Replaces what the check found registered by what `change` makes of it.
    fn alter(&mut self, node: NodeId, change: impl FnOnce(Member) -> Member) {
        let held = self.take(node).expect("the check found the node registered");
        self.put(change(held));
    }

    fn is_leaving(&self, node: NodeId) -> bool {
        self.members.get(&node).is_some_and(|member| member.condition == Condition::Leaving)
    }

    fn check_registration(&self, registration: &Registration) -> Result<(), Refusal> {
        registration.validate(&self.settings)?;
        let (node, name) = (registration.node, &registration.name);
        if let Some(holder) = self.names.get(name).copied().filter(|holder| *holder != node) {
            return Err(Refusal::DuplicateName { name: name.clone(), holder });
        }
        if !self.members.contains_key(&node) && self.members.len() >= self.settings.registrations_max {
            return Err(Refusal::Full { max: self.settings.registrations_max });
        }
        Ok(())
    }

    fn check_life(&self, node: NodeId, named: Epoch) -> Result<(), Refusal> {
        let current = self.registered_epoch(node)?;
        if named == current { Ok(()) } else { Err(Refusal::Superseded { node, named, current }) }
    }

    fn registered_epoch(&self, node: NodeId) -> Result<Epoch, Refusal> {
        self.get(node).map(|member| member.registered).ok_or(Refusal::Unknown(node))
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use core::time::Duration;

    use super::super::fixtures::{register, registration, settings, topology_of};
    use super::*;
    use crate::ids::Blob;

    fn refused(topology: &mut Topology, command: &Command) -> Refusal {
        let before = topology.clone();
        let refusal = topology.apply(command).expect_err("the command is not acceptable");
        assert_eq!(topology, &before);
        refusal
    }

    fn node(number: u64) -> NodeId {
        NodeId::new(number)
    }

    #[test]
    fn each_accepted_command_begins_one_epoch() {
        let mut topology = Topology::new(&settings());
        let mut did = |command: &Command| topology.apply(command).map(|change| (change.epoch.get(), change.what));
        let judge =
            |condition| Command::SetCondition { node: node(1), epoch: Epoch::new(2), condition, cause: Cause::Asked };
        assert_eq!(did(&register(1, "ada")), Ok((1, Changed::Registered(node(1)))));
        assert_eq!(did(&register(1, "bob")), Ok((2, Changed::Updated(node(1)))));
        let silent = Changed::ConditionSet(node(1), Condition::Silent);
        assert_eq!(did(&judge(Condition::Silent)), Ok((3, silent)));
        assert_eq!(did(&judge(Condition::Silent)), Ok((4, silent)));
        assert_eq!(did(&Command::Custom(Blob::default())), Ok((5, Changed::Custom)));
        assert_eq!(did(&Command::Evict { node: node(1), epoch: Epoch::new(2) }), Ok((6, Changed::Evicted(node(1)))));
        assert_eq!(did(&register(1, "ada")), Ok((7, Changed::Registered(node(1)))));
        assert_eq!(did(&Command::Deregister(node(1))), Ok((8, Changed::Deregistered(node(1)))));
        topology.assert_invariants();
    }

    #[test]
    fn an_eviction_is_void_once_the_node_has_registered_again() {
        let mut topology = topology_of(&[register(1, "ada"), register(1, "ada")]);
        let evict = Command::Evict { node: node(1), epoch: Epoch::new(1) };
        let superseded = Refusal::Superseded { node: node(1), named: Epoch::new(1), current: Epoch::new(2) };
        assert_eq!(refused(&mut topology, &evict), superseded);
    }

    #[test]
    fn a_new_life_begins_healthy() {
        let judge = Command::SetCondition {
            node: node(1),
            epoch: Epoch::new(1),
            condition: Condition::Unreachable,
            cause: Cause::HeldDead,
        };
        let mut topology = topology_of(&[register(1, "ada"), judge.clone()]);
        let judged = topology.get(node(1)).unwrap();
        assert_eq!((judged.condition, judged.registered), (Condition::Unreachable, Epoch::new(1)));
        assert_eq!(judged.changed, Epoch::new(2));

        topology.apply(&register(1, "ada")).unwrap();

        let reborn = topology.get(node(1)).unwrap();
        assert_eq!((reborn.condition, reborn.registered), (Condition::Healthy, Epoch::new(3)));
        assert!(matches!(refused(&mut topology, &judge), Refusal::Superseded { .. }));
    }

    fn drain(within: Option<Duration>) -> Command {
        Command::Drain { node: node(1), epoch: Epoch::new(1), within }
    }

    fn moved(moved: u16) -> Command {
        Command::DrainProgress { node: node(1), epoch: Epoch::new(1), moved }
    }

    #[test]
    fn a_node_that_leaves_hands_over_and_is_removed_when_nothing_is_left() {
        let mut topology = topology_of(&[register(1, "ada"), register(2, "bob")]);
        assert_eq!(refused(&mut topology, &moved(100)), Refusal::NotLeaving(node(1)));
        let within = Some(Duration::from_mins(1));
        topology.apply(&drain(within)).unwrap();
        topology.apply(&moved(400)).unwrap();
        // An older report comes late.
        topology.apply(&moved(300)).unwrap();
        let leaving = topology.get(node(1)).unwrap();
        assert_eq!((leaving.condition, leaving.since), (Condition::Leaving, Epoch::new(3)));
        assert_eq!(leaving.drain, Some(Drain { within, moved: 400 }));
        assert_eq!(refused(&mut topology, &moved(1001)), Refusal::MovedMoreThanAll { moved: 1001 });
        topology.assert_invariants();
        let done = topology.apply(&moved(1000)).unwrap();
        assert_eq!((done.what, topology.get(node(1))), (Changed::Drained(node(1)), None));
        topology.assert_invariants();
    }

    #[test]
    fn nothing_that_is_found_of_a_leaving_node_keeps_it_but_whoever_asks_for_that_does() {
        let mut topology = topology_of(&[register(1, "ada"), drain(None), moved(400)]);
        let set = |condition, cause| Command::SetCondition { node: node(1), epoch: Epoch::new(1), condition, cause };
        let found = set(Condition::Degraded, Cause::Silence { level: 1 });
        assert_eq!(refused(&mut topology, &found), Refusal::Leaving(node(1)));
        topology.apply(&set(Condition::Healthy, Cause::Asked)).unwrap();
        assert_eq!(topology.get(node(1)).unwrap().drain, None);
        // Another drain begins anew.
        topology.apply(&drain(None)).unwrap();
        assert_eq!(topology.get(node(1)).unwrap().drain, Some(Drain::default()));
    }

    #[test]
    fn a_name_has_one_holder_until_it_lets_go() {
        let mut topology = topology_of(&[register(1, "ada")]);
        let taken = refused(&mut topology, &register(2, "ada"));
        assert!(matches!(taken, Refusal::DuplicateName { holder, .. } if holder == node(1)));

        topology.apply(&register(1, "bob")).unwrap();
        topology.apply(&register(2, "ada")).unwrap();

        assert_eq!(topology.by_name("ada").map(Member::node), Some(node(2)));
        assert_eq!(topology.by_name("bob").map(Member::node), Some(node(1)));
        topology.assert_invariants();
    }

    #[test]
    fn a_full_topology_takes_updates_and_refuses_newcomers() {
        let mut topology = topology_of(&[register(1, "a"), register(2, "b"), register(3, "c"), register(4, "d")]);
        assert_eq!(refused(&mut topology, &register(5, "e")), Refusal::Full { max: 4 });
        assert!(topology.apply(&register(4, "e")).is_ok());
        topology.apply(&Command::Deregister(node(1))).unwrap();
        assert!(topology.apply(&register(5, "d")).is_ok());
    }

    #[test]
    fn nobody_can_judge_or_remove_a_stranger() {
        let mut topology = topology_of(&[]);
        let (stranger, epoch) = (node(9), Epoch::new(1));
        let judge = Command::SetCondition { node: stranger, epoch, condition: Condition::Healthy, cause: Cause::Asked };
        for command in [Command::Deregister(stranger), Command::Evict { node: stranger, epoch }, judge] {
            assert_eq!(refused(&mut topology, &command), Refusal::Unknown(stranger));
        }
    }

    #[test]
    fn unacceptable_registrations_and_commands_change_nothing() {
        let mut topology = topology_of(&[register(1, "ada")]);
        let mut portless = registration(1, "ada");
        portless.port = 0;
        assert_eq!(refused(&mut topology, &Command::Register(Box::new(portless))), Refusal::NoPort);
        let large = Command::Custom(Blob::from([0; 5].as_slice()));
        assert_eq!(refused(&mut topology, &large), Refusal::CustomTooLarge { bytes: 5, max: 4 });
        assert_eq!(topology.order(5), Err(Refusal::CustomTooLarge { bytes: 5, max: 4 }));
    }

    #[test]
    fn the_last_epoch_accepts_nothing() {
        let mut topology = topology_of(&[]);
        topology.epoch = Epoch::new(u64::MAX - 1);
        assert!(topology.apply(&Command::Custom(Blob::default())).is_ok());
        assert_eq!(refused(&mut topology, &Command::Custom(Blob::default())), Refusal::Exhausted);
        assert_eq!(topology.order(0), Err(Refusal::Exhausted));
    }
}
