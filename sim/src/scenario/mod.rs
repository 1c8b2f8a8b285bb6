//! What is to be simulated, as data.
//!
//! A [`Scenario`] is what a person writes, in TOML or with the builder. With a seed it becomes a [`crate::plan::Plan`]:
//! every fault and every client operation fixed, so that a run replays from data and a shrinker can leave parts out.

#[cfg(test)]
pub(crate) mod arbitrary;
mod build;
pub(crate) mod check;
mod defaults;
pub(crate) mod error;
pub mod facts;
mod fate;
pub(crate) mod file;
mod settings;
#[cfg(test)]
mod tests;
pub(crate) mod words;
pub(crate) mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use delian_core::{Config, FeatureLevel};

use crate::plan::Fork;
use crate::worlds::WorldKind;

pub use build::{Builder, millis, secs};
pub use error::{Problem, ScenarioError, Spot};

pub(crate) use fate::minority;
pub(crate) use words::{CONDITIONS, FAMILIES, REDRAWS, word, write_span, write_target};
pub use words::{read_bytes, read_span};

/// A story to be told over many seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name, a fact in kebab case: the file's stem.
    pub name: String,
    /// One sentence: what must hold.
    pub about: String,
    /// Where it was read from, relative to where the reader stands; empty for one that was built in Rust.
    pub path: String,
    /// The seed it is pinned to, as shrinking leaves it.
    pub seed: Option<u64>,
    /// The most seeds that a campaign runs of it, if it is too large for more.
    pub seeds_max: Option<u64>,
    /// From when on what is left to chance is decided anew; usually never.
    pub forks: Vec<Fork>,
    /// The processes that are made whole when the faults stop; drawn, or all that can be, if not said.
    pub healed: Option<Vec<u16>>,
    /// In which worlds it runs.
    pub worlds: Worlds,
    /// Who takes part.
    pub cluster: Cluster,
    /// How long faults and clients go on.
    pub chaos: Duration,
    /// How long, after the faults stop, the cluster may take to agree again.
    pub settle: Duration,
    /// What links are like when nothing is wrong with them.
    pub network: LinkQuality,
    /// How long a flush takes when nothing is wrong with the disk.
    pub flush: Latency,
    /// Random clients.
    pub workload: Option<Workload>,
    /// Random faults.
    pub swarm: Option<Swarm>,
    /// An operator who changes the quorum at random.
    pub operator: Option<Operator>,
    /// Given faults, in order of time.
    pub steps: Vec<Step>,
    /// Given client operations, in order of time.
    pub operations: Vec<Operation>,
    /// What must have happened, so that a pass means something.
    pub expect: Expectations,
}

/// In which worlds a scenario runs, and how fast where time is real.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worlds {
    /// Where it runs; always in the world of discrete events.
    pub run_in: BTreeSet<WorldKind>,
    /// Where it does not, and why. A scenario that says nothing of worlds runs with discrete events alone.
    pub not_in: BTreeMap<WorldKind, String>,
    /// The facts that may come to something else elsewhere than with discrete events, such as `n3 is silent`, and why.
    pub differs: BTreeMap<String, String>,
    /// How long a second of the scenario takes where time is real, in thousandths of one.
    pub scale: u16,
}

/// Who takes part in a scenario. Processes are numbered from 1: voters first, then learners, spares and observers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Voters of the first configuration, 1 to 7.
    pub voters: u16,
    /// Learners of the first configuration, at most 8.
    pub learners: u16,
    /// Processes of no configuration, at most 8: they start with nothing and wait to be added.
    pub spares: u16,
    /// Processes that are in the pool and nothing else, at most 1,200: they are never added, do not register, and are hit by
    /// no random fault.
    pub observers: u16,
    /// Processes that are not started at the beginning; a `start` step brings them up.
    pub absent: Vec<u16>,
    /// The highest feature levels of processes that start as an older release; an `upgrade` step makes them new.
    pub levels: BTreeMap<u16, FeatureLevel>,
    /// Whether every process is in one pool; each joins it through the first three.
    pub pool: bool,
    /// Whether a process registers again by itself when it was removed from the topology.
    pub registers_again: bool,
    /// The settings of every node; `voters` and `learners` are filled in from the numbers above, and `pools` by the world.
    /// With `health`, each process registers when it starts, and beats.
    pub config: Config,
}

/// A latency between two bounds, with a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// The least.
    pub least: Duration,
    /// The most.
    pub most: Duration,
    /// How draws spread between the two.
    pub shape: Shape,
}

