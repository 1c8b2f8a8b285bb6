//! What the cluster holds and allocates.

mod cluster;
mod stores;

use std::alloc::System;

use stats_alloc::StatsAlloc;

#[global_allocator]
static ALLOCATOR: StatsAlloc<System> = StatsAlloc::system();

fn main() {
    raft_work::count::<cluster::InOneProcess>(&ALLOCATOR);
}
