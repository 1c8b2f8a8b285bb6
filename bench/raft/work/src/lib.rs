//! The work that every Raft is given, and how each tells what came of it.
//!
//! A cluster lives in one process and one thread. Messages are handed over as values, without bytes in between; a disk
//! is memory and done at once. The first node leads. Clients hand it commands of 64 bytes, one or many at a time, and
//! the next ones only when all nodes are at rest. Time stands still but where a heartbeat is due, so nothing else
//! happens. A program takes the work as `name=number` arguments and prints one line of `name=number` words.

use std::alloc::System;
use std::hint::black_box;
use std::time::Duration;

use cpu_time::ProcessTime;
use stats_alloc::StatsAlloc;

/// How many bytes a command carries.
pub const PAYLOAD_BYTES: usize = 64;

/// How many commands are under way while a log is filled.
const FILLING: u32 = 256;

/// How a client hands over several commands that are under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a call for each.
    Separately,
    /// In one call, where the Raft has one for it.
    Together,
}

/// How far a cluster goes before it counts as at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Until every node has applied every command and no message is left.
    Everywhere,
    /// Until no message is left; a follower may learn of the last commands with the next ones.
    WithTheNext,
    /// Until the leader has applied every command; followers learn of it later.
    AtTheLeader,
}

/// A Raft cluster in one process, driven to be as fast as it can.
pub trait Cluster {
    /// What a follower answers to a heartbeat.
    type Answer: Clone;
    /// What remains of the cluster without what drives it.
    type Nodes;
    /// What it means that a cluster is at rest.
    const REST: Rest;

    /// Starts a cluster and makes its first node the leader.
    fn elect(voters: u8) -> Self;

    /// Has so many commands under way at once committed, and returns when the cluster is at rest.
    fn commit(&mut self, commands: u32, way: Way);

    /// Returns how many commands each node has applied.
    fn applied(&self) -> Vec<u64>;

    /// Returns how many messages have been handed over.
    fn messages(&self) -> u64;

    /// Lets a heartbeat fall due, and returns when the cluster is at rest.
    fn heartbeat(&mut self);

    /// Lets a heartbeat fall due and returns what a follower answered; nothing where it cannot be had.
    fn heartbeat_answer(&mut self) -> Option<Self::Answer>;

    /// Hands such an answer to the leader.
    fn take(&mut self, answer: Self::Answer);

    /// Gives up everything but the nodes.
    fn into_nodes(self) -> Self::Nodes;
}

/// Returns the payload of a command, which no other command has.
pub fn payload(number: u64) -> [u8; PAYLOAD_BYTES] {
    let mut payload = [0; PAYLOAD_BYTES];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    payload
}

/// Measures speeds: `commit voters=3 inflight=256 rounds=1000 [together]` or `heartbeat voters=3 answers=1000000`.
pub fn measure<C: Cluster>() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("commit") => commit::<C>(&arguments),
        Some("heartbeat") => answer::<C>(&arguments),
        _ => panic!("the first argument is commit or heartbeat"),
    }
}

/// Counts memory: `idle voters=3`, `log entries=1000000` or `steady voters=3 rounds=10000`.
pub fn count<C: Cluster>(allocator: &StatsAlloc<System>) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("idle") => idle::<C>(&arguments, allocator),
        Some("log") => log::<C>(&arguments, allocator),
        Some("steady") => steady::<C>(&arguments, allocator),
        _ => panic!("the first argument is idle, log or steady"),
    }
}

fn commit<C: Cluster>(arguments: &[String]) {
    let mut cluster = elect::<C>(arguments);
    let inflight = u32::try_from(number(arguments, "inflight")).expect("a few commands are under way");
    let rounds = number(arguments, "rounds");
    let way = if arguments.iter().any(|word| word == "together") { Way::Together } else { Way::Separately };
    let warm_up = rounds.div_ceil(10);
    for _ in 0..warm_up {
        cluster.commit(inflight, way);
    }
    let messages = cluster.messages();
    let start = ProcessTime::now();
    for _ in 0..rounds {
        cluster.commit(inflight, way);
    }
    let cpu = start.elapsed().as_nanos();
    let messages = cluster.messages() - messages;
    assert_applied(&cluster, (warm_up + rounds) * u64::from(inflight), inflight);
    println!("cpu_ns={cpu} commands={} messages={messages}", rounds * u64::from(inflight));
}