/// How draws spread between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Every value is as likely.
    Uniform,
    /// Most draws lie near the least, few near the most: the square of a uniform draw.
    Skewed,
}

/// What one directed link is like. Probabilities are per mille.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkQuality {
    /// How long a message travels.
    pub latency: Latency,
    /// How many messages get lost.
    pub loss: u16,
    /// How many arrive twice.
    pub duplicate: u16,
    /// How many take another draw of four times the latency, and so are overtaken.
    pub reorder: u16,
    /// How many arrive once more after up to a minute.
    pub replay: u16,
    /// How many bytes it carries in a second, if there is a limit: what is sent meanwhile waits its turn, and what would
    /// wait longer than [`Rate::QUEUE_MAX`] is lost.
    pub rate: Option<Rate>,
}

/// How many bytes a link carries in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u64);

impl Rate {
    /// The least that a link may have: less carries no message of a cluster in time.
    pub const MIN: Self = Self(1_000);

    /// How long a message waits at most for those that were sent over the same link before it.
    pub const QUEUE_MAX: Duration = Duration::from_secs(1);

    /// Returns how long so many bytes occupy the link.
    pub fn occupied_by(self, bytes: usize) -> Duration {
        let nanos = (bytes as u128 * 1_000_000_000).div_ceil(self.0.max(1).into());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Clients that act at random, each at its own pace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// How many clients.
    pub clients: u16,
    /// The mean pause between two operations of one client.
    pub interval: Duration,
    /// The subjects that are registered and removed: members `m1` to `m<subjects>`.
    pub subjects: u16,
    /// The weight of each kind of operation.
    pub mix: Mix,
    /// How they hold on to what they ask for.
    pub manner: Manner,
}

/// How a client holds on to what it asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Whether it gives its commands within a session, so that a repeated one takes effect once.
    pub in_session: bool,
    /// How often it asks again, another process each time. Without a session it repeats a command only after an answer
    /// that rules out an effect.
    pub retries: u8,
}

/// The weights of random operations; a kind of weight 0 does not occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Register, or update.
    pub register: u16,
    /// Deregister.
    pub deregister: u16,
    /// Evict, naming the registration epoch that the asked node knows.
    pub evict: u16,
    /// Set a condition.
    pub condition: u16,
    /// An embedder's command of a few bytes.
    pub custom: u16,
    /// Read the status.
    pub read: u16,
    /// Read a subject as a quorum confirms it.
    pub read_quorum: u16,
    /// Read a subject under the leader's lease.
    pub read_lease: u16,
}

/// Random faults: for each seed first which families are on, then how strong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// The families to draw from.
    pub families: Vec<Family>,
    /// The mean pause between two faults of one family that is on.
    pub interval: Duration,
    /// The longest that one fault lasts.
    pub lasting: Duration,
}

/// An operator who asks the leader for random changes of the quorum.
///
/// Like every operation that changes the quorum, a change that would leave too many lost disks among the voters is not
/// asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The mean pause between two changes.
    pub interval: Duration,
}

/// A kind of random fault that a seed turns on or off as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Partitions into two sides, one-way cuts and bridges.
    Partition,
    /// Loss, duplication, reordering, replay and slow links.
    Degrade,
    /// Links that hold messages back and then let them all go.
    Clog,
    /// Crashes with restart.
    Crash,
    /// Whole-process pauses.
    Pause,
    /// Message path blocked while timers run.
    Deafen,
    /// Slow and stalled flushes.
    SlowDisk,
    /// Full disks, which stop the node until it is restarted.
    FullDisk,
    /// Disks that lose everything, or corrupt what was flushed: the node is lost for good. Never a majority.
    LoseDisk,
    /// Disks that lose everything while their nodes keep their identity. Never a majority of those that decide.
    Forget,
    /// Clock drift and jumps.
    Clock,
    /// Heartbeats and packets of the pool that get lost, and low scores.
    Health,
}

/// One fault at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, since the start.
    pub at: Duration,
    /// How long it lasts; without it, until the end of the chaos or until undone by another step.
    pub lasts: Option<Duration>,
    /// What goes wrong.
    pub fault: Fault,
}

