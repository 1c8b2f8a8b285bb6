//! One process: a whole shell on a simulated machine, started from its disk and killed with it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use delian_core::health::Sample;
use delian_core::node::PoolsConfig;
use delian_core::swim::PoolConfig;
use delian_core::{Applied, Bytes, Config, FeatureLevel, NodeId, Seed, Time};
use delian_shell::clock::Clock;
use delian_shell::driver::{Ended, Upkeep};
use delian_shell::machine::StateMachine;
use delian_shell::security::keyring::{Key, Keyring};
use delian_shell::security::pki::{Authority, NODE_VALID_FOR};
use delian_shell::security::tls::{Pems, Tls};
use delian_shell::security::{ClusterLabel, Identity};
use delian_shell::store::Owner;
use delian_shell::transport::{Bound, LinksConfig, Security};
use delian_shell::{Cluster, Handle};
use delian_sim::embedder::{Digest, Embedder};
use delian_sim::plan::Plan;
use delian_sim::world::registration;
use madsim::runtime::NodeHandle;
use tokio::sync::oneshot;

use super::clients::Doors;
use super::clock::WorldClock;
use super::disk::{Drive, Rot};
use super::gagged::{Gagged, Gags};
use super::record::Record;

/// What clusters and pools are called here.
const NAME: &str = "sim";

/// The port at which processes take connections and datagrams.
const PORT: u16 = 7400;

/// The identities of the strangers that come in the place of process `p` are those of its first one and so much further.
pub(super) const GENERATION: u64 = 1_000;

/// How many strangers in one place are known to the others by address.
const GENERATIONS: u64 = 4;

/// The space that each process says it has.
const TOTAL: u64 = 1 << 40;

/// How many events of a node are kept for whoever reads them: it is read at once, so a burst at most.
const EVENTS_KEPT: usize = 1 << 16;

/// Why a process is not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Down {
    Up,
    Absent,
    Crashed,
    /// Its disk is damaged, and no start will do.
    Lost,
}

/// What all processes of a world share.
pub(super) struct Common {
    pub(super) plan: Arc<Plan>,
    pub(super) record: Record,
    pub(super) gags: Gags,
    pub(super) doors: Doors,
    authority: Authority,
    key: Key,
}

/// A process of a world.
pub(super) struct Process {
    pub(super) number: u16,
    pub(super) id: NodeId,
    pub(super) node: NodeHandle,
    pub(super) down: Down,
    /// How to talk to the node while it runs.
    pub(super) handle: Option<Handle>,
    pub(super) clock: WorldClock,
    pub(super) drive: Drive,
    pub(super) level: FeatureLevel,
    pub(super) runs: u32,
    /// The embedder's state in this run.
    pub(super) machine: Machine,
    seed: Seed,
}

/// The embedder of every node, which remembers the digest of everything applied; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine(Arc<Mutex<Digest>>);

impl Machine {
    fn digest(&self) -> MutexGuard<'_, Digest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a number that differs when the state does.
    pub(super) fn fingerprint(&self) -> u64 {
        self.digest().fingerprint()
    }
}

impl StateMachine for Machine {
    fn apply(&mut self, applied: Applied, command: &[u8]) {
        self.digest().apply(applied, command);
    }

    fn capture(&self) -> Vec<u8> {
        self.digest().capture()
    }

    fn restore(&mut self, state: &[u8]) {
        self.digest().restore(state);
    }
}

impl Common {
    pub(super) fn new(plan: Arc<Plan>, record: Record) -> Self {
        let authority = Authority::new(&label()).expect("a key can be made");
        let key = Key::generate().expect("a key can be made");
        Self { plan, record, gags: Gags::default(), doors: Doors::default(), authority, key }
    }

    fn security(&self, id: NodeId) -> Security {
        let identity = Identity { node: id, cluster: label() };
        let nowhere: [&str; 0] = [];
        let issued = self.authority.issue(id, NAME, &nowhere, NODE_VALID_FOR).expect("an identity can be certified");
        let tls = Tls::new(&identity, &Pems::from(&issued)).expect("a certificate that was just made is right");
        let keys = Keyring::new(std::slice::from_ref(&self.key)).expect("one key is a key ring");
        Security::Tls { tls: Arc::new(tls), keys: Arc::new(keys) }
    }
}

fn label() -> ClusterLabel {
    ClusterLabel::new(NAME).expect("the label is a right one")
}

