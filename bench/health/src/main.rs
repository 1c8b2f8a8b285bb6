//! What it costs one leader to watch thousands of nodes, and anybody to tell what changed since an epoch.
//!
//! `WORK NAME=NUMBER …` does one piece of work and prints one line of `name=number` words. Times are CPU time; heartbeats
//! come as frames, as from a socket, and the driver's own work beside the node's is in all of them.

mod plain;
mod watched;

use std::alloc::System;
use std::hint::black_box;

use cpu_time::ThreadTime;
use delian_core::{Epoch, Topology};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::plain::Plain;
use crate::watched::{BEAT_EVERY, Watched};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many looks in a row find nothing due.
const IDLE: u64 = 10_000;
/// How often a short piece of work is repeated; the median counts.
const REPEATS: usize = 31;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let value = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
        value.unwrap_or_else(|| panic!("{name}=NUMBER is missing"))
    };
    let nodes = number("nodes");
    let said = match words.first().map_or("", String::as_str) {
        "beats" => beats(nodes, number("rounds")),
        "plain" => beats_of_plain(nodes, number("rounds")),
        "sweep" => sweep(nodes),
        "delta" => delta(nodes, number("gap")),
        work => panic!("{work:?} is no work"),
    };
    println!("{said}");
}

/// All nodes beat for some simulated seconds at one leader, which looks after them as its deadlines say.
fn beats(nodes: u64, rounds: u64) -> String {
    let mut watched = Watched::by_one_leader(nodes);
    // The first round lets queues and lists grow to what they need.
    watched.run(&watched::rounds(nodes, 1..2));
    let frames = watched::rounds(nodes, 2..2 + rounds);
    let region = Region::new(COUNTING);
    let start = ThreadTime::now();
    watched.run(&frames);
    let (cpu, change) = (start.elapsed(), region.change());
    let allocations = change.allocations + change.reallocations;
    assert_eq!(watched.rejected(), 0, "a heartbeat was not accepted");
    let simulated = BEAT_EVERY.as_nanos() * u128::from(rounds);
    format!("cpu_ns={} simulated_ns={simulated} beats={} allocations={allocations}", cpu.as_nanos(), frames.len())
}

/// The same by the obvious design: a map from nodes to records, and a look at all of them every ten seconds.
fn beats_of_plain(nodes: u64, rounds: u64) -> String {
    let mut plain = Plain::of(nodes);
    plain.run(&watched::rounds(nodes, 1..2));
    let frames = watched::rounds(nodes, 2..2 + rounds);
    let start = ThreadTime::now();
    plain.run(&frames);
    let simulated = BEAT_EVERY.as_nanos() * u128::from(rounds);
    format!("cpu_ns={} simulated_ns={simulated} beats={}", start.elapsed().as_nanos(), frames.len())
}

/// A look at the watch when nothing is due, and when one node has become silent.
fn sweep(nodes: u64) -> String {
    let mut watched = Watched::by_one_leader(nodes);
    watched.run(&watched::rounds(nodes, 1..2));
    let start = ThreadTime::now();
    for _ in 0..IDLE {
        watched.look();
    }
    let idle = start.elapsed();
    let silent = median((0..REPEATS as u64).map(|silent| watched.time_of_a_silence(silent)).collect());
    format!("cpu_ns={} idle_ps={} silence_ns={silent}", idle.as_nanos(), idle.as_nanos() * 1000 / u128::from(IDLE))
}

/// What changed in the last `gap` of many epochs, told, written, and taken in by who was that far behind.
fn delta(nodes: u64, gap: u64) -> String {
    let (old, new) = watched::topologies(nodes, gap);
    let since = Epoch::new(new.epoch().get() - gap);
    let start = ThreadTime::now();
    let told = timed(|| new.delta(since).expect("that far back is remembered"));
    let delta = new.delta(since).expect("that far back is remembered");
    let mut followers: Vec<Topology> = (0..REPEATS).map(|_| old.clone()).collect();
    let taken = timed(|| {
        let mut follower = followers.pop().expect("there is one for each turn");
        follower.apply_delta(&delta).expect("it fits");
        follower
    });
    let whole = timed(|| new.to_bytes());
    let cpu = start.elapsed().as_nanos();
    let changed = delta.changed.len() + delta.removed.len();
    format!("cpu_ns={cpu} changed={changed} delta_ns={told} apply_ns={taken} whole_ns={whole}")
}

/// Returns the median time of some work, in nanoseconds. What it makes is dropped outside of that time.
fn timed<T>(mut work: impl FnMut() -> T) -> u128 {
    let one = || {
        let start = ThreadTime::now();
        let made = work();
        let time = start.elapsed().as_nanos();
        drop(black_box(made));
        time
    };
    median(std::iter::repeat_with(one).take(REPEATS).collect())
}

fn median(mut times: Vec<u128>) -> u128 {
    times.sort_unstable();
    times[times.len() / 2]
}