/// The cost of one answer at the leader, net of the copy that is made to have another one.
fn answer<C: Cluster>(arguments: &[String]) {
    let mut cluster = elect::<C>(arguments);
    let answers = number(arguments, "answers");
    cluster.commit(1, Way::Separately);
    let answer = cluster.heartbeat_answer().expect("only a Raft with such an answer is asked for it");
    let copied = time(answers, || drop(black_box(black_box(&answer).clone())));
    let taken = time(answers, || cluster.take(black_box(&answer).clone()));
    println!("cpu_ns={} answers={answers}", taken.saturating_sub(copied).as_nanos().max(1));
}

fn time(times: u64, mut what: impl FnMut()) -> Duration {
    (0..times / 10).for_each(|_| what());
    let start = ProcessTime::now();
    (0..times).for_each(|_| what());
    start.elapsed()
}

/// What the nodes hold after their election, without what drives them.
fn idle<C: Cluster>(arguments: &[String], allocator: &StatsAlloc<System>) {
    let start = ProcessTime::now();
    // Whatever a library sets up once for all of its clusters is not counted.
    drop(elect::<C>(arguments));
    let before = Count::of(allocator);
    let nodes = elect::<C>(arguments).into_nodes();
    let held = Count::of(allocator).held - before.held;
    drop(nodes);
    print_count(start, &format!("nodes={} held_bytes={held}", number(arguments, "voters")));
}

/// What a leader without followers holds more for each command.
fn log<C: Cluster>(arguments: &[String], allocator: &StatsAlloc<System>) {
    let start = ProcessTime::now();
    let entries = number(arguments, "entries");
    let mut cluster = C::elect(1);
    cluster.commit(FILLING, Way::Separately);
    let before = Count::of(allocator);
    for _ in 0..entries / u64::from(FILLING) {
        cluster.commit(FILLING, Way::Separately);
    }
    let held = Count::of(allocator).held - before.held;
    let entries = entries / u64::from(FILLING) * u64::from(FILLING);
    assert_applied(&cluster, entries + u64::from(FILLING), FILLING);
    print_count(start, &format!("entries={entries} held_bytes={held}"));
}

/// What all nodes together allocate for a command alone and for a round of heartbeats.
fn steady<C: Cluster>(arguments: &[String], allocator: &StatsAlloc<System>) {
    let start = ProcessTime::now();
    let mut cluster = elect::<C>(arguments);
    let rounds = number(arguments, "rounds");
    for _ in 0..rounds {
        cluster.commit(1, Way::Separately);
    }
    let (before, messages) = (Count::of(allocator), cluster.messages());
    for _ in 0..rounds {
        cluster.commit(1, Way::Separately);
    }
    let after = Count::of(allocator);
    // The client makes the payload, in one allocation.
    let allocations = after.allocations - before.allocations - rounds;
    let bytes = after.bytes - before.bytes - rounds * PAYLOAD_BYTES as u64;
    let messages = cluster.messages() - messages;
    cluster.heartbeat();
    let before = Count::of(allocator);
    for _ in 0..rounds {
        cluster.heartbeat();
    }
    let beats = Count::of(allocator).allocations - before.allocations;
    print_count(
        start,
        &format!(
            "rounds={rounds} allocations={allocations} bytes={bytes} messages={messages} heartbeat_allocations={beats}"
        ),
    );
}

fn elect<C: Cluster>(arguments: &[String]) -> C {
    C::elect(u8::try_from(number(arguments, "voters")).expect("voters are few"))
}

/// Asserts that the work was done: a fast cluster that does less has not won.
fn assert_applied<C: Cluster>(cluster: &C, commands: u64, inflight: u32) {
    let applied = cluster.applied();
    let least = match C::REST {
        Rest::Everywhere => commands,
        Rest::WithTheNext => commands - u64::from(inflight),
        Rest::AtTheLeader => 0,
    };
    let done = applied[0] == commands && applied.iter().all(|count| (least..=commands).contains(count));
    assert!(done, "{applied:?} applied of {commands}");
}

fn print_count(start: ProcessTime, counted: &str) {
    println!("cpu_ns={} {counted}", start.elapsed().as_nanos().max(1));
}

/// What an allocator counted so far.
#[derive(Clone, Copy, Debug)]
struct Count {
    allocations: u64,
    bytes: u64,
    held: u64,
}

impl Count {
    fn of(allocator: &StatsAlloc<System>) -> Self {
        let stats = allocator.stats();
        Self {
            allocations: (stats.allocations + stats.reallocations) as u64,
            bytes: stats.bytes_allocated as u64,
            held: (stats.bytes_allocated - stats.bytes_deallocated) as u64,
        }
    }
}

/// Reads the number of `name=number`.
fn number(arguments: &[String], name: &str) -> u64 {
    let value = arguments.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    value.unwrap_or_else(|| panic!("{name}=NUMBER is missing"))
}
