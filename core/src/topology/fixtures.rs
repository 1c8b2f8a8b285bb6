//! Small registrations and limits for the tests of this module.

use alloc::boxed::Box;
use alloc::string::ToString;

use super::{Command, Coordinates, Registration, Topology};
use crate::config::TopologySettings;
use crate::ids::{Bytes, NodeId};
use crate::time::WallTime;

/// Limits so small that a test fills each of them.
pub(super) fn settings() -> TopologySettings {
    TopologySettings { registrations_max: 4, text_bytes_max: 8, tags_max: 2, custom_bytes_max: 4, removals_kept: 3 }
}

pub(super) fn registration(node: u64, name: &str) -> Registration {
    Registration {
        node: NodeId::new(node),
        name: name.to_string(),
        address: "10.0.0.1".to_string(),
        port: 7000,
        rack: "r1".to_string(),
        datacenter: "zrh1".to_string(),
        region: "eu".to_string(),
        coordinates: Coordinates::new(47_376_900, 8_541_700),
        total: Bytes::new(1000),
        free: Bytes::new(400),
        tags: [("disk".to_string(), "nvme".to_string())].into(),
        registered_at: WallTime::from_unix_millis(1_700_000_000_000),
    }
}

pub(crate) fn register(node: u64, name: &str) -> Command {
    Command::Register(Box::new(registration(node, name)))
}

pub(super) fn topology_of(commands: &[Command]) -> Topology {
    let mut topology = Topology::new(&settings());
    for command in commands {
        topology.apply(command).expect("the fixture is acceptable");
    }
    topology
}
