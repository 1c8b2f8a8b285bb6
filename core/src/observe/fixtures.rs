//! A history that members tell of in tests.

use alloc::format;
use alloc::vec::Vec;

use super::announce::Announcement;
use super::message::Fingerprint;
use crate::config::Config;
use crate::ids::{Epoch, NodeId, Term};
use crate::topology::{self, Command, Topology};

/// The topology of every epoch.
pub(super) struct Source(Vec<Topology>);

impl Source {
    /// Each epoch registers a node, or for the second time one of the first ones.
    pub(super) fn with_changes(count: u64) -> Self {
        Self::of((0..count).map(|change| register(1 + change % 7)))
    }

    /// Nodes come and go, so that most removals are forgotten.
    pub(super) fn with_removals(count: u64) -> Self {
        let come_and_go = |node| [register(node), Command::Deregister(NodeId::new(node))];
        Self::of((1..=count).flat_map(come_and_go))
    }

    fn of(commands: impl Iterator<Item = Command>) -> Self {
        let mut topology = empty();
        let mut epochs = alloc::vec![topology.clone()];
        for command in commands {
            topology.apply(&command).expect("the fixture is acceptable");
            epochs.push(topology.clone());
        }
        Self(epochs)
    }

    pub(super) fn now(&self) -> &Topology {
        self.0.last().expect("there is an epoch zero")
    }

    pub(super) fn at(&self, epoch: u64) -> &Topology {
        &self.0[epoch as usize]
    }

    pub(super) fn announcement(&self, epoch: u64) -> Announcement {
        let fingerprint = Fingerprint::of(self.at(epoch));
        Announcement { term: Term::new(1), number: epoch, epoch: Epoch::new(epoch), fingerprint }
    }
}

/// The topology of epoch zero, which remembers four removals.
pub(super) fn empty() -> Topology {
    let config = Config { removals_kept: 4, ..Config::default() };
    Topology::new(config.check().expect("the numbers make sense").topology())
}

/// A registration of a node.
pub(super) fn register(node: u64) -> Command {
    topology::fixtures::register(node, &format!("m{node}"))
}