/// Something that goes wrong, or is put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Cuts all links between sides; whoever is on no list is on a side of their own together.
    Partition(Vec<Vec<Target>>),
    /// Cuts a node off from all others.
    Isolate(Target, Direction),
    /// Splits all others in two halves that only reach each other through this node.
    Bridge(Target),
    /// Changes the quality of the links from one to another.
    Degrade(Target, Target, LinkQuality),
    /// Holds messages from one to another back until it ends.
    Clog(Target, Target),
    /// Mends all links at once.
    HealNetwork,
    /// Stops a process; what its disk had not flushed may be lost. It restarts when the fault ends.
    Crash(Target),
    /// Starts a process that is absent or crashed.
    Start(Target),
    /// Stops a process and destroys its disk for good; a stranger with a new identity comes in its place.
    Wipe(Target),
    /// Stops a process and destroys its disk; it comes back at once under the same identity and remembers nothing.
    Forget(Target),
    /// Freezes a process: neither messages nor timers nor its disk's answers get through until it ends.
    Pause(Target),
    /// Holds back all messages to a node while its timers run.
    Deafen(Target),
    /// Makes flushes take this long.
    SlowDisk(Target, Latency),
    /// Makes flushes hang until it ends.
    StallDisk(Target),
    /// Makes writes fail, which stops the node; it restarts when the fault ends.
    FullDisk(Target),
    /// Restarts a process as the newest release, which speaks the highest feature level.
    Upgrade(Target),
    /// Destroys a flushed record and crashes the process: at restart the damage is found and the node stays down.
    CorruptDisk(Target),
    /// Makes a monotonic clock run fast (positive) or slow, in parts per million.
    Drift(Target, i32),
    /// Moves a wall clock by this many milliseconds.
    WallJump(Target, i64),
    /// Moves a monotonic clock forward, as after a suspend.
    MonotonicJump(Target, Duration),
    /// Loses the heartbeats of a node; all else that it says is heard.
    Mute(Target),
    /// Loses what a node says in the pool; all else that it says is heard.
    MutePool(Target),
    /// Loses what others say to a node in the pool; all else that they say is heard.
    DeafenPool(Target),
    /// Makes a node say of itself that it fares this well, in thousandths.
    Score(Target, u16),
}

/// One or more processes, named when the step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The process of this number, from 1.
    Process(u16),
    /// The leader of the highest term at that moment; process 1 if there is none.
    Leader,
    /// The voter of the lowest number that is running and not the leader.
    Follower,
    /// Every voter but the leader.
    Followers,
    /// Everyone.
    Everyone,
}

/// Which way a cut goes, seen from the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Nothing gets in or out.
    Both,
    /// Nothing gets in.
    Inbound,
    /// Nothing gets out.
    Outbound,
}

/// One thing a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// When, since the start.
    pub at: Duration,
    /// Which client.
    pub client: u16,
    /// The process it asks.
    pub via: Target,
    /// What it asks for.
    pub action: Action,
    /// How it holds on to that.
    pub manner: Manner,
}

/// What a client asks for. Subjects are the members `m1`, `m2` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Register or update a subject.
    Register(u16),
    /// Remove a subject.
    Deregister(u16),
    /// Remove a subject at the registration epoch that the asked node knows.
    Evict(u16),
    /// Set a subject's condition.
    SetCondition(u16, delian_core::topology::Condition),
    /// Let a subject leave, within a time if one is said.
    Drain(u16, Option<Duration>),
    /// Report how much of what a leaving subject held is elsewhere, in per mille.
    Moved(u16, u16),
    /// Hand bytes to the embedder.
    Custom(Vec<u8>),
    /// Change who decides.
    Quorum(Change),
    /// Hand over to another voter.
    Transfer(Target),
    /// Drop the leader, as an operator who knows that it is gone.
    ForgetLeader,
    /// Read the asked node's status, however old it may be.
    Read,
    /// Read a subject after everything that was committed before, as a quorum confirms.
    ReadQuorum(u16),
    /// The same under the leader's lease.
    ReadLease(u16),
}

/// How an operator changes the quorum; the processes are named when it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Let a process receive the log.
    AddLearner(Target),
    /// Give a learner a voice.
    Promote(Target),
    /// Take a voter's voice.
    Demote(Target),
    /// Let a process receive nothing more.
    Remove(Target),
    /// Make these the voters, all at once.
    Replace(Vec<Target>),
}

/// What must have happened for a pass to mean something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// Facts that each run must count at least so often; see [`crate::outcome::Counts::get`] for their names.
    pub at_least: BTreeMap<String, u64>,
    /// Facts that each run may count at most so often.
    pub at_most: BTreeMap<String, u64>,
    /// Facts that all runs together must count at least so often; asked only of 20 seeds or more.
    pub suite: BTreeMap<String, u64>,
    /// Subjects that every whole node must know at the end.
    pub everywhere: Vec<u16>,
    /// Subjects that no whole node may know at the end.
    pub nowhere: Vec<u16>,
}
