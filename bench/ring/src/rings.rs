//! The rings: ours, the peers', and the plain one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use consistent_hash::{DefaultHash, Node, StaticHashRing};
use delian_core::ring::{Member, Place, PointsPerUnit, Ring};
use hashring::HashRing;
use pingora_ketama::{Bucket, Continuum};
use xxhash_rust::xxh32::xxh32;

/// How many points a node has; pingora's has ten more, as nginx has it.
pub(crate) const POINTS: u32 = 150;

pub(crate) fn member(node: u32) -> Member {
    let rack = format!("r{}", node % 20);
    Member::new(&format!("node-{node}"), Place::new("eu", "zrh1", &rack))
}

pub(crate) fn delian(nodes: u32) -> Ring {
    Ring::build(PointsPerUnit::default(), (0..nodes).map(member)).expect("the names differ")
}

/// The straightforward design: an ordered map from the places of points to their nodes.
#[derive(Clone, Default)]
pub(crate) struct Plain(BTreeMap<u32, u32>);

impl Plain {
    pub(crate) fn of(nodes: u32) -> Self {
        let mut plain = Self::default();
        (0..nodes).for_each(|node| plain.join(node));
        plain
    }

    pub(crate) fn join(&mut self, node: u32) {
        let mut text = String::new();
        for point in 0..POINTS {
            text.clear();
            let _ = write!(text, "node-{node}:{point}");
            self.0.insert(xxh32(text.as_bytes(), 0), node);
        }
    }

    pub(crate) fn leave(&mut self, node: u32) {
        self.0.retain(|_, owner| *owner != node);
    }

    /// Iterates over the nodes of all points from the one that owns a key on.
    #[inline]
    pub(crate) fn walk(&self, key: &[u8]) -> impl Iterator<Item = u32> {
        let token = xxh32(key, 0);
        self.0.range(token..).chain(self.0.range(..token)).map(|(_, node)| *node)
    }

    #[inline]
    pub(crate) fn owner(&self, key: &[u8]) -> u32 {
        let token = xxh32(key, 0);
        let (_, node) = self.0.range(token..).next().or_else(|| self.0.first_key_value()).expect("there are nodes");
        *node
    }
}

pub(crate) fn pingora(nodes: u32) -> Continuum {
    Continuum::new(&(0..nodes).map(|node| Bucket::new(address(node), 1)).collect::<Vec<_>>())
}

/// An address that holds the number of the node.
fn address(node: u32) -> SocketAddr {
    let [_, high, middle, low] = node.to_be_bytes();
    SocketAddr::from(([10, high, middle, low], 7400))
}

/// Reads the number of a node from its address.
#[inline]
pub(crate) fn number(address: &SocketAddr) -> u32 {
    let IpAddr::V4(ip) = address.ip() else { return 0 };
    u32::from(ip) - u32::from(Ipv4Addr::new(10, 0, 0, 0))
}

/// A point of hashring's, which is hashed as a whole.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct HashringPoint {
    pub(crate) node: u32,
    point: u32,
}

pub(crate) fn hashring_points(node: u32) -> Vec<HashringPoint> {
    (0..POINTS).map(|point| HashringPoint { node, point }).collect()
}

pub(crate) fn hashring(nodes: u32) -> HashRing<HashringPoint> {
    let mut ring = HashRing::new();
    ring.batch_add((0..nodes).flat_map(hashring_points).collect());
    ring
}

pub(crate) type ConsistentHash = StaticHashRing<'static, u32, (), DefaultHash>;

pub(crate) fn consistent_hash(nodes: u32) -> ConsistentHash {
    StaticHashRing::new(DefaultHash, (0..nodes).map(|node| Node::new(node).quantity(POINTS as usize)))
}
