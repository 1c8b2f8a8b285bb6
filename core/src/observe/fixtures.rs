//! A history that members tell of in tests.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::announce::Announcement;
use super::message::Fingerprint;
use crate::config::Config;
use crate::ids::{Bytes, Epoch, NodeId, Term};
use crate::time::WallTime;
use crate::topology::{Command, Coordinates, Registration, Topology};

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

/// A registration of a node that says something new of it.
pub(super) fn register(node: u64) -> Command {
    Command::Register(alloc::boxed::Box::new(Registration {
        node: NodeId::new(node),
        name: format!("m{node}"),
        address: "10.0.0.1".to_string(),
        port: 7000,
        rack: "r1".to_string(),
        datacenter: "zrh1".to_string(),
        region: "eu".to_string(),
        coordinates: Coordinates::new(47_376_900, 8_541_700),
        total: Bytes::new(1000),
        free: Bytes::new(400),
        tags: BTreeMap::new(),
        registered_at: WallTime::from_unix_millis(0),
    }))
}
