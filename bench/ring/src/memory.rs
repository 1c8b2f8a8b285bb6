//! What rings hold: `nodes=NUMBER peers=0|1` prints for each the bytes of a point, in thousandths.

#[expect(dead_code, reason = "how rings are built is shared; what is asked of them is not of interest here")]
mod rings;

use std::alloc::System;
use std::fmt::Write;

use cpu_time::ThreadTime;
use stats_alloc::{Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: StatsAlloc<System> = StatsAlloc::system();

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let value = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
        value.unwrap_or_else(|| panic!("{name}=NUMBER is missing"))
    };
    let (nodes, peers): (u32, u32) = (number("nodes"), number("peers"));
    let start = ThreadTime::now();
    let ring = rings::delian(nodes);
    let points = ring.point_count();
    let mut said = format!(" delian={}", ring.point_bytes() * 1000 / points);
    let mut tell = |name: &str, bytes: usize, points: u32| {
        let _ = write!(said, " {name}={}", bytes * 1000 / points as usize);
    };
    let points = nodes * rings::POINTS;
    tell("whole", held(|| rings::delian(nodes)), points);
    if peers > 0 {
        tell("plain", held(|| rings::Plain::of(nodes)), points);
        tell("pingora", held(|| rings::pingora(nodes)), nodes * 160);
        tell("hashring", held(|| rings::hashring(nodes)), points);
        tell("consistent-hash", held(|| rings::consistent_hash(nodes)), points);
    }
    println!("cpu_ns={}{said}", start.elapsed().as_nanos().max(1));
}

/// Returns how many bytes what is made holds.
fn held<T>(make: impl FnOnce() -> T) -> usize {
    let region = Region::new(&ALLOCATOR);
    let kept = make();
    let change = region.change();
    drop(kept);
    change.bytes_allocated - change.bytes_deallocated
}
