//! How fast the cluster commits.

mod cluster;
mod stores;

fn main() {
    raft_work::measure::<cluster::InOneProcess>();
}
