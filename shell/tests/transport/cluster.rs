//! Three whole nodes over the real transport.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use delian_core::node::{PoolsConfig, Tier};
use delian_core::swim::PoolConfig;
use delian_core::topology::{Command, Coordinates, Registration};
use delian_core::{Bytes, Config, Consistency, NodeId, WallTime};
use delian_shell::driver::Upkeep;
use delian_shell::transport::{Bound, Lane, TransportCounters};
use delian_shell::{Cluster, Handle};
use tokio::time::timeout;

use super::{PATIENCE, Way, config};

const NODES: [u64; 3] = [1, 2, 3];

/// A running node, and what its transport counts.
struct Running {
    cluster: Cluster,
    counters: Arc<TransportCounters>,
}

async fn found(way: Way) -> Vec<Running> {
    let mut bounds = Vec::new();
    for node in NODES {
        bounds.push((NodeId::new(node), Bound::bind(config(way, node)).await.unwrap()));
    }
    let peers: BTreeMap<NodeId, SocketAddr> = bounds.iter().map(|(node, bound)| (*node, bound.address())).collect();
    let mut running = Vec::new();
    for (node, bound) in bounds {
        let counters = bound.counters();
        let address = bound.advertised_in(Tier::Local).unwrap();
        let pools = PoolsConfig { name: node.to_string(), local: (PoolConfig::local("alpha"), address), wide: None };
        let settings = Config { voters: NODES.map(NodeId::new).into(), pools: Some(pools), ..Config::default() };
        let seeds = peers.values().copied().filter(|seed| *seed != address).collect();
        let mut upkeep = Upkeep::default();
        (upkeep.seeds, upkeep.peers) = (seeds, peers.clone());
        let builder = Cluster::builder(node).config(settings).founds().upkeep(upkeep);
        let cluster = builder.start_over(|arrivals| bound.open(arrivals)).await.unwrap();
        running.push(Running { cluster, counters });
    }
    running
}

fn registration(node: u64) -> Registration {
    Registration {
        node: NodeId::new(node),
        name: format!("name-{node}"),
        address: "127.0.0.1".to_owned(),
        port: 7000,
        rack: "r1".to_owned(),
        datacenter: "d1".to_owned(),
        region: "eu".to_owned(),
        coordinates: Coordinates::new(47_376_900, 8_541_700),
        total: Bytes::new(1000),
        free: Bytes::new(400),
        tags: BTreeMap::new(),
        registered_at: WallTime::from_unix_millis(0),
    }
}

/// Has a node bring a registration in, as often as it takes until somebody leads.
async fn register(handle: &Handle, node: u64) {
    let attempts = async {
        while handle.command(Command::Register(Box::new(registration(node)))).await.is_err() {
            handle.journal().wait_after(handle.journal().last()).await;
        }
    };
    timeout(PATIENCE, attempts).await.expect("somebody leads");
}

async fn commands_by_every_node_are_read_at_every_node(way: Way) {
    let running = found(way).await;
    for (index, node) in running.iter().enumerate() {
        register(node.cluster.handle(), 100 + index as u64).await;
    }
    for node in &running {
        let look =
            |node: &delian_core::Node, _| [100, 101, 102].map(|id| node.topology().get(NodeId::new(id)).is_some());
        let (_, seen) = timeout(PATIENCE, async {
            loop {
                if let Ok(read) = node.cluster.handle().read(Consistency::Quorum, look).await {
                    return read;
                }
            }
        })
        .await
        .expect("a quorum answers");
        assert_eq!(seen, [true; 3]);
    }
    // It was this transport that carried it, pools too.
    for node in &running {
        super::until(|| node.counters.received(Lane::Datagram).frames > 0).await;
        assert!(node.counters.received(Lane::Consensus).frames > 0 && node.counters.incoming() > 0);
        assert_eq!(node.counters.notes(), vec![]);
    }
    for node in running {
        timeout(PATIENCE, node.cluster.stop()).await.expect("it ends when it is asked to");
    }
}

#[tokio::test]
async fn commands_by_every_node_are_read_at_every_node_in_plain_text() {
    commands_by_every_node_are_read_at_every_node(Way::Plain).await;
}

#[tokio::test]
async fn commands_by_every_node_are_read_at_every_node_by_certificate() {
    commands_by_every_node_are_read_at_every_node(Way::Tls).await;
}
