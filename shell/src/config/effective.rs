//! A configuration that was read from all layers and makes sense.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;

use delian_core::node::PoolsConfig;
use delian_core::topology::Registration;
use delian_core::{Bytes, Config, NodeId, WallTime};

use super::layers::{Layered, Sources};
use super::options::Options;
use super::problem::{Origin, Refused};

/// What a node runs under, and where each value comes from.
#[derive(Clone)]
pub struct Effective {
    options: Options,
    origins: BTreeMap<&'static str, Origin>,
}

/// Leaves origins out: lines of a file may hold what is not to be shown.
impl fmt::Debug for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effective").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Effective {
    /// Reads all layers and checks the whole.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong. Whether numbers make sense together is judged once each of them can be read.
    pub fn load(sources: &Sources) -> Result<Self, Refused> {
        let mut layered = Layered::of(sources);
        layered.derive();
        if layered.problems.is_empty() {
            layered.check(sources.plaintext);
        }
        let Layered { options, origins, problems } = layered;
        if problems.is_empty() { Ok(Self { options, origins }) } else { Err(Refused { problems }) }
    }

    /// Returns everything that is set.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Returns where the value of a key comes from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }

    /// Returns what people call the node of this identity.
    pub fn name(&self, id: NodeId) -> String {
        name(&self.options, id)
    }

    /// Returns what the core of this node runs under. Its voters are the founders, or the node alone: they count only
    /// where the node is told to found.
    pub fn core(&self, id: NodeId) -> Config {
        core_config(&self.options, id)
    }

    /// Returns what the core runs under when the node has found out at which addresses others reach it, as it must where
    /// it listens on a port that the system draws.
    pub fn core_at(&self, id: NodeId, local: SocketAddr, wide: Option<SocketAddr>) -> Config {
        let mut config = core_config(&self.options, id);
        if let Some(pools) = &mut config.pools {
            pools.local.1 = local;
            if let (Some(pool), Some(address)) = (&mut pools.wide, wide) {
                pool.1 = address;
            }
        }
        config
    }

    /// Returns what the node registers, with the storage that it says it has; the driver adds when.
    pub fn registration(&self, id: NodeId) -> Registration {
        registration(&self.options, id)
    }
}

fn name(options: &Options, id: NodeId) -> String {
    if options.node.name.is_empty() { id.to_string() } else { options.node.name.clone() }
}

/// Returns where others reach the node.
fn advertised(options: &Options) -> SocketAddr {
    options.network.advertise.unwrap_or(options.network.listen)
}

pub(super) fn core_config(options: &Options, id: NodeId) -> Config {
    let founders = options.cluster.founders.iter().map(|founder| founder.id);
    let mut voters: BTreeSet<NodeId> = founders.collect();
    if voters.is_empty() {
        voters.insert(id);
    }
    let wide = options
        .network
        .wide_listen
        .map(|listen| (options.wide_pool.clone(), options.network.wide_advertise.unwrap_or(listen)));
    let pools = PoolsConfig { name: name(options, id), local: (options.pool.clone(), advertised(options)), wide };
    Config {
        voters,
        pools: Some(pools),
        health: Some(options.health.clone()),
        ring: Some(options.ring.clone()),
        ..options.core.clone()
    }
}

pub(super) fn registration(options: &Options, id: NodeId) -> Registration {
    let (node, address) = (&options.node, advertised(options));
    let total = Bytes::new(node.total_bytes.unwrap_or(0));
    Registration {
        node: id,
        name: name(options, id),
        address: address.ip().to_string(),
        port: address.port(),
        rack: node.rack.clone(),
        datacenter: node.datacenter.clone(),
        region: node.region.clone(),
        coordinates: node.coordinates,
        total,
        free: total,
        tags: node.tags.clone(),
        registered_at: WallTime::from_unix_millis(0),
    }
}