pub(super) fn ip_of(number: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0001 + u32::from(number)))
}

pub(super) fn address_of(number: u16) -> SocketAddr {
    SocketAddr::new(ip_of(number), PORT)
}

fn owner_of(id: NodeId) -> Owner {
    Owner { id, cluster: NAME.to_owned() }
}

fn first_id(number: u16) -> NodeId {
    NodeId::new(u64::from(number) + 1)
}

/// Where any node is that there is or may come to be.
fn peers(processes: u16) -> BTreeMap<NodeId, SocketAddr> {
    let lives = |number| (0..GENERATIONS).map(move |it| NodeId::new(first_id(number).get() + it * GENERATION));
    (0..processes).flat_map(|number| lives(number).map(move |id| (id, address_of(number)))).collect()
}

impl Process {
    pub(super) fn new(plan: &Plan, number: u16) -> Self {
        let cluster = &plan.scenario.cluster;
        let seed = Seed::new(plan.seed).derive("process", u64::from(number));
        // As in the simulator: clocks begin at different times, and walls disagree by up to two seconds either way.
        let own = Time::from_millis(seed.derive("clock", 0).get() % 3_600_000);
        let wall_offset = (seed.derive("wall", 0).get() % 4_001).cast_signed() - 2_000;
        let runtime = madsim::runtime::Handle::current();
        Self {
            number,
            id: first_id(number),
            node: runtime.create_node().name(format!("n{}", number + 1)).ip(ip_of(number)).build(),
            down: if cluster.absent.contains(&(number + 1)) { Down::Absent } else { Down::Crashed },
            handle: None,
            clock: WorldClock::new(own, wall_offset),
            drive: Drive::new(plan.scenario.flush, seed),
            level: cluster.levels.get(&(number + 1)).copied().unwrap_or(cluster.config.feature_level_max),
            runs: 0,
            machine: Machine::default(),
            seed,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.down == Down::Up
    }

    /// Starts the node from its disk.
    ///
    /// # Errors
    ///
    /// Returns why it does not start.
    pub(super) async fn start(&mut self, common: &Common) -> Result<(), String> {
        let runtime = madsim::runtime::Handle::current();
        if self.runs > 0 {
            runtime.restart(self.node.id());
            self.node = runtime.get_node(self.node.id()).ok_or("the machine is gone")?;
        }
        self.runs += 1;
        self.machine = Machine::default();
        let (told, started) = oneshot::channel();
        let shell = self.shell(common);
        let record = common.record.clone();
        record.with(|seen| {
            seen.ended.remove(&self.id);
            seen.may_halt.remove(&self.id);
        });
        self.node.spawn(async move {
            match shell.launch().await {
                Ok(cluster) => {
                    let handle = cluster.handle().clone();
                    let id = handle.id();
                    // The world waits for this answer.
                    let _ = told.send(Ok(handle));
                    let ended = cluster.ended().await;
                    record.with(|seen| seen.on_end_of_node(id, ended));
                }
                Err(why) => {
                    let _ = told.send(Err(why));
                }
            }
        });
        let handle = started.await.map_err(|_| "it was killed while it started")??;
        tokio::spawn(common.record.clone().follow(self.id, handle.journal().clone()));
        self.handle = Some(handle);
        self.down = Down::Up;
        Ok(())
    }

    /// Kills the process, with what its disk was still writing.
    pub(super) fn kill(&mut self, common: &Common) {
        self.drive.lose_power();
        madsim::runtime::Handle::current().kill(self.node.id());
        self.handle = None;
        self.down = Down::Crashed;
        common.record.with(|seen| seen.on_stop(self.id));
    }

    /// Damages what its disk keeps. Returns whether that can be noticed.
    ///
    /// # Errors
    ///
    /// Returns what a store made of damage that it should have refused.
    pub(super) fn rot(&self) -> Result<Rot, String> {
        self.drive.rot(&owner_of(self.id), &format!("n{}", self.number + 1))
    }

    /// Returns whether it has the identity that it began with.
    pub(super) fn is_first(&self) -> bool {
        self.id == first_id(self.number)
    }

    /// Has a stranger come in its place, with an empty disk.
    pub(super) fn become_stranger(&mut self, common: &Common) {
        self.id = NodeId::new(self.id.get() + GENERATION);
        self.seed = self.seed.derive("stranger", self.id.get());
        self.drive = Drive::new(common.plan.scenario.flush, self.seed);
    }

    fn shell(&self, common: &Common) -> Shell {
        let cluster = &common.plan.scenario.cluster;
        let is_founder = self.number < cluster.voters + cluster.learners && self.is_first();
        let mut config = Config { feature_level_max: self.level, ..cluster.config.clone() };
        if is_founder {
            let ids = |range: std::ops::RangeInclusive<u16>| range.map(|it| NodeId::new(u64::from(it))).collect();
            config.voters = ids(1..=cluster.voters);
            config.learners = ids(cluster.voters + 1..=cluster.voters + cluster.learners);
        }
        let local = (PoolConfig::local(NAME), address_of(self.number));
        config.pools = cluster.pool.then(|| PoolsConfig { name: self.id.to_string(), local, wide: None });
        let mut upkeep = Upkeep { peers: peers(cluster.processes()), ..Upkeep::default() };
        if cluster.pool {
            let contacts = (0..cluster.processes().min(3)).filter(|contact| *contact != self.number);
            upkeep.seeds = contacts.map(address_of).collect();
        }
        if cluster.config.health.is_some() && self.number < cluster.participants() {
            // The members of scenarios are named for processes, and a stranger is none of them.
            let subject = u16::try_from(self.id.get()).unwrap_or(u16::MAX);
            upkeep.registration = Some(registration(subject, self.clock.wall()));
            upkeep.sampler = Some(self.sampler(common));
        }
        let identity = LinksConfig::new(self.id, label(), address_of(self.number), common.security(self.id));
        Shell {
            is_founder,
            config,
            upkeep,
            links: identity,
            clock: self.clock.clone(),
            drive: self.drive.clone(),
            seed: self.seed,
            process: self.number,
            gags: common.gags.clone(),
            machine: self.machine.clone(),
        }
    }

    /// Returns what measures how the process fares: well, never twice the same, and as a fault tells it to say.
    fn sampler(&self, common: &Common) -> Box<dyn FnMut(delian_core::WallTime) -> Sample + Send> {
        let (gags, seed, number) = (common.gags.clone(), self.seed, self.number);
        Box::new(move |taken_at| {
            let drawn = seed.derive("sample", taken_at.as_unix_millis()).get();
            let [free, score, requests, latency] = [0, 16, 32, 48].map(|shift| u64::from((drawn >> shift) as u16));
            Sample {
                free: Bytes::new(TOTAL / 2 + free),
                total: Bytes::new(TOTAL),
                score: gags.score(number).unwrap_or(900 + (score % 101) as u16),
                active_requests: requests as u32 % 100,
                latency_micros: latency as u32,
                taken_at,
            }
        })
    }
}

/// All that a node is put together from on its machine.
struct Shell {
    is_founder: bool,
    config: Config,
    upkeep: Upkeep,
    links: LinksConfig,
    clock: WorldClock,
    drive: Drive,
    seed: Seed,
    process: u16,
    gags: Gags,
    machine: Machine,
}

impl Shell {
    async fn launch(self) -> Result<Cluster, String> {
        let Self { is_founder, config, upkeep, links, clock, drive, seed, process, gags, machine } = self;
        let id = links.id;
        let store = drive.open(&owner_of(id), &format!("n{}", process + 1)).map_err(|error| error.to_string())?;
        let bound = Bound::bind(links).await.map_err(|error| error.to_string())?;
        let builder = Cluster::builder(id).config(config).store(store).clock(clock).upkeep(upkeep).seed(seed);
        let builder = builder.events_kept(EVENTS_KEPT).machine(machine);
        let builder = if is_founder { builder.founds() } else { builder };
        let network = async |arrived| Ok(Gagged { links: bound.open(arrived).await?, process, gags });
        builder.start_over(network).await.map_err(|error| error.to_string())
    }
}

/// Says how a node ended, if that is nothing that a world brings about by itself.
pub(super) fn trouble(ended: Ended, may_halt: bool) -> Option<String> {
    match ended {
        Ended::Asked => None,
        Ended::Halted(_) if may_halt => None,
        Ended::Halted(halt) => Some(format!("it stopped for good: {halt}")),
        Ended::Yielded => Some("it yielded to another process under its identity".to_owned()),
        Ended::Panicked => Some("it panicked".to_owned()),
    }
}
